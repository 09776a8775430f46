/* tests/test_kernels.c - the shared vector loops against their slow twins; equal bits wherever the arrays lie. */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"

enum { LINE = CAL_ALIGN / sizeof(float) }; /* floats */

/* n normals, a function of `which`. [give] */
static float *normals(uint32_t which, size_t n)
{
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which);
    float *x = cal_alloc(n * sizeof *x);
    cal_rng_normal_fill(&r, 0, x, n);
    return x;
}

static void check_gemm(bool ta, bool tb, int m, int n, int k, float alpha, float beta)
{
    int a_rows = ta ? k : m, b_rows = tb ? n : k, lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 1, ldc = n + 5;
    size_t size = (size_t)(m * ldc);
    float *a = normals(1, (size_t)(a_rows * lda)), *b = normals(2, (size_t)(b_rows * ldb)), *c = normals(3, size), *twin = normals(3, size);
    if (beta == 0)
        c[0] = twin[0] = NAN; /* must not be read */
    cal_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    cal_gemm_twin(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, twin, ldc);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            float fast = c[i * ldc + j], slow = twin[i * ldc + j];
            if (j < n) /* k products of size 1, each with a rounding of 6e-8 */
                assert_true(fabsf(fast - slow) <= 2e-7f * (float)(k + 4) * (fabsf(alpha) + fabsf(beta)));
            else
                assert_true(fast == slow); /* between the rows nothing is written */
        }
    cal_free(a);
    cal_free(b);
    cal_free(c);
    cal_free(twin);
}

static void gemm_agrees_with_its_twin(void **state)
{
    (void)state;
    static const int shapes[][3] = {{1, 1, 1}, {3, 5, 7}, {17, 33, 65}, {64, 64, 64}, {100, 130, 50}, {1, 200, 40}, {200, 1, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int t = 0; t < 4; t++) {
            check_gemm(t & 1, t & 2, shapes[s][0], shapes[s][1], shapes[s][2], 1, 0);
            check_gemm(t & 1, t & 2, shapes[s][0], shapes[s][1], shapes[s][2], -0.5f, 1);
        }
}

static void transpose_moves_each_element_and_nothing_else(void **state)
{
    (void)state;
    static const int shapes[][2] = {{1, 1}, {1, 40}, {40, 1}, {16, 16}, {17, 31}, {70, 45}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int rows = shapes[s][0], cols = shapes[s][1], ld_in = cols + 2, ld_out = rows + 3;
        float *in = normals(1, (size_t)(rows * ld_in)), *out = normals(2, (size_t)(cols * ld_out)),
              *was = normals(2, (size_t)(cols * ld_out));
        cal_transpose(rows, cols, in, ld_in, out, ld_out);
        for (int c = 0; c < cols; c++)
            for (int r = 0; r < ld_out; r++)
                assert_true(out[c * ld_out + r] == (r < rows ? in[r * ld_in + c] : was[c * ld_out + r]));
        cal_free(in);
        cal_free(out);
        cal_free(was);
    }
}

static void sums_agree_with_their_twins_for_every_tail(void **state)
{
    (void)state;
    float *x = normals(4, 100003);
    for (size_t n = 0; n < 200; n++) {
        assert_true(fabs(cal_sum(x, n) - cal_sum_twin(x, n)) <= 1e-12);
        assert_true(fabs(cal_sum_squares(x, n) - cal_sum_squares_twin(x, n)) <= 1e-12);
    }
    assert_true(fabs(cal_sum(x, 100003) - cal_sum_twin(x, 100003)) <= 1e-9);
    assert_true(fabs(cal_sum_squares(x, 100003) - cal_sum_squares_twin(x, 100003)) <= 1e-8);
    cal_free(x);
}

static void sums_are_in_float64(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    float *x = cal_alloc(N * sizeof *x);
    for (size_t i = 0; i < N; i++)
        x[i] = 0x1.000002p+0f; /* 1 + 2^-23: lost if added to 2^20 in float32 */
    assert_true(cal_sum(x, N) == N * (1 + 0x1p-23));
    assert_true(fabs(cal_sum_squares(x, N) - N * (1 + 0x1p-23) * (1 + 0x1p-23)) < 1e-6);
    cal_free(x);
}

static void bits_do_not_depend_on_where_the_arrays_lie(void **state)
{
    (void)state;
    enum { N = 1237, PLACES = 9 };
    size_t room = N + PLACES * LINE;
    float *x = normals(5, N), *y = normals(6, N), *xs = cal_alloc(room * sizeof *xs), *ys = cal_alloc(room * sizeof *ys);
    double sum = cal_sum(x, N), squares = cal_sum_squares(x, N);
    float *expected = normals(6, N);
    cal_axpy(N, 0.3f, x, expected);
    for (size_t p = 0; p < PLACES; p++) {
        float *xp = xs + p * LINE, *yp = ys + (PLACES - 1 - p) * LINE;
        memcpy(xp, x, N * sizeof *x);
        memcpy(yp, y, N * sizeof *y);
        double sum_here = cal_sum(xp, N), squares_here = cal_sum_squares(xp, N);
        assert_memory_equal(&sum_here, &sum, sizeof sum);
        assert_memory_equal(&squares_here, &squares, sizeof squares);
        cal_axpy(N, 0.3f, xp, yp);
        assert_memory_equal(yp, expected, N * sizeof *y);
    }
    cal_free(x);
    cal_free(y);
    cal_free(xs);
    cal_free(ys);
    cal_free(expected);
}

static void axpy_agrees_with_its_twin_for_every_tail(void **state)
{
    (void)state;
    enum { N = 150 };
    float *x = normals(7, N);
    for (size_t n = 0; n <= N; n++) {
        float *fast = normals(8, N), *slow = normals(8, N);
        cal_axpy(n, -1.7f, x, fast);
        cal_axpy_twin(n, -1.7f, x, slow);
        for (size_t i = 0; i < N; i++)
            assert_true(fabsf(fast[i] - slow[i]) <= (i < n ? 1e-6f : 0));
        cal_free(fast);
        cal_free(slow);
    }
    cal_free(x);
}

static void not_finite_is_found_wherever_it_is(void **state)
{
    (void)state;
    enum { N = 131 };
    static const uint32_t bad[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff};
    static const uint32_t good[] = {0, 0x80000000, 1, 0x007fffff, 0x7f7fffff, 0xff7fffff};
    float *x = cal_alloc(N * sizeof *x);
    for (size_t i = 0; i < N; i++)
        memcpy(&x[i], &good[i % 6], sizeof *x);
    assert_true(cal_all_finite(x, N) && cal_all_finite_twin(x, N) && cal_all_finite(x, 0));
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < 6; k++) {
            memcpy(&x[i], &bad[k], sizeof *x);
            assert_false(cal_all_finite(x, N));
            assert_false(cal_all_finite_twin(x, N));
            assert_true(cal_all_finite(x, i)); /* it ends before */
            memcpy(&x[i], &good[i % 6], sizeof *x);
        }
    cal_free(x);
}

