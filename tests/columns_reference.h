/* tests/columns_reference.h - small predictive cortices for tests, and what their codes and their loss are in float64. */
#ifndef CAL_TESTS_COLUMNS_REFERENCE_H
#define CAL_TESTS_COLUMNS_REFERENCE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "regions/layers/layers.h"
#include "tests/columns.h"
#include "tests/fixtures.h"
#include "tests/twins.h"

enum { B = 16, D = 10, H = 5, E = 4, R = 3, U = 2, W = 2, Q = 3, T = 24, K = 8, LEAD = 2, FROM = 3 };

static const char *const weights[] = {"w1", "b1", "w2", "b2", "w3", "b3", "wo", "bo", "wx", "bx", "wh", "bh"};
enum { N_WEIGHTS = sizeof weights / sizeof *weights };

static inline struct columns_setup setup_of(int regions, int columns)
{
    return (struct columns_setup){.regions = regions,
                                  .columns = columns,
                                  .units = U,
                                  .width = W,
                                  .query = Q,
                                  .hidden = H,
                                  .encoder = E,
                                  .recurrent = R,
                                  .batch = B,
                                  .inputs = D,
                                  .window = T,
                                  .delay = LEAD,
                                  .learn_total = 1000,
                                  .rule = {.negatives = CAL_NCE_WEIGHTED, .groups = 4, .tau = 3, .begin = FROM, .chunk = K},
                                  .optimiser = {.kind = CAL_SGD, .rate = 0, .schedule = CAL_CONSTANT, .hold = 1, .last = 1}};
}

static inline void create(struct columns *c, const struct columns_setup *setup)
{
    int error = columns_create(c, setup);
    if (error)
        fail_msg("%s", cal_err_message());
}

static inline float *array(const struct cal_region *r, const char *name, int column)
{
    size_t n;
    return columns_array(r, name, column, &n);
}

/* All biases off 0, where they are born. */
static inline void roughen(struct columns *c)
{
    static const char *const biases[] = {"b1", "b2", "b3", "bo", "bx", "bh"};
    for (int i = 0; i < c->setup.regions; i++)
        for (int column = 0; column < c->setup.columns; column++)
            for (int k = 0; k < 6; k++) {
                size_t n;
                float *b = columns_array(c->region[i], biases[k], column, &n);
                columns_draw(b, n, 10 + k, column);
                for (size_t j = 0; j < n; j++)
                    b[j] *= 0.3f;
            }
}

/* What the world and the attention gave in each frame of a chunk, and the state that one column began it with. */
struct chunk {
    float x[K][B * D], query[K][B * 4 * U * Q], temperature[4 * U], begin[B * U * R];
};

static inline double leaky(double x)
{
    return x > 0 ? x : (double)CAL_LEAK * x;
}

static inline void normalise(double *z)
{
    double squares = 0;
    for (int d = 0; d < W; d++)
        squares += z[d] * z[d];
    for (int d = 0; d < W; d++)
        z[d] /= sqrt(squares);
}

/* e_u(x) in float64, from the region's own arrays. */
static inline void code(const struct cal_column *c, int u, const float *x, double *e)
{
    double h[H], a[E];
    for (int i = 0; i < H; i++) {
        h[i] = (double)c->b1[i];
        for (int d = 0; d < D; d++)
            h[i] += (double)c->w1[d * H + i] * (double)x[d];
    }
    for (int i = 0; i < E; i++) {
        a[i] = (double)c->b2[u * E + i];
        for (int j = 0; j < H; j++)
            a[i] += (double)c->w2[(j * U + u) * E + i] * leaky(h[j]);
    }
    for (int d = 0; d < W; d++) {
        e[d] = (double)c->b3[u * W + d];
        for (int i = 0; i < E; i++)
            e[d] += (double)c->w3[(u * W + d) * E + i] * leaky(a[i]);
    }
    normalise(e);
}

