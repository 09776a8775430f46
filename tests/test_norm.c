/* tests/test_norm.c - normalisation and pooling: their twin's gradients against finite differences, they against their twin, and running statistics. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "core/norm.h"
#include "tests/twins.h"

struct norm_check {
    struct cal_norm n;
    double *a, *mean, *variance, *gamma, *beta, *y, *g_y; /* the loss is g_y . y */
};

static size_t norm_a(const struct cal_norm *n)
{
    return (size_t)n->batch * (size_t)n->channels * (size_t)n->height * (size_t)n->width;
}

static size_t norm_y(const struct cal_norm *n)
{
    return norm_a(n) / (n->pool ? 4 : 1);
}

static double norm_loss(void *layer)
{
    struct norm_check *k = layer;
    cal_norm_statistics_twin(&k->n, k->a, k->mean, k->variance);
    cal_norm_forward_twin(&k->n, k->a, k->mean, k->variance, k->gamma, k->beta, k->y);
    return dot(k->y, k->g_y, norm_y(&k->n));
}

static void normalisation_has_its_gradient(void **state)
{
    (void)state;
    for (int pool = 0; pool < 2; pool++) {
        struct norm_check k = {.n = {.batch = 3, .channels = 4, .height = 4, .width = 6, .pool = pool}};
        size_t n_a = norm_a(&k.n), n_y = norm_y(&k.n), channels = 4;
        k.a = exact_normals(1, n_a);
        k.gamma = exact_normals(2, channels);
        k.beta = exact_normals(3, channels);
        k.g_y = exact_normals(4, n_y);
        k.y = exact_normals(5, n_y);
        k.mean = exact_normals(6, channels);
        k.variance = exact_normals(7, channels);
        double *g_gamma = exact_normals(8, channels), *g_beta = exact_normals(9, channels), *g_a = exact_normals(10, n_a);
        norm_loss(&k);
        cal_norm_backward_twin(&k.n, k.a, k.mean, k.variance, k.gamma, k.beta, k.g_y, g_gamma, g_beta, g_a);
        expect_gradient(norm_loss, &k, k.gamma, g_gamma, channels);
        expect_gradient(norm_loss, &k, k.beta, g_beta, channels);
        expect_gradient(norm_loss, &k, k.a, g_a, n_a);
        double *all[] = {k.a, k.gamma, k.beta, k.g_y, k.y, k.mean, k.variance, g_gamma, g_beta, g_a};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            cal_free(all[i]);
    }
}

