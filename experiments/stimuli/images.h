/* experiments/stimuli/images.h - whole pictures as a world shows them: padded, standardised, and in training shifted and mirrored.
 *
 * What the kinds `file` and `traffic-signs` share. Augmentation (crop, flip) is of the training split only, in every phase that shows it,
 * learning or not: a phase that should see training images as they are leaves it off. Its draws are keyed by phase, presentation and row.
 * Source of both: He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2. */
#ifndef CAL_EXPERIMENTS_STIMULI_IMAGES_H
#define CAL_EXPERIMENTS_STIMULI_IMAGES_H

#include <stdbool.h>

#include "core/stimulus.h"
#include "experiments/stimuli/optics.h"
#include "experiments/stimuli/pictures.h"

struct cal_images_params {
    long pad;  /* px of black on each side, always */
    long crop; /* px: the image is shifted by -crop ... crop both ways, black comes after */
    bool flip; /* every other image, by chance, is mirrored left to right */
    bool standardise;
    double optics; /* px: standard deviation of a blur of all that is shown; 0: none */
};

struct cal_images {
    struct cal_images_params p;
    const struct cal_pictures *pictures[2]; /* [borrow] by split; equal shapes */
    float *mean, *sd;                       /* [own] of each channel: over the training pictures without padding, or 0 and 1 */
    struct cal_optics optics;               /* [own] */
};

/* [borrow] both until cal_images_finish(), which is due after an error too. Local.
 * Errors: CAL_EINPUT when the pixels of a channel are all equal and should be standardised. */
int cal_images_init(struct cal_images *m, const struct cal_images_params *p, const struct cal_pictures *train,
                    const struct cal_pictures *held_out);
void cal_images_finish(struct cal_images *m);

/* Offer image and views, then label and box where the pictures have them; set s->samples, s->classes and s->pixels. */
void cal_images_offer(const struct cal_images *m, struct cal_stimulus *s, int views);

/* Write image (unless it is NULL), label and box of a batch, not the views. Local. Errors: as cal_samples_init(). */
int cal_images_batch(const struct cal_images *m, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                     float *const *out);

#endif
