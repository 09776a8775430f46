/* tests/test_linear.c - ridge regression, principal components, correlation: against small problems with exact answers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analysis/linear.h"
#include "core/err.h"
#include "tests/fixtures.h"

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* Uniform in -1 ... 1, by a small generator of the test's own. */
static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1.0f;
}

/* One input, two rows to fit, two to test, all by hand: mean x = 2, mean t = 3, S = 2, cross = 4, so w = 4 / (2 (1 + ridge)). */
static void ridge_by_hand(void **state)
{
    (void)state;
    const float x[4] = {1, 3, 4, 2}, t[4] = {1, 5, 10, 3};
    double mse;
    assert_int_equal(cal_ridge_error(x, t, 4, 1, 1, 0.0, &mse), CAL_OK);
    NEAR(mse, (3.0 * 3.0 + 0.0) / 2, 1e-12); /* w = 2: guesses 7 and 3 */
    assert_int_equal(cal_ridge_error(x, t, 4, 1, 1, 1.0, &mse), CAL_OK);
    NEAR(mse, (5.0 * 5.0 + 0.0) / 2, 1e-12); /* w = 1: guesses 5 and 3 */
}

/* A linear map with intercept is found again, over several blocks of rows, whatever the scales of the inputs. */
static void ridge_finds_a_linear_map(void **state)
{
    (void)state;
    enum { N = 1501, D = 7, M = 4 };
    static float x[N * D], t[N * M];
    float w[M * D];
    uint32_t seed = 5;
    double mse;
    for (int i = 0; i < M * D; i++)
        w[i] = noise(&seed);
    for (int i = 0; i < N; i++) {
        for (int d = 0; d < D; d++)
            x[i * D + d] = noise(&seed) * (d == 3 ? 1000.0f : 1.0f) + 10.0f * (float)d;
        for (int m = 0; m < M; m++) {
            double sum = 0.5 * m;
            for (int d = 0; d < D; d++)
                sum += (double)w[m * D + d] / (d == 3 ? 1000 : 1) * x[i * D + d];
            t[i * M + m] = (float)sum;
        }
    }
    assert_int_equal(cal_ridge_error(x, t, N, D, M, 1e-12, &mse), CAL_OK);
    NEAR(mse, 0, 1e-10);
    assert_int_equal(cal_ridge_error(x, t, N, D, M, 1e-3, &mse), CAL_OK);
    assert_true(mse > 1e-9 && mse < 1e-4);
    for (int i = N / 2; i < N; i++) /* the second half decides, and was not seen */
        for (int m = 0; m < M; m++)
            t[i * M + m] += 1;
    assert_int_equal(cal_ridge_error(x, t, N, D, M, 1e-12, &mse), CAL_OK);
    NEAR(mse, 1, 1e-5);
}

/* Units that are dead or twins of others change nothing. */
static void ridge_with_dead_and_twin_units(void **state)
{
    (void)state;
    enum { N = 64 };
    float x[N * 3], t[N];
    uint32_t seed = 9;
    double mse;
    for (int i = 0; i < N; i++) {
        x[i * 3] = x[i * 3 + 2] = noise(&seed);
        x[i * 3 + 1] = 4.5f;
        t[i] = 3 * x[i * 3] - 1;
    }
    assert_int_equal(cal_ridge_error(x, t, N, 3, 1, 1e-3, &mse), CAL_OK);
    NEAR(mse, 0, 1e-5);
    t[0] = NAN;
    assert_int_equal(cal_ridge_error(x, t, N, 3, 1, 1e-3, &mse), CAL_ENUMERICS);
}

