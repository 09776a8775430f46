/* experiments/stimuli/racing.h - the world of car racing: what a camera above a car sees that is driven round made-up tracks.
 *
 * A sequence is a track of its own (track.h), driven once (car.h) and seen 20 times a second (scene.h). It is made when it is first asked for
 * and then kept as bytes, since frames are smaller than the ground that they are cut from. Grey is shown less a fixed mean and by a fixed
 * standard deviation, those of frames of 32 x 32; to measure them would be to make all sequences before the first is wanted.
 *
 * Beside image, views and sequence (windows.h) it tells what is true of the latest frame, for measures and for whoever is to learn it:
 *   road       (1,size,size) 1 where the ground at the pixel's centre is road, kerbs apart, else 0
 *   curvature  1 per m, of the road at the car, positive to the left
 *   car        x, y, heading, speed, offset (car.h) */
#ifndef CAL_EXPERIMENTS_STIMULI_RACING_H
#define CAL_EXPERIMENTS_STIMULI_RACING_H

#include "core/stimulus.h"

#define CAL_RACING_MEAN 97.4f /* greys */
#define CAL_RACING_SD 44.2f

extern const struct cal_stimulus_ops cal_racing_ops;

#endif
