/* tests/test_heads.c - read-outs and losses: their twins' gradients against finite differences, and they against their twins. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/head.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "tests/twins.h"

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
        cmocka_unit_test(heads_have_their_gradients),  cmocka_unit_test(blocks_agree_with_their_twins),
        cmocka_unit_test(linear_agrees_with_its_twin), cmocka_unit_test(losses_agree_with_their_twins),
        cmocka_unit_test(cross_entropy_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
