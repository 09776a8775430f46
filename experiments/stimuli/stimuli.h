/* experiments/stimuli/stimuli.h - the worlds there are, and one copy of the chosen one a process. */
#ifndef CAL_EXPERIMENTS_STIMULI_STIMULI_H
#define CAL_EXPERIMENTS_STIMULI_STIMULI_H

#include "core/stimulus.h"

extern const struct cal_stimulus_ops *const cal_stimulus_kinds[]; /* NULL-ended */
const struct cal_stimulus_ops *cal_stimulus_kind(const char *name);

/* Open the world. [give] *s; nothing is held after an error (CAL_EINPUT, CAL_EUSAGE). Local. */
int cal_stimulus_create(const struct cal_stimulus_ops *ops, const void *params, uint32_t seed, int batch, struct cal_stimulus **s);
void cal_stimulus_destroy(struct cal_stimulus *s);

/* The last few batches of a process, so that all its regions share one copy. */
struct cal_batches;
/* `depth`: how many presentations are in use at a time (largest lag between two regions of this process, plus one). The latest are kept. */
struct cal_batches *cal_batches_create(struct cal_stimulus *s, int depth);
/* For those who go by ld: with a depth of one, slices that the world lends are not copied. */
void cal_batches_borrow(struct cal_batches *b);
void cal_batches_destroy(struct cal_batches *b);
/* Batch `presentation` of the view. [borrow] *rep until one `depth` later, or another view's, has been asked for. Errors: as ops->batch. */
int cal_batches_get(struct cal_batches *b, const struct cal_view *view, long presentation, const struct cal_rep **rep);
/* The same for those who look at some of the slices only, those whose bits (1u << slice) are in `wanted`: the others may be missing. */
int cal_batches_get_some(struct cal_batches *b, const struct cal_view *view, long presentation, unsigned wanted,
                         const struct cal_rep **rep);
/* FNV-1a over all slices of a batch: what recorded runs are checked against. */
uint64_t cal_rep_hash(const struct cal_rep *rep, uint64_t before);

#endif
