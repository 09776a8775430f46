/* regions/objectives/gram.c - see gram.h; the strict twins of its loops are here too. */
#include "regions/objectives/gram.h"

#include <math.h>

#include <cblas.h>

void cal_gram_declare(struct cal_gram *g, int rows, int cols, struct cal_layout *l)
{
    size_t n = (size_t)rows, d = (size_t)cols;
    g->rows = rows;
    g->cols = cols;
    cal_layout_f64(l, CAL_SCRATCH, "gram.z", &g->z, (size_t[]){n, d, 0});
    cal_layout_f64(l, CAL_SCRATCH, "gram.norm", &g->norm, (size_t[]){n, 0});
    cal_layout_f64(l, CAL_SCRATCH, "gram.s", &g->s, (size_t[]){n, n, 0});
    cal_layout_f64(l, CAL_SCRATCH, "gram.z.d", &g->dz, (size_t[]){n, d, 0});
}

void cal_gram_cosines(struct cal_gram *g, const float *p)
{
    int n = g->rows, d = g->cols;
    cal_gram_unit_rows(n, d, p, g->z, g->norm);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, d, 1, g->z, d, 0, g->s, n);
}

/* S_ij is made of z_i and z_j, so with M the gradient in S, that in Z is (M + M^T) Z = 2 M Z. */
void cal_gram_back(struct cal_gram *g, double weight, float *dp)
{
    int n = g->rows, d = g->cols;
    cblas_dsymm(CblasRowMajor, CblasLeft, CblasLower, n, d, 2 * weight, g->s, n, g->z, d, 0, g->dz, d);
    cal_gram_unit_rows_back(n, d, g->z, g->norm, g->dz, dp);
}

void cal_gram_unit_rows_twin(int rows, int cols, const float *p, double *z, double *norm)
{
    for (int i = 0; i < rows; i++, p += cols, z += cols) {
        double squares = 0;
        for (int k = 0; k < cols; k++)
            squares += (double)p[k] * (double)p[k];
        norm[i] = sqrt(squares);
        for (int k = 0; k < cols; k++)
            z[k] = (double)p[k] / (norm[i] + CAL_GRAM_EPSILON);
    }
}

void cal_gram_unit_rows_back_twin(int rows, int cols, const double *z, const double *norm, const double *dz, float *dp)
{
    for (int i = 0; i < rows; i++, z += cols, dz += cols, dp += cols) {
        double dot = 0, r = norm[i], e = CAL_GRAM_EPSILON;
        for (int k = 0; k < cols; k++)
            dot += dz[k] * z[k];
        for (int k = 0; k < cols && r > 0; k++)
            dp[k] += (float)((dz[k] - dot * z[k] * (r + e) / r) / (r + e));
    }
}
