/* regions/cortex/probe.h - gradients with respect to the input: what a unit likes to see.
 *
 * An instrument of the experimenter, not of learning: a library of its own, which only analysis and tests link. */
#ifndef CAL_REGIONS_CORTEX_PROBE_H
#define CAL_REGIONS_CORTEX_PROBE_H

#include <stdint.h>

#include "regions/region.h"

/* Gradient of y_u with respect to each of `rows` inputs: x and gradient (rows,D), packed. The region is a cortex, its weights there. */
void cal_cortex_input_gradient(const struct cal_region *r, int unit, int rows, const float *x, float *gradient);

/* How preferred stimuli are sought. */
struct cal_preferred {
    int starts, steps;
    double rate, decay;
    uint32_t seed;
};
#define CAL_PREFERRED_DEFAULT ((struct cal_preferred){.starts = 100, .steps = 20, .rate = 0.2, .decay = 0.1, .seed = 1})

/* Each unit's preferred stimulus, (U,D): the sum over random starts of where gradient ascent on y_u leads,
 *     x <- x + rate (dy_u/dx - decay x),    `steps` times from uniform noise in [-1,1).
 * The sum lets what all starts share stand out from their noise; noise of mean 0 leaves no trace of its own, as pictures have mean 0, too. The
 * scale is arbitrary: whoever draws it normalises. Starts are keyed by (seed, region, unit). */
void cal_cortex_preferred(const struct cal_region *r, const struct cal_preferred *p, float *stimuli);

#endif