/* Points at +-a_d on each axis d: the components are the axes, by size, and coordinates keep their lengths. */
static void pca_finds_the_axes(void **state)
{
    (void)state;
    const float size[3] = {1, 5, 3};
    float x[12 * 3] = {0}, codes[12 * 2];
    for (int half = 0; half < 2; half++)
        for (int d = 0; d < 3; d++)
            for (int sign = 0; sign < 2; sign++)
                x[((half * 3 + d) * 2 + sign) * 3 + d] = sign ? -size[d] : size[d];
    for (int i = 0; i < 36; i++)
        x[i] += 7; /* off the origin */
    assert_int_equal(cal_pca(x, 12, 3, 2, codes), CAL_OK);
    for (int i = 0; i < 12; i++) {
        int d = i / 2 % 3;
        double on[2] = {d == 2 ? 3 : 0, d == 1 ? 5 : 0}; /* rows by size: the larger of the two last */
        NEAR(fabs((double)codes[i * 2]), on[0], 1e-5);
        NEAR(fabs((double)codes[i * 2 + 1]), on[1], 1e-5);
    }
    double mse; /* what two components leave is the third: a sixth of the rows at 1 and -1 each, a third of the columns */
    assert_int_equal(cal_ridge_error(codes, x, 12, 2, 3, 1e-12, &mse), CAL_OK);
    NEAR(mse, 2.0 / 6 / 3, 1e-6);
}

/* Data of rank 2 in 5 dimensions, turned anyhow: two components hold them all, one does not. */
static void pca_of_low_rank(void **state)
{
    (void)state;
    enum { N = 600, D = 5 };
    static float x[N * D], codes[N * 2];
    float a[D], b[D];
    uint32_t seed = 3;
    double mse;
    for (int d = 0; d < D; d++) {
        a[d] = noise(&seed);
        b[d] = noise(&seed);
    }
    for (int i = 0; i < N; i++) {
        float p = 2 * noise(&seed), q = noise(&seed);
        for (int d = 0; d < D; d++)
            x[i * D + d] = p * a[d] + q * b[d] - 3;
    }
    assert_int_equal(cal_pca(x, N, D, 2, codes), CAL_OK);
    assert_int_equal(cal_ridge_error(codes, x, N, 2, D, 1e-12, &mse), CAL_OK);
    NEAR(mse, 0, 1e-10);
    NEAR(cal_mean_correlation(codes, N / 2, 2), 0, 1e-6); /* where they were fitted */
    assert_int_equal(cal_pca(x, N, D, 1, codes), CAL_OK);
    assert_int_equal(cal_ridge_error(codes, x, N, 1, D, 1e-12, &mse), CAL_OK);
    assert_true(mse > 1e-3);
    x[4] = NAN;
    assert_int_equal(cal_pca(x, N, D, 1, codes), CAL_ENUMERICS);
}

static void correlation_by_hand(void **state)
{
    (void)state;
    /* Columns: a, -2a + 1, orthogonal to a, constant. */
    const float x[4 * 4] = {1, -1, 1, 6, -1, 3, 1, 6, 1, -1, -1, 6, -1, 3, -1, 6};
    NEAR(cal_mean_correlation(x, 4, 4), 1.0 / 3, 1e-12);
    const float half[3 * 2] = {1, 1, 0, 0, -1, 0}; /* covariance 1 of variances 2 and 2/3 */
    NEAR(cal_mean_correlation(half, 3, 2), sqrt(3) / 2, 1e-7);
    assert_true(isnan(cal_mean_correlation(x, 4, 1)));
}

static void live_by_hand(void **state)
{
    (void)state;
    const float x[2 * 4] = {0.06f, 1.04f, 3, 0, -0.06f, 0.96f, 3, 2}; /* deviations 0.06, 0.04, 0, 1 */
    NEAR(cal_live_share(x, 2, 4, 0.05), 0.5, 0);
    NEAR(cal_live_share(x, 2, 4, 0.03), 0.75, 0);
}

/* Units of two columns, made of the orthogonal columns p, q, r, s. */
enum { N = 16 };
static const struct {
    const char *units;
    int n;
    double value;
    bool none;
} redundant[] = {
    {"ab", 2, 1, false},         /* one is the other, turned and scaled */
    {"ac", 2, 0.25, false},      /* a direction in common, of squared correlation 1/2 */
    {"ad", 2, 0, false},         /* nothing */
    {"cd", 2, 0.5, false},       /* d has one direction, which is half of one of c */
    {"abc", 3, 1.5 / 3, false},  /* mean over pairs */
    {"abce", 4, 1.5 / 3, false}, /* one that is always the same does not count */
    {"ae", 2, 0, true},          {"a", 1, 0, true},
};

