/* core/optim_fast.c - the update passes of optim.h: each reads and writes every array once. */
#include "core/optim.h"

#include <math.h>

void cal_sgd_pass(const struct cal_optim_pass *p, size_t n, float *restrict w, const float *restrict g, float *restrict m)
{
    const float momentum = p->momentum, scale = p->scale, decay = p->weight_decay, rate = p->rate;
    for (size_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] + (scale * g[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}

void cal_adam_pass(const struct cal_optim_pass *p, size_t n, float *restrict w, const float *restrict g, float *restrict m,
                   float *restrict v)
{
    const float scale = p->scale, decay = p->weight_decay, rate = p->rate, epsilon = p->epsilon;
    const float fresh1 = p->fresh1, fresh2 = p->fresh2, unbias1 = p->unbias1, unbias2 = p->unbias2;
    for (size_t i = 0; i < n; i++) {
        float gradient = scale * g[i];
        m[i] += fresh1 * (gradient - m[i]);
        v[i] += fresh2 * (gradient * gradient - v[i]);
        float step = m[i] * unbias1 / (sqrtf(v[i] * unbias2) + epsilon);
        w[i] -= rate * (step + decay * w[i]);
    }
}
