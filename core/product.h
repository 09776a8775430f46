/* core/product.h - matrix products that are too small for what a library does before it begins.
 *
 * Row-major float32; the sum behind an element is in the order of its terms, whatever the shape. cal_gemm_twin() is the twin of all of them. */
#ifndef CAL_CORE_PRODUCT_H
#define CAL_CORE_PRODUCT_H

#include <stdbool.h>

/* C = op(A) B, or C += op(A) B where `add`; op(A) m x k, B k x n; lda, ldb, ldc: floats a row. Nothing is packed: it is for matrices all of which
 * the second-level cache holds. */
void cal_product(bool transpose_a, int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add, float *c, int ldc);

/* A linear layer of many inputs and few outputs. Its products are no larger than the memory that they read, so x (rows,D) is copied once, into panels
 * of CAL_PANEL columns that the first-level cache holds: (rows,CAL_PANEL) after (rows,CAL_PANEL), the last one as narrow as it comes. Both products
 * go through them one after the other. */
enum { CAL_PANEL = 64 };
/* Columns `first` to first + n of the panels of D columns, from x (rows,n) with row distance ld. */
void cal_panels_put(int rows, int inputs, int first, int n, const float *x, int ld, float *panels);
/* y (rows,n) = x w, w (D,n). */
void cal_panels_read(int rows, int inputs, int n, const float *panels, const float *w, float *y);
/* g (D,n) += x^T dy, dy (rows,n). */
void cal_panels_back(int rows, int inputs, int n, const float *panels, const float *dy, float *g);

#endif
