/* experiments/stimuli/dump.h - what a world shows, written to a file for eyes and for other programs. */
#ifndef CAL_EXPERIMENTS_STIMULI_DUMP_H
#define CAL_EXPERIMENTS_STIMULI_DUMP_H

#include "core/stimulus.h"

/* Write batches 0, every, 2 every ... of a view, so many of them, to the HDF5 file `path`, which is made anew: a float32 dataset for each slice,
 * of N = batches x B rows: image (N,C,H,W), label (N), box (N,4), and views as images. Attributes of the root: `kind`, `split`, `seed`,
 * `classes`; of a world of windows `window`, its length, `rows`, which is B, and `every`. Local.
 * Errors: CAL_EIO, and as ops->batch; no file is left then. */
int cal_stimulus_dump(struct cal_stimulus *s, const struct cal_view *view, long batches, long every, const char *path);

#endif