static void unit(char name, int row, float *to)
{
    float p = row & 1 ? 1 : -1, q = row & 2 ? 1 : -1, r = row & 4 ? 1 : -1, s = row & 8 ? 1 : -1;
    const float all[5][2] = {{p, q + 7}, {3 * p - q, 100 * (p + q)}, {p + r, s}, {r, -2 * r}, {0.6f, 0.8f}};
    to[0] = all[name - 'a'][0];
    to[1] = all[name - 'a'][1];
}

static void redundancy_of_known_pairs(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof redundant / sizeof *redundant; k++) {
        float x[N * 4 * 2];
        double value = 0;
        for (int i = 0; i < N; i++)
            for (int u = 0; u < redundant[k].n; u++)
                unit(redundant[k].units[u], i, x + 2 * (i * redundant[k].n + u));
        assert_int_equal(cal_redundancy(x, N, redundant[k].n, 2, &value), CAL_OK);
        if (redundant[k].none)
            assert_true(isnan(value));
        else
            NEAR(value, redundant[k].value, 1e-6);
        x[3] = NAN;
        if (redundant[k].n > 1)
            assert_int_equal(cal_redundancy(x, N, redundant[k].n, 2, &value), CAL_ENUMERICS);
    }
}

/* Of single columns it is the squared correlation. */
static void redundancy_of_single_columns(void **state)
{
    (void)state;
    float x[300 * 2];
    uint32_t seed = 8;
    double value;
    for (int i = 0; i < 300; i++) {
        x[2 * i] = noise(&seed);
        x[2 * i + 1] = 0.5f * x[2 * i] + noise(&seed);
    }
    double r = cal_mean_correlation(x, 300, 2);
    assert_int_equal(cal_redundancy(x, 300, 2, 1, &value), CAL_OK);
    NEAR(value, r * r, 1e-9);
    assert_true(value > 0.05);
}

static void largest_mean_by_hand(void **state)
{
    (void)state;
    const float x[2 * 4] = {1, 0, 0.6f, 0.8f, -1, 0, 0.6f, 0}; /* means (0, 0) and (0.6, 0.4) */
    NEAR(cal_largest_mean(x, 2, 2, 2), sqrt(0.36 + 0.16), 1e-7);
    NEAR(cal_largest_mean(x, 2, 4, 1), 0.6, 1e-7);
}

/* Fitted to some samples, scored on others: w = 2 by the first two of ridge_by_hand. */
static void ridge_on_other_samples(void **state)
{
    (void)state;
    const float x[2] = {1, 3}, t[2] = {1, 5}, x_test[3] = {4, 2, 0}, t_test[3] = {10, 3, -2};
    const struct cal_pairs fit = {2, 1, 1, x, t}, test = {3, 1, 1, x_test, t_test};
    double mse;
    assert_int_equal(cal_ridge_transfer(&fit, &test, 0, &mse), CAL_OK);
    NEAR(mse, (9.0 + 0 + 1) / 3, 1e-12); /* guesses 7, 3, -1 */
    NEAR(cal_mean_error(&fit, &test), (49.0 + 0 + 25) / 3, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ridge_by_hand),
        cmocka_unit_test(ridge_finds_a_linear_map),
        cmocka_unit_test(ridge_with_dead_and_twin_units),
        cmocka_unit_test(pca_finds_the_axes),
        cmocka_unit_test(pca_of_low_rank),
        cmocka_unit_test(correlation_by_hand),
        cmocka_unit_test(live_by_hand),
        cmocka_unit_test(ridge_on_other_samples),
        cmocka_unit_test(redundancy_of_known_pairs),
        cmocka_unit_test(redundancy_of_single_columns),
        cmocka_unit_test(largest_mean_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
