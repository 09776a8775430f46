/* tests/test_layers.c - the layers of networks over maps: their twins' gradients against finite differences, and they against their twins. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/conv.h"
#include "core/head.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/norm.h"
#include "core/rng.h"

/* ---- arrays in both precisions ---- */

/* n normals, a function of `which`. [give] */
static float *normals(uint64_t which, size_t n)
{
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which);
    float *x = cal_alloc((n + 1) * sizeof *x);
    cal_rng_normal_fill(&r, 0, x, n);
    return x;
}

/* The same values in float64. [give] */
static double *exact(const float *x, size_t n)
{
    double *copy = cal_alloc(n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (double)x[i];
    return copy;
}

static double *exact_normals(uint64_t which, size_t n)
{
    float *x = normals(which, n);
    double *copy = exact(x, n);
    cal_free(x);
    return copy;
}

/* Something that is neither zero nor right, for what has to be overwritten; one value more, to see that it ends there. [give] */
static float *rubbish(size_t n)
{
    float *x = cal_alloc((n + 1) * sizeof *x);
    for (size_t i = 0; i <= n; i++)
        x[i] = 12345;
    return x;
}

/* |fast - slow| within `tolerance` of the largest value of slow, and nothing written behind. */
static void expect_close(const float *fast, const double *slow, size_t n, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(slow[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)fast[i] - slow[i]) <= tolerance * largest))
            fail_msg("value %zu is %.9g, its twin says %.9g", i, (double)fast[i], slow[i]);
    assert_true(fast[n] == 12345);
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* g is the gradient of loss(layer) in x (n,): central differences in float64. */
static void expect_gradient(double (*loss)(void *layer), void *layer, double *x, const double *g, size_t n)
{
    const double h = 1e-6;
    for (size_t i = 0; i < n; i++) {
        double was = x[i];
        x[i] = was + h;
        double above = loss(layer);
        x[i] = was - h;
        double difference = (above - loss(layer)) / (2 * h);
        x[i] = was;
        if (!(fabs(difference - g[i]) <= 1e-6 * (1 + fabs(g[i]))))
            fail_msg("gradient %zu is %.9g, differences say %.9g", i, g[i], difference);
    }
}

/* ---- convolution ---- */

struct conv_check {
    struct cal_conv c;
    double *x, *w, *y, *g_y; /* the loss is g_y . y */
};

static size_t conv_x(const struct cal_conv *c)
{
    return (size_t)c->batch * (size_t)c->in * (size_t)c->height * (size_t)c->width;
}

static size_t conv_y(const struct cal_conv *c)
{
    return (size_t)c->batch * (size_t)c->out * (size_t)c->height * (size_t)c->width;
}

static size_t conv_w(const struct cal_conv *c)
{
    return (size_t)c->out * (size_t)c->in * 9;
}

static double conv_loss(void *layer)
{
    struct conv_check *k = layer;
    cal_conv_forward_twin(&k->c, k->x, k->w, k->y);
    return dot(k->y, k->g_y, conv_y(&k->c));
}

static void convolution_has_its_gradient(void **state)
{
    (void)state;
    struct conv_check k = {.c = {.batch = 2, .in = 3, .out = 4, .height = 4, .width = 5}};
    size_t n_x = conv_x(&k.c), n_w = conv_w(&k.c), n_y = conv_y(&k.c);
    k.x = exact_normals(1, n_x);
    k.w = exact_normals(2, n_w);
    k.g_y = exact_normals(3, n_y);
    k.y = cal_alloc(n_y * sizeof(double));
    double *g_w = exact_normals(4, n_w), *g_x = exact_normals(5, n_x);
    cal_conv_backward_twin(&k.c, k.x, k.w, k.g_y, g_w, g_x);
    expect_gradient(conv_loss, &k, k.w, g_w, n_w);
    expect_gradient(conv_loss, &k, k.x, g_x, n_x);
    double *all[] = {k.x, k.w, k.g_y, k.y, g_w, g_x};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

/* By hand: a kernel that only looks to the upper left moves the map down and right, and zeros come in. */
static void convolution_sees_zeros_beyond_the_border(void **state)
{
    (void)state;
    struct cal_conv c = {.batch = 1, .in = 1, .out = 1, .height = 2, .width = 3};
    const float x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 0, 0, 0, 0, 0, 0, 0, 0}, expected[] = {0, 0, 0, 0, 1, 2};
    float y[6], *scratch = rubbish(cal_conv_scratch(&c));
    cal_conv_forward(&c, x, w, y, scratch);
    for (int i = 0; i < 6; i++)
        assert_true(y[i] == expected[i]);
    cal_free(scratch);
}

