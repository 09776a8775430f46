/* regions/objectives/similarity_twin.c - the strict twin of similarity.c: float64, nothing in closed form that can be summed; see similarity.h. */
#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "regions/objectives/similarity.h"

/* Rows of x (n,d) less their mean, divided by their length + epsilon, in place; the lengths to length (n), which may be NULL. */
static void centred_unit_rows(int n, int d, double *x, double epsilon, double *length)
{
    for (int k = 0; k < d; k++) {
        double mean = 0;
        for (int i = 0; i < n; i++)
            mean += x[i * d + k] / n;
        for (int i = 0; i < n; i++)
            x[i * d + k] -= mean;
    }
    for (int i = 0; i < n; i++) {
        double squares = 0;
        for (int k = 0; k < d; k++)
            squares += x[i * d + k] * x[i * d + k];
        for (int k = 0; k < d; k++)
            x[i * d + k] /= sqrt(squares) + epsilon;
        if (length)
            length[i] = sqrt(squares);
    }
}

static double dot(int d, const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < d; k++)
        sum += a[k] * b[k];
    return sum;
}

/* Row i's part: the loss is returned, its gradient goes to dz (d). The diagonal is 1 on both sides. */
static double row(const struct cal_similarity_twin *t, const double *z, const double *y, int i, double *dz)
{
    int n = t->rows, d = t->cols;
    double sum = 0;
    memset(dz, 0, (size_t)d * sizeof *dz);
    for (int j = 0; j < n; j++) {
        if (j == i)
            continue;
        double miss = dot(d, z + i * d, z + j * d) - dot(t->classes, y + i * t->classes, y + j * t->classes);
        sum += miss * miss / (n * n);
        for (int k = 0; k < d; k++) /* c_ij and c_ji */
            dz[k] += 4 * miss / (n * n) * z[j * d + k];
    }
    return sum;
}

void cal_similarity_twin(struct cal_similarity_twin *t)
{
    int n = t->rows, d = t->cols;
    double *z = cal_alloc((size_t)(n * d + n * t->classes + n + d) * sizeof *z), *y = z + n * d, *length = y + n * t->classes,
           *dz = length + n;
    double epsilon = CAL_GRAM_EPSILON;
    memcpy(z, t->p, (size_t)(n * d) * sizeof *z);
    centred_unit_rows(n, d, z, epsilon, length);
    for (int i = 0; i < n; i++)
        y[i * t->classes + (int)t->label[i]] = 1;
    centred_unit_rows(n, t->classes, y, 1e-300, NULL);
    t->value = 0;
    for (int i = 0; i < n; i++) {
        t->value += row(t, z, y, i, dz);
        double along = dot(d, dz, z + i * d), r = length[i];
        for (int k = 0; k < d; k++)
            t->dp[i * d + k] = r > 0 ? dz[k] / (r + epsilon) - along * z[i * d + k] / r : 0;
    }
    for (int k = 0; k < d; k++) {
        double mean = 0;
        for (int i = 0; i < n; i++)
            mean += t->dp[i * d + k] / n;
        for (int i = 0; i < n; i++)
            t->dp[i * d + k] -= mean;
    }
    cal_free(z);
}
