/* tests/test_contrast.c - the shared objective: gradients of the twin against finite differences, the fast passes against the twin. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/objectives/contrast.h"

enum { PREDICTOR, MASKED, GROUPLESS, UNIFORM, SETTINGS };

/* What one test point is. */
struct setting {
    const char *name;
    struct cal_contrast_rule rule;
    double tau;
};
static const struct setting settings[SETTINGS] = {
    [PREDICTOR] = {"predictor", {CAL_PREDICTOR, 0.2, 8, -1}, 0.7},
    [MASKED] = {"masked", {CAL_MASKED, 0.4, 8, 1.5}, 1.3},
    [GROUPLESS] = {"masked, one group, no clip", {CAL_MASKED, 0.4, 1, 0}, 0.9},
    [UNIFORM] = {"uniform", {CAL_UNIFORM, 0.2, 8, -1}, 0.0},
};

#define PARTS 5 /* y1, y2, key, query, counted; then the gradients */

static void draw(double *x, int n, unsigned owner, double spread)
{
    struct cal_rng rng = cal_rng_key(7, CAL_STREAM_TEST, owner, 0, 0);
    for (int i = 0; i < n; i++)
        x[i] = spread * (2 * (double)cal_rng_uniform(&rng, (uint64_t)i) - 1);
}

/* One unit at a generic point: codes in +-spread, views a tenth of that apart. [give] the block that t points into. */
static double *twin_at(struct cal_contrast_twin *t, const struct setting *s, int batch, unsigned owner, double spread)
{
    struct cal_contrast shape = cal_contrast_of(&s->rule, 1, batch, 0);
    size_t b = (size_t)batch;
    double *x = cal_alloc((PARTS + 4) * b * sizeof *x), *noise = cal_alloc(b * sizeof *noise);
    draw(x, (int)(4 * b), owner, spread);
    draw(noise, batch, owner + 1, spread / 10);
    for (size_t k = 0; k < b; k++) {
        x[b + k] = x[k] + noise[k];
        x[4 * b + k] = (double)(k % 3 == 0);
        if (s->rule.negatives != CAL_MASKED)
            x[2 * b + k] = x[k];
    }
    cal_free(noise);
    *t = (struct cal_contrast_twin){.batch = batch,
                                    .groups = shape.groups,
                                    .exclude_self = shape.exclude_self,
                                    .clip = (double)shape.clip,
                                    .scale = 1.0 / batch,
                                    .tau = s->tau,
                                    .y1 = x,
                                    .y2 = x + b,
                                    .key = x + 2 * b,
                                    .query = x + 3 * b,
                                    .counted = s->rule.negatives == CAL_MASKED ? x + 4 * b : NULL,
                                    .dy1 = x + 5 * b,
                                    .dy2 = x + 6 * b,
                                    .dkey = x + 7 * b,
                                    .dquery = x + 8 * b};
    return x;
}

static double loss_at(struct cal_contrast_twin t, double *x, double value)
{
    double was = *x, scratch[4][64];
    assert_true(t.batch <= 64);
    *x = value;
    t.dy1 = scratch[0];
    t.dy2 = scratch[1];
    t.dkey = scratch[2];
    t.dquery = scratch[3];
    cal_contrast_twin(&t);
    *x = was;
    return t.loss * t.scale;
}

static void assert_close(double a, double b, double tolerance, const char *what, int i)
{
    if (!(fabs(a - b) <= tolerance * (1 + fabs(b))))
        fail_msg("%s[%d]: %.12g, expected %.12g", what, i, a, b);
}

/* Each derivative that the twin gives is the slope of its own loss. */
static void test_twin_gradients(void **state)
{
    (void)state;
    const double h = 1e-6;
    for (int i = 0; i < SETTINGS; i++) {
        struct cal_contrast_twin t;
        double *x = twin_at(&t, &settings[i], 32, 10 + (unsigned)i, 1.5);
        cal_contrast_twin(&t);
        const char *name[] = {"y1", "y2", "key", "query"};
        for (int part = 0; part < 4; part++)
            for (int k = 0; k < t.batch; k++) {
                double *at = x + part * t.batch + k;
                double slope = (loss_at(t, at, *at + h) - loss_at(t, at, *at - h)) / (2 * h);
                assert_close(x[(5 + part) * t.batch + k], slope, 1e-8, name[part], k);
            }
        struct cal_contrast_twin up = t, down = t;
        up.tau += h;
        down.tau -= h;
        double *still = x; /* tau is no part of x */
        double slope = (loss_at(up, still, *still) - loss_at(down, still, *still)) / (2 * h);
        assert_close(t.dtau, slope, 1e-8, "tau", 0);
        cal_free(x);
    }
}

