/* tests/test_entropy.c - entropy and similarity: the twins' gradients against finite differences, the real ones against the twins, known values. */
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
#include "regions/objectives/entropy.h"
#include "regions/objectives/similarity.h"

enum { N_MAX = 48, D_MAX = 80, CLASSES = 3 };

/* A batch of representations, as float32 and as float64, and room for gradients. */
struct batch {
    int n, d;
    float p[N_MAX * D_MAX], label[N_MAX], dp[N_MAX * D_MAX];
    double wide[N_MAX * D_MAX], wide_label[N_MAX], wide_dp[N_MAX * D_MAX];
};

/* Rows about the mean of one of so many groups, `spread` apart, and none negative, as after a ReLU. Three groups are the classes. */
static struct batch *grouped(int n, int d, double spread, int groups, unsigned owner)
{
    struct batch *b = cal_alloc(sizeof *b);
    struct cal_rng rng = cal_rng_key(9, CAL_STREAM_TEST, owner, 0, 0);
    b->n = n;
    b->d = d;
    for (int i = 0; i < n; i++) {
        b->label[i] = (float)(i * i % CLASSES);
        b->wide_label[i] = (double)b->label[i];
    }
    for (int i = 0; i < n * d; i++) {
        double centre = (double)cal_rng_uniform(&rng, (uint64_t)(100000 + i % d + (i / d * (i / d)) % CLASSES % groups * d));
        b->p[i] = (float)fmax(centre + spread * (2 * (double)cal_rng_uniform(&rng, (uint64_t)i) - 1), 0);
        b->wide[i] = (double)b->p[i];
    }
    return b;
}

static struct batch *batch_of(int n, int d, double spread, unsigned owner)
{
    return grouped(n, d, spread, CLASSES, owner);
}

static double entropy_twin(struct batch *b, double alpha, bool conditional)
{
    struct cal_entropy_twin t = {
        .rows = b->n, .cols = b->d, .alpha = alpha, .p = b->wide, .label = conditional ? b->wide_label : NULL, .dp = b->wide_dp};
    cal_entropy_twin(&t);
    return t.value;
}

static double similarity_twin(struct batch *b)
{
    struct cal_similarity_twin t = {.rows = b->n, .cols = b->d, .classes = CLASSES, .p = b->wide, .label = b->wide_label, .dp = b->wide_dp};
    cal_similarity_twin(&t);
    return t.value;
}

/* alpha 0 stands for similarity matching. */
static double twin(struct batch *b, double alpha, bool conditional)
{
    return alpha > 0 ? entropy_twin(b, alpha, conditional) : similarity_twin(b);
}

/* The real one with its scratch: dp += weight times the gradient. */
static double real(struct batch *b, double alpha, bool conditional, double weight)
{
    struct cal_layout l;
    struct cal_gram gram;
    struct cal_entropy entropy;
    struct cal_similarity similarity;
    double value = 0;
    cal_layout_init(&l);
    cal_gram_declare(&gram, b->n, b->d, &l);
    if (alpha > 0)
        cal_entropy_declare(&entropy, &gram, alpha, &l);
    else
        cal_similarity_declare(&similarity, &gram, &l);
    cal_layout_alloc(&l);
    if (alpha > 0)
        assert_int_equal(cal_entropy(&entropy, b->p, conditional ? b->label : NULL, weight, b->dp, &value), CAL_OK);
    else
        value = cal_similarity(&similarity, b->p, b->label, weight, b->dp);
    cal_layout_finish(&l);
    return value;
}

