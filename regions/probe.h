/* regions/probe.h - what the experimenter asks of a kind whose weights stand still: which way the input changes what comes out.
 *
 * An instrument, no part of learning: a kind that has a probe keeps it in <kind>/probe.c, in a library of its own that only analysis and tests
 * link. The forward pass is the region's own, of a step that learns nothing; the probe goes the way back from that pass's drive and
 * tape. Going from region to region is the business of the experimenter's tool (analysis/still.h), never of a run. */
#ifndef CAL_REGIONS_PROBE_H
#define CAL_REGIONS_PROBE_H

#include "regions/region.h"

/* One forward pass of a region, and what is known of the gradient above it. */
struct cal_probe_pass {
    const struct cal_region *region;
    const struct cal_rep *const *drive; /* as forward() had them */
    const void *tape;                   /* the kind's, as forward() left it */
    bool smooth;                        /* go back through a smooth stand-in where the kind has a threshold (BPDA) */
    const float *const *g_out;          /* [slice] (rows, cols) packed: the gradient in what was sent */
    const float *g_logits;              /* (B, cols) that in the variable `logits`; NULL: nobody asked for it */
};

/* One array of synapses: from what drives a region, or a layer of it, to its units. */
struct cal_probe_weights {
    const char *name;
    int units, inputs; /* and how many synapses a unit could have */
    size_t n;
    const float *w; /* [borrow] (n) */
    bool log;       /* w are logarithms */
    const long
        *row_start; /* [borrow] (units + 1) those of unit i are row_start[i] ... row_start[i + 1] - 1; NULL: every unit has all inputs */
    const long *channel; /* [borrow] (n) the input of each */
};

struct cal_probe {
    const struct cal_region_ops *kind;
    bool threshold; /* is there a smooth stand-in, so that `smooth` makes a difference? */
    /* The vector-Jacobian product: g_drive[i], overwritten, is the gradient in what drive i brought, its slices packed one after the other as
     * cal_rep_pack_all() has them. */
    void (*back)(const struct cal_probe_pass *p, float *const *g_drive);
    /* Array i of the region's synapses, its weights being there; false behind the last. */
    bool (*weights)(const struct cal_region *r, int i, struct cal_probe_weights *w);
};

/* Where slice i starts in a gradient so packed. */
static inline size_t cal_probe_offset(const struct cal_rep_spec *spec, int slice)
{
    size_t first = 0;
    for (int i = 0; i < slice; i++)
        first += (size_t)cal_slice_rows(spec, i) * (size_t)spec->slice[i].cols;
    return first;
}

#endif
