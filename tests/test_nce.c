/* tests/test_nce.c - the loss in time: gradients against finite differences, the fast passes against the twin. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/objectives/contrast.h"
#include "regions/objectives/nce.h"

enum { UNITS = 3, WIDTH_MOST = 4, BATCH_MOST = 130 };
enum { E, P, QUERY, DE, DP, DQUERY, PARTS };

/* What one test point is. */
struct setting {
    const char *name;
    struct cal_nce_rule rule;
    int width, query_width;
    double temperature;
};
enum { WEIGHTED, ONE_GROUP, SIXTEEN, WIDE, UNIFORM, SETTINGS };
static const struct setting settings[SETTINGS] = {
    [WEIGHTED] = {"weighted", {CAL_NCE_WEIGHTED, 8, 10, 4, 8}, 2, 2, 10},
    [ONE_GROUP] = {"one group", {CAL_NCE_WEIGHTED, 1, 4, 4, 8}, 2, 2, 3},
    [SIXTEEN] = {"sixteen groups, no temperature", {CAL_NCE_WEIGHTED, 16, 10, 4, 8}, 2, 3, 0},
    [WIDE] = {"wide codes", {CAL_NCE_WEIGHTED, 2, 7, 4, 8}, 4, 1, 5},
    [UNIFORM] = {"uniform", {CAL_NCE_UNIFORM, 8, 10, 4, 8}, 2, 2, 0},
};

/* Rows of `cols` numbers on the unit sphere, rounded to float32, so that both sides see the same. */
static void draw(double *x, int batch, int cols, unsigned owner)
{
    struct cal_rng rng = cal_rng_key(7, CAL_STREAM_TEST, owner, 0, 0);
    for (int n = 0; n < batch; n++) {
        double norm = 0;
        for (int d = 0; d < cols; d++) {
            x[n * cols + d] = 2 * (double)cal_rng_uniform(&rng, (uint64_t)(n * cols + d)) - 1;
            norm += x[n * cols + d] * x[n * cols + d];
        }
        for (int d = 0; d < cols; d++)
            x[n * cols + d] = (double)(float)(x[n * cols + d] / sqrt(norm));
    }
}

/* A unit's arrays, and a twin that points into them. */
struct point {
    double x[PARTS][BATCH_MOST * WIDTH_MOST];
    struct cal_nce_twin t;
};

static void point_at(struct point *at, const struct setting *s, int batch, unsigned owner)
{
    struct cal_nce shape = cal_nce_of(&s->rule, 1, s->width, s->query_width, batch, 0);
    memset(at, 0, sizeof *at);
    draw(at->x[E], batch, s->width, owner);
    draw(at->x[P], batch, s->width, owner + 1);
    draw(at->x[QUERY], batch, s->query_width, owner + 2);
    at->t = (struct cal_nce_twin){.batch = batch,
                                  .width = s->width,
                                  .query_width = shape.query_width,
                                  .groups = shape.groups,
                                  .tau = s->rule.tau,
                                  .scale = 1.0 / batch,
                                  .temperature = s->temperature,
                                  .e = at->x[E],
                                  .p = at->x[P],
                                  .query = at->x[QUERY],
                                  .de = at->x[DE],
                                  .dp = at->x[DP],
                                  .dquery = at->x[DQUERY]};
}

static double loss_at(const struct point *at, double *x, double value)
{
    static double scratch[3][BATCH_MOST * WIDTH_MOST];
    struct cal_nce_twin t = at->t;
    double was = *x;
    t.de = scratch[0];
    t.dp = scratch[1];
    t.dquery = scratch[2];
    *x = value;
    cal_nce_twin(&t);
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
    static struct point at, up, down;
    const char *name[] = {"e", "p", "query"};
    const double h = 1e-6;
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        point_at(&at, s, 37, 10 + 3 * (unsigned)i);
        cal_nce_twin(&at.t);
        for (int part = E; part <= QUERY; part++)
            for (int k = 0; k < at.t.batch * (part == QUERY ? at.t.query_width : at.t.width); k++) {
                double *x = &at.x[part][k], slope = (loss_at(&at, x, *x + h) - loss_at(&at, x, *x - h)) / (2 * h);
                assert_close(at.x[DE + part][k], slope, 1e-8, name[part], k);
            }
        up = down = at;
        up.t.temperature += h;
        down.t.temperature -= h;
        double slope = (loss_at(&up, up.x[E], up.x[E][0]) - loss_at(&down, down.x[E], down.x[E][0])) / (2 * h);
        assert_close(at.t.d_temperature, slope, 1e-8, "temperature", i);
    }
}

