/* analysis/information_gram.c - see information_gram.h. All in float64: 1 / (1 - a) = -100 would make float32's rounding visible. */
#include "analysis/information_gram.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "core/err.h"
#include "core/mem.h"

#define ORDER 1.01
#define WIDTH 0.5   /* of the kernel, in mean squared distances */
#define ALIKE 1e-12 /* a centred norm this small, in n, is rounding */

/* LAPACK, as OpenBLAS has it; Debian's OpenBLAS comes without a header for it. Fortran passes the lengths of texts last. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

static double *alloc_doubles(size_t rows, size_t cols)
{
    return cal_alloc(rows * cols * sizeof(double));
}

/* ---- Gram matrices ---- */

/* x less the mean of its rows: distances stay, and their difference of large squares does not lose digits. */
static void centre_rows(const float *x, size_t n, int cols, double *out)
{
    size_t width = (size_t)cols;
    for (size_t c = 0; c < width; c++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += x[i * width + c];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++)
            out[i * width + c] = x[i * width + c] - mean;
    }
}

/* d_ij^2 = |x_i|^2 + |x_j|^2 - 2 x_i x_j, in place of the products x_i x_j; -> their mean. */
static double distances(double *products, size_t n)
{
    double *norm = alloc_doubles(1, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        norm[i] = products[i * n + i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double *d = &products[i * n + j];
            *d = i == j ? 0 : norm[i] + norm[j] - 2 * *d;
            if (*d < 0)
                *d = 0;
            sum += *d;
        }
    cal_free(norm);
    return sum / (double)(n * n);
}

void cal_information_rows(const float *x, size_t n, int cols, double *gram)
{
    double *centred = alloc_doubles(n, (size_t)cols);
    centre_rows(x, n, cols, centred);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)n, cols, 1.0, centred, cols, 0.0, gram, (int)n);
    cal_free(centred);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            gram[i * n + j] = gram[j * n + i];
    double mean = distances(gram, n);
    for (size_t k = 0; k < n * n; k++)
        gram[k] = mean == 0 ? 1 : exp(-gram[k] / (WIDTH * mean));
}

void cal_information_labels(const float *label, size_t n, double *gram)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            gram[i * n + j] = label[i] == label[j];
}

/* ---- entropy ---- */

/* Eigenvalues of a symmetric matrix (n,n), which is overwritten. */
static int eigenvalues(int n, double *matrix, double *values)
{
    double best_work;
    int info, best_iwork, ask = -1;
    dsyevd_("N", "U", &n, matrix, &n, values, &best_work, &ask, &best_iwork, &ask, &info, 1, 1);
    int lwork = (int)best_work, liwork = best_iwork;
    double *work = alloc_doubles(1, (size_t)lwork);
    int *iwork = cal_alloc((size_t)liwork * sizeof *iwork);
    dsyevd_("N", "U", &n, matrix, &n, values, work, &lwork, iwork, &liwork, &info, 1, 1);
    cal_free(iwork);
    cal_free(work);
    return info ? cal_fail(CAL_ENUMERICS, "entropy: no eigenvalues (LAPACK: %d)", info) : CAL_OK;
}

/* The eigenvalues sum to 1, so sum lambda^a = 1 + sum lambda (lambda^(a-1) - 1), where no digits are lost although a is near 1. */
static double renyi_bits(const double *lambda, size_t n)
{
    double excess = 0;
    for (size_t i = 0; i < n; i++)
        if (lambda[i] > 0) /* what rounding leaves below counts as 0 */
            excess += lambda[i] * expm1((ORDER - 1) * log(lambda[i]));
    return log1p(excess) / log(2) / (1 - ORDER);
}

/* H of A, which is overwritten. */
static int entropy_in_place(double *a, size_t n, double *bits)
{
    double *lambda = alloc_doubles(1, n), sum = 0;
    for (size_t k = 0; k < n * n; k++)
        sum += a[k] /= (double)n;
    int err = isfinite(sum) ? eigenvalues((int)n, a, lambda) : cal_fail(CAL_ENUMERICS, "entropy: the samples are not finite");
    if (!err)
        *bits = renyi_bits(lambda, n);
    cal_free(lambda);
    return err;
}

int cal_information_entropy(const double *gram, size_t n, double *bits)
{
    double *copy = alloc_doubles(n, n);
    memcpy(copy, gram, n * n * sizeof *copy);
    int err = entropy_in_place(copy, n, bits);
    cal_free(copy);
    return err;
}

/* H(A o B), sample i of B being its sample order[i]; NULL: as they are. */
static int joint_entropy(const double *a, const double *b, size_t n, const uint32_t *order, double *bits)
{
    double *joint = alloc_doubles(n, n);
    for (size_t i = 0; i < n; i++) {
        const double *row = b + (order ? order[i] : i) * n;
        for (size_t j = 0; j < n; j++)
            joint[i * n + j] = a[i * n + j] * row[order ? order[j] : j];
    }
    int err = entropy_in_place(joint, n, bits);
    cal_free(joint);
    return err;
}

int cal_information_mutual(const double *a, double h_a, const double *b, double h_b, size_t n, const uint32_t *order,
                           struct cal_mutual *mutual)
{
    double joint = 0, shuffled = 0;
    int err = joint_entropy(a, b, n, NULL, &joint);
    for (size_t k = 0; !err && k < CAL_INFORMATION_SHUFFLES; k++) {
        double one = 0;
        err = joint_entropy(a, b, n, order + k * n, &one);
        shuffled += one / CAL_INFORMATION_SHUFFLES;
    }
    *mutual = (struct cal_mutual){.bits = h_a + h_b - joint, .shuffled = h_a + h_b - shuffled};
    return err;
}

/* ---- alignment ---- */

/* HAH: a_ij less the means of row i and of column j, plus the mean of all. */
static double *centred(const double *a, size_t n)
{
    double *out = alloc_doubles(n, n), *mean = alloc_doubles(1, n), all = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            mean[i] += a[i * n + j] / (double)n;
        all += mean[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = a[i * n + j] - mean[i] - mean[j] + all;
    cal_free(mean);
    return out;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

double cal_information_alignment(const double *a, const double *b, size_t n)
{
    double *hah = centred(a, n), *hbh = centred(b, n);
    double scale = sqrt(dot(hah, hah, n * n) * dot(hbh, hbh, n * n)), value = dot(hah, hbh, n * n) / scale;
    cal_free(hah);
    cal_free(hbh);
    return scale > ALIKE * (double)(n * n) ? value : NAN;
}
