/* experiments/stimuli/recorded.h - the world that a finished run recorded: what one of its regions sent, a sample a frame.
 *
 * So a region can be trained from those below without computing them, any number of times: greedy layer-wise learning across runs. */
#ifndef CAL_EXPERIMENTS_STIMULI_RECORDED_H
#define CAL_EXPERIMENTS_STIMULI_RECORDED_H

#include "core/stimulus.h"

extern const struct cal_stimulus_ops cal_recorded_ops;

#endif