/* U units, fast, from the same points as the twins; what stands behind the batch is rubbish. */
struct fast {
    struct cal_nce c;
    float *array[PARTS], *temperature, *d_temperature;
};

static struct fast fast_at(const struct setting *s, const struct point *at)
{
    int batch = at[0].t.batch;
    struct fast f = {.c = cal_nce_of(&s->rule, UNITS, s->width, s->query_width, batch, (float)at[0].t.scale)};
    size_t pitch = (size_t)f.c.pitch, n = UNITS * WIDTH_MOST * pitch;
    for (int part = 0; part < PARTS; part++) {
        f.array[part] = cal_alloc(n * sizeof(float));
        for (size_t k = 0; k < n; k++)
            f.array[part][k] = 1e6f * (float)(k % 7);
    }
    f.temperature = cal_alloc(2 * UNITS * sizeof(float));
    f.d_temperature = f.temperature + UNITS;
    for (int u = 0; u < UNITS; u++) {
        f.temperature[u] = (float)at[u].t.temperature;
        for (int part = E; part <= QUERY; part++) {
            int cols = part == QUERY ? s->query_width : s->width;
            for (int k = 0; k < batch * cols; k++)
                f.array[part][(size_t)(u * cols + k % cols) * pitch + (size_t)(k / cols)] = (float)at[u].x[part][k];
        }
    }
    f.c.e = f.array[E];
    f.c.p = f.array[P];
    f.c.query = f.c.groups ? f.array[QUERY] : NULL;
    f.c.temperature = f.c.groups ? f.temperature : NULL;
    f.c.rows = cal_alloc(CAL_NCE_ROWS * pitch * sizeof(float));
    return f;
}

static void fast_free(struct fast *f)
{
    for (int part = 0; part < PARTS; part++)
        cal_free(f->array[part]);
    cal_free(f->temperature);
    cal_free(f->c.rows);
}

static void compare(const struct setting *s, struct point *at, double tolerance)
{
    double loss = 0, control = 0;
    const char *name[] = {"de", "dp", "dquery"};
    for (int u = 0; u < UNITS; u++) {
        cal_nce_twin(&at[u].t);
        loss += at[u].t.loss;
        control += at[u].t.control;
    }
    struct fast f = fast_at(s, at);
    struct cal_nce_value codes, weights, alone;
    cal_nce_codes(&f.c, f.array[DE], f.array[DP], &codes);
    cal_nce_measure(&f.c, &alone);
    weights = alone;
    if (f.c.groups)
        cal_nce_weights(&f.c, f.array[DQUERY], f.d_temperature, &weights);
    assert_close(codes.loss, loss, tolerance, s->name, -1);
    assert_close(codes.control, control, tolerance, "control", -1);
    assert_memory_equal(&codes, &weights, sizeof codes); /* the two sides agree to the bit */
    assert_memory_equal(&codes, &alone, sizeof codes);
    for (int u = 0; u < UNITS; u++) {
        for (int part = E; part <= (f.c.groups ? QUERY : P); part++) {
            int cols = part == QUERY ? s->query_width : s->width;
            for (int k = 0; k < f.c.batch * cols; k++)
                assert_close((double)f.array[DE + part][(u * cols + k % cols) * f.c.pitch + k / cols], at[u].x[DE + part][k], tolerance,
                             name[part], k);
        }
        if (f.c.groups)
            assert_close((double)f.d_temperature[u], at[u].t.d_temperature, tolerance, "temperature", u);
    }
    fast_free(&f);
}

