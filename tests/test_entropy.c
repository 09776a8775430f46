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

/* Rows about a mean that is theirs or their label's, `spread` apart, and none negative, as after a ReLU. */
static struct batch *batch_of(int n, int d, double spread, unsigned owner)
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
        double centre = (double)cal_rng_uniform(&rng, (uint64_t)(100000 + i % d + (i / d * (i / d)) % CLASSES * d));
        b->p[i] = (float)fmax(centre + spread * (2 * (double)cal_rng_uniform(&rng, (uint64_t)i) - 1), 0);
        b->wide[i] = (double)b->p[i];
    }
    return b;
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

/* Every derivative of the twins is the slope of their own value, to 1e-6 of the largest. */
static void test_twin_gradients(void **state)
{
    (void)state;
    const double h = 1e-5;
    for (int i = 0; i < SETTINGS; i++) {
        struct batch *b = batch_of(9, 7, 0.8, (unsigned)i);
        double got[9 * 7], slope[9 * 7], worst = 0;
        twin(b, settings[i].alpha, settings[i].conditional);
        memcpy(got, b->wide_dp, sizeof got);
        for (int k = 0; k < 9 * 7; k++) {
            double was = b->wide[k], above, below;
            b->wide[k] = was + h;
            above = twin(b, settings[i].alpha, settings[i].conditional);
            b->wide[k] = was - h;
            below = twin(b, settings[i].alpha, settings[i].conditional);
            b->wide[k] = was;
            slope[k] = (above - below) / (2 * h);
            worst = fmax(worst, fabs(slope[k] - got[k]));
        }
        assert_true(largest(slope, 9 * 7) > 1e-3);
        if (worst > 1e-6 * largest(slope, 9 * 7))
            fail_msg("setting %d: off by %g of %g", i, worst, largest(slope, 9 * 7));
        cal_free(b);
    }
}

/* Value and gradient are the twin's, to 1e-5 of the largest derivative; at sizes that do and do not fill vectors. Rows close to each other have
 * cosines near 1, of which float32 keeps less, and small eigenvalues, for which orders below 2 ask most: 1e-4 there. */
static void test_against_twin(void **state)
{
    (void)state;
    const int sizes[][2] = {{8, 16}, {33, 19}, {48, 80}, {2, 3}};
    for (int i = 0; i < SETTINGS; i++)
        for (int k = 0; k < 8; k++) {
            struct batch *b = batch_of(sizes[k / 2][0], sizes[k / 2][1], k % 2 ? 0.8 : 0.05, (unsigned)(10 + k));
            double expected = twin(b, settings[i].alpha, settings[i].conditional), worst = 0;
            double value = real(b, settings[i].alpha, settings[i].conditional, 1);
            int count = b->n * b->d;
            if (fabs(value - expected) > 2e-6)
                fail_msg("setting %d, batch %d: value %.9g, expected %.9g", i, k, value, expected);
            for (int j = 0; j < count; j++)
                worst = fmax(worst, fabs((double)b->dp[j] - b->wide_dp[j]));
            if (worst > (k % 2 ? 1e-5 : 1e-4) * largest(b->wide_dp, count) + 1e-8)
                fail_msg("setting %d, batch %d: gradient off by %g of %g", i, k, worst, largest(b->wide_dp, count));
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
        float z[2][9 * 37], norm[2][9], dp[2][9 * 37];
        memset(dp, 0, sizeof dp);
        cal_gram_unit_rows(b->n, b->d, b->p, z[0], norm[0]);
        cal_gram_unit_rows_twin(b->n, b->d, b->p, z[1], norm[1]);
        cal_gram_unit_rows_back(b->n, b->d, z[0], norm[0], dz->p, dp[0]);
        cal_gram_unit_rows_back_twin(b->n, b->d, z[1], norm[1], dz->p, dp[1]);
        for (int i = 0; i < b->n * b->d; i++) {
            assert_true(fabsf(z[0][i] - z[1][i]) < 1e-6f);
            assert_true(fabsf(dp[0][i] - dp[1][i]) < 1e-5f * (1 + fabsf(dp[1][i])));
            assert_true(fabsf(norm[0][i / b->d] - norm[1][i / b->d]) < 1e-5f);
        }
        cal_free(dz);
        cal_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_gradients), cmocka_unit_test(test_against_twin), cmocka_unit_test(test_weight),
        cmocka_unit_test(test_entropy_values), cmocka_unit_test(test_dead_row),     cmocka_unit_test(test_similarity_values),
        cmocka_unit_test(test_unit_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
