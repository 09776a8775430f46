/* tests/test_gru.c - recurrent units and directions: fast loops against their twins, twins against finite differences. */
#include "core/kernels.h"
#include "core/layout.h"
#include "core/optim.h"
#include "regions/layers/direction.h"
#include "regions/layers/gru.h"
#include "tests/fixtures.h"
#include "tests/twins.h"

#include <string.h>

enum { I = 5, R = 3, B = 4, K = 6 };

/* What finite differences change: one unit, every parameter, the first state. */
struct unit {
    struct cal_gru_twin t;
    double *wx, *bx, *wh, *bh, *x, *dh, *h, *g[4];
};

static void unit_init(struct unit *u)
{
    u->wx = exact_normals(1, 3 * R * I);
    u->bx = exact_normals(2, 3 * R);
    u->wh = exact_normals(3, 3 * R * R);
    u->bh = exact_normals(4, 3 * R);
    u->x = exact_normals(5, K * B * I);
    u->dh = exact_normals(6, K * B * R);
    u->h = exact_normals(7, (K + 1) * B * R);
    for (int i = 0; i < 4; i++)
        u->g[i] = exact_normals(8, 3 * R * I);
    u->t = (struct cal_gru_twin){.inputs = I,
                                 .hidden = R,
                                 .rows = B,
                                 .steps = K,
                                 .wx = u->wx,
                                 .bx = u->bx,
                                 .wh = u->wh,
                                 .bh = u->bh,
                                 .x = u->x,
                                 .dh = u->dh,
                                 .h = u->h,
                                 .g_wx = u->g[0],
                                 .g_bx = u->g[1],
                                 .g_wh = u->g[2],
                                 .g_bh = u->g[3]};
}

static void unit_finish(struct unit *u)
{
    double *mine[] = {u->wx, u->bx, u->wh, u->bh, u->x, u->dh, u->h, u->g[0], u->g[1], u->g[2], u->g[3]};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}

/* The loss whose gradient in each step's state is dh. Writes h; the gradients go elsewhere, as those to be checked stay. */
static double through_time(void *layer)
{
    struct unit *u = layer;
    double elsewhere[4][3 * R * (I > R ? I : R)];
    struct cal_gru_twin t = u->t;
    t.g_wx = elsewhere[0];
    t.g_bx = elsewhere[1];
    t.g_wh = elsewhere[2];
    t.g_bh = elsewhere[3];
    cal_gru_twin(&t);
    return dot(u->h + B * R, u->dh, K * B * R);
}

static void twin_has_the_gradient(void **state)
{
    (void)state;
    struct unit u;
    unit_init(&u);
    cal_gru_twin(&u.t);
    double *const parameter[] = {u.wx, u.bx, u.wh, u.bh};
    const size_t n[] = {3 * R * I, 3 * R, 3 * R * R, 3 * R};
    for (int i = 0; i < 4; i++)
        expect_gradient(through_time, &u, parameter[i], u.g[i], n[i]);
    unit_finish(&u);
}

/* A gate shut keeps the state, open gates give the candidate: what the equations say where they can be solved by hand. */
static void gates_do_what_they_say(void **state)
{
    (void)state;
    const float none[3] = {0}, h = 0.25f, x = 0.7f;
    const float shut[] = {0, 1000, 0}, open[] = {1000, -1000, 0}, no_reset[] = {-1000, -1000, 0};
    const float gx[] = {0, 0, x}, gh[] = {0, 0, 0.4f};
    float gates[4], next;
    cal_gru_read(1, 1, 1, gx, gh, shut, none, &h, gates, &next);
    assert_true(next == h);
    cal_gru_read(1, 1, 1, gx, gh, open, none, &h, gates, &next);
    assert_true(fabs((double)next - tanh((double)x + (double)gh[2])) < 1e-6);
    cal_gru_read(1, 1, 1, gx, gh, no_reset, none, &h, gates, &next);
    assert_true(fabs((double)next - tanh((double)x)) < 1e-6);
}

