/* regions/layers/relay.c - see relay.h. */
#include "regions/layers/relay.h"

#include <string.h>

#include "core/kernels.h"

void cal_relay_declare(struct cal_relay *k, int values, int inputs, int own, int pitch, struct cal_layout *l, struct cal_optim *o)
{
    size_t g = (size_t)values, d = (size_t)inputs;
    k->values = values;
    k->inputs = inputs;
    k->own = own;
    cal_layout_f32(l, CAL_STATE, "relay", &k->m, (size_t[]){g, d, 0});
    cal_layout_f32(l, CAL_SCRATCH, "relay.g", &k->g_m, (size_t[]){g, d, 0});
    cal_layout_f32(l, CAL_SCRATCH, "relay.d", &k->d, (size_t[]){g, (size_t)pitch, 0});
    cal_optim_add(o, l, "relay", &k->m, &k->g_m, g * d);
}

void cal_relay_declare_tape(const struct cal_relay *k, const struct cal_sparse *s, struct cal_relay_tape *t, struct cal_layout *l)
{
    const struct cal_bank *b = &s->bank;
    cal_layout_f32(l, CAL_TAPE, "relay", &t->m, (size_t[]){(size_t)k->values, (size_t)k->inputs, 0});
    cal_layout_f32(l, CAL_TAPE, "w1", &t->w1, (size_t[]){(size_t)b->units, (size_t)b->hidden, (size_t)b->inputs, 0});
}

void cal_relay_init(struct cal_relay *k, struct cal_sparse *s, uint32_t seed, int owner)
{
    int reads = s->bank.inputs;
    cal_xavier(seed, owner, 2, k->inputs, k->values, 0, k->m, (size_t)k->values * (size_t)k->inputs);
    for (int u = 0; u < s->bank.units; u++) {
        long *read = s->read + (ptrdiff_t)(u + 1) * reads - (k->values + 1);
        for (int g = 0; g < k->values; g++)
            read[g] = k->inputs + g;
        read[k->values] = k->own + u;
    }
}

static void mix(const struct cal_relay *k, const float *m, int pitch, float *x)
{
    cal_gemm(false, false, k->values, pitch, k->inputs, 1, m, k->inputs, x, pitch, 0, x + (size_t)k->inputs * (size_t)pitch, pitch);
}

/* w1_(uh,last) = - sum_g w1_(uh,g) m_go */
static void blind(const struct cal_relay *k, struct cal_bank *b)
{
    for (int u = 0; u < b->units; u++)
        for (int h = 0; h < b->hidden; h++) {
            float *own = b->w1 + ((ptrdiff_t)u * b->hidden + h + 1) * b->inputs - 1, sum = 0;
            for (int g = 0; g < k->values; g++)
                sum += own[g - k->values] * k->m[(ptrdiff_t)g * k->inputs + k->own + u];
            *own = -sum;
        }
}

void cal_relay_forward(const struct cal_relay *k, struct cal_sparse *s, struct cal_relay_tape *t, int pitch, float *x)
{
    const struct cal_bank *b = &s->bank;
    mix(k, k->m, pitch, x);
    blind(k, &s->bank);
    memcpy(t->m, k->m, (size_t)k->values * (size_t)k->inputs * sizeof *t->m);
    memcpy(t->w1, b->w1, (size_t)b->units * (size_t)b->hidden * (size_t)b->inputs * sizeof *t->w1);
}

void cal_relay_again(const struct cal_relay *k, const struct cal_relay_tape *t, int pitch, float *x)
{
    mix(k, t->m, pitch, x);
}

/* With c_uh = sum over samples of dz_uh x_o, which the bank has left as the gradient of the last weight:
 *
 *     dL/dw1_(uh,g) -= m_go c_uh        dL/dm_gj = sum over samples of d_g x_j, less sum_h w1_(uh,g) c_uh where j is unit u's own
 * where d_g = sum_uh w1_(uh,g) dz_uh. */
void cal_relay_backward(struct cal_relay *k, struct cal_sparse *s, const struct cal_relay_tape *t, int pitch, const float *x,
                        const float *dz)
{
    struct cal_bank *b = &s->bank;
    int first = b->inputs - k->values - 1;
    cal_gemm(true, false, k->values, pitch, b->units * b->hidden, 1, t->w1 + first, b->inputs, dz, pitch, 0, k->d, pitch);
    cal_gemm(false, true, k->values, k->inputs, pitch, 1, k->d, pitch, x, pitch, 0, k->g_m, k->inputs);
    for (int u = 0; u < b->units; u++)
        for (int h = 0; h < b->hidden; h++) {
            ptrdiff_t at = ((ptrdiff_t)u * b->hidden + h) * b->inputs + first;
            float *g_w1 = b->g_w1 + at, *c = g_w1 + k->values;
            for (int g = 0; g < k->values; g++) {
                ptrdiff_t own = (ptrdiff_t)g * k->inputs + k->own + u;
                g_w1[g] -= t->m[own] * *c;
                k->g_m[own] -= t->w1[at + g] * *c;
            }
            *c = 0;
        }
}