static void init_asks_for_one_thread_unless_the_user_did(void **state)
{
    (void)state;
    setenv("OPENBLAS_NUM_THREADS", "2", 1);
    openblas_set_num_threads(2);
    int set = cal_kernels_threads(); /* fewer where OpenBLAS was built for less */
    cal_kernels_init();
    assert_int_equal(cal_kernels_threads(), set);
    unsetenv("OPENBLAS_NUM_THREADS");
    cal_kernels_init();
    assert_int_equal(cal_kernels_threads(), 1);
}

static void the_library_names_itself(void **state)
{
    (void)state;
    int major, minor, end = 0;
    assert_int_equal(sscanf(cal_kernels_library(), "OpenBLAS %d.%d%*[^ ]%n", &major, &minor, &end), 2);
    assert_int_equal(cal_kernels_library()[end], '\0');
    assert_true(strlen(cal_kernels_core()) > 0);
}

#if defined(__SSE__)
static void denormals_are_flushed_after_init(void **state)
{
    (void)state;
    volatile float smallest = FLT_MIN, half = 0.5f, denormal;
    cal_kernels_init();
    denormal = smallest * half;
    assert_true(denormal == 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_agrees_with_its_twin),
        cmocka_unit_test(transpose_moves_each_element_and_nothing_else),
        cmocka_unit_test(sums_agree_with_their_twins_for_every_tail),
        cmocka_unit_test(sums_are_in_float64),
        cmocka_unit_test(bits_do_not_depend_on_where_the_arrays_lie),
        cmocka_unit_test(axpy_agrees_with_its_twin_for_every_tail),
        cmocka_unit_test(not_finite_is_found_wherever_it_is),
        cmocka_unit_test(init_asks_for_one_thread_unless_the_user_did),
        cmocka_unit_test(the_library_names_itself),
#if defined(__SSE__)
        cmocka_unit_test(denormals_are_flushed_after_init),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
