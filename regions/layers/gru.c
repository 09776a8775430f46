/* regions/layers/gru.c - see gru.h. */
#include "regions/layers/gru.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/kernels.h"
#include "core/product.h"
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
        size_t dims[4], n;
    } part[] = {
        {"wx", &g->wx, &g->g_wx, {(size_t)inputs, u, 3 * r}, (size_t)inputs * u * 3 * r},
        {"bx", &g->bx, &g->g_bx, {u, 3 * r}, u * 3 * r},
        {"wh", &g->wh, &g->g_wh, {u, r, 3 * r}, u * r * 3 * r},
        {"bh", &g->bh, &g->g_bh, {u, 3 * r}, u * 3 * r},
    };
    g->units = units;
    g->inputs = inputs;
    g->hidden = hidden;
    g->rows = rows;
    g->steps = steps;
    char name[sizeof l->arrays->name];
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        snprintf(name, sizeof name, "%s%s", part[i].name, suffix);
        cal_layout_f32(l, CAL_STATE, name, part[i].w, part[i].dims);
        cal_optim_add(o, l, name, part[i].w, part[i].g, part[i].n);
        snprintf(name, sizeof name, "%s%s.g", part[i].name, suffix);
        cal_layout_f32(l, CAL_SCRATCH, name, part[i].g, part[i].dims);
    }
    snprintf(name, sizeof name, "h%s", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->h, (size_t[]){k + 1, b, u * r, 0});
    snprintf(name, sizeof name, "gates%s", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->gates, (size_t[]){k, b, u * 4 * r, 0});
    snprintf(name, sizeof name, "h%s.d", suffix);
    cal_layout_f32(l, CAL_STATE, name, &g->dh, (size_t[]){k, b, u * r, 0});
    snprintf(name, sizeof name, "gates%s.read", suffix);
    cal_layout_f32(l, CAL_SCRATCH, name, &g->read, (size_t[]){2, b, u * 3 * r, 0});
    snprintf(name, sizeof name, "wh%s.turned", suffix);
    cal_layout_f32(l, CAL_SCRATCH, name, &g->turned, (size_t[]){u, 3 * r, r, 0});
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

/* Where unit u's (R,3R) or (3R,R) begins. */
static size_t matrix_at(const struct cal_gru *g, int u)
{
    return (size_t)u * 3 * (size_t)g->hidden * (size_t)g->hidden;
}

const float *cal_gru_step(struct cal_gru *g, int k, const float *x)
{
    int rows = g->rows, n = g->hidden, un = g->units * n, u3n = 3 * un;
    float *gx = g->read, *gh = gx + (size_t)rows * (size_t)u3n, *h = state_at(g, k), *next = state_at(g, k + 1);
    cal_product(false, rows, u3n, g->inputs, x, g->inputs, g->wx, u3n, false, gx, u3n);
    for (int u = 0; u < g->units; u++)
        cal_product(false, rows, 3 * n, n, h + u * n, un, g->wh + matrix_at(g, u), 3 * n, false, gh + u * 3 * n, u3n);
    cal_gru_read(rows, g->units, n, gx, gh, g->bx, g->bh, h, gates_at(g, k), next);
    return next;
}

/* Gradients of all weights, from one step's gates, state before it and input, added to where it is not the first of them. Side by side in the gates:
 * n, r, z of x, r, z, n of h. */
static void weights_back(struct cal_gru *g, bool add, const float *gates, const float *h, const float *x)
{
    int rows = g->rows, n = g->hidden, inputs = g->inputs, un = g->units * n;
    for (int u = 0; u < g->units; u++) {
        const float *of_n = gates + u * 4 * n, *of_rz = of_n + n;
        float *g_wx = g->g_wx + u * 3 * n;
        cal_product(true, inputs, 2 * n, rows, x, inputs, of_rz, 4 * un, add, g_wx, 3 * un);
        cal_product(true, inputs, n, rows, x, inputs, of_n, 4 * un, add, g_wx + 2 * n, 3 * un);
        cal_product(true, n, 3 * n, rows, h + u * n, un, of_rz, 4 * un, add, g->g_wh + matrix_at(g, u), 3 * n);
    }
}

/* The same of all biases, from the gates of `rows` rows. */
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
    int rows = g->rows, n = g->hidden, un = g->units * n;
    for (int u = 0; u < g->units; u++)
        cal_transpose(n, 3 * n, g->wh + matrix_at(g, u), 3 * n, g->turned + matrix_at(g, u), n);
    for (int k = last; k >= first; k--) {
        float *gates = gates_at(g, k), *before = k > first ? gradient_at(g, k - 1) : NULL;
        cal_gru_read_back(rows, g->units, n, gates, state_at(g, k), gradient_at(g, k), before);
        for (int u = 0; u < g->units && before; u++)
            cal_product(false, rows, n, 3 * n, gates + (u * 4 + 1) * n, 4 * un, g->turned + matrix_at(g, u), n, true, before + u * n, un);
        weights_back(g, k < last, gates, state_at(g, k), x + (ptrdiff_t)(k - first) * rows * g->inputs);
    }
    biases_back(g, (last - first + 1) * rows, gates_at(g, first));
}