/* U units, fast, from the same points as the twins; padding holds rubbish. */
struct fast {
    struct cal_contrast c;
    float *y1, *y2, *key, *query, *tau, *counted, *dy1, *dy2, *dkey, *dquery, *dtau;
};

#define UNITS 3

static struct fast fast_at(const struct setting *s, struct cal_contrast_twin *twin)
{
    int batch = twin[0].batch;
    struct fast f = {.c = cal_contrast_of(&s->rule, UNITS, batch, (float)twin[0].scale)};
    size_t n = UNITS * (size_t)f.c.pitch;
    float **arrays[] = {&f.y1, &f.y2, &f.key, &f.query, &f.counted, &f.dy1, &f.dy2, &f.dkey, &f.dquery, &f.tau, &f.dtau};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = cal_alloc(n * sizeof(float));
        for (size_t k = 0; k < n; k++)
            (*arrays[i])[k] = 0.5f + (float)(k % 7);
    }
    f.c.rows = cal_alloc(CAL_CONTRAST_ROWS * (size_t)f.c.pitch * sizeof(float));
    for (int u = 0; u < UNITS; u++) {
        float *to[] = {f.y1, f.y2, f.key, f.query, f.counted};
        const double *from[] = {twin[u].y1, twin[u].y2, twin[u].key, twin[u].query, twin[u].counted};
        for (int i = 0; i < PARTS; i++)
            for (int k = 0; k < batch && from[i]; k++)
                to[i][u * f.c.pitch + k] = (float)from[i][k];
        f.tau[u] = (float)twin[u].tau;
    }
    f.c.y1 = f.y1;
    f.c.y2 = f.y2;
    f.c.key = f.key;
    f.c.query = f.query;
    f.c.tau = f.tau;
    f.c.counted = s->rule.negatives == CAL_MASKED ? f.counted : NULL;
    return f;
}

static void fast_free(struct fast *f)
{
    float *arrays[] = {f->y1, f->y2, f->key, f->query, f->tau, f->counted, f->dy1, f->dy2, f->dkey, f->dquery, f->dtau, f->c.rows};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        cal_free(arrays[i]);
}

/* Both see the same float32 numbers: the twin's point is rounded first. */
static void compare(const struct setting *s, int batch, double spread, double tau, double tolerance)
{
    struct cal_contrast_twin twin[UNITS];
    double *x[UNITS], loss = 0, control = 0;
    for (int u = 0; u < UNITS; u++) {
        x[u] = twin_at(&twin[u], s, batch, 100 + 2 * (unsigned)u, spread);
        for (int i = 0; i < 4 * batch; i++)
            x[u][i] = (double)(float)x[u][i];
        twin[u].tau = (double)(float)(tau >= 0 ? tau : s->tau);
        cal_contrast_twin(&twin[u]);
        loss += twin[u].loss;
        control += twin[u].control;
    }
    struct fast f = fast_at(s, twin);
    struct cal_contrast_value codes, weights, alone;
    cal_contrast_codes(&f.c, f.dy1, f.dy2, &codes);
    cal_contrast_weights(&f.c, f.dkey, f.dquery, f.dtau, &weights);
    cal_contrast_measure(&f.c, &alone);
    assert_close(codes.loss, loss, tolerance, s->name, -1);
    assert_close(codes.control, control, tolerance, "control", -1);
    assert_memory_equal(&codes, &weights, sizeof codes); /* the two sides agree to the bit */
    assert_memory_equal(&codes, &alone, sizeof codes);
    for (int u = 0; u < UNITS; u++) {
        const float *got[] = {f.dy1, f.dy2, f.dkey, f.dquery};
        const char *name[] = {"dy1", "dy2", "dkey", "dquery"};
        for (int part = 0; part < 4; part++)
            for (int k = 0; k < batch; k++)
                assert_close((double)got[part][u * f.c.pitch + k], x[u][(5 + part) * batch + k], tolerance / batch * 8, name[part], k);
        assert_close((double)f.dtau[u], twin[u].dtau, tolerance * fmax(1, spread), "dtau", u);
        cal_free(x[u]);
    }
    fast_free(&f);
}