/* Unit u's states in frames `first` to K-1 of the chunk, h (K+1,B,R) from slot `first` on, in float64. */
static inline void states(const struct cal_predictive *c, const struct cal_column *column, const struct chunk *chunk, int u, int first,
                          double *h)
{
    int inputs = c->shape.memory, steps = K - first;
    double *wx = cal_alloc((size_t)(3 * R * inputs) * sizeof *wx), *bx = exact(column->gru.bx + u * 3 * R, 3 * R);
    double *wh = exact(column->gru.wh + u * 3 * R * R, 3 * R * R), *bh = exact(column->gru.bh + u * 3 * R, 3 * R);
    double *x = exact(c->memory + first * B * inputs, (size_t)(steps * B * inputs));
    double *none = cal_alloc((size_t)(steps * B * R) * sizeof *none), *unused[4];
    for (int i = 0; i < 4; i++)
        unused[i] = cal_alloc((size_t)(3 * R * (inputs > R ? inputs : R)) * sizeof(double));
    for (int i = 0; i < inputs * 3 * R; i++)
        wx[i] = (double)column->gru.wx[(i / (3 * R) * U + u) * 3 * R + i % (3 * R)];
    for (int b = 0; b < B; b++)
        for (int i = 0; i < R; i++)
            h[(first * B + b) * R + i] = (double)chunk->begin[(b * U + u) * R + i];
    struct cal_gru_twin t = {inputs, R, B, steps, wx, bx, wh, bh, x, none, h + first * B * R, unused[0], unused[1], unused[2], unused[3]};
    cal_gru_twin(&t);
    double *mine[] = {wx, bx, wh, bh, x, none, unused[0], unused[1], unused[2], unused[3]};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}

/* The loss of one frame and unit in float64, over all B. */
static inline double frame_loss(const struct columns *w, const struct cal_column *column, const struct chunk *chunk, int unit, int u, int k,
                                const double *h)
{
    const struct cal_nce_rule *rule = &w->setup.rule;
    double e[B * W], p[B * W], query[B * Q], unused[3][B * Q];
    for (int b = 0; b < B; b++) {
        code(column, u, chunk->x[k] + b * D, e + b * W);
        for (int d = 0; d < W; d++) {
            p[b * W + d] = (double)column->bo[u * W + d];
            for (int i = 0; i < R; i++)
                p[b * W + d] += (double)column->wo[(u * W + d) * R + i] * h[b * R + i];
        }
        normalise(p + b * W);
        for (int i = 0; i < Q; i++)
            query[b * Q + i] = (double)chunk->query[k][(b * w->units + unit) * Q + i];
    }
    struct cal_nce_twin t = {.batch = B,
                             .width = W,
                             .query_width = Q,
                             .groups = rule->negatives == CAL_NCE_UNIFORM ? 0 : (int)rule->groups,
                             .tau = rule->tau,
                             .scale = 1,
                             .temperature = (double)chunk->temperature[unit],
                             .e = e,
                             .p = p,
                             .query = query,
                             .de = unused[0],
                             .dp = unused[1],
                             .dquery = unused[2]};
    cal_nce_twin(&t);
    return t.loss;
}

/* The mean loss over the frames of a chunk that count, of one column's units: what memory brought, the queries and the first state are given. */
static inline double loss(const struct columns *w, int region, int number, const struct chunk *chunk, int from, int first)
{
    const struct cal_predictive *c = (const struct cal_predictive *)w->region[region];
    const struct cal_column *column = &c->column[number];
    double h[(K + 1) * B * R], sum = 0;
    for (int u = 0; u < U; u++) {
        states(c, column, chunk, u, first, h);
        for (int k = from; k < K; k++)
            sum += frame_loss(w, column, chunk, (region * w->setup.columns + number) * U + u, u, k, h + (k + 1) * B * R);
    }
    return sum / ((double)B * w->units * (K - from));
}

#endif
