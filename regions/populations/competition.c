/* regions/populations/competition.c - see competition.h. */
#include "regions/populations/competition.h"

#include <math.h>
#include <stddef.h>

#include "core/rng.h"

#define STEPS 50
#define LOG_FLOOR (-60.0)

static struct cal_rng draws_of(uint32_t seed, int population)
{
    return cal_rng_key(seed, CAL_STREAM_SYNAPSES, (uint32_t)population, 0, CAL_DRAW_COMPETITION);
}

void cal_compete(uint32_t seed, int population, int channels, int units, int *owner)
{
    struct cal_rng rng = draws_of(seed, population);
    for (int k = 0; k < channels; k++) {
        float most = -1;
        for (int i = 0; i < units; i++) {
            float w = cal_rng_uniform(&rng, (uint64_t)k * (uint64_t)units + (uint64_t)i);
            if (w > most) {
                most = w;
                owner[k] = i;
            }
        }
    }
}

static void normalise(int units, double *w)
{
    double sum = 0;
    for (int i = 0; i < units; i++)
        sum += w[i];
    for (int i = 0; i < units; i++)
        w[i] /= sum;
}

void cal_compete_twin(uint32_t seed, int population, int channels, int units, double *w)
{
    struct cal_rng rng = draws_of(seed, population);
    for (int k = 0; k < channels; k++, w += units) {
        for (int i = 0; i < units; i++)
            w[i] = 0.01 + 0.09 * (double)cal_rng_uniform(&rng, (uint64_t)k * (uint64_t)units + (uint64_t)i);
        normalise(units, w);
        for (int t = 0; t < STEPS; t++) {
            for (int i = 0; i < units; i++)
                w[i] = exp(fmax((1 + (double)t / STEPS) * log(w[i]), LOG_FLOOR));
            normalise(units, w);
        }
    }
}
