/* core/rep.h - a representation: what a region sends out in one step, and the only thing that crosses.
 *
 * B rows, in named slices of columns. A slice is row-major float32; it may be a map (c,h,w) or be shared by all rows (one
 * row: a temperature a unit). There is no field for a gradient. */
#ifndef CAL_CORE_REP_H
#define CAL_CORE_REP_H

#include <stdbool.h>
#include <stddef.h>

#define CAL_SLICES_MAX 10

struct cal_slice {
    char name[24];
    int cols;    /* values a row */
    int c, h, w; /* a map's shape, c*h*w = cols; else 0 */
    bool shared; /* one row for all B */
    /* cols / units columns for each of `units`, side by side; these are those of the sender's afferents (its drives, in region order; of a
     * shard, those it answers for): a target gets the columns of its own units and no others. */
    bool afferent;
};

struct cal_rep_spec {
    int rows;  /* B */
    int units; /* how many units the sender has; what unit offsets count */
    int n;
    struct cal_slice slice[CAL_SLICES_MAX];
};

struct cal_rep {
    const struct cal_rep_spec *spec; /* [borrow] */
    long presentation;
    const float *data[CAL_SLICES_MAX]; /* [borrow] rows x cols, row-major; 1 x cols where shared; valid during the call that was given it */
    int ld[CAL_SLICES_MAX];            /* floats from one row to the next, >= cols */
};

/* Add a slice of `cols` columns; returns it, so that the caller may set shape, shared or afferent. Asserts that it fits. */
struct cal_slice *cal_rep_spec_add(struct cal_rep_spec *s, const char *name, int cols);
/* The number of the slice called `name`, or -1. */
int cal_rep_find(const struct cal_rep_spec *s, const char *name);
int cal_slice_rows(const struct cal_rep_spec *s, int i);  /* B, or 1 where shared */
size_t cal_rep_spec_floats(const struct cal_rep_spec *s); /* of all slices, packed */

/* Copy slice i of a representation, whatever its ld, to packed rows x cols at `out`. */
void cal_rep_pack(const struct cal_rep *r, int i, float *out);
/* All slices, one after the other, cal_rep_spec_floats() of them; and back: point r at slices so packed. [borrow] packed */
void cal_rep_pack_all(const struct cal_rep *r, float *out);
void cal_rep_point(struct cal_rep *r, const float *packed);

#endif
