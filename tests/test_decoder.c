/* tests/test_decoder.c - decoders of recorded activity: what they find again, what they cannot, and the gradient of the network. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/decoder.h"
#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "tests/fixtures.h"

#define TRAIN 3000
#define TEST 700
#define D 6  /* of the code */
#define O 20 /* of the target */

static float x[TRAIN + TEST][D], t[TRAIN + TEST][O];
static const struct cal_pairs train = {TRAIN, D, O, x[0], t[0]}, test = {TEST, D, O, x[TRAIN], t[TRAIN]};

static void draw(unsigned owner, float *to, size_t n)
{
    struct cal_rng rng = cal_rng_key(3, CAL_STREAM_TEST, owner, 0, 0);
    cal_rng_normal_fill(&rng, 0, to, n);
}

/* A code of its own scales, one column of which says nothing. */
static void draw_codes(void)
{
    draw(1, x[0], (TRAIN + TEST) * D);
    for (int i = 0; i < TRAIN + TEST; i++) {
        x[i][1] = 100 + 20 * x[i][1];
        x[i][2] = 0.01f * x[i][2];
        x[i][D - 1] = 3;
    }
}

/* t = 5 + 3 W x, x by column scale, and `power` of it. */
static void make_targets(double power)
{
    float w[O][D];
    draw(2, w[0], sizeof w / sizeof(float));
    for (int i = 0; i < TRAIN + TEST; i++)
        for (int o = 0; o < O; o++) {
            double sum = 0;
            for (int d = 0; d < D - 1; d++) {
                double u = d == 1 ? ((double)x[i][d] - 100) / 20 : d == 2 ? (double)x[i][d] * 100 : (double)x[i][d];
                sum += (double)w[o][d] * pow(u, power);
            }
            t[i][o] = (float)(5 + 3 * sum);
        }
}

static void a_linear_code_is_read(void **state)
{
    (void)state;
    double ridge, mlp;
    draw_codes();
    make_targets(1);
    assert_int_equal(cal_decoder_ridge(&train, &test, &ridge), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 1, &mlp), CAL_OK);
    assert_true(ridge > 0 && ridge < 1e-4);
    assert_true(mlp > 0 && mlp < 0.05);
}

/* Of squares a straight line knows nothing. */
static void a_bent_code_is_read_by_the_network_alone(void **state)
{
    (void)state;
    double ridge, mlp;
    draw_codes();
    make_targets(2);
    assert_int_equal(cal_decoder_ridge(&train, &test, &ridge), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 1, &mlp), CAL_OK);
    assert_true(ridge > 0.9 && ridge < 1.1);
    assert_true(mlp < 0.4);
}

static void noise_is_no_better_than_the_mean(void **state)
{
    (void)state;
    double ridge, mlp;
    draw_codes();
    make_targets(1);
    draw(4, x[0], (TRAIN + TEST) * D);
    assert_int_equal(cal_decoder_ridge(&train, &test, &ridge), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 1, &mlp), CAL_OK);
    assert_true(ridge > 0.98 && ridge < 1.02);
    assert_true(mlp > 0.98 && mlp < 1.3);
}

/* Nothing but the training samples fits it: with test targets turned round, errors are large. */
static void test_samples_are_only_scored(void **state)
{
    (void)state;
    double ridge, mlp;
    draw_codes();
    make_targets(1);
    for (int i = TRAIN; i < TRAIN + TEST; i++)
        for (int o = 0; o < O; o++)
            t[i][o] = 10 - t[i][o];
    assert_int_equal(cal_decoder_ridge(&train, &test, &ridge), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 1, &mlp), CAL_OK);
    assert_true(ridge > 3.5 && ridge < 4.5);
    assert_true(mlp > 3 && mlp < 5);
}

static void the_same_seed_gives_the_same_decoder(void **state)
{
    (void)state;
    double a, b, c;
    draw_codes();
    make_targets(2);
    assert_int_equal(cal_decoder_error(&train, &test, 7, &a), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 7, &b), CAL_OK);
    assert_int_equal(cal_decoder_error(&train, &test, 8, &c), CAL_OK);
    assert_true(a == b);
    assert_true(a != c);
}