/* The passes between products, at widths that do and do not fill vectors, in gates that are shut as well. */
static void passes_are_their_twins(void **state)
{
    (void)state;
    const int widths[] = {1, 3, 16, 32, 37};
    for (int i = 0; i < 5; i++) {
        enum { ROWS = 5, UNITS = 2 };
        size_t n = (size_t)widths[i], rows = ROWS * UNITS, all = rows * n;
        float *gx = normals(10, 3 * all), *gh = normals(11, 3 * all), *bx = normals(12, 3 * UNITS * n), *bh = normals(13, 3 * UNITS * n);
        float *h = normals(14, all), *dh = normals(15, all), *gates[2], *next[2], *before[2];
        for (size_t k = 0; k < 3 * all; k += 7)
            gx[k] *= 100;
        for (int k = 0; k < 2; k++) {
            gates[k] = rubbish(4 * all);
            next[k] = rubbish(all);
            before[k] = normals(16, all);
            before[k][all] = 12345;
        }
        cal_gru_read(ROWS, UNITS, widths[i], gx, gh, bx, bh, h, gates[0], next[0]);
        cal_gru_read_twin(ROWS, UNITS, widths[i], gx, gh, bx, bh, h, gates[1], next[1]);
        for (int back = 0; back < 2; back++) {
            double *slow[] = {exact(gates[1], 4 * all), exact(next[1], all), exact(before[1], all)};
            expect_close(gates[0], slow[0], 4 * all, 1e-6);
            expect_close(next[0], slow[1], all, 1e-6);
            expect_close(before[0], slow[2], all, 1e-6);
            for (int k = 0; k < 3; k++)
                cal_free(slow[k]);
            memcpy(gates[0], gates[1], 4 * all * sizeof(float));
            cal_gru_read_back(ROWS, UNITS, widths[i], gates[0], h, dh, before[0]);
            cal_gru_read_back_twin(ROWS, UNITS, widths[i], gates[1], h, dh, before[1]);
        }
        float *mine[] = {gx, gh, bx, bh, h, dh, gates[0], gates[1], next[0], next[1], before[0], before[1]};
        for (size_t k = 0; k < sizeof mine / sizeof *mine; k++)
            cal_free(mine[k]);
    }
}

struct layer {
    struct cal_gru g;
    struct cal_layout layout;
    struct cal_optim optim;
};

static void layer_init(struct layer *l, int units, int inputs, int hidden, int rows, int steps)
{
    static const struct cal_optim_params params = {.kind = CAL_ADAM, .rate = 0.1};
    memset(l, 0, sizeof *l);
    cal_layout_init(&l->layout);
    cal_optim_init(&l->optim, &params);
    cal_gru_declare(&l->g, units, inputs, hidden, rows, steps, ".0", &l->layout, &l->optim);
    cal_layout_alloc(&l->layout);
}

/* Parameter i of a layer: wx (I,U,3R), bx (U,3R), wh (U,R,3R), bh (U,3R). Unit u's part of it, packed. [give] */
static float *part(const struct cal_gru *g, int i, const float *w, int u)
{
    size_t n = 3 * (size_t)g->hidden, rows = i == 0 ? (size_t)g->inputs : i == 2 ? (size_t)g->hidden : 1;
    size_t distance = i == 0 ? (size_t)g->units * n : n;
    float *out = rubbish(rows * n);
    w += (size_t)u * (i == 0 ? n : rows * n);
    for (size_t row = 0; row < rows; row++)
        memcpy(out + row * n, w + row * distance, n * sizeof *out);
    return out;
}

