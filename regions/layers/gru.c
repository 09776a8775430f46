/* regions/layers/gru.c - see gru.h. */
#include "regions/layers/gru.h"

#include <stdio.h>
#include <string.h>

#include "core/kernels.h"
#include "regions/layers/layers.h"

static size_t state_floats(const struct cal_gru *g)
{
    return (size_t)g->rows * (size_t)g->units * (size_t)g->hidden;
}

static float *state_at(const struct cal_gru *g, int k)
{
    return g->h + (size_t)k * state_floats(g);
}

static float *gates_at(const struct cal_gru *g, int k)
{
    return g->gates + (size_t)k * 4 * state_floats(g);
}

static float *gradient_at(const struct cal_gru *g, int k)
{
    return g->dh + (size_t)k * state_floats(g);
}

void cal_gru_declare(struct cal_gru *g, int units, int inputs, int hidden, int rows, int steps, const char *suffix, struct cal_layout *l,
                     struct cal_optim *o)
{
    size_t u = (size_t)units, r = (size_t)hidden, b = (size_t)rows, k = (size_t)steps;
    const struct {
        const char *name;
        float **w, **g;
        size_t cols; /* 0: a vector */
    } part[] = {
        {"wx", &g->wx, &g->g_wx, (size_t)inputs}, {"bx", &g->bx, &g->g_bx, 0}, {"wh", &g->wh, &g->g_wh, r}, {"bh", &g->bh, &g->g_bh, 0}};
    g->units = units;
    g->inputs = inputs;
    g->hidden = hidden;
    g->rows = rows;
    g->steps = steps;
    char name[sizeof l->arrays->name];
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        snprintf(name, sizeof name, "%s%s", part[i].name, suffix);
        cal_layout_f32(l, CAL_STATE, name, part[i].w, (size_t[]){u, 3 * r, part[i].cols, 0});
        cal_optim_add(o, l, name, part[i].w, part[i].g, u * 3 * r * (part[i].cols ? part[i].cols : 1));
        snprintf(name, sizeof name, "%s%s.g", part[i].name, suffix);
        cal_layout_f32(l, CAL_SCRATCH, name, part[i].g, (size_t[]){u, 3 * r, part[i].cols, 0});
    }
    snprintf(name, sizeof name, "h%s", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->h, (size_t[]){k + 1, b, u * r, 0});
    snprintf(name, sizeof name, "gates%s", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->gates, (size_t[]){k, b, u * 4 * r, 0});
    snprintf(name, sizeof name, "h%s.d", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->dh, (size_t[]){k, b, u * r, 0});
    snprintf(name, sizeof name, "gates%s.read", suffix);
    cal_layout_f32(l, CAL_SCRATCH, name, &g->read, (size_t[]){2, b, u * 3 * r, 0});
}

void cal_gru_reset(struct cal_gru *g)
{
    size_t bytes = (size_t)g->steps * state_floats(g) * sizeof(float);
    memset(g->h, 0, bytes + state_floats(g) * sizeof(float));
    memset(g->gates, 0, 4 * bytes);
    memset(g->dh, 0, bytes);
}

void cal_gru_carry(struct cal_gru *g)
{
    memcpy(state_at(g, 0), state_at(g, g->steps), state_floats(g) * sizeof(float));
}

const float *cal_gru_step(struct cal_gru *g, int k, const float *x)
{
    int rows = g->rows, n = g->hidden, u3n = g->units * 3 * n;
    float *gx = g->read, *gh = gx + (size_t)rows * (size_t)u3n, *h = state_at(g, k), *next = state_at(g, k + 1);
    cal_gemm(false, true, rows, u3n, g->inputs, 1, x, g->inputs, g->wx, g->inputs, 0, gx, u3n);
    for (int u = 0; u < g->units; u++)
        cal_gemm(false, true, rows, 3 * n, n, 1, h + u * n, g->units * n, g->wh + (size_t)u * 3 * (size_t)n * (size_t)n, n, 0,
                 gh + u * 3 * n, u3n);
    cal_gru_read(rows, g->units, n, gx, gh, g->bx, g->bh, h, gates_at(g, k), next);
    return next;
}

/* Gradients of unit u's weights over `rows` rows of the ring from gates, h and x on. Side by side in the gates: n, r, z of x, r, z, n of h. */
static void weights_back(struct cal_gru *g, int u, int rows, const float *gates, const float *h, const float *x)
{
    int n = g->hidden, inputs = g->inputs, ld = g->units * 4 * n;
    const float *of_n = gates + u * 4 * n, *of_rz = of_n + n;
    float *g_wx = g->g_wx + (size_t)u * 3 * (size_t)n * (size_t)inputs, *g_wh = g->g_wh + (size_t)u * 3 * (size_t)n * (size_t)n;
    cal_gemm(true, false, 2 * n, inputs, rows, 1, of_rz, ld, x, inputs, 0, g_wx, inputs);
    cal_gemm(true, false, n, inputs, rows, 1, of_n, ld, x, inputs, 0, g_wx + 2 * (size_t)n * (size_t)inputs, inputs);
    cal_gemm(true, false, 3 * n, n, rows, 1, of_rz, ld, h + u * n, g->units * n, 0, g_wh, n);
}

/* The same of all biases. */
static void biases_back(struct cal_gru *g, int rows, const float *gates)
{
    int n = g->hidden;
    float *sum = g->read; /* (U,4R) */
    cal_bias_back(rows, g->units * 4 * n, gates, sum);
    for (int u = 0; u < g->units; u++) {
        const float *from = sum + u * 4 * n;
        float *g_bx = g->g_bx + u * 3 * n, *g_bh = g->g_bh + u * 3 * n;
        size_t bytes = (size_t)n * sizeof *from;
        memcpy(g_bx, from + n, 2 * bytes);
        memcpy(g_bx + 2 * n, from, bytes);
        memcpy(g_bh, from + n, 3 * bytes);
    }
}

void cal_gru_back(struct cal_gru *g, int first, int last, const float *x)
{
    int rows = g->rows, n = g->hidden, chunk = (last - first + 1) * rows;
    for (int k = last; k >= first; k--) {
        float *gates = gates_at(g, k), *before = k > first ? gradient_at(g, k - 1) : NULL;
        cal_gru_read_back(rows, g->units, n, gates, state_at(g, k), gradient_at(g, k), before);
        for (int u = 0; u < g->units && before; u++)
            cal_gemm(false, false, rows, n, 3 * n, 1, gates + (u * 4 + 1) * n, g->units * 4 * n,
                     g->wh + (size_t)u * 3 * (size_t)n * (size_t)n, n, 1, before + u * n, g->units * n);
    }
    for (int u = 0; u < g->units; u++)
        weights_back(g, u, chunk, gates_at(g, first), state_at(g, first), x);
    biases_back(g, chunk, gates_at(g, first));
}
