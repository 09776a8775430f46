/* core/kernels.c - see kernels.h: what OpenBLAS does for us, what only moves data, and the slow twins. */
#include "core/kernels.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "core/err.h"
#include "core/mem.h"

void cal_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
              float beta, float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b,
                ldb, beta, c, ldc);
}

void cal_gemm_twin(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                   float beta, float *c, int ldc)
{
    /* op(A)[i][l] is a[i * a_row + l * a_col], op(B)[l][j] is b[l * b_row + j * b_col]. */
    size_t a_row = transpose_a ? 1 : (size_t)lda, a_col = transpose_a ? (size_t)lda : 1;
    size_t b_row = transpose_b ? 1 : (size_t)ldb, b_col = transpose_b ? (size_t)ldb : 1;
    for (size_t i = 0; i < (size_t)m; i++)
        for (size_t j = 0; j < (size_t)n; j++) {
            double sum = 0;
            for (size_t l = 0; l < (size_t)k; l++)
                sum += (double)a[i * a_row + l * a_col] * b[l * b_row + j * b_col];
            float *to = &c[i * (size_t)ldc + j];
            *to = (float)(alpha * sum + (beta != 0 ? (double)beta * *to : 0));
        }
}

/* The first product makes OpenBLAS touch its code and buffers. Let every process pay that at start: no region's first step takes longer, and what
 * a region adds to a process's resident memory is what its layout says. */
static void warm_up(void)
{
    enum { N = 256 };
    float *x = cal_alloc(3 * (size_t)(N * N) * sizeof *x);
    cal_gemm(false, true, N, N, N, 1, x, N, x + N * N, N, 0, x + 2 * N * N, N);
    cal_gemm(true, false, N, N, N, 1, x, N, x + N * N, N, 0, x + 2 * N * N, N);
    cal_free(x);
}

void cal_kernels_init(void)
{
    if (!getenv("OPENBLAS_NUM_THREADS"))
        openblas_set_num_threads(1);
#if defined(__SSE__)
    const unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero);
#endif
    warm_up();
}

const char *cal_kernels_core(void)
{
    return openblas_get_corename();
}

int cal_kernels_threads(void)
{
    return openblas_get_num_threads();
}

const char *cal_kernels_library(void)
{
    static char name[64]; /* name and version are the first two words of "OpenBLAS 0.3.21 DYNAMIC_ARCH ..." */
    const char *config = openblas_get_config();
    size_t length = strcspn(config, " ");
    if (config[length] == ' ')
        length += 1 + strcspn(config + length + 1, " ");
    snprintf(name, sizeof name, "%.*s", (int)length, config);
    return name;
}

void cal_transpose(int rows, int cols, const float *in, int ld_in, float *out, int ld_out)
{
    enum { TILE = 16 }; /* a cache line of floats: both tiles stay in the first-level cache */
    for (int r0 = 0; r0 < rows; r0 += TILE)
        for (int c0 = 0; c0 < cols; c0 += TILE) {
            int r1 = rows - r0 < TILE ? rows : r0 + TILE, c1 = cols - c0 < TILE ? cols : c0 + TILE;
            for (int c = c0; c < c1; c++)
                for (int r = r0; r < r1; r++)
                    out[(size_t)c * (size_t)ld_out + (size_t)r] = in[(size_t)r * (size_t)ld_in + (size_t)c];
        }
}

double cal_sum_twin(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

double cal_sum_squares_twin(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

bool cal_all_finite_twin(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

void cal_axpy_twin(size_t n, float a, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}
