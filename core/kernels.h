/* core/kernels.h - matrix products on OpenBLAS and the vector loops that everything shares.
 *
 * Row-major float32. Each fast loop (kernels_fast.c) has a slow, strict scalar twin of the same meaning, which tests compare
 * against. Reductions run in fixed lanes, tails by index: equal bits wherever the arrays lie, given multiples of CAL_ALIGN.
 * Files called *_fast.c are the only ones compiled with -ffast-math. Arrays of one call do not overlap. */
#ifndef CAL_CORE_KERNELS_H
#define CAL_CORE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/* C = alpha op(A) op(B) + beta C, op(A) m x k, op(B) k x n; lda, ldb, ldc: floats a row. beta 0 does not read C. */
void cal_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
              float beta, float *c, int ldc);
void cal_gemm_twin(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                   float beta, float *c, int ldc); /* sums in float64 */

/* One BLAS thread unless OPENBLAS_NUM_THREADS says otherwise; denormals are flushed to zero. Call once at start. */
void cal_kernels_init(void);
const char *cal_kernels_core(void); /* OpenBLAS's kernels, such as "SkylakeX" */
int cal_kernels_threads(void);
const char *cal_kernels_library(void); /* "OpenBLAS 0.3.21" */

/* out[c][r] = in[r][c]; in rows x cols with row distance ld_in, out with ld_out. */
void cal_transpose(int rows, int cols, const float *in, int ld_in, float *out, int ld_out);

double cal_sum(const float *x, size_t n); /* float64, fixed lanes */
double cal_sum_squares(const float *x, size_t n);
bool cal_all_finite(const float *x, size_t n);              /* by bit pattern: works under -ffast-math too */
void cal_axpy(size_t n, float a, const float *x, float *y); /* y += a x */

double cal_sum_twin(const float *x, size_t n);
double cal_sum_squares_twin(const float *x, size_t n);
bool cal_all_finite_twin(const float *x, size_t n);
void cal_axpy_twin(size_t n, float a, const float *x, float *y);

#endif