static void test_fast_against_twin(void **state)
{
    (void)state;
    const int batches[] = {16, 40, 64, 128};
    for (int i = 0; i < SETTINGS; i++)
        for (int b = 0; b < 4; b++)
            compare(&settings[i], batches[b], 2, -1, 2e-5);
    compare(&settings[PREDICTOR], 2, 1, -1, 2e-5);
    compare(&settings[PREDICTOR], 31, 1, -1, 2e-5);
}

/* Codes hundreds apart and steep weights: every plain sum of exponentials is 0 in float32. */
static void test_far_apart(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        compare(&settings[i], 48, 500, -1, 2e-4);
        compare(&settings[i], 48, 30, i == UNIFORM ? 0 : 40, 2e-4);
    }
}

/* A collapsed unit, all codes equal: no slope, no gradient, and nothing that is no number. */
static void test_equal_codes(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct cal_contrast_twin twin[UNITS];
        double *x[UNITS];
        for (int u = 0; u < UNITS; u++)
            x[u] = twin_at(&twin[u], &settings[i], 32, 1, 0.0);
        struct fast f = fast_at(&settings[i], twin);
        struct cal_contrast_value v;
        cal_contrast_codes(&f.c, f.dy1, f.dy2, &v);
        for (int k = 0; k < 32; k++)
            assert_true(f.dy1[k] == 0 && f.dy2[k] == 0);
        double counted = settings[i].rule.negatives == CAL_MASKED ? 11 * UNITS : 0; /* of 32, every third; w sums to 1 in any form */
        assert_close(v.loss, 0, 1e-4, "loss", (int)counted);
        cal_contrast_weights(&f.c, f.dkey, f.dquery, f.dtau, &v);
        for (int k = 0; k < 32; k++)
            assert_true(f.dkey[k] == 0 && f.dquery[k] == 0);
        fast_free(&f);
        for (int u = 0; u < UNITS; u++)
            cal_free(x[u]);
    }
}

static void test_uniform_is_the_control(void **state)
{
    (void)state;
    struct cal_contrast_twin twin[UNITS];
    double *x[UNITS];
    for (int u = 0; u < UNITS; u++)
        x[u] = twin_at(&twin[u], &settings[UNIFORM], 50, 40 + 2 * (unsigned)u, 2);
    struct fast f = fast_at(&settings[UNIFORM], twin);
    struct cal_contrast_value v;
    cal_contrast_measure(&f.c, &v);
    assert_close(v.loss, v.control, 1e-6, "uniform", 0);
    f.tau[0] = 1;
    cal_contrast_measure(&f.c, &v);
    assert_true(fabs(v.loss - v.control) > 1e-3); /* and weights do matter */
    fast_free(&f);
    for (int u = 0; u < UNITS; u++)
        cal_free(x[u]);
}

static void test_mask(void **state)
{
    (void)state;
    enum { B = 1024 };
    struct cal_contrast_rule rule = settings[MASKED].rule;
    struct cal_step s = {.presentation = 5, .phase = 1}, later = {.presentation = 6, .phase = 1};
    float a[B], b[B], other[B], next[B];
    cal_contrast_mask(&rule, 1, &s, 9, B, a);
    cal_contrast_mask(&rule, 1, &s, 9, B, b);
    cal_contrast_mask(&rule, 1, &s, 10, B, other);
    cal_contrast_mask(&rule, 1, &later, 9, B, next);
    assert_memory_equal(a, b, sizeof a);
    int ones = 0, same_unit = 0, same_time = 0;
    for (int q = 0; q < B; q++) {
        assert_true(a[q] == 0 || a[q] == 1);
        ones += a[q] == 1;
        same_unit += a[q] == other[q];
        same_time += a[q] == next[q];
    }
    assert_in_range(ones, (int)(0.34 * B), (int)(0.46 * B)); /* 0.4, four standard deviations */
    assert_in_range(same_unit, B / 3, 2 * B / 3);            /* 0.52 of independent bits agree */
    assert_in_range(same_time, B / 3, 2 * B / 3);
}

