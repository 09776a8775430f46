/* experiments/stimuli/video.h - the world of videos: grey frames from a stimulus file, shown in windows (windows.h).
 *
 * A stimulus file (pictures.h) of one channel, uint8, whose images are frames in order, and beside them
 *   lengths   S integers: how many frames each sequence has, in the order of the images; they add up to N
 * and test_lengths, where the file has a test split of its own. Held-out is that, or else the last tenth (rounded up) of the sequences.
 * Grey is standardised by its mean and standard deviation over the training frames. */
#ifndef CAL_EXPERIMENTS_STIMULI_VIDEO_H
#define CAL_EXPERIMENTS_STIMULI_VIDEO_H

#include "core/stimulus.h"

extern const struct cal_stimulus_ops cal_video_ops;

#endif
