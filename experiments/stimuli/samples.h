/* experiments/stimuli/samples.h - what worlds made of independent samples share: their order, and noisy views of them.
 *
 * Training visits a keyed permutation of the samples each epoch, another one each epoch and phase; the last partial batch is
 * dropped. Held-out samples come in one fixed keyed permutation that no phase number enters, so that variants whose
 * phases differ are measured on the same batches. The noise is fresh each presentation and keyed by the phase in both cases. */
#ifndef CAL_EXPERIMENTS_STIMULI_SAMPLES_H
#define CAL_EXPERIMENTS_STIMULI_SAMPLES_H

#include <stdint.h>

#include "core/rng.h"
#include "core/stimulus.h"

#define CAL_VIEWS_MAX 4

/* The samples of one batch. */
struct cal_samples {
    struct cal_rng order;
    uint32_t first; /* row 0's place in the epoch */
    uint32_t n;     /* samples in the split */
};

/* Local. Errors: CAL_EUSAGE when the split has fewer samples than a batch. */
int cal_samples_init(struct cal_samples *q, const struct cal_stimulus *s, const struct cal_view *view, long presentation);
/* The number, in 0 ... s->samples[split]-1, of the sample that row `row` of the batch shows. */
uint32_t cal_samples_row(const struct cal_samples *q, int row);

/* The key of the order of a view's samples in an epoch, as said above. */
struct cal_rng cal_samples_order(const struct cal_stimulus *s, const struct cal_view *view, uint64_t epoch);

/* Offer the slices image, view1 ... view<views>: maps of c x h x w. They are slices 0 ... views of the spec. */
void cal_samples_offer(struct cal_rep_spec *spec, int views, int c, int h, int w);

/* view_i = image + sd n_i, n_i standard normal; sd is the view's, or `noise` where that is negative.
 *   out  [inout]  slice 0 holds the images (B, c h w); slices 1 ... views are written, same shape */
void cal_samples_views(const struct cal_stimulus *s, const struct cal_view *view, long presentation, int views, double noise,
                       float *const *out);

#endif
