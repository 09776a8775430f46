/* analysis/linear.c - see linear.h. Rows are taken to float64 a block at a time, so memory grows with the columns only. */
#include "analysis/linear.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "core/err.h"
#include "core/mem.h"

#define BLOCK 256  /* rows taken to float64 at a time */
#define STILL 1e-9 /* a direction in which a unit moves less than this share of its mean square says nothing */

/* LAPACK, as OpenBLAS has it; Debian's OpenBLAS comes without a header for it. Fortran passes the lengths of texts last. */
void dposv_(const char *uplo, const int *n, const int *n_rhs, double *a, const int *lda, double *b, const int *ldb, int *info,
            size_t uplo_length);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static double *alloc_doubles(size_t rows, size_t cols)
{
    return cal_alloc(rows * cols * sizeof(double));
}

static void column_means(const float *x, size_t rows, int cols, double *mean)
{
    for (int c = 0; c < cols; c++)
        mean[c] = 0;
    for (size_t i = 0; i < rows; i++)
        for (int c = 0; c < cols; c++)
            mean[c] += x[i * (size_t)cols + (size_t)c];
    for (int c = 0; c < cols; c++)
        mean[c] /= (double)rows;
}

static void centre(const float *x, size_t rows, int cols, const double *mean, double *out)
{
    for (size_t i = 0; i < rows; i++)
        for (int c = 0; c < cols; c++)
            out[i * (size_t)cols + (size_t)c] = x[i * (size_t)cols + (size_t)c] - mean[c];
}

/* gram (cols,cols) = sum over rows of (x - mean)(x - mean)^T, both triangles. */
static void gram_matrix(const float *x, size_t rows, int cols, const double *mean, double *gram)
{
    double *block = alloc_doubles(BLOCK, (size_t)cols);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t n = min_size(BLOCK, rows - first);
        centre(x + first * (size_t)cols, n, cols, mean, block);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, cols, cols, (int)n, 1.0, block, cols, block, cols, first ? 1.0 : 0.0, gram,
                    cols);
    }
    cal_free(block);
}

/* cross (outputs,inputs) = sum over rows of (t - mean t)(x - mean x)^T. */
static void cross_matrix(const float *x, const float *t, size_t rows, int inputs, int outputs, const double *mean_x, const double *mean_t,
                         double *cross)
{
    double *block_x = alloc_doubles(BLOCK, (size_t)inputs), *block_t = alloc_doubles(BLOCK, (size_t)outputs);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t n = min_size(BLOCK, rows - first);
        centre(x + first * (size_t)inputs, n, inputs, mean_x, block_x);
        centre(t + first * (size_t)outputs, n, outputs, mean_t, block_t);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, outputs, inputs, (int)n, 1.0, block_t, outputs, block_x, inputs,
                    first ? 1.0 : 0.0, cross, inputs);
    }
    cal_free(block_t);
    cal_free(block_x);
}

/* Sum over rows and columns of (t - mean t - W (x - mean x))^2; W (outputs,inputs). */
static double residual(const float *x, const float *t, size_t rows, int inputs, int outputs, const double *mean_x, const double *mean_t,
                       const double *w)
{
    double *block_x = alloc_doubles(BLOCK, (size_t)inputs), *block_t = alloc_doubles(BLOCK, (size_t)outputs), sum = 0;
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t n = min_size(BLOCK, rows - first);
        centre(x + first * (size_t)inputs, n, inputs, mean_x, block_x);
        centre(t + first * (size_t)outputs, n, outputs, mean_t, block_t);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, outputs, inputs, -1.0, block_x, inputs, w, inputs, 1.0, block_t,
                    outputs);
        for (size_t i = 0; i < n * (size_t)outputs; i++)
            sum += block_t[i] * block_t[i];
    }
    cal_free(block_t);
    cal_free(block_x);
    return sum;
}

int cal_ridge_transfer(const struct cal_pairs *fit, const struct cal_pairs *test, double ridge, double *mse)
{
    CAL_ASSERT(fit->rows > 0 && test->rows > 0 && fit->inputs > 0 && fit->outputs > 0);
    CAL_ASSERT(test->inputs == fit->inputs && test->outputs == fit->outputs);
    int inputs = fit->inputs, outputs = fit->outputs, info;
    size_t in = (size_t)inputs, out = (size_t)outputs;
    double *mean_x = alloc_doubles(1, in), *mean_t = alloc_doubles(1, out);
    double *normal = alloc_doubles(in, in), *w = alloc_doubles(out, in);
    column_means(fit->x, fit->rows, inputs, mean_x);
    column_means(fit->t, fit->rows, outputs, mean_t);
    gram_matrix(fit->x, fit->rows, inputs, mean_x, normal);
    cross_matrix(fit->x, fit->t, fit->rows, inputs, outputs, mean_x, mean_t, w);
    for (size_t d = 0; d < in; d++) {
        double *diagonal = &normal[d * in + d];
        *diagonal = *diagonal > 0 ? *diagonal * (1 + ridge) : 1; /* constant: the right-hand side is 0, and so its weight */
    }
    /* Symmetric, and the right-hand sides lie one after the other: Fortran's order is ours. */
    dposv_("U", &inputs, &outputs, normal, &inputs, w, &inputs, &info, 1);
    *mse = info ? NAN : residual(test->x, test->t, test->rows, inputs, outputs, mean_x, mean_t, w) / (double)(test->rows * out);
    cal_free(w);
    cal_free(normal);
    cal_free(mean_t);
    cal_free(mean_x);
    return isfinite(*mse) ? CAL_OK : cal_fail(CAL_ENUMERICS, "ridge regression: the normal equations have no solution (LAPACK: %d)", info);
}

