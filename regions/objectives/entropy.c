/* regions/objectives/entropy.c - see entropy.h. Two products do most of it (in gram.c); what is left is n x n. */
#include "regions/objectives/entropy.h"

#include <math.h>
#include <stddef.h>

#include <cblas.h>

#include "core/err.h"

/* LAPACK, as OpenBLAS has it; Fortran passes the lengths of texts last. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

static bool closed_form(const struct cal_entropy *e)
{
    return e->alpha == 2;
}

void cal_entropy_declare(struct cal_entropy *e, struct cal_gram *gram, double alpha, struct cal_layout *l)
{
    size_t n = (size_t)gram->rows;
    CAL_ASSERT(n > 1 && alpha > 0 && alpha != 1);
    *e = (struct cal_entropy){.gram = gram, .alpha = alpha};
    if (closed_form(e))
        return;
    cal_layout_f64(l, CAL_SCRATCH, "entropy.matrix", &e->matrix, (size_t[]){n, n, 0});
    cal_layout_f64(l, CAL_SCRATCH, "entropy.values", &e->values, (size_t[]){n, 0});
    cal_layout_f64(l, CAL_SCRATCH, "entropy.work", &e->work, (size_t[]){1 + 6 * n + 2 * n * n, 0});
    cal_layout_i64(l, CAL_SCRATCH, "entropy.iwork", &e->iwork, (size_t[]){3 + 5 * n, 0});
}

/* s_ij = exp(-rate (1 - s_ij)) where the pair counts, else 0; 1 on the diagonal. The sum of all, both triangles. */
static double kernel(const struct cal_gram *g, double rate, const float *label)
{
    size_t n = (size_t)g->rows;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        g->s[i * n + i] = 1;
        for (size_t j = 0; j < i; j++) {
            bool counts = !label || label[i] == label[j];
            g->s[i * n + j] = counts ? exp(rate * (g->s[i * n + j] - 1)) : 0;
            sum += g->s[i * n + j];
        }
    }
    return (double)n + 2 * sum;
}

/* From G_ij = K_ij^2 in s to H_2 and the gradient in each cosine. With ln 2 log2 n = ln n:
 *     H = -ln(Q / n^2) / ln n, Q = sum G        dH/dS_ij = -(4 / s) G_ij / (Q ln n) */
static double second_order(const struct cal_gram *g, const float *label)
{
    size_t n = (size_t)g->rows;
    double q = kernel(g, 4 / CAL_ENTROPY_WIDTH, label), log_n = log((double)n);
    double scale = -4 / (CAL_ENTROPY_WIDTH * q * log_n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            g->s[i * n + j] *= scale;
        g->s[i * n + i] = 0;
    }
    return 2 - log(q) / log_n;
}

/* Eigenvalues of e->matrix and, if asked for, eigenvectors in the matrix's place, one a row. */
static int eigen(struct cal_entropy *e, bool vectors)
{
    int n = e->gram->rows, lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n, info;
    dsyevd_(vectors ? "V" : "N", "U", &n, e->matrix, &n, e->values, e->work, &lwork, (int *)(void *)e->iwork, &liwork, &info, 1, 1);
    return info ? cal_fail(CAL_ENUMERICS, "entropy: the kernel matrix has no eigenvalues (LAPACK: %d)", info) : CAL_OK;
}

/* l^a, and its slope: along the tangent below the least eigenvalue that counts. */
static double power(double l, double a, double *slope)
{
    double at = fmax(l, CAL_ENTROPY_LEAST);
    *slope = a * pow(at, a - 1);
    return pow(at, a) + *slope * (l - at);
}

/* From K in s to H_a and, if asked for, the gradient in each cosine:
 *     H = ln(sum f(l)) / ((1 - a) ln n)        dH/dA = V^T diag(f'(l)) V / (sum f(l) (1 - a) ln n)        dH/dS_ij = (2 / s) K_ij / n dH/dA_ij */
static int any_order(struct cal_entropy *e, const float *label, bool gradient, double *value)
{
    struct cal_gram *g = e->gram;
    size_t n = (size_t)g->rows;
    double sum = 0, per = (1 - e->alpha) * log((double)n);
    kernel(g, 2 / CAL_ENTROPY_WIDTH, label);
    for (size_t i = 0; i < n * n; i++)
        e->matrix[i] = g->s[i] / (double)n; /* the lower triangle: a Fortran reader's upper */
    int error = eigen(e, gradient);
    if (error)
        return error;
    for (size_t k = 0; k < n; k++) {
        double slope;
        sum += power(e->values[k], e->alpha, &slope);
        for (size_t i = 0; gradient && i < n; i++) /* slopes are positive: their roots go with each eigenvector */
            e->matrix[k * n + i] *= sqrt(slope);
    }
    *value = log(sum) / per;
    if (!gradient)
        return CAL_OK;
    double *d_a = e->work, scale = 2 / (CAL_ENTROPY_WIDTH * (double)n * sum * per);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)n, scale, e->matrix, (int)n, 0, d_a, (int)n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            g->s[i * n + j] *= d_a[i * n + j];
        g->s[i * n + i] = 0;
    }
    return CAL_OK;
}

int cal_entropy(struct cal_entropy *e, const float *p, const float *label, double weight, float *dp, double *value)
{
    int error = CAL_OK;
    cal_gram_cosines(e->gram, p);
    if (closed_form(e))
        *value = second_order(e->gram, label);
    else
        error = any_order(e, label, weight != 0, value);
    if (!error && weight != 0)
        cal_gram_back(e->gram, weight, dp);
    return error;
}
