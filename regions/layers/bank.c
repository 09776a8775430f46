/* regions/layers/bank.c - see bank.h. */
#include "regions/layers/bank.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/rng.h"
#include "regions/layers/layers.h"

void cal_xavier(uint32_t seed, int owner, int which, int fan_in, int fan_out, size_t first, float *w, size_t n)
{
    enum { GROUP = 64 }; /* what the generator fills at a time */
    struct cal_rng rng = cal_rng_key(seed, CAL_STREAM_INIT, (uint32_t)owner, 0, (uint64_t)which);
    float deviation = sqrtf(2.0f / (float)(fan_in + fan_out)), group[GROUP];
    size_t skip = first % GROUP, done = skip ? GROUP - skip : 0; /* the end of a group that began before */
    if (done > n)
        done = n;
    if (done) {
        cal_rng_normal_fill(&rng, first - skip, group, GROUP);
        memcpy(w, group + skip, done * sizeof *w);
    }
    if (n > done)
        cal_rng_normal_fill(&rng, first + done, w + done, n - done);
    for (size_t i = 0; i < n; i++)
        w[i] *= deviation;
}

void cal_bank_declare(struct cal_bank *k, int units, int inputs, int hidden, struct cal_layout *l, struct cal_optim *o)
{
    size_t u = (size_t)units, h = (size_t)hidden, d = (size_t)inputs;
    k->units = units;
    k->inputs = inputs;
    k->hidden = hidden;
    cal_layout_f32(l, CAL_STATE, "w1", &k->w1, (size_t[]){u, h, d, 0});
    cal_layout_f32(l, CAL_STATE, "b1", &k->b1, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_STATE, "w2", &k->w2, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_STATE, "b2", &k->b2, (size_t[]){u, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w1.g", &k->g_w1, (size_t[]){u, h, d, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b1.g", &k->g_b1, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w2.g", &k->g_w2, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b2.g", &k->g_b2, (size_t[]){u, 0});
    cal_optim_add(o, l, "w1", &k->w1, &k->g_w1, u * h * d);
    cal_optim_add(o, l, "b1", &k->b1, &k->g_b1, u * h);
    cal_optim_add(o, l, "w2", &k->w2, &k->g_w2, u * h);
    cal_optim_add(o, l, "b2", &k->b2, &k->g_b2, u);
}

void cal_bank_declare_tape(const struct cal_bank *k, struct cal_bank_tape *t, int rows, struct cal_layout *l)
{
    size_t n = (size_t)rows, u = (size_t)k->units, h = (size_t)k->hidden;
    cal_layout_f32(l, CAL_TAPE, "x", &t->x, (size_t[]){n, (size_t)k->inputs, 0});
    cal_layout_f32(l, CAL_TAPE, "hidden", &t->hidden, (size_t[]){n, u, h, 0});
    cal_layout_f32(l, CAL_TAPE, "w2", &t->w2, (size_t[]){u, h, 0});
}

void cal_bank_init(struct cal_bank *k, uint32_t seed, int owner, int first)
{
    size_t d = (size_t)k->inputs, h = (size_t)k->hidden, n = (size_t)k->units * h, skip = (size_t)first * h;
    cal_xavier(seed, owner, 0, k->inputs, k->hidden, skip * d, k->w1, n * d);
    cal_xavier(seed, owner, 1, k->hidden, 1, skip, k->w2, n);
}

/* The units of the next product, from `first` on; 0 behind the last. */
static int block_of(const struct cal_bank *k, int first, int i)
{
    return first == k->units ? 0 : k->block ? k->block[i] : k->units;
}

void cal_bank_forward(const struct cal_bank *k, struct cal_bank_tape *t, int rows, float *y)
{
    int uh = k->units * k->hidden;
    for (int i = 0, first = 0, n; (n = block_of(k, first, i)) > 0; i++, first += n) {
        int at = first * k->hidden;
        cal_gemm(false, true, rows, n * k->hidden, k->inputs, 1, t->x, k->inputs, k->w1 + (size_t)at * (size_t)k->inputs, k->inputs, 0,
                 t->hidden + at, uh);
    }
    cal_bank_read(rows, k->units, k->hidden, t->hidden, k->b1, k->w2, k->b2, y);
    memcpy(t->w2, k->w2, (size_t)uh * sizeof *t->w2);
}

void cal_bank_backward(struct cal_bank *k, struct cal_bank_tape *t, int rows, const float *dy)
{
    int uh = k->units * k->hidden;
    cal_bank_back(rows, k->units, k->hidden, t->hidden, t->w2, dy, k->g_b1, k->g_w2, k->g_b2);
    for (int i = 0, first = 0, n; (n = block_of(k, first, i)) > 0; i++, first += n) {
        int at = first * k->hidden;
        cal_gemm(true, false, n * k->hidden, k->inputs, rows, 1, t->hidden + at, uh, t->x, k->inputs, 0,
                 k->g_w1 + (size_t)at * (size_t)k->inputs, k->inputs);
    }
}
