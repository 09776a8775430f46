/* experiments/stimuli/signs.h - the world of traffic signs: made pictures to name and to locate (sign.h has what is in them).
 *
 * All pictures are painted when the world opens and kept as bytes, since training looks at each of them many times. The image is
 * standardised by the mean and standard deviation of each channel over the training pictures. */
#ifndef CAL_EXPERIMENTS_STIMULI_SIGNS_H
#define CAL_EXPERIMENTS_STIMULI_SIGNS_H

#include "core/stimulus.h"

extern const struct cal_stimulus_ops cal_signs_ops;

#endif