/* Steps of a chunk and the way back, from step `first` on, against the twin: a unit at a time. */
static void check_layer(int units, int inputs, int hidden, int rows, int steps, int first)
{
    struct layer l;
    size_t u3r = (size_t)(units * 3 * hidden), n = (size_t)hidden, b = (size_t)rows, state = b * (size_t)units * n;
    size_t k = (size_t)(steps - first);
    layer_init(&l, units, inputs, hidden, rows, steps);
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 30);
    float *const parameter[] = {l.g.wx, l.g.bx, l.g.wh, l.g.bh};
    float *const gradient[] = {l.g.g_wx, l.g.g_bx, l.g.g_wh, l.g.g_bh};
    const size_t size[] = {3 * n * (size_t)inputs, 3 * n, 3 * n * n, 3 * n};
    for (size_t i = 0; i < 4; i++) {
        cal_rng_normal_fill(&rng, 4096 * i, parameter[i], (size_t)units * size[i]);
        for (size_t j = 0; j < (size_t)units * size[i]; j++)
            parameter[i][j] *= 0.3f;
    }
    float *x = normals(31, (size_t)steps * b * (size_t)inputs), *dh = normals(32, (size_t)steps * state), *h0 = normals(33, state);
    x += (size_t)first * b * (size_t)inputs;
    memcpy(l.g.h + (size_t)first * state, h0, state * sizeof *h0);
    memcpy(l.g.dh, dh, (size_t)steps * state * sizeof *dh);
    for (int i = first; i < steps; i++)
        cal_gru_step(&l.g, i, x + (size_t)(i - first) * b * (size_t)inputs);
    cal_gru_back(&l.g, first, steps - 1, x);
    for (int u = 0; u < units; u++) {
        double *w[4], *g[4], *t_x = exact(x, k * b * (size_t)inputs), *t_h = cal_alloc((k + 1) * b * n * sizeof *t_h);
        double *t_dh = cal_alloc(k * b * n * sizeof *t_dh);
        float *after = rubbish(k * b * n);
        for (int i = 0; i < 4; i++) {
            float *own = part(&l.g, i, parameter[i], u);
            w[i] = exact(own, size[i]);
            cal_free(own);
            g[i] = cal_alloc(size[i] * sizeof(double));
        }
        for (size_t row = 0; row < k * b; row++)
            for (size_t i = 0; i < n; i++) {
                size_t from = ((size_t)first * b + row) * (size_t)units * n + (size_t)u * n + i;
                t_dh[row * n + i] = (double)dh[from];
                after[row * n + i] = l.g.h[from + state];
                if (row < b)
                    t_h[row * n + i] = (double)h0[row * (size_t)units * n + (size_t)u * n + i];
            }
        struct cal_gru_twin t = {inputs, hidden, rows, (int)k, w[0], w[1], w[2], w[3], t_x, t_dh, t_h, g[0], g[1], g[2], g[3]};
        cal_gru_twin(&t);
        expect_close(after, t_h + b * n, k * b * n, 3e-6);
        for (int i = 0; i < 4; i++) {
            float *fast = part(&l.g, i, gradient[i], u);
            expect_close(fast, g[i], size[i], 1e-5);
            cal_free(fast);
            cal_free(w[i]);
            cal_free(g[i]);
        }
        cal_free(after);
        cal_free(t_dh);
        cal_free(t_h);
        cal_free(t_x);
    }
    assert_true(u3r > 0);
    cal_free(x - (size_t)first * b * (size_t)inputs);
    cal_free(dh);
    cal_free(h0);
    cal_layout_finish(&l.layout);
}

static void layer_is_its_twin(void **state)
{
    (void)state;
    check_layer(2, 32, 32, 16, 8, 0);
    check_layer(3, 5, 7, 9, 4, 0);
    check_layer(2, 6, 4, 5, 8, 3);
    check_layer(1, 1, 1, 1, 1, 0);
}

/* A chunk that goes on is one long chunk, as far as states go. */
static void states_carry_on(void **state)
{
    (void)state;
    struct layer whole, parts;
    enum { STEPS = 3 };
    layer_init(&whole, 2, I, R, B, 2 * STEPS);
    layer_init(&parts, 2, I, R, B, STEPS);
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 40);
    cal_rng_normal_fill(&rng, 0, whole.g.wx, 2 * 3 * R * I);
    cal_rng_normal_fill(&rng, 4096, whole.g.wh, 2 * 3 * R * R);
    memcpy(parts.g.wx, whole.g.wx, 2 * 3 * R * I * sizeof(float));
    memcpy(parts.g.wh, whole.g.wh, 2 * 3 * R * R * sizeof(float));
    float *x = normals(41, 2 * STEPS * B * I);
    for (int k = 0; k < 2 * STEPS; k++) {
        if (k == STEPS)
            cal_gru_carry(&parts.g);
        const float *a = cal_gru_step(&whole.g, k, x + k * B * I), *b = cal_gru_step(&parts.g, k % STEPS, x + k * B * I);
        assert_memory_equal(a, b, B * 2 * R * sizeof *a);
    }
    cal_gru_reset(&parts.g);
    const float *a = cal_gru_step(&parts.g, 0, x);
    assert_memory_equal(a, whole.g.h + B * 2 * R, B * 2 * R * sizeof *a);
    cal_free(x);
    cal_layout_finish(&whole.layout);
    cal_layout_finish(&parts.layout);
}

enum { ROWS = 6, UNITS = 3 };