static void check_conv(const struct cal_conv *c)
{
    size_t n_x = conv_x(c), n_w = conv_w(c), n_y = conv_y(c), n_scratch = cal_conv_scratch(c);
    float *x = normals(1, n_x), *w = normals(2, n_w), *g_y = normals(3, n_y);
    float *y = rubbish(n_y), *g_w = rubbish(n_w), *g_x = rubbish(n_x), *scratch = rubbish(n_scratch);
    double *x_twin = exact(x, n_x), *w_twin = exact(w, n_w), *g_y_twin = exact(g_y, n_y);
    double *y_twin = exact(y, n_y), *g_w_twin = exact(g_w, n_w), *g_x_twin = exact(g_x, n_x);
    cal_conv_forward(c, x, w, y, scratch);
    cal_conv_forward_twin(c, x_twin, w_twin, y_twin);
    expect_close(y, y_twin, n_y, 2e-6);
    cal_conv_backward(c, x, w, g_y, g_w, g_x, scratch);
    cal_conv_backward_twin(c, x_twin, w_twin, g_y_twin, g_w_twin, g_x_twin);
    expect_close(g_w, g_w_twin, n_w, 2e-6);
    expect_close(g_x, g_x_twin, n_x, 2e-6);
    float *again = rubbish(n_w); /* without g_x, and with what the scratch was left with */
    cal_conv_backward(c, x, w, g_y, again, NULL, scratch);
    assert_memory_equal(again, g_w, n_w * sizeof *again);
    assert_true(scratch[n_scratch] == 12345);
    void *all[] = {x, w, g_y, y, g_w, g_x, scratch, x_twin, w_twin, g_y_twin, y_twin, g_w_twin, g_x_twin, again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void convolution_agrees_with_its_twin(void **state)
{
    (void)state;
    static const struct cal_conv shapes[] = {
        {1, 1, 1, 1, 1},    {2, 1, 16, 32, 32}, {2, 3, 32, 32, 32}, {2, 32, 64, 16, 16}, {3, 64, 64, 8, 8},
        {5, 64, 128, 4, 4}, {3, 5, 7, 6, 10},   {2, 17, 33, 7, 3},  {2, 9, 48, 12, 20},  {7, 2, 100, 2, 2},
        {2, 8, 15, 1, 40},  {2, 20, 17, 40, 1}, {1, 6, 40, 15, 15},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_conv(&shapes[s]);
}

/* What one sample becomes does not depend on the others, nor on where the arrays lie. */
static void convolution_treats_samples_alike(void **state)
{
    (void)state;
    struct cal_conv c = {.batch = 5, .in = 6, .out = 20, .height = 9, .width = 11}, one = c;
    one.batch = 1;
    float *x = normals(1, conv_x(&c)), *w = normals(2, conv_w(&c)), *y = rubbish(conv_y(&c)), *alone = rubbish(conv_y(&one) + 16);
    float *scratch = cal_alloc(cal_conv_scratch(&c) * sizeof *scratch);
    cal_conv_forward(&c, x, w, y, scratch);
    for (size_t b = 0; b < 5; b++) {
        cal_conv_forward(&one, x + b * conv_x(&one), w, alone + 3 * b, scratch);
        assert_memory_equal(alone + 3 * b, y + b * conv_y(&one), conv_y(&one) * sizeof *y);
    }
    float *all[] = {x, w, y, alone, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

/* ---- normalisation ---- */

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

/* ---- heads ---- */

struct head_check {
    int rows, in, out; /* maps: height, width */
    double *x, *w, *b, *y, *g_y;
    int right;
};

static double blocks_loss(void *layer)
{
    struct head_check *k = layer;
    cal_blocks_forward_twin(k->rows, k->in, k->out, k->x, k->y);
    return dot(k->y, k->g_y, (size_t)k->rows * 16);
}

static double linear_loss(void *layer)
{
    struct head_check *k = layer;
    cal_linear_forward_twin(k->rows, k->in, k->out, k->x, k->w, k->b, k->y);
    return dot(k->y, k->g_y, (size_t)k->rows * (size_t)k->out);
}

static double cross_entropy_loss(void *layer)
{
    struct head_check *k = layer;
    return cal_cross_entropy_twin(k->rows, k->in, k->x, k->b, k->y, &k->right);
}

static double smooth_l1_loss(void *layer)
{
    struct head_check *k = layer;
    return cal_smooth_l1_twin(k->rows, k->in, 0.5, k->x, k->b, k->y);
}

static void heads_have_their_gradients(void **state)
{
    (void)state;
    enum { N = 512 };
    struct head_check k = {.x = exact_normals(1, N), .w = exact_normals(2, N), .b = exact_normals(3, N), .y = exact_normals(4, N)};
    k.g_y = exact_normals(5, N);
    double *g_w = exact_normals(6, N), *g_b = exact_normals(7, N), *g_x = exact_normals(8, N);
    k.rows = 3;
    k.in = 8;
    k.out = 12; /* three maps of 8 x 12 */
    cal_blocks_backward_twin(k.rows, k.in, k.out, k.g_y, g_x);
    expect_gradient(blocks_loss, &k, k.x, g_x, 3 * 8 * 12);
    memset(g_x, 0, N * sizeof *g_x);
    cal_linear_backward_twin(k.rows, k.in, k.out, k.x, k.w, k.g_y, g_w, g_b, g_x);
    expect_gradient(linear_loss, &k, k.x, g_x, 3 * 8);
    expect_gradient(linear_loss, &k, k.w, g_w, 12 * 8);
    expect_gradient(linear_loss, &k, k.b, g_b, 12);
    smooth_l1_loss(&k);
    memcpy(g_x, k.y, 3 * 8 * sizeof *g_x);
    expect_gradient(smooth_l1_loss, &k, k.x, g_x, 3 * 8);
    for (int i = 0; i < 3; i++)
        k.b[i] = 3 * i;
    cross_entropy_loss(&k);
    memcpy(g_x, k.y, 3 * 8 * sizeof *g_x);
    expect_gradient(cross_entropy_loss, &k, k.x, g_x, 3 * 8);
    double *all[] = {k.x, k.w, k.b, k.y, k.g_y, g_w, g_b, g_x};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void blocks_agree_with_their_twins(void **state)
{
    (void)state;
    static const int shapes[][3] = {{1, 4, 4}, {5, 8, 8}, {7, 16, 16}, {3, 32, 32}, {4, 12, 20}, {2, 4, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int *of = shapes[s];
        size_t n_p = (size_t)of[0] * 16, n_x = (size_t)of[0] * (size_t)of[1] * (size_t)of[2];
        float *x = normals(1, n_x), *g_p = normals(2, n_p), *p = rubbish(n_p), *g_x = rubbish(n_x);
        double *x_twin = exact(x, n_x), *g_p_twin = exact(g_p, n_p), *p_twin = exact(p, n_p), *g_x_twin = exact(g_x, n_x);
        cal_blocks_forward(of[0], of[1], of[2], x, p);
        cal_blocks_forward_twin(of[0], of[1], of[2], x_twin, p_twin);
        expect_close(p, p_twin, n_p, 1e-6);
        cal_blocks_backward(of[0], of[1], of[2], g_p, g_x);
        cal_blocks_backward_twin(of[0], of[1], of[2], g_p_twin, g_x_twin);
        expect_close(g_x, g_x_twin, n_x, 1e-6);
        void *all[] = {x, g_p, p, g_x, x_twin, g_p_twin, p_twin, g_x_twin};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            cal_free(all[i]);
    }
}

static void linear_agrees_with_its_twin(void **state)
{
    (void)state;
    enum { B = 37, D = 80, K = 11 };
    float *x = normals(1, B * D), *w = normals(2, K * D), *b = normals(3, K), *g_y = normals(4, B * K);
    float *y = rubbish(B * K), *g_w = rubbish(K * D), *g_b = rubbish(K), *g_x = normals(5, B * D);
    double *x_twin = exact(x, B * D), *w_twin = exact(w, K * D), *b_twin = exact(b, K), *g_y_twin = exact(g_y, B * K);
    double *y_twin = exact(y, B * K), *g_w_twin = exact(g_w, K * D), *g_b_twin = exact(g_b, K), *g_x_twin = exact(g_x, B * D);
    g_x[B * D] = 12345;
    cal_linear_forward(B, D, K, x, w, b, y);
    cal_linear_forward_twin(B, D, K, x_twin, w_twin, b_twin, y_twin);
    expect_close(y, y_twin, B * K, 2e-6);
    cal_linear_backward(B, D, K, x, w, g_y, g_w, g_b, g_x);
    cal_linear_backward_twin(B, D, K, x_twin, w_twin, g_y_twin, g_w_twin, g_b_twin, g_x_twin);
    expect_close(g_w, g_w_twin, K * D, 2e-6);
    expect_close(g_b, g_b_twin, K, 2e-6);
    expect_close(g_x, g_x_twin, B * D, 2e-6); /* added to what was there */
    cal_linear_backward(B, D, K, x, w, g_y, g_w, g_b, NULL);
    void *all[] = {x, w, b, g_y, y, g_w, g_b, g_x, x_twin, w_twin, b_twin, g_y_twin, y_twin, g_w_twin, g_b_twin, g_x_twin};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void losses_agree_with_their_twins(void **state)
{
    (void)state;
    enum { B = 37, K = 11 };
    float *y = normals(1, B * K), *target = normals(2, B * K), *g = rubbish(B * K), labels[B];
    double *y_twin = exact(y, B * K), *target_twin = exact(target, B * K), *g_twin = exact(g, B * K), labels_twin[B];
    int right, right_twin;
    for (int q = 0; q < B; q++)
        labels_twin[q] = labels[q] = (float)(q * 7 % K);
    double loss = cal_cross_entropy(B, K, y, labels, g, &right);
    assert_true(fabs(loss - cal_cross_entropy_twin(B, K, y_twin, labels_twin, g_twin, &right_twin)) < 1e-12);
    assert_int_equal(right, right_twin);
    assert_in_range(right, 1, B - 1);
    expect_close(g, g_twin, B * K, 1e-7);
    loss = cal_smooth_l1(B, K, 1.5, y, target, g);
    assert_true(fabs(loss - cal_smooth_l1_twin(B, K, 1.5, y_twin, target_twin, g_twin)) < 1e-12);
    expect_close(g, g_twin, B * K, 1e-7);
    void *all[] = {y, target, g, y_twin, target_twin, g_twin};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

/* Logits of any size, and equal ones. */
static void cross_entropy_at_its_limits(void **state)
{
    (void)state;
    const float logits[] = {1e4f, -1e4f, 0, 5, 5, 5}, wrong[] = {1, 1}, right_ones[] = {0, 0};
    float g[6];
    int right;
    assert_true(fabs(cal_cross_entropy(2, 3, logits, wrong, g, &right) - (2e4 + log(3)) / 2) < 1e-9);
    assert_int_equal(right, 0); /* of three equal logits the first is meant, and the label is the second */
    assert_true(fabsf(g[0] - 0.5f) < 1e-6f && fabsf(g[1] + 0.5f) < 1e-6f && fabsf(g[4] + 1.0f / 3) < 1e-6f);
    assert_true(fabs(cal_cross_entropy(2, 3, logits, right_ones, g, &right) - log(3) / 2) < 1e-9);
    assert_int_equal(right, 2);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_has_its_gradient),         cmocka_unit_test(convolution_sees_zeros_beyond_the_border),
        cmocka_unit_test(convolution_agrees_with_its_twin),     cmocka_unit_test(convolution_treats_samples_alike),
        cmocka_unit_test(normalisation_has_its_gradient),       cmocka_unit_test(normalisation_agrees_with_its_twin),
        cmocka_unit_test(variance_survives_a_large_mean),       cmocka_unit_test(running_statistics_follow_as_in_pytorch),
        cmocka_unit_test(inference_does_not_look_at_the_batch), cmocka_unit_test(the_first_of_equal_maxima_counts),
        cmocka_unit_test(heads_have_their_gradients),           cmocka_unit_test(blocks_agree_with_their_twins),
        cmocka_unit_test(linear_agrees_with_its_twin),          cmocka_unit_test(losses_agree_with_their_twins),
        cmocka_unit_test(cross_entropy_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