static void test_fast_against_twin(void **state)
{
    static struct point at[UNITS];
    const int batches[] = {32, 37, 64, 100, 130}; /* whole vectors and not, groups of one size and not */
    (void)state;
    for (int i = 0; i < SETTINGS; i++)
        for (int b = 0; b < 5; b++) {
            for (int u = 0; u < UNITS; u++)
                point_at(&at[u], &settings[i], batches[b], 100 + 3 * (unsigned)u);
            compare(&settings[i], at, 2e-6);
        }
    for (int u = 0; u < UNITS; u++)
        point_at(&at[u], &settings[UNIFORM], 2, 200 + 3 * (unsigned)u); /* one negative */
    compare(&settings[UNIFORM], at, 2e-6);
}

/* The sharpest rule and steep weights: exponentials that are nothing in float32 unless they are shifted. */
static void test_steep(void **state)
{
    static struct point at[UNITS];
    struct setting s = settings[WEIGHTED];
    (void)state;
    s.rule.tau = 40;
    s.temperature = 300;
    for (int u = 0; u < UNITS; u++)
        point_at(&at[u], &s, 50, 300 + 3 * (unsigned)u);
    compare(&s, at, 5e-5);
}

/* A collapsed unit, all codes equal: what is left of the loss is the positive, and no weight matters. */
static void test_equal_codes(void **state)
{
    static struct point at[UNITS];
    (void)state;
    for (int u = 0; u < UNITS; u++) {
        point_at(&at[u], &settings[WEIGHTED], 40, 1);
        for (int k = 0; k < 80; k++)
            at[u].x[E][k] = at[u].x[P][k] = k % 2 ? 0.6 : 0.8;
    }
    struct fast f = fast_at(&settings[WEIGHTED], at);
    struct cal_nce_value v;
    cal_nce_weights(&f.c, f.array[DQUERY], f.d_temperature, &v);
    assert_close(v.loss / (40 * UNITS), 0, 1e-5, "loss", 0);
    assert_close(v.control / (40 * UNITS), 0, 1e-5, "control", 0);
    for (int u = 0; u < UNITS * 2; u++)
        for (int n = 0; n < 40; n++)
            assert_close((double)f.array[DQUERY][u * f.c.pitch + n], 0, 1e-6, "dquery", n);
    fast_free(&f);
}

/* Uniform weights are the control; weights of another kind are not, and climbing along their gradient raises the loss. */
static void test_control(void **state)
{
    static struct point at[UNITS];
    struct cal_nce_value even, before, after;
    (void)state;
    for (int u = 0; u < UNITS; u++)
        point_at(&at[u], &settings[UNIFORM], 50, 40 + 3 * (unsigned)u);
    struct fast f = fast_at(&settings[UNIFORM], at);
    cal_nce_measure(&f.c, &even);
    assert_close(even.loss, even.control, 1e-6, "uniform", 0);
    f.c.groups = 8;
    f.c.query_width = 2;
    f.c.query = f.array[QUERY];
    f.c.temperature = f.temperature;
    for (int u = 0; u < UNITS; u++)
        f.temperature[u] = 3;
    cal_nce_weights(&f.c, f.array[DQUERY], f.d_temperature, &before);
    assert_close(before.control, even.control, 1e-6, "control", 0);
    assert_true(fabs(before.loss - before.control) > 1e-2);
    for (int k = 0; k < UNITS * 2 * f.c.pitch; k++)
        if (k % f.c.pitch < 50)
            f.array[QUERY][k] += 0.1f * f.array[DQUERY][k];
    cal_nce_measure(&f.c, &after);
    assert_true(after.loss > before.loss);
    fast_free(&f);
}