static void bad_samples(void **state)
{
    (void)state;
    double value = 0;
    draw_codes();
    make_targets(1);
    for (int i = 0; i < TRAIN + TEST; i++)
        memcpy(t[i], t[0], sizeof t[i]);
    assert_int_equal(cal_decoder_error(&train, &test, 1, &value), CAL_OK);
    assert_true(isnan(value)); /* there is nothing to read */
    make_targets(1);
    x[5][0] = NAN;
    assert_int_equal(cal_decoder_error(&train, &test, 1, &value), CAL_ENUMERICS);
    assert_int_equal(cal_decoder_ridge(&train, &test, &value), CAL_ENUMERICS);
    cal_err_clear();
}

/* ---- the gradient, against differences of a loss in float64 ---- */

#define ROWS 9

/* The loss of a batch, written out; `moved` has `by` added to it. */
static double loss(const struct cal_decoder *d, const float *moved, double by)
{
    double sum = 0;
    for (int b = 0; b < ROWS; b++) {
        double a[2][CAL_DECODER_HIDDEN] = {{0}};
        int now = 0;
        for (int c = 0; c < D; c++)
            a[0][c] = ((double)x[b][c] - (double)d->mean_x[c]) * (double)d->scale_x[c];
        for (int i = 0; i < CAL_DECODER_LAYERS; i++, now = !now) {
            const struct cal_decoder_layer *k = &d->layer[i];
            for (int o = 0; o < k->outputs; o++) {
                double z = (double)k->b[o] + (&k->b[o] == moved ? by : 0);
                for (int c = 0; c < k->inputs; c++) {
                    const float *w = &k->w[o * k->inputs + c];
                    z += ((double)*w + (w == moved ? by : 0)) * a[now][c];
                }
                a[!now][o] = z > 0 || i == CAL_DECODER_LAYERS - 1 ? z : 0.01 * z;
            }
        }
        for (int o = 0; o < O; o++) {
            double away = a[now][o] - ((double)t[b][o] - (double)d->mean_t[o]) / (double)d->scale_t;
            sum += away * away / (2 * ROWS);
        }
    }
    return sum;
}

static void check(const struct cal_decoder *d, const float *w, const float *g, int n)
{
    const double by = 1e-5;
    for (int i = 0; i < n; i += 1 + n / 40) {
        double slope = (loss(d, &w[i], by) - loss(d, &w[i], -by)) / (2 * by);
        assert_true(fabs(slope - (double)g[i]) < 2e-4 * (1 + fabs(slope)));
    }
}

static void gradient(void **state)
{
    (void)state;
    draw_codes();
    make_targets(2);
    struct cal_decoder *d = cal_decoder_create(&train, 3);
    for (int i = 0; i < CAL_DECODER_LAYERS; i++)
        draw(10 + (unsigned)i, d->layer[i].b, (size_t)d->layer[i].outputs);
    double value = cal_decoder_gradient(d, ROWS, x[0], t[0]), wanted = loss(d, NULL, 0), largest = 0;
    assert_true(fabs(value - wanted) < 1e-5 * wanted);
    for (int i = 0; i < CAL_DECODER_LAYERS; i++) {
        const struct cal_decoder_layer *k = &d->layer[i];
        check(d, k->w, k->g_w, k->inputs * k->outputs);
        check(d, k->b, k->g_b, k->outputs);
        for (int o = 0; o < k->inputs * k->outputs; o++)
            largest = fmax(largest, fabs((double)k->g_w[o]));
    }
    assert_true(largest > 0.1); /* else the check says little */
    cal_decoder_destroy(d);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_code_is_read),
        cmocka_unit_test(a_bent_code_is_read_by_the_network_alone),
        cmocka_unit_test(noise_is_no_better_than_the_mean),
        cmocka_unit_test(test_samples_are_only_scored),
        cmocka_unit_test(the_same_seed_gives_the_same_decoder),
        cmocka_unit_test(bad_samples),
        cmocka_unit_test(gradient),
    };
    return cmocka_run_group_tests_name("decoder", tests, NULL, no_memory_left);
}
