/* regions/populations/competition.h - who gets which synapse, before anything is learnt.
 *
 * Each of the n units of a population begins with a weight on every channel of the window, uniform in [0.01, 0.1). Then they compete for each
 * channel: log w grows by the factor 1 + t/50 in step t = 0 ... 49, and the weights of a channel are divided by their sum. What is left below 1e-3 is
 * removed for ever. That leaves the largest of each channel with a weight of 1: so one may look for it at once. */
#ifndef CAL_REGIONS_POPULATIONS_COMPETITION_H
#define CAL_REGIONS_POPULATIONS_COMPETITION_H

#include <stdint.h>

/* What a population draws, each kind of it a sequence of its own. */
enum cal_population_draw { CAL_DRAW_ARBOR, CAL_DRAW_COMPETITION, CAL_DRAW_TOP };

/* owner[k]: the unit of those from 0 to n-1 that keeps channel k of the window's; `population`: number of its first unit among all. */
void cal_compete(uint32_t seed, int population, int channels, int units, int *owner);
/* The competition itself, step by step in float64: w (channels,n) when it is over. */
void cal_compete_twin(uint32_t seed, int population, int channels, int units, double *w);

#endif
