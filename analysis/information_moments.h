/* analysis/information_moments.h - the same samples seen by every layer at several moments of training, read from a finished run.
 *
 * A layer is what a region recorded of its representation in a still phase: `gap`, else `pooled`; a region that holds several layers
 * records gap1, gap2, ..., each a layer of its own. A moment is one time that such a phase ran: a probe before, after or `within`
 * training. All moments show the same samples to the same layers, those of the last moment; others do not count. */
#ifndef CAL_ANALYSIS_INFORMATION_MOMENTS_H
#define CAL_ANALYSIS_INFORMATION_MOMENTS_H

#include "analysis/dump.h"

struct cal_layer {
    int region, variable; /* numbers in the graph and of the region */
    int cols;
    char *name; /* [own] "S1"; "net.2" for gap2 of the region net */
};

struct cal_moment {
    int phase, repeat;
    long step;        /* steps of phases that learn, before it */
    float **activity; /* [own] a layer each: (n, its cols) */
};

struct cal_moments {
    size_t n; /* samples */
    int n_layers, n_moments;
    struct cal_layer *layer;   /* [own] in region order: from the world inwards */
    struct cal_moment *moment; /* [own] in order of time; no two at the same step */
    int image_cols;
    float *image, *label; /* [own] (n, image_cols), (n,); label may be NULL */
};

/* Read up to `most` samples. No moment: the run recorded none. The dump is turned to some other phase. [give] *m, finish in any case.
 * Local. Errors: CAL_EINPUT, as cal_dump_read(). */
int cal_moments_read(struct cal_moments *m, struct cal_dump *d, size_t most);
void cal_moments_finish(struct cal_moments *m);

#endif
