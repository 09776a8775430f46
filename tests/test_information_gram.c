/* tests/test_information_gram.c - entropy, mutual information and alignment of Gram matrices whose eigenvalues are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/information_gram.h"
#include "core/err.h"
#include "core/rng.h"
#include "tests/fixtures.h"

#define N 60
#define COLS 5
#define ALPHA 1.01
#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static double gram[4][N * N];
static float x[3][N * COLS];
static uint32_t order[CAL_INFORMATION_SHUFFLES * N];

static double entropy(const double *k, size_t n)
{
    double bits = NAN;
    if (cal_information_entropy(k, n, &bits))
        fail_msg("%s", cal_err_message());
    return bits;
}

static struct cal_mutual mutual(const double *a, const double *b)
{
    struct cal_mutual i = {0};
    if (cal_information_mutual(a, entropy(a, N), b, entropy(b, N), N, order, &i))
        fail_msg("%s", cal_err_message());
    return i;
}

/* The textbook's formula, of n eigenvalues. */
static double renyi(const double *lambda, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += lambda[i] > 0 ? pow(lambda[i], ALPHA) : 0;
    return log2(sum) / (1 - ALPHA);
}

static void random_rows(float *rows, uint64_t number)
{
    struct cal_rng key = cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, number);
    for (size_t i = 0; i < N * COLS; i++)
        rows[i] = 2 * cal_rng_uniform(&key, i) - 1;
}

/* out = 40 (x turned in the planes of columns (0,1) and (2,4)) + 3. */
static void move_rows(const float *rows, float *out)
{
    const int plane[2][2] = {{0, 1}, {2, 4}};
    for (size_t i = 0; i < N; i++) {
        memcpy(out + i * COLS, rows + i * COLS, COLS * sizeof *out);
        for (int k = 0; k < 2; k++) {
            float *a = out + i * COLS + plane[k][0], *b = out + i * COLS + plane[k][1], old = *a;
            *a = cosf(0.7f) * old - sinf(0.7f) * *b;
            *b = sinf(0.7f) * old + cosf(0.7f) * *b;
        }
        for (int c = 0; c < COLS; c++)
            out[i * COLS + (size_t)c] = 40 * out[i * COLS + (size_t)c] + 3;
    }
}

static int setup(void **state)
{
    (void)state;
    for (size_t k = 0; k < CAL_INFORMATION_SHUFFLES; k++) {
        struct cal_rng key = cal_rng_key(2, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, k);
        for (uint32_t i = 0; i < N; i++)
            order[k * N + i] = cal_rng_permute(&key, i, N);
    }
    for (uint64_t k = 0; k < 3; k++)
        random_rows(x[k], k);
    return 0;
}

static void entropy_of_known_matrices(void **state)
{
    (void)state;
    static float same[N * COLS], class[N];
    for (size_t i = 0; i < N * COLS; i++)
        same[i] = (float)(i % COLS);
    cal_information_rows(same, N, COLS, gram[0]);
    NEAR(entropy(gram[0], N), 0, 1e-10); /* all alike */
    for (size_t i = 0; i < N; i++)
        class[i] = (float)i;
    cal_information_labels(class, N, gram[0]);
    NEAR(entropy(gram[0], N), log2(N), 1e-10); /* none like any other */
    for (size_t i = 0; i < N; i++)
        class[i] = (float)(i % 5);
    cal_information_labels(class, N, gram[0]);
    NEAR(entropy(gram[0], N), log2(5), 1e-10); /* classes of one size */
    const double two[4] = {1, 0.3, 0.3, 1};
    NEAR(entropy(two, 2), renyi((const double[]){0.65, 0.35}, 2), 1e-10);
}

/* Rows of the identity: d^2 = 2 off the diagonal, its mean 2 (n-1)/n, so K = (1 - c) I + c, c = exp(-2 n/(n-1)). */
static void gram_of_equidistant_rows(void **state)
{
    (void)state;
    static float rows[N * N];
    double lambda[N], c = exp(-2.0 * N / (N - 1));
    for (size_t i = 0; i < N; i++)
        rows[i * N + i] = 1;
    cal_information_rows(rows, N, N, gram[0]);
    for (size_t i = 0; i < N; i++) {
        lambda[i] = (1 - c + (i ? 0 : N * c)) / N;
        for (size_t j = 0; j < N; j++)
            NEAR(gram[0][i * N + j], i == j ? 1 : c, 1e-14);
    }
    NEAR(entropy(gram[0], N), renyi(lambda, N), 1e-10);
}

static void moving_all_rows_changes_nothing(void **state)
{
    (void)state;
    move_rows(x[0], x[1]);
    for (int k = 0; k < 2; k++)
        cal_information_rows(x[k], N, COLS, gram[k]);
    for (size_t i = 0; i < N * N; i++)
        NEAR(gram[0][i], gram[1][i], 1e-5);
    double h = entropy(gram[0], N);
    NEAR(h, entropy(gram[1], N), 1e-4);
    assert_true(h > 1 && h < log2(N) - 0.1); /* neither alike nor apart */
    NEAR(cal_information_alignment(gram[0], gram[1], N), 1, 1e-8);
    random_rows(x[1], 1);
}