/* All of it at one shape; a has mean 3 and deviation 2, gamma both signs. */
static void check_norm(const struct cal_norm *n)
{
    size_t n_a = norm_a(n), n_y = norm_y(n), channels = (size_t)n->channels;
    float *a = normals(1, n_a), *gamma = normals(2, channels), *beta = normals(3, channels), *g_y = normals(4, n_y);
    for (size_t i = 0; i < n_a; i++)
        a[i] = 3 + 2 * a[i];
    float *mean = rubbish(channels), *variance = rubbish(channels), *y = rubbish(n_y);
    float *g_gamma = rubbish(channels), *g_beta = rubbish(channels), *g_a = rubbish(n_a);
    double *a_twin = exact(a, n_a), *gamma_twin = exact(gamma, channels), *beta_twin = exact(beta, channels), *g_y_twin = exact(g_y, n_y);
    double *mean_twin = exact(mean, channels), *variance_twin = exact(variance, channels), *y_twin = exact(y, n_y);
    double *g_gamma_twin = exact(g_gamma, channels), *g_beta_twin = exact(g_beta, channels), *g_a_twin = exact(g_a, n_a);

    cal_norm_statistics(n, a, mean, variance);
    cal_norm_statistics_twin(n, a_twin, mean_twin, variance_twin);
    expect_close(mean, mean_twin, channels, 1e-6);
    expect_close(variance, variance_twin, channels, 2e-6);
    cal_norm_forward(n, a, mean, variance, gamma, beta, y);
    cal_norm_forward_twin(n, a_twin, mean_twin, variance_twin, gamma_twin, beta_twin, y_twin);
    expect_close(y, y_twin, n_y, 2e-6);
    cal_norm_backward(n, a, mean, variance, gamma, beta, g_y, g_gamma, g_beta, g_a);
    cal_norm_backward_twin(n, a_twin, mean_twin, variance_twin, gamma_twin, beta_twin, g_y_twin, g_gamma_twin, g_beta_twin, g_a_twin);
    expect_close(g_gamma, g_gamma_twin, channels, 4e-6);
    expect_close(g_beta, g_beta_twin, channels, 4e-6);
    expect_close(g_a, g_a_twin, n_a, 4e-6);

    float *g_gamma_again = rubbish(channels), *g_beta_again = rubbish(channels);
    cal_norm_backward(n, a, mean, variance, gamma, beta, g_y, g_gamma_again, g_beta_again, NULL);
    assert_memory_equal(g_gamma_again, g_gamma, channels * sizeof *g_gamma);
    assert_memory_equal(g_beta_again, g_beta, channels * sizeof *g_beta);
    cal_norm_backward(n, a, mean, variance, gamma, beta, g_y, g_gamma_again, g_beta_again, a); /* where a was */
    assert_memory_equal(a, g_a, n_a * sizeof *a);
    void *all[] = {a,           gamma,    beta,          g_y,         y,        mean,      variance, g_gamma,       g_beta,
                   g_a,         a_twin,   gamma_twin,    beta_twin,   g_y_twin, mean_twin, y_twin,   variance_twin, g_gamma_twin,
                   g_beta_twin, g_a_twin, g_gamma_again, g_beta_again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void normalisation_agrees_with_its_twin(void **state)
{
    (void)state;
    static const struct cal_norm shapes[] = {
        {4, 3, 16, 16, false}, {4, 16, 32, 32, false}, {128, 20, 8, 8, false}, {33, 17, 4, 4, false},
        {5, 2, 3, 7, false},   {16, 5, 1, 1, false},   {4, 3, 16, 16, true},   {4, 16, 32, 32, true},
        {128, 20, 8, 8, true}, {33, 17, 4, 4, true},   {5, 2, 6, 14, true},    {16, 5, 2, 2, true},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_norm(&shapes[s]);
}

/* A large mean costs no more of the variance than float32 has already lost of the values. */
static void variance_survives_a_large_mean(void **state)
{
    (void)state;
    struct cal_norm n = {.batch = 16, .channels = 1, .height = 8, .width = 8};
    size_t count = norm_a(&n);
    float *a = normals(1, count), mean, variance;
    for (size_t i = 0; i < count; i++)
        a[i] += 4096;
    double *twin = exact(a, count), mean_twin, variance_twin;
    cal_norm_statistics(&n, a, &mean, &variance);
    cal_norm_statistics_twin(&n, twin, &mean_twin, &variance_twin);
    assert_true(fabs((double)mean - mean_twin) < 1e-3);
    assert_true(fabs((double)variance - variance_twin) < 1e-5);
    cal_free(a);
    cal_free(twin);
}

/* 0.1 of the way at a time, and the variance unbiased: with two values a and b, mean (a + b) / 2 and variance (a - b)^2 / 2. */
static void running_statistics_follow_as_in_pytorch(void **state)
{
    (void)state;
    struct cal_norm n = {.batch = 2, .channels = 2, .height = 1, .width = 1};
    const float a[] = {1, 10, 3, 30};
    float mean[2], variance[2], running_mean[] = {0, 100}, running_variance[] = {1, 0};
    double mean_twin[2], variance_twin[2], running_mean_twin[] = {0, 100}, running_variance_twin[] = {1, 0};
    const double a_twin[] = {1, 10, 3, 30}, expected_mean[] = {0.2, 92}, expected_variance[] = {1.1, 20};
    cal_norm_statistics(&n, a, mean, variance);
    cal_norm_track(&n, mean, variance, running_mean, running_variance);
    cal_norm_statistics_twin(&n, a_twin, mean_twin, variance_twin);
    cal_norm_track_twin(&n, mean_twin, variance_twin, running_mean_twin, running_variance_twin);
    for (int k = 0; k < 2; k++) {
        assert_true(fabs((double)running_mean[k] - expected_mean[k]) < 1e-5);
        assert_true(fabs((double)running_variance[k] - expected_variance[k]) < 1e-5);
        assert_true(fabs(running_mean_twin[k] - expected_mean[k]) < 1e-5);
        assert_true(fabs(running_variance_twin[k] - expected_variance[k]) < 1e-5);
    }
}

/* The running ones may stand in for the batch's own, and then a sample's y is its own affair. */
static void inference_does_not_look_at_the_batch(void **state)
{
    (void)state;
    struct cal_norm n = {.batch = 3, .channels = 2, .height = 4, .width = 4, .pool = true}, one = n;
    one.batch = 1;
    float *a = normals(1, norm_a(&n)), y[24], alone[8];
    const float mean[] = {0.5f, -0.5f}, variance[] = {4, 0.25f}, gamma[] = {1, -2}, beta[] = {0.25f, 0};
    cal_norm_forward(&n, a, mean, variance, gamma, beta, y);
    cal_norm_forward(&one, a + norm_a(&one), mean, variance, gamma, beta, alone);
    assert_memory_equal(alone, y + 8, sizeof alone);
    for (size_t i = 0; i < 8; i++) { /* of the second sample, by hand */
        double best = 0;
        for (size_t j = 0; j < 4; j++) {
            size_t k = i / 4, at = 32 + k * 16 + (i % 4 / 2 * 2 + j / 2) * 4 + i % 2 * 2 + j % 2;
            best = fmax(best, ((double)a[at] - (double)mean[k]) / sqrt((double)variance[k] + 1e-5) * (double)gamma[k] + (double)beta[k]);
        }
        assert_true(fabs((double)alone[i] - best) < 4e-6 * fmax(1, best));
    }
    cal_free(a);
}

/* Of equal maxima the first in scan order takes all of the gradient; a block without a positive value takes none. */
static void the_first_of_equal_maxima_counts(void **state)
{
    (void)state;
    static const float block[][4] = {{2, 2, 2, 2}, {1, 2, 2, 2}, {1, 1, 2, 2}, {1, 1, 1, 2}, {-1, 2, -1, 2}, {-1, -2, -1, -1}};
    static const int first[] = {0, 1, 2, 3, 1, -1};
    struct cal_norm n = {.batch = 1, .channels = 1, .height = 2, .width = 12, .pool = true};
    const float mean = 0, variance = 1, gamma = 1, beta = 0, g_y[] = {1, 2, 3, 4, 5, 6};
    float a[24], g_a[24], g_gamma, g_beta;
    for (int k = 0; k < 6; k++)
        for (int i = 0; i < 4; i++)
            a[i / 2 * 12 + 2 * k + i % 2] = block[k][i];
    cal_norm_backward(&n, a, &mean, &variance, &gamma, &beta, g_y, &g_gamma, &g_beta, g_a);
    assert_true(g_beta == 15);
    for (int k = 0; k < 6; k++)
        for (int i = 0; i < 4; i++) {
            int at = i / 2 * 12 + 2 * k + i % 2;
            double rest = -((double)g_beta + (double)a[at] * (double)g_gamma) / 24; /* by way of mean and variance */
            assert_true(fabs((double)g_a[at] - rest - (i == first[k] ? (double)g_y[k] : 0)) < 1e-3);
        }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisation_has_its_gradient),       cmocka_unit_test(normalisation_agrees_with_its_twin),
        cmocka_unit_test(variance_survives_a_large_mean),       cmocka_unit_test(running_statistics_follow_as_in_pytorch),
        cmocka_unit_test(inference_does_not_look_at_the_batch), cmocka_unit_test(the_first_of_equal_maxima_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
