/* experiments/stimuli/track.h - a closed race track: its centre line, as points equally spaced along it.
 *
 * In polar coordinates about the middle of the world r(th) = 55 m (1 + sum_{k=2..6} a_k cos(k th + ph_k)), a_k = (0.3 + 0.7 u) 0.45 / k,
 * ph_k = 2 pi u: one radius an angle, so it never crosses itself. A track that leaves 18 ... 95 m, or bends by more than 1/9 per m, is
 * drawn again. The points go in the direction of travel, which is drawn as well, and so is where the first one lies. */
#ifndef CAL_EXPERIMENTS_STIMULI_TRACK_H
#define CAL_EXPERIMENTS_STIMULI_TRACK_H

#include "core/rng.h"

#define CAL_TRACK_POINTS 1024
#define CAL_TRACK_MIDDLE 102.4 /* m: the centre, both ways; half the world */
#define CAL_TRACK_RADIUS_MIN 18.0
#define CAL_TRACK_RADIUS_MAX 95.0
#define CAL_TRACK_CURVATURE_MAX (1 / 9.0) /* per m */

struct cal_track {
    double x[CAL_TRACK_POINTS], y[CAL_TRACK_POINTS]; /* m; y is to the left of x */
    double heading[CAL_TRACK_POINTS];                /* rad, of travel, from x to y */
    double curvature[CAL_TRACK_POINTS];              /* per m: change of heading, positive to the left, over 4 points each way */
    double spacing;                                  /* m along the line from one point to the next */
};

/* The track of this key's sequence. */
void cal_track_draw(const struct cal_rng *key, struct cal_track *track);

/* x in -pi ... pi, but for whole turns */
double cal_track_turn(double x);

#endif