int cal_ridge_error(const float *x, const float *t, size_t rows, int inputs, int outputs, double ridge, double *mse)
{
    CAL_ASSERT(rows >= 2);
    size_t half = rows / 2;
    const struct cal_pairs fit = {half, inputs, outputs, x, t},
                           test = {rows - half, inputs, outputs, x + half * (size_t)inputs, t + half * (size_t)outputs};
    return cal_ridge_transfer(&fit, &test, ridge, mse);
}

double cal_mean_error(const struct cal_pairs *fit, const struct cal_pairs *test)
{
    size_t out = (size_t)fit->outputs;
    double *mean = alloc_doubles(1, out), sum = 0;
    column_means(fit->t, fit->rows, fit->outputs, mean);
    for (size_t i = 0; i < test->rows; i++)
        for (size_t c = 0; c < out; c++) {
            double away = (double)test->t[i * out + c] - mean[c];
            sum += away * away;
        }
    cal_free(mean);
    return sum / (double)(test->rows * out);
}

/* Eigenvectors of a symmetric matrix (n,n), in place: row i afterwards belongs to the i-th smallest eigenvalue, values[i]. */
static int eigenvectors(int n, double *matrix, double *values)
{
    double best_work;
    int info, best_iwork, ask = -1;
    dsyevd_("V", "U", &n, matrix, &n, values, &best_work, &ask, &best_iwork, &ask, &info, 1, 1);
    int lwork = (int)best_work, liwork = best_iwork;
    double *work = alloc_doubles(1, (size_t)lwork);
    int *iwork = cal_alloc((size_t)liwork * sizeof *iwork);
    dsyevd_("V", "U", &n, matrix, &n, values, work, &lwork, iwork, &liwork, &info, 1, 1);
    cal_free(iwork);
    cal_free(work);
    return info ? cal_fail(CAL_ENUMERICS, "no eigenvectors (LAPACK: %d)", info) : CAL_OK;
}

/* codes (rows,k) = (x - mean) V^T, V (k,cols). */
static void project(const float *x, size_t rows, int cols, int k, const double *mean, const double *v, float *codes)
{
    double *block = alloc_doubles(BLOCK, (size_t)cols), *out = alloc_doubles(BLOCK, (size_t)k);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t n = min_size(BLOCK, rows - first);
        centre(x + first * (size_t)cols, n, cols, mean, block);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, k, cols, 1.0, block, cols, v, cols, 0.0, out, k);
        for (size_t i = 0; i < n * (size_t)k; i++)
            codes[first * (size_t)k + i] = (float)out[i];
    }
    cal_free(out);
    cal_free(block);
}

int cal_pca(const float *x, size_t rows, int cols, int k, float *codes)
{
    CAL_ASSERT(rows >= 2 && k >= 1 && k <= cols);
    double *mean = alloc_doubles(1, (size_t)cols), *values = alloc_doubles(1, (size_t)cols),
           *matrix = alloc_doubles((size_t)cols, (size_t)cols), trace = 0;
    column_means(x, rows / 2, cols, mean);
    gram_matrix(x, rows / 2, cols, mean, matrix);
    for (int c = 0; c < cols; c++)
        trace += matrix[(size_t)c * (size_t)cols + (size_t)c];
    int err =
        isfinite(trace) ? eigenvectors(cols, matrix, values) : cal_fail(CAL_ENUMERICS, "principal components: the data are not finite");
    if (!err) /* the last k rows: the largest */
        project(x, rows, cols, k, mean, matrix + (size_t)(cols - k) * (size_t)cols, codes);
    cal_free(matrix);
    cal_free(values);
    cal_free(mean);
    return err;
}

double cal_mean_correlation(const float *x, size_t rows, int cols)
{
    size_t n = (size_t)cols;
    double *mean = alloc_doubles(1, n), *gram = alloc_doubles(n, n), sum = 0;
    long pairs = 0;
    column_means(x, rows, cols, mean);
    gram_matrix(x, rows, cols, mean, gram);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++) {
            double scale = gram[a * n + a] * gram[b * n + b];
            if (!(scale > 0))
                continue;
            sum += fabs(gram[a * n + b]) / sqrt(scale);
            pairs++;
        }
    cal_free(gram);
    cal_free(mean);
    return pairs ? sum / (double)pairs : NAN;
}