static double largest(const double *x, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* The objectives: 2, 1.01 and another order, whole and within classes; and similarity. */
static const struct {
    double alpha;
    bool conditional;
} settings[] = {{2, false}, {2, true}, {1.01, false}, {1.01, true}, {3, false}, {0, false}};
enum { SETTINGS = sizeof settings / sizeof *settings };

/* Rows as those of a net are; near those of their class; all nearly the same. */
static const struct {
    double spread;
    int groups;
} rows[] = {{0.8, CLASSES}, {0.05, CLASSES}, {0.05, 1}, {0.002, 1}};
enum { ROWS = sizeof rows / sizeof *rows };

/* The slope of the twin's value along each number of p, by central differences of order 4: that at the float32 rows is well defined. */
static void slopes(struct batch *b, double alpha, bool conditional, double h, double *slope)
{
    for (int k = 0; k < b->n * b->d; k++) {
        double was = b->wide[k], value[4];
        for (int i = 0; i < 4; i++) {
            b->wide[k] = was + (double[]){-2, -1, 1, 2}[i] * h;
            value[i] = twin(b, alpha, conditional);
        }
        b->wide[k] = was;
        slope[k] = (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * h);
    }
}

/* The largest difference between two gradients, as part of the largest derivative. */
static double off(int n, const double *got, const double *expected)
{
    double worst = 0, most = largest(expected, n);
    for (int k = 0; k < n; k++)
        worst = fmax(worst, fabs(got[k] - expected[k]));
    return worst > 0 ? worst / most : 0;
}

/* Every derivative is the slope of the value: the twins' to 1e-6 of the largest, the real ones' to 1e-5. */
static void test_gradients(void **state)
{
    (void)state;
    enum { N = 9, D = 7 };
    for (int i = 0; i < SETTINGS; i++)
        for (int k = 0; k < ROWS; k++) {
            struct batch *b = grouped(N, D, rows[k].spread, rows[k].groups, (unsigned)i);
            double slope[N * D], got[N * D];
            slopes(b, settings[i].alpha, settings[i].conditional, 0.01 * rows[k].spread, slope);
            twin(b, settings[i].alpha, settings[i].conditional);
            real(b, settings[i].alpha, settings[i].conditional, 1);
            for (int j = 0; j < N * D; j++)
                got[j] = (double)b->dp[j];
            assert_true(largest(slope, N * D) > 1e-4);
            if (off(N * D, b->wide_dp, slope) > 1e-6 || off(N * D, got, slope) > 1e-5)
                fail_msg("setting %d, rows %d: twin off by %g, real by %g", i, k, off(N * D, b->wide_dp, slope), off(N * D, got, slope));
            cal_free(b);
        }
}

/* Value and gradient are the twin's, at sizes that do and do not fill vectors. */
static void test_against_twin(void **state)
{
    (void)state;
    const int sizes[][2] = {{8, 16}, {33, 19}, {48, 80}, {3, 4}};
    for (int i = 0; i < SETTINGS; i++)
        for (int k = 0; k < 4 * ROWS; k++) {
            int n = sizes[k / ROWS][0], d = sizes[k / ROWS][1];
            struct batch *b = grouped(n, d, rows[k % ROWS].spread, rows[k % ROWS].groups, (unsigned)(10 + k));
            double expected = twin(b, settings[i].alpha, settings[i].conditional), got[N_MAX * D_MAX];
            double value = real(b, settings[i].alpha, settings[i].conditional, 1);
            for (int j = 0; j < n * d; j++)
                got[j] = (double)b->dp[j];
            if (fabs(value - expected) > 1e-7 || off(n * d, got, b->wide_dp) > 1e-6)
                fail_msg("setting %d, batch %d: value %.9g, expected %.9g; gradient off by %g", i, k, value, expected,
                         off(n * d, got, b->wide_dp));
            cal_free(b);
        }
}

/* Gradients are added, times their weight; weight 0 adds nothing, and the value does not care. */
static void test_weight(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct batch *b = batch_of(16, 12, 0.5, 30), *once = batch_of(16, 12, 0.5, 30);
        double value = real(once, settings[i].alpha, settings[i].conditional, 1);
        for (int k = 0; k < 16 * 12; k++)
            b->dp[k] = 7;
        assert_true(fabs(real(b, settings[i].alpha, settings[i].conditional, 0) - value) < 1e-9);
        for (int k = 0; k < 16 * 12; k++)
            assert_true(b->dp[k] == 7);
        real(b, settings[i].alpha, settings[i].conditional, -2);
        for (int k = 0; k < 16 * 12; k++)
            assert_true(fabsf(b->dp[k] - 7 + 2 * once->dp[k]) < 2e-6f);
        cal_free(once);
        cal_free(b);
    }
}

/* All rows alike: 0. Rows that share nothing, of equal labels or none: K is 1 and exp(-2 / s), whose eigenvalues are known. Rows that share
 * nothing, of n labels: log n. A row counts by its direction. */
