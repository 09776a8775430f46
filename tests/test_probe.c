/* tests/test_probe.c - input gradients and preferred stimuli of cortex units. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/rng.h"
#include "regions/cortex/probe.h"
#include "regions/layers/layers.h"
#include "tests/star.h"

enum { B = 16, D = 64, H = 6, U = 2 };

static const struct star_setup setup = {.cortices = 1,
                                        .units = {U},
                                        .batch = B,
                                        .inputs = D,
                                        .hidden = H,
                                        .seed = 4,
                                        .rate = 0.1,
                                        .learn_total = 10,
                                        .rule = {CAL_PREDICTOR, 0.2, 8, -1}};

/* y_u(x) in float64. */
static double code(const struct cal_bank *k, int u, const double *x)
{
    double y = (double)k->b2[u];
    for (int h = 0; h < H; h++) {
        double z = (double)k->b1[u * H + h];
        for (int d = 0; d < D; d++)
            z += (double)k->w1[(u * H + h) * D + d] * x[d];
        y += (double)k->w2[u * H + h] * (z > 0 ? z : (double)CAL_LEAK * z);
    }
    return y;
}

static void test_input_gradient(void **state)
{
    (void)state;
    struct star s;
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    const struct cal_bank *k = &((const struct cal_cortex *)s.cortex[0])->bank;
    float x[3 * D], gradient[3 * D];
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 0);
    cal_rng_normal_fill(&rng, 0, x, 3 * D);
    cal_rng_normal_fill(&rng, 1024, k->b1, U * H);
    for (int u = 0; u < U; u++) {
        cal_cortex_input_gradient(s.cortex[0], u, 3, x, gradient);
        for (int row = 0; row < 3; row++)
            for (int d = 0; d < D; d++) {
                double at[D], h = 1e-6;
                for (int i = 0; i < D; i++)
                    at[i] = (double)x[row * D + i];
                at[d] += h;
                double above = code(k, u, at);
                at[d] -= 2 * h;
                assert_true(fabs((above - code(k, u, at)) / (2 * h) - (double)gradient[row * D + d]) < 1e-5);
            }
    }
    star_destroy(&s);
}

/* Cosine of two pictures. */
static double likeness(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int d = 0; d < D; d++) {
        ab += (double)a[d] * (double)b[d];
        aa += (double)a[d] * (double)a[d];
        bb += (double)b[d] * (double)b[d];
    }
    return ab / sqrt(aa * bb);
}

/* A unit that sums what looks like its pattern prefers the pattern, whatever the starts; one that sums the opposite, the opposite. */
static void test_preferred_stimulus(void **state)
{
    (void)state;
    struct star s;
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    const struct cal_bank *k = &((const struct cal_cortex *)s.cortex[0])->bank;
    float pattern[D], stimuli[U * D], again[U * D], other[U * D];
    struct cal_rng rng = cal_rng_key(2, CAL_STREAM_TEST, 0, 0, 0);
    cal_rng_normal_fill(&rng, 0, pattern, D);
    for (int u = 0; u < U; u++)
        for (int h = 0; h < H; h++) {
            k->b1[u * H + h] = 2;
            k->w2[u * H + h] = u == 0 ? 1.0f : -1.0f;
            for (int d = 0; d < D; d++)
                k->w1[(u * H + h) * D + d] = 0.1f * pattern[d];
        }
    struct cal_preferred p = CAL_PREFERRED_DEFAULT;
    cal_cortex_preferred(s.cortex[0], &p, stimuli);
    cal_cortex_preferred(s.cortex[0], &p, again);
    p.seed = 2;
    cal_cortex_preferred(s.cortex[0], &p, other);
    assert_memory_equal(stimuli, again, sizeof stimuli);
    assert_memory_not_equal(stimuli, other, sizeof stimuli);
    assert_true(likeness(stimuli, pattern) > 0.95);
    assert_true(likeness(stimuli, other) > 0.95);
    assert_true(likeness(stimuli + D, pattern) < -0.7); /* pushed down the leaky side, where the slope is small */
    star_destroy(&s);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_input_gradient), cmocka_unit_test(test_preferred_stimulus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
