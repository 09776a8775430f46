/* tests/test_conv.c - convolution: its twin's gradients against finite differences, and it against its twin. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/conv.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "tests/twins.h"

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

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_has_its_gradient),
        cmocka_unit_test(convolution_sees_zeros_beyond_the_border),
        cmocka_unit_test(convolution_agrees_with_its_twin),
        cmocka_unit_test(convolution_treats_samples_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