static void test_entropy_values(void **state)
{
    (void)state;
    enum { N = 16 };
    struct batch *b = batch_of(N, N, 0, 40);
    const double orders[] = {2, 1.01}, apart = exp(-2 / CAL_ENTROPY_WIDTH);
    for (int k = 0; k < 2; k++) {
        double alpha = orders[k], first = (1 + (N - 1) * apart) / N, rest = (1 - apart) / N;
        for (int i = 0; i < N * N; i++)
            b->p[i] = (float)(1 + i / N) * (float)(1 + i % N); /* row i is i + 1 times the first */
        assert_true(fabs(real(b, alpha, false, 0)) < 1e-5);
        for (int i = 0; i < N * N; i++)
            b->p[i] = i % (N + 1) == 0 ? (float)(1 + i) : 0.0f;
        double expected = log(pow(first, alpha) + (N - 1) * pow(rest, alpha)) / ((1 - alpha) * log(N));
        assert_true(fabs(real(b, alpha, false, 0) - expected) < 1e-6);
        for (int i = 0; i < N; i++)
            b->label[i] = 1;
        assert_true(fabs(real(b, alpha, true, 0) - expected) < 1e-6);
        for (int i = 0; i < N; i++)
            b->label[i] = (float)i;
        assert_true(fabs(real(b, alpha, true, 0) - 1) < 1e-6);
    }
    cal_free(b);
}

/* A row of zeros is where no gradient can be: it gets none, and its neighbours a finite one. */
static void test_dead_row(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS - 1; i++) { /* similarity centres its rows first: no row is dead there */
        struct batch *b = batch_of(12, 5, 0.5, 50);
        memset(b->p + 5, 0, 5 * sizeof *b->p);
        real(b, settings[i].alpha, settings[i].conditional, 1);
        for (int k = 0; k < 12 * 5; k++)
            assert_true(k / 5 == 1 ? b->dp[k] == 0 : isfinite(b->dp[k]));
        cal_free(b);
    }
}

/* One-hot representations match their labels; one class in a batch leaves nothing to match but rows at the mean. */
static void test_similarity_values(void **state)
{
    (void)state;
    struct batch *b = batch_of(12, CLASSES, 0, 60);
    for (int i = 0; i < 12 * CLASSES; i++)
        b->p[i] = (float)(i % CLASSES == (int)b->label[i / CLASSES]);
    assert_true(real(b, 0, false, 1) < 1e-9);
    for (int i = 0; i < 12; i++)
        b->label[i] = 2;
    assert_true(real(b, 0, false, 1) > 0.1);
    cal_free(b);
    b = batch_of(12, CLASSES, 0.5, 60);
    for (int i = 0; i < 12; i++)
        b->label[i] = 2, b->wide_label[i] = 2;
    assert_true(fabs(real(b, 0, false, 1) - similarity_twin(b)) < 1e-6);
    cal_free(b);
}

/* The loops alone, against theirs. */
static void test_unit_rows(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct batch *b = batch_of(9, (const int[]){4, 16, 37}[k], 0.7, 70), *dz = batch_of(9, b->d, 1, 71);
        double z[2][9 * 37], norm[2][9];
        float dp[2][9 * 37] = {{0}, {0}};
        cal_gram_unit_rows(b->n, b->d, b->p, z[0], norm[0]);
        cal_gram_unit_rows_twin(b->n, b->d, b->p, z[1], norm[1]);
        cal_gram_unit_rows_back(b->n, b->d, z[0], norm[0], dz->wide, dp[0]);
        cal_gram_unit_rows_back_twin(b->n, b->d, z[1], norm[1], dz->wide, dp[1]);
        for (int i = 0; i < b->n * b->d; i++) {
            assert_true(fabs(z[0][i] - z[1][i]) < 1e-14);
            assert_true(fabsf(dp[0][i] - dp[1][i]) < 2e-7f * (1 + fabsf(dp[1][i])));
            assert_true(fabs(norm[0][i / b->d] - norm[1][i / b->d]) < 1e-14 * norm[1][i / b->d]);
        }
        cal_free(dz);
        cal_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),      cmocka_unit_test(test_against_twin), cmocka_unit_test(test_weight),
        cmocka_unit_test(test_entropy_values), cmocka_unit_test(test_dead_row),     cmocka_unit_test(test_similarity_values),
        cmocka_unit_test(test_unit_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