/* The onlooker's function gives what the sides computed, from row-major codes and a representation. */
static void test_evaluate(void **state)
{
    (void)state;
    enum { B = 48 };
    const int which[] = {PREDICTOR, MASKED, UNIFORM};
    for (int i = 0; i < 3; i++) {
        const struct setting *s = &settings[which[i]];
        struct cal_step step = {.presentation = 2};
        struct cal_contrast_twin twin[UNITS];
        double *x[UNITS];
        for (int u = 0; u < UNITS; u++)
            x[u] = twin_at(&twin[u], s, B, 60 + 2 * (unsigned)u, 2);
        struct fast f = fast_at(s, twin);
        for (int u = 0; u < UNITS; u++)
            cal_contrast_mask(&s->rule, 3, &step, u, B, f.counted + u * f.c.pitch);
        struct cal_contrast_value sum, mean;
        cal_contrast_measure(&f.c, &sum);
        float rows[4][B * UNITS];
        const float *from[] = {f.y1, f.y2, f.key, f.query};
        for (int part = 0; part < 4; part++)
            for (int k = 0; k < B * UNITS; k++)
                rows[part][k] = from[part][k % UNITS * f.c.pitch + k / UNITS];
        struct cal_rep_spec spec = {.rows = B, .units = UNITS};
        struct cal_rep rep = {.spec = &spec};
        if (which[i] != UNIFORM) {
            cal_rep_spec_add(&spec, "tau", UNITS)->shared = true;
            cal_rep_spec_add(&spec, which[i] == MASKED ? "query" : "guess", UNITS);
            rep.data[0] = f.tau;
            rep.data[1] = rows[3];
            rep.ld[0] = rep.ld[1] = UNITS;
        }
        if (which[i] == MASKED) {
            cal_rep_spec_add(&spec, "key", UNITS);
            rep.data[2] = rows[2];
            rep.ld[2] = UNITS;
        }
        cal_contrast_evaluate(&s->rule, 3, &step, B, UNITS, rows[0], rows[1], &rep, &mean);
        assert_close(mean.loss, sum.loss / (B * UNITS), 1e-12, s->name, i);
        assert_close(mean.control, sum.control / (B * UNITS), 1e-12, s->name, i);
        fast_free(&f);
        for (int u = 0; u < UNITS; u++)
            cal_free(x[u]);
    }
    assert_int_equal(cal_mem_now_bytes(), 0);
}

static void test_rule(void **state)
{
    (void)state;
    struct cal_contrast_rule rule = {CAL_MASKED, 0.2, 8, -1}, other = rule;
    assert_int_equal(cal_contrast_rule_check(&rule, 128), CAL_OK);
    assert_int_equal(cal_contrast_rule_check(&rule, 100), CAL_EUSAGE);
    assert_int_equal(cal_contrast_rule_check(&rule, 8), CAL_EUSAGE); /* a sample would be alone in its group */
    rule.groups = 6;
    assert_int_equal(cal_contrast_rule_check(&rule, 96), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "power of two"));
    rule.negatives = CAL_PREDICTOR;
    assert_int_equal(cal_contrast_rule_check(&rule, 100), CAL_OK);
    assert_int_equal(cal_contrast_rule_check(&rule, 1), CAL_EUSAGE);
    assert_true(cal_contrast_rule_same(&other, &other));
    assert_false(cal_contrast_rule_same(&rule, &other));
    other.negatives = CAL_MASKED; /* the form's own clip, and a given one */
    assert_true(cal_contrast_of(&other, 1, 16, 1).clip == 5.0f);
    other.clip = 2;
    assert_true(cal_contrast_of(&other, 1, 16, 1).clip == 2.0f);
    other.clip = 0;
    assert_true(cal_contrast_of(&other, 1, 16, 1).clip > 1e9f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_gradients),
        cmocka_unit_test(test_fast_against_twin),
        cmocka_unit_test(test_far_apart),
        cmocka_unit_test(test_equal_codes),
        cmocka_unit_test(test_uniform_is_the_control),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
