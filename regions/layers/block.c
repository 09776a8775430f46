/* regions/layers/block.c - see block.h. */
#include "regions/layers/block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/rng.h"

static size_t n_weights(const struct cal_block *k)
{
    return 9 * (size_t)k->conv.out * (size_t)k->conv.in;
}

int cal_block_height(const struct cal_block *k)
{
    return k->norm.pool ? k->norm.height / 2 : k->norm.height;
}

int cal_block_width(const struct cal_block *k)
{
    return k->norm.pool ? k->norm.width / 2 : k->norm.width;
}

size_t cal_block_out_floats(const struct cal_block *k)
{
    return (size_t)k->conv.batch * (size_t)k->conv.out * (size_t)cal_block_height(k) * (size_t)cal_block_width(k);
}

/* Declare the array that is called `name`, `suffix` and `end` in one. */
static void array(struct cal_layout *l, enum cal_array_role role, const char *name, const char *suffix, const char *end, float **where,
                  const size_t *dims)
{
    char full[sizeof l->arrays->name];
    int length = snprintf(full, sizeof full, "%s%s%s", name, suffix, end);
    CAL_ASSERT(length > 0 && (size_t)length < sizeof full);
    cal_layout_f32(l, role, full, where, dims);
}

void cal_block_declare(struct cal_block *k, const char *suffix, struct cal_layout *l, struct cal_optim *o)
{
    size_t out = (size_t)k->conv.out, filters[] = {out, (size_t)k->conv.in, 3, 3, 0}, channels[] = {out, 0};
    const char *const name[] = {"w", "gamma", "beta"};
    float **w[] = {&k->w, &k->gamma, &k->beta}, **g[] = {&k->g_w, &k->g_gamma, &k->g_beta};
    for (int i = 0; i < 3; i++) {
        const size_t *dims = i ? channels : filters;
        char full[sizeof l->arrays->name];
        array(l, CAL_STATE, name[i], suffix, "", w[i], dims);
        array(l, CAL_SCRATCH, name[i], suffix, ".g", g[i], dims);
        snprintf(full, sizeof full, "%s%s", name[i], suffix);
        cal_optim_add(o, l, full, w[i], g[i], i ? out : n_weights(k));
    }
    array(l, CAL_STATE, "mean", suffix, "", &k->run_mean, channels);
    array(l, CAL_STATE, "variance", suffix, "", &k->run_variance, channels);
}

void cal_block_declare_tape(const struct cal_block *k, const char *suffix, bool below, struct cal_block_tape *t, struct cal_layout *l)
{
    size_t batch = (size_t)k->conv.batch, in = (size_t)k->conv.in, out = (size_t)k->conv.out;
    size_t h = (size_t)k->conv.height, w = (size_t)k->conv.width, channels[] = {out, 0};
    array(l, CAL_TAPE, "x", suffix, "", &t->x, (size_t[]){batch, in, h * w, 0});
    array(l, CAL_TAPE, "a", suffix, "", &t->a, (size_t[]){batch, out, h * w, 0});
    array(l, CAL_TAPE, "mean", suffix, "", &t->mean, channels);
    array(l, CAL_TAPE, "variance", suffix, "", &t->variance, channels);
    array(l, CAL_TAPE, "gamma", suffix, "", &t->gamma, channels);
    array(l, CAL_TAPE, "beta", suffix, "", &t->beta, channels);
    if (below)
        array(l, CAL_TAPE, "w", suffix, "", &t->w, (size_t[]){out, in, 9, 0});
}

void cal_block_init(struct cal_block *k, uint32_t seed, int owner, int which)
{
    struct cal_rng rng = cal_rng_key(seed, CAL_STREAM_INIT, (uint32_t)owner, 0, (uint64_t)which);
    float deviation = sqrtf(2.0f / (9.0f * (float)k->conv.in));
    size_t n = n_weights(k);
    cal_rng_normal_fill(&rng, 0, k->w, n);
    for (size_t i = 0; i < n; i++)
        k->w[i] *= deviation;
    for (int i = 0; i < k->conv.out; i++)
        k->gamma[i] = k->run_variance[i] = 1;
}

void cal_block_forward(const struct cal_block *k, struct cal_block_tape *t, bool batch_statistics, float *y, float *scratch)
{
    size_t bytes = (size_t)k->conv.out * sizeof(float);
    cal_conv_forward(&k->conv, t->x, k->w, t->a, scratch);
    if (batch_statistics)
        cal_norm_statistics(&k->norm, t->a, t->mean, t->variance);
    else {
        memcpy(t->mean, k->run_mean, bytes);
        memcpy(t->variance, k->run_variance, bytes);
    }
    memcpy(t->gamma, k->gamma, bytes);
    memcpy(t->beta, k->beta, bytes);
    if (t->w)
        memcpy(t->w, k->w, n_weights(k) * sizeof *k->w);
    cal_norm_forward(&k->norm, t->a, t->mean, t->variance, t->gamma, t->beta, y);
}

void cal_block_backward(struct cal_block *k, struct cal_block_tape *t, const float *g_y, float *g_x, float *scratch)
{
    CAL_ASSERT(!g_x || t->w);
    cal_norm_backward(&k->norm, t->a, t->mean, t->variance, t->gamma, t->beta, g_y, k->g_gamma, k->g_beta, t->a);
    cal_conv_backward(&k->conv, t->x, t->w, t->a, k->g_w, g_x, scratch);
}
