/* tests/test_product.c - small products and layers in panels, against the twin of all matrix products. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/product.h"
#include "tests/fixtures.h"
#include "tests/twins.h"

/* Columns beyond those of a matrix are left alone: they are compared, too. */
static void expect_same(const float *fast, const float *slow, size_t n)
{
    double *exactly = exact(slow, n);
    expect_close(fast, exactly, n, 2e-6);
    cal_free(exactly);
}

static void check_product(bool transpose_a, int m, int n, int k, bool add)
{
    int lda = (transpose_a ? m : k) + 3, ldb = n + 2, ldc = n + 5;
    size_t size = (size_t)m * (size_t)ldc;
    float *a = normals(1, (size_t)lda * (size_t)(transpose_a ? k : m)), *b = normals(2, (size_t)ldb * (size_t)k);
    float *c[2] = {normals(3, size), normals(3, size)};
    c[0][size] = c[1][size] = 12345;
    cal_product(transpose_a, m, n, k, a, lda, b, ldb, add, c[0], ldc);
    cal_gemm_twin(transpose_a, false, m, n, k, 1, a, lda, b, ldb, add, c[1], ldc);
    expect_same(c[0], c[1], size);
    cal_free(a);
    cal_free(b);
    cal_free(c[0]);
    cal_free(c[1]);
}

/* At sizes that do and do not fill tiles: of one, two and three vectors, and what is left over. */
static void products_are_their_twin(void **state)
{
    (void)state;
    const int m[] = {1, 5, 16, 33}, n[] = {1, 7, 16, 32, 48, 101}, k[] = {1, 9, 64};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 6; j++)
            for (size_t l = 0; l < 3; l++)
                for (int how = 0; how < 4; how++)
                    check_product(how & 1, m[i], n[j], k[l], how & 2);
}

/* Inputs that come in two pieces, and both products, against those of the matrix as it was. */
static void check_panels(int rows, int inputs, int first, int n)
{
    size_t values = (size_t)rows * (size_t)inputs, weights = (size_t)inputs * (size_t)n, outputs = (size_t)rows * (size_t)n;
    float *x = normals(10, values), *w = normals(11, weights), *dy = normals(12, outputs), *panels = rubbish(values);
    float *y[2] = {rubbish(outputs), rubbish(outputs)}, *g[2] = {normals(13, weights), normals(13, weights)};
    g[0][weights] = 12345;
    cal_panels_put(rows, inputs, first, inputs - first, x + first, inputs, panels);
    cal_panels_put(rows, inputs, 0, first, x, inputs, panels);
    assert_true(panels[values] == 12345);
    cal_panels_read(rows, inputs, n, panels, w, y[0]);
    cal_gemm_twin(false, false, rows, n, inputs, 1, x, inputs, w, n, 0, y[1], n);
    expect_same(y[0], y[1], outputs);
    cal_panels_back(rows, inputs, n, panels, dy, g[0]);
    cal_gemm_twin(true, false, inputs, n, rows, 1, x, inputs, dy, n, 1, g[1], n);
    expect_same(g[0], g[1], weights);
    float *mine[] = {x, w, dy, panels, y[0], y[1], g[0], g[1]};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}

static void panels_are_their_twin(void **state)
{
    (void)state;
    check_panels(64, 4 * CAL_PANEL, CAL_PANEL, 16);
    check_panels(7, 2 * CAL_PANEL + 5, 3, 16);
    check_panels(20, 3 * CAL_PANEL, 100, 53);
    check_panels(5, CAL_PANEL - 1, 10, 1);
    check_panels(16, CAL_PANEL, 0, 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(products_are_their_twin, no_memory_left),
        cmocka_unit_test_teardown(panels_are_their_twin, no_memory_left),
    };
    cal_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