/* Of a unit's block of the Gram matrix, (d,d) in place: row r of `turn` (d,d) afterwards takes what the unit does to its r-th direction, scaled to
 * sum of squares 1. Counts the directions that there are: those whose sum of squares is above `least`. */
static int whiten(int d, double *block, double least, double *turn, int *directions)
{
    size_t n = (size_t)d;
    double *values = alloc_doubles(1, n);
    int err = eigenvectors(d, block, values);
    *directions = 0;
    for (size_t r = n; !err && r-- > 0 && values[r] > least;) {
        double scale = 1 / sqrt(values[r]);
        for (size_t c = 0; c < n; c++)
            turn[(size_t)*directions * n + c] = block[r * n + c] * scale;
        ++*directions;
    }
    cal_free(values);
    return err;
}

/* Sum of the squared canonical correlations of two units: |T_a G_ab T_b^T|^2. `cross` (d,d) has row stride `stride`; `work` (2,d,d). */
static double shared_variance(int d, const double *cross, int stride, const double *turn_a, int n_a, const double *turn_b, int n_b,
                              double *work)
{
    double sum = 0, *half = work, *whole = work + (size_t)d * (size_t)d;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n_a, d, d, 1.0, turn_a, d, cross, stride, 0.0, half, d);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n_a, n_b, d, 1.0, half, d, turn_b, d, 0.0, whole, d);
    for (int i = 0; i < n_a; i++)
        for (int k = 0; k < n_b; k++)
            sum += whole[i * d + k] * whole[i * d + k];
    return sum;
}

/* Each unit's own directions, from the Gram matrix: turn (units,d,d), directions (units). */
static int whiten_all(const double *gram, const double *mean, size_t rows, int units, int width, double *turn, int *directions)
{
    size_t n = (size_t)units, d = (size_t)width, cols = n * d;
    double *block = alloc_doubles(d, d);
    int err = CAL_OK;
    for (size_t u = 0; !err && u < n; u++) {
        double squares = 0; /* the mean's included */
        for (size_t i = 0; i < d; i++) {
            memcpy(block + i * d, gram + (u * d + i) * cols + u * d, d * sizeof *block);
            squares += block[i * d + i] + (double)rows * mean[u * d + i] * mean[u * d + i];
        }
        err = isfinite(squares) ? whiten(width, block, STILL * squares, turn + u * d * d, &directions[u])
                                : cal_fail(CAL_ENUMERICS, "canonical correlations: the data are not finite");
    }
    cal_free(block);
    return err;
}

int cal_redundancy(const float *x, size_t rows, int units, int width, double *value)
{
    size_t n = (size_t)units, d = (size_t)width, cols = n * d;
    double *mean = alloc_doubles(1, cols), *gram = alloc_doubles(cols, cols), *turn = alloc_doubles(n, d * d),
           *work = alloc_doubles(2, d * d), sum = 0;
    int *directions = cal_alloc(n * sizeof *directions);
    long pairs = 0;
    column_means(x, rows, (int)cols, mean);
    gram_matrix(x, rows, (int)cols, mean, gram);
    int err = whiten_all(gram, mean, rows, units, width, turn, directions);
    for (size_t a = 0; !err && a < n; a++)
        for (size_t b = 0; b < a; b++) {
            int least = directions[a] < directions[b] ? directions[a] : directions[b];
            if (!least)
                continue;
            sum += shared_variance(width, gram + a * d * cols + b * d, (int)cols, turn + a * d * d, directions[a], turn + b * d * d,
                                   directions[b], work) /
                   least;
            pairs++;
        }
    *value = pairs ? sum / (double)pairs : NAN;
    cal_free(directions);
    cal_free(work);
    cal_free(turn);
    cal_free(gram);
    cal_free(mean);
    return err;
}

double cal_largest_mean(const float *x, size_t rows, int units, int width)
{
    size_t d = (size_t)width;
    double *mean = alloc_doubles((size_t)units, d), largest = 0;
    column_means(x, rows, units * width, mean);
    for (size_t u = 0; u < (size_t)units; u++) {
        double square = 0;
        for (size_t i = 0; i < d; i++)
            square += mean[u * d + i] * mean[u * d + i];
        largest = fmax(largest, sqrt(square));
    }
    cal_free(mean);
    return largest;
}

double cal_live_share(const float *x, size_t rows, int cols, double sd)
{
    double *mean = alloc_doubles(1, (size_t)cols), *square = alloc_doubles(1, (size_t)cols);
    int live = 0;
    column_means(x, rows, cols, mean);
    for (size_t i = 0; i < rows; i++)
        for (int c = 0; c < cols; c++) {
            double d = x[i * (size_t)cols + (size_t)c] - mean[c];
            square[c] += d * d;
        }
    for (int c = 0; c < cols; c++)
        live += sqrt(square[c] / (double)rows) > sd;
    cal_free(square);
    cal_free(mean);
    return (double)live / cols;
}