/* The onlooker's function gives what the sides computed, from row-major codes and a representation. */
static void test_evaluate(void **state)
{
    enum { B = 37 };
    static struct point at[UNITS];
    static float rows[3][B * UNITS * 2];
    const int which[] = {WEIGHTED, UNIFORM};
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct setting *s = &settings[which[i]];
        for (int u = 0; u < UNITS; u++)
            point_at(&at[u], s, B, 60 + 3 * (unsigned)u);
        struct fast f = fast_at(s, at);
        struct cal_nce_value sum, mean;
        cal_nce_measure(&f.c, &sum);
        for (int part = E; part <= QUERY; part++)
            for (int k = 0; k < B * UNITS * 2; k++)
                rows[part][k] = f.array[part][k % (UNITS * 2) * f.c.pitch + k / (UNITS * 2)];
        struct cal_rep_spec spec = {.rows = B, .units = UNITS};
        struct cal_rep rep = {.spec = &spec, .data = {f.temperature, rows[QUERY]}, .ld = {UNITS, UNITS * 2}};
        if (which[i] == WEIGHTED) {
            cal_rep_spec_add(&spec, "temperature", UNITS)->shared = true;
            cal_rep_spec_add(&spec, "query", UNITS * 2);
        }
        cal_nce_evaluate(&s->rule, B, UNITS, 2, rows[E], rows[P], &rep, &mean);
        assert_close(mean.loss, sum.loss / (B * UNITS), 1e-12, s->name, i);
        assert_close(mean.control, sum.control / (B * UNITS), 1e-12, s->name, i);
        fast_free(&f);
    }
    assert_int_equal(cal_mem_now_bytes(), 0);
}

static void test_rule(void **state)
{
    struct cal_nce_rule rule = settings[WEIGHTED].rule, other = rule;
    (void)state;
    assert_int_equal(cal_nce_rule_check(&rule, 64, 96), CAL_OK);
    assert_int_equal(cal_nce_rule_check(&rule, 15, 96), CAL_EUSAGE); /* a sequence would be alone in its group */
    assert_int_equal(cal_nce_rule_check(&rule, 17, 96), CAL_OK);
    assert_int_equal(cal_nce_rule_check(&rule, 64, 0), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "windows"));
    assert_int_equal(cal_nce_rule_check(&rule, 64, 100), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "chunk"));
    rule.begin = 96;
    assert_int_equal(cal_nce_rule_check(&rule, 64, 96), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "begin"));
    rule.begin = 4;
    rule.groups = 6;
    assert_int_equal(cal_nce_rule_check(&rule, 64, 96), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "power of two"));
    assert_true(cal_nce_rule_same(&other, &other));
    assert_false(cal_nce_rule_same(&rule, &other));
    rule.negatives = CAL_NCE_UNIFORM; /* what others would have gained has to be found all the same */
    assert_int_equal(cal_nce_rule_check(&rule, 64, 96), CAL_EUSAGE);
    rule.groups = 8;
    assert_int_equal(cal_nce_rule_check(&rule, 15, 96), CAL_EUSAGE);
    rule.groups = 1;
    assert_int_equal(cal_nce_rule_check(&rule, 2, 96), CAL_OK);
    assert_int_equal(cal_nce_rule_check(&rule, 1, 96), CAL_EUSAGE);
}

/* Frames that count are those not before `begin`; updates are steps, and the last one is within the run whatever its length. */
static void test_chunks(void **state)
{
    struct cal_nce_rule rule = settings[WEIGHTED].rule;
    (void)state;
    for (rule.begin = 0; rule.begin < 24; rule.begin++) {
        int all = 0, updates = 0;
        for (long frame = 0; frame < 24; frame++) {
            bool due = cal_nce_rule_due(&rule, frame);
            all += due ? cal_nce_rule_counted(&rule, frame) : 0;
            updates += due;
            assert_int_equal(cal_nce_rule_counted(&rule, frame), cal_nce_rule_counted(&rule, frame - frame % 8));
        }
        assert_int_equal(all, 24 - rule.begin);
        assert_int_equal(updates, 3);
    }
    struct cal_step s = {.learnt = 107, .learn_total = 108, .presentation = 7}, update = cal_nce_rule_step(&rule, &s);
    assert_int_equal(update.learnt, 13);
    assert_true(update.learnt < update.learn_total);
    assert_int_equal(update.presentation, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_gradients), cmocka_unit_test(test_fast_against_twin),
        cmocka_unit_test(test_steep),          cmocka_unit_test(test_equal_codes),
        cmocka_unit_test(test_control),        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_rule),           cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
