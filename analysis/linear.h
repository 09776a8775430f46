/* analysis/linear.h - linear statistics of recorded activity: what can be read from a code by a straight line, and how alike units are.
 *
 * Matrices are row-major float32, a row a sample; sums and solutions are float64. Nothing here knows of files or regions. */
#ifndef CAL_ANALYSIS_LINEAR_H
#define CAL_ANALYSIS_LINEAR_H

#include <stddef.h>

/* Samples of a code and of what is to be read from it. */
struct cal_pairs {
    size_t rows;
    int inputs, outputs;
    const float *x, *t; /* [borrow] (rows,inputs), (rows,outputs) */
};

/* Mean squared error, over the second half of the rows and all columns of t, of the ridge regression from x (rows, inputs) to t (rows,
 * outputs) that is fitted to the first half, with intercept:
 *     W = argmin sum_rows |t - mean(t) - W (x - mean(x))|^2 + ridge sum_d S_dd |W_d|^2,    S_dd = sum_rows (x_d - mean(x_d))^2
 * so the penalty is `ridge` times the diagonal of the normal equations, whatever the units' scales; a constant column gets no weight.
 *   rows  at least 2.    Error: CAL_ENUMERICS (not finite, or not positive definite). */
int cal_ridge_error(const float *x, const float *t, size_t rows, int inputs, int outputs, double ridge, double *mse);

/* The same, fitted to some samples and scored on others. */
int cal_ridge_transfer(const struct cal_pairs *fit, const struct cal_pairs *test, double ridge, double *mse);
/* Mean squared error, over the test targets, of the mean of the targets that were fitted to. */
double cal_mean_error(const struct cal_pairs *fit, const struct cal_pairs *test);

/* The first k principal components of x (rows, cols), found on the first half of the rows: codes (rows, k) gets every row's coordinates,
 * the largest component last.
 *   k  1 ... cols.    Error: CAL_ENUMERICS. */
int cal_pca(const float *x, size_t rows, int cols, int k, float *codes);

/* Mean |correlation| over the pairs of columns that vary; NaN when there is no such pair. */
double cal_mean_correlation(const float *x, size_t rows, int cols);

/* How alike units are that each are `width` columns of x (rows, units x width), a unit's together: the mean over pairs of units of their
 * mean squared canonical correlation (Hotelling 1936), trace(Caa^-1 Cab Cbb^-1 Cba) / width. Directions in which a unit does not vary are left
 * out, and so are units that do not at all; NaN when there is no pair. Error: CAL_ENUMERICS. */
int cal_redundancy(const float *x, size_t rows, int units, int width, double *value);
/* The largest length of a unit's mean: near 1 where the unit vectors of some unit are always the same. */
double cal_largest_mean(const float *x, size_t rows, int units, int width);

/* Share of the columns whose standard deviation is above `sd`. */
double cal_live_share(const float *x, size_t rows, int cols, double sd);

#endif
