/* experiments/stimuli/dead_leaves.h - a picture of opaque discs that fell on one another like leaves.
 *
 * Source: Lee, Mumford, Huang, "Occlusion Models for Natural Images", IJCV 41, 2001. With a density of radii ~ r^-3 it has the statistics
 * of natural scenes: scale invariance (power ~ 1/f^2), edges, occlusion. Ours has a fixed number of discs and not as many as
 * it takes to cover everything, and edges that wrap; the ground that shows is mid-grey. */
#ifndef CAL_EXPERIMENTS_STIMULI_DEAD_LEAVES_H
#define CAL_EXPERIMENTS_STIMULI_DEAD_LEAVES_H

#include <stdbool.h>

#include "core/rng.h"
#include "core/stimulus.h"

struct cal_dead_leaves_params {
    long size, patch, views, discs;
    double noise, radius_min, radius_max, min_sd;
    bool blur;
};

struct cal_disc {
    double x, y, radius; /* px */
    float grey;          /* [0,1) */
};

/* Disc number i; the higher number lies on top. */
struct cal_disc cal_dead_leaves_disc(const struct cal_dead_leaves_params *p, const struct cal_rng *r, long i);

/* Paint the picture of a split, blurred where p says so.
 *   picture  [out]  (size,size) grey levels in the first size^2 of (size+2)^2 floats; the rest is scratch */
void cal_dead_leaves_paint(const struct cal_dead_leaves_params *p, uint32_t seed, enum cal_split split, float *picture);

extern const struct cal_stimulus_ops cal_dead_leaves_ops;

#endif
