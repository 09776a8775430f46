/* experiments/stimuli/car.h - a car that is driven round a track: a kinematic bicycle, and a driver who looks ahead.
 *
 * The driver aims at a point of the centre line 5 m + 0.35 s v ahead (pure pursuit: Coulter 1992, "Implementation of the Pure Pursuit Path
 * Tracking Algorithm"), off it by an Ornstein-Uhlenbeck process o, and slows down for bends to the speed at which they push sidewards with
 * 8 m/s^2, times 1 + n, n another such process. Both have a time constant of 2 s and standard deviations of 1.5 m and 0.12. */
#ifndef CAL_EXPERIMENTS_STIMULI_CAR_H
#define CAL_EXPERIMENTS_STIMULI_CAR_H

#include "experiments/stimuli/track.h"

#define CAL_CAR_STEP_S 0.05

struct cal_car {
    double x, y;      /* m, in the track's world */
    double heading;   /* rad, from x to y, whole turns included */
    double speed;     /* m/s */
    double offset;    /* m to the left of the centre line */
    double curvature; /* per m, of the centre line there, positive to the left */
};

/* n states, one every CAL_CAR_STEP_S, after 2 s from an even start at a drawn point. */
void cal_car_drive(const struct cal_rng *key, const struct cal_track *track, size_t n, struct cal_car *path);

#endif