/* Directions of `width` components from n values each; what back() adds to is there before. */
static void check_direction(int width, int n)
{
    size_t a_n = (size_t)(ROWS * UNITS * n), y_n = (size_t)(ROWS * UNITS * width), w_n = (size_t)(UNITS * width * n);
    size_t b_n = (size_t)(UNITS * width);
    float *a = normals(50, a_n), *w = normals(51, w_n), *b = normals(52, b_n), *y[2], *inverse[2], *dy[2], *da[2], *g_w[2], *g_b[2];
    memset(a, 0, (size_t)n * sizeof *a); /* one that has no direction */
    memset(b, 0, (size_t)width * sizeof *b);
    for (int k = 0; k < 2; k++) {
        y[k] = rubbish(y_n);
        inverse[k] = rubbish(ROWS * UNITS);
        da[k] = rubbish(a_n);
        dy[k] = normals(53, y_n);
        g_w[k] = normals(54, w_n);
        g_b[k] = normals(55, b_n);
        dy[k][y_n] = g_w[k][w_n] = g_b[k][b_n] = 12345;
    }
    cal_direction_read(ROWS, UNITS, width, n, a, w, b, y[0], inverse[0]);
    cal_direction_read_twin(ROWS, UNITS, width, n, a, w, b, y[1], inverse[1]);
    cal_direction_back(ROWS, UNITS, width, n, a, w, y[0], inverse[0], dy[0], da[0], g_w[0], g_b[0]);
    cal_direction_back_twin(ROWS, UNITS, width, n, a, w, y[1], inverse[1], dy[1], da[1], g_w[1], g_b[1]);
    float *const *const both[] = {y, inverse, dy, da, g_w, g_b};
    const size_t size[] = {y_n, ROWS * UNITS, y_n, a_n, w_n, b_n};
    for (int i = 0; i < 6; i++) {
        double *slow = exact(both[i][1], size[i]);
        expect_close(both[i][0], slow, size[i], 1e-5);
        cal_free(slow);
    }
    for (int d = 0; d < width; d++)
        assert_true(y[0][d] == 0 && dy[0][d] == 0);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 2; k++)
            cal_free(both[i][k]);
    cal_free(a);
    cal_free(w);
    cal_free(b);
}

static void directions_are_their_twins(void **state)
{
    (void)state;
    check_direction(2, 32);
    check_direction(3, 5);
    check_direction(8, 33);
}

/* Gradients of dy . y against differences of the twin, in a, w and b. float32 in between: wide steps. */
static void direction_has_the_gradient(void **state)
{
    (void)state;
    enum { WIDTH = 3, N = 4 };
    float *x[] = {normals(60, ROWS * UNITS * N), normals(61, UNITS * WIDTH * N), normals(62, UNITS * WIDTH)};
    const size_t n[] = {ROWS * UNITS * N, UNITS * WIDTH * N, UNITS * WIDTH};
    float *dy = normals(63, ROWS * UNITS * WIDTH), y[ROWS * UNITS * WIDTH], inverse[ROWS * UNITS], dz[ROWS * UNITS * WIDTH];
    float g[3][ROWS * UNITS * N] = {{0}};
    memcpy(dz, dy, sizeof dz);
    cal_direction_read_twin(ROWS, UNITS, WIDTH, N, x[0], x[1], x[2], y, inverse);
    cal_direction_back_twin(ROWS, UNITS, WIDTH, N, x[0], x[1], y, inverse, dz, g[0], g[1], g[2]);
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < n[i]; k++) {
            double loss[2];
            float was = x[i][k], at[] = {was + 1e-2f, was - 1e-2f};
            for (int side = 0; side < 2; side++) {
                x[i][k] = at[side];
                cal_direction_read_twin(ROWS, UNITS, WIDTH, N, x[0], x[1], x[2], y, inverse);
                loss[side] = 0;
                for (int j = 0; j < ROWS * UNITS * WIDTH; j++)
                    loss[side] += (double)dy[j] * (double)y[j];
            }
            x[i][k] = was;
            double slope = (loss[0] - loss[1]) / ((double)at[0] - (double)at[1]);
            if (!(fabs(slope - (double)g[i][k]) < 2e-3 * (1 + fabs(slope))))
                fail_msg("gradient %zu of %d is %g, differences say %g", k, i, (double)g[i][k], slope);
        }
    for (int i = 0; i < 3; i++)
        cal_free(x[i]);
    cal_free(dy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(twin_has_the_gradient, no_memory_left),
        cmocka_unit_test_teardown(gates_do_what_they_say, no_memory_left),
        cmocka_unit_test_teardown(passes_are_their_twins, no_memory_left),
        cmocka_unit_test_teardown(layer_is_its_twin, no_memory_left),
        cmocka_unit_test_teardown(states_carry_on, no_memory_left),
        cmocka_unit_test_teardown(directions_are_their_twins, no_memory_left),
        cmocka_unit_test_teardown(direction_has_the_gradient, no_memory_left),
    };
    cal_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