/* Four labels and three, every pair of them equally often, and their matrices. */
static void unrelated_labels(float a[N], float b[N])
{
    for (size_t i = 0; i < N; i++) {
        a[i] = (float)(i % 4);
        b[i] = (float)(i / 4 % 3);
    }
    cal_information_labels(a, N, gram[0]);
    cal_information_labels(b, N, gram[1]);
}

static void mutual_information_of_known_pairs(void **state)
{
    (void)state;
    static float a[N], b[N];
    unrelated_labels(a, b);
    NEAR(mutual(gram[0], gram[0]).bits, 2, 1e-10); /* labels with themselves: their entropy */
    NEAR(mutual(gram[0], gram[1]).bits, 0, 1e-10); /* every pair of labels equally often */
    for (size_t i = 0; i < N * N; i++)
        gram[2][i] = 1;
    struct cal_mutual constant = mutual(gram[0], gram[2]);
    NEAR(constant.bits, 0, 1e-10);
    NEAR(constant.shuffled, 0, 1e-10);
    for (size_t i = 0; i < N; i++) /* the first label says all about the second: H(b) = log2 3 */
        a[i] = (float)(i % 12), b[i] = (float)(i % 3);
    cal_information_labels(a, N, gram[0]);
    cal_information_labels(b, N, gram[1]);
    NEAR(mutual(gram[0], gram[1]).bits, log2(3), 1e-10);
}

/* Of rows that have nothing to do with one another, what is left is the baseline; of rows with a copy of themselves in noise, it is not. */
static void what_is_independent_stays_at_the_baseline(void **state)
{
    (void)state;
    for (size_t i = 0; i < N * COLS; i++)
        x[2][i] = x[0][i] + 0.2f * x[1][i];
    for (int k = 0; k < 3; k++)
        cal_information_rows(x[k], N, COLS, gram[k]);
    struct cal_mutual none = mutual(gram[0], gram[1]), much = mutual(gram[0], gram[2]), again = mutual(gram[0], gram[2]);
    assert_true(none.bits > 1); /* the bias */
    assert_true(fabs(none.bits - none.shuffled) < 0.1);
    assert_true(much.bits - much.shuffled > 0.3);
    assert_true(again.bits == much.bits && again.shuffled == much.shuffled);
    random_rows(x[2], 2);
}

/* The baseline is I(A;B) with B's samples given in the orders asked for. */
static void the_baseline_is_the_mean_over_the_orders(void **state)
{
    (void)state;
    double sum = 0, joint[N * N];
    for (int k = 0; k < 2; k++)
        cal_information_rows(x[k], N, COLS, gram[k]);
    for (size_t k = 0; k < CAL_INFORMATION_SHUFFLES; k++) {
        static float moved[N * COLS];
        for (size_t i = 0; i < N; i++)
            memcpy(moved + i * COLS, x[1] + order[k * N + i] * COLS, COLS * sizeof *moved);
        cal_information_rows(moved, N, COLS, gram[2]);
        for (size_t i = 0; i < N * N; i++)
            joint[i] = gram[0][i] * gram[2][i];
        sum += entropy(gram[0], N) + entropy(gram[1], N) - entropy(joint, N);
    }
    NEAR(mutual(gram[0], gram[1]).shuffled, sum / CAL_INFORMATION_SHUFFLES, 1e-9);
}

static void alignment_of_known_pairs(void **state)
{
    (void)state;
    static float a[N], b[N];
    unrelated_labels(a, b);
    NEAR(cal_information_alignment(gram[0], gram[0], N), 1, 1e-12);
    NEAR(cal_information_alignment(gram[0], gram[1], N), 0, 1e-12);
    for (size_t i = 0; i < N; i++)
        b[i] = (float)(i % 2);
    /* Of c classes of m = N/c samples HKH has c-1 eigenvalues m: |HKH|^2 = (c-1) m^2. Halves contain quarters: <.,.> = (2-1) m_2 m_4. */
    cal_information_labels(b, N, gram[1]);
    NEAR(cal_information_alignment(gram[0], gram[1], N), 1 / sqrt(3), 1e-12);
    NEAR(cal_information_alignment(gram[1], gram[0], N), 1 / sqrt(3), 1e-12);
    for (size_t i = 0; i < N * N; i++)
        gram[2][i] = 1;
    assert_true(isnan(cal_information_alignment(gram[0], gram[2], N)));
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct cal_mutual i;
    double bits;
    x[0][7] = NAN;
    cal_information_rows(x[0], N, COLS, gram[0]);
    cal_information_rows(x[1], N, COLS, gram[1]);
    assert_int_equal(cal_information_entropy(gram[0], N, &bits), CAL_ENUMERICS);
    assert_int_equal(cal_information_mutual(gram[1], 1, gram[0], 1, N, order, &i), CAL_ENUMERICS);
    assert_non_null(strstr(cal_err_message(), "not finite"));
    random_rows(x[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_of_known_matrices),
        cmocka_unit_test(gram_of_equidistant_rows),
        cmocka_unit_test(moving_all_rows_changes_nothing),
        cmocka_unit_test(mutual_information_of_known_pairs),
        cmocka_unit_test(what_is_independent_stays_at_the_baseline),
        cmocka_unit_test(the_baseline_is_the_mean_over_the_orders),
        cmocka_unit_test(alignment_of_known_pairs),
        cmocka_unit_test(what_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, no_memory_left);
}
