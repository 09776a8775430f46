/* regions/populations/structure.c - what a population is born with: a window, the synapses on it, weights from above. See populations.h. */
#include <stddef.h>

#include "core/err.h"
#include "core/mem.h"
#include "regions/populations/competition.h"
#include "regions/populations/populations.h"

#define TOP_MEAN 0.1f /* first weights from above; they vary by a tenth */

/* The channels of a population's window, ascending. */
static void find_arbor(const struct cal_populations *k, int population, long *channel)
{
    const struct cal_populations_params *p = k->base.params;
    const struct cal_slice *seen = &k->base.drive[0].spec.slice[cal_sight_slice(&k->base.drive[0].spec)];
    struct cal_rng rng = cal_rng_key(k->base.seed, CAL_STREAM_SYNAPSES, (uint32_t)population, 0, CAL_DRAW_ARBOR);
    long n = 0;
    if (p->window) {
        long top = p->margin + cal_rng_below(&rng, 0, (uint32_t)(seen->h - 2 * p->margin - p->window + 1));
        long left = p->margin + cal_rng_below(&rng, 1, (uint32_t)(seen->w - 2 * p->margin - p->window + 1));
        for (long c = 0; c < seen->c; c++)
            for (long y = top; y < top + p->window; y++)
                for (long x = left; x < left + p->window; x++)
                    channel[n++] = (c * seen->h + y) * seen->w + x;
    } else
        while (n < k->inputs) {
            channel[n] = n;
            n++;
        }
    if (p->channels == CAL_ON_OFF)
        for (long on = 0, all = n; on < all; on++)
            channel[n++] = k->inputs + channel[on];
    CAL_ASSERT((size_t)n == k->reach);
}

/* The rows of one population, after those of the ones before. */
static void fill_rows(struct cal_populations *k, long g, const long *arbor, const int *owner)
{
    const struct cal_populations_params *p = k->base.params;
    long *row = k->row_start + g * p->units;
    for (long i = 0; i < p->units; i++) {
        long at = row[i];
        for (size_t j = 0; j < k->reach; j++)
            if (owner[j] == i)
                k->channel[at++] = arbor[j];
        row[i + 1] = at;
    }
}

/* The weights of what comes from above to one population: 0.1 (1 + normal / 10). */
static void draw_top(struct cal_populations *k, long g)
{
    const struct cal_populations_params *p = k->base.params;
    size_t n = (size_t)p->units * (size_t)k->classes;
    float *top = k->top + (size_t)g * n;
    struct cal_rng rng = cal_rng_key(k->base.seed, CAL_STREAM_SYNAPSES, (uint32_t)(k->first + g * p->units), 0, CAL_DRAW_TOP);
    cal_rng_normal_fill(&rng, 0, top, n);
    for (size_t i = 0; i < n; i++)
        top[i] = TOP_MEAN * (1 + 0.1f * top[i]); /* normals stay within 5.8 */
}

void cal_populations_build(struct cal_populations *k)
{
    const struct cal_populations_params *p = k->base.params;
    long *arbor = cal_alloc(k->reach * sizeof *arbor);
    int *owner = cal_alloc(k->reach * sizeof *owner);
    for (long g = 0; g < p->populations; g++) {
        int population = k->first + (int)(g * p->units);
        find_arbor(k, population, arbor);
        cal_compete(k->base.seed, population, (int)k->reach, (int)p->units, owner);
        fill_rows(k, g, arbor, owner);
        draw_top(k, g);
    }
    cal_free(arbor);
    cal_free(owner);
}
