/* regions/cortex/probe.c - see probe.h. */
#include "regions/cortex/probe.h"

#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/cortex/cortex.h"
#include "regions/layers/layers.h"

static const struct cal_bank *bank_of(const struct cal_region *r)
{
    CAL_ASSERT(r->ops == &cal_cortex_ops && r->layout.allocated);
    return &((const struct cal_cortex *)r)->bank;
}

/* The same with `hidden` (rows,H) as working space. */
static void input_gradient(const struct cal_bank *k, int unit, int rows, const float *x, float *hidden, float *gradient)
{
    const float *w1 = k->w1 + (size_t)unit * (size_t)k->hidden * (size_t)k->inputs;
    const float *b1 = k->b1 + (size_t)unit * (size_t)k->hidden, *w2 = k->w2 + (size_t)unit * (size_t)k->hidden;
    cal_gemm(false, true, rows, k->hidden, k->inputs, 1, x, k->inputs, w1, k->inputs, 0, hidden, k->hidden);
    for (int b = 0; b < rows; b++)
        for (int h = 0; h < k->hidden; h++) {
            float *at = hidden + (size_t)b * (size_t)k->hidden + (size_t)h;
            *at = w2[h] * (*at + b1[h] > 0 ? 1.0f : CAL_LEAK);
        }
    cal_gemm(false, false, rows, k->inputs, k->hidden, 1, hidden, k->hidden, w1, k->inputs, 0, gradient, k->inputs);
}

void cal_cortex_input_gradient(const struct cal_region *r, int unit, int rows, const float *x, float *gradient)
{
    const struct cal_bank *k = bank_of(r);
    float *hidden = cal_alloc((size_t)rows * (size_t)k->hidden * sizeof *hidden);
    CAL_ASSERT(0 <= unit && unit < k->units);
    input_gradient(k, unit, rows, x, hidden, gradient);
    cal_free(hidden);
}

void cal_cortex_preferred(const struct cal_region *r, const struct cal_preferred *p, float *stimuli)
{
    const struct cal_bank *k = bank_of(r);
    size_t d = (size_t)k->inputs, n = (size_t)p->starts * d;
    float *x = cal_alloc(n * sizeof *x), *gradient = cal_alloc(n * sizeof *x);
    float *hidden = cal_alloc((size_t)p->starts * (size_t)k->hidden * sizeof *hidden);
    memset(stimuli, 0, (size_t)k->units * d * sizeof *stimuli);
    for (int u = 0; u < k->units; u++) {
        struct cal_rng rng = cal_rng_key(p->seed, CAL_STREAM_FRESH, (uint32_t)r->id, 0, (uint64_t)u);
        cal_rng_uniform_fill(&rng, 0, x, n);
        for (size_t i = 0; i < n; i++)
            x[i] = 2 * x[i] - 1;
        for (int step = 0; step < p->steps; step++) {
            input_gradient(k, u, p->starts, x, hidden, gradient);
            for (size_t i = 0; i < n; i++)
                x[i] += (float)p->rate * (gradient[i] - (float)p->decay * x[i]);
        }
        for (size_t i = 0; i < n; i++)
            stimuli[(size_t)u * d + i % d] += x[i];
    }
    cal_free(hidden);
    cal_free(gradient);
    cal_free(x);
}
