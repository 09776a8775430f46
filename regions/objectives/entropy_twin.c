/* regions/objectives/entropy_twin.c - the strict twin of entropy.c: float64, nothing fused, eigenvalues by Jacobi's rotations; see entropy.h. */
#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "regions/objectives/entropy.h"

/* One rotation in the plane of rows p and q that makes a_pq zero; the rows of v turn along. Golub and Van Loan, algorithm 8.4.1. */
static void rotate(int n, double *a, double *v, int p, int q)
{
    double apq = a[p * n + q];
    if (apq == 0)
        return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < n; k++) {
        double akp = a[k * n + p], akq = a[k * n + q];
        a[k * n + p] = c * akp - s * akq;
        a[k * n + q] = s * akp + c * akq;
    }
    for (int k = 0; k < n; k++) {
        double apk = a[p * n + k], aqk = a[q * n + k], vp = v[p * n + k], vq = v[q * n + k];
        a[p * n + k] = c * apk - s * aqk;
        a[q * n + k] = s * apk + c * aqk;
        v[p * n + k] = c * vp - s * vq;
        v[q * n + k] = s * vp + c * vq;
    }
}

/* Eigenvalues to the diagonal of the symmetric a (n,n), eigenvectors to the rows of v. Ten sweeps are plenty: convergence is quadratic. */
static void jacobi(int n, double *a, double *v)
{
    for (int i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 10; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                rotate(n, a, v, p, q);
}

/* k_ij of the unit rows z. */
static double kernel(const struct cal_entropy_twin *t, const double *z, int i, int j)
{
    double squares = 0;
    if (t->label && t->label[i] != t->label[j])
        return 0;
    for (int k = 0; k < t->cols; k++)
        squares += z[i * t->cols + k] * z[j * t->cols + k];
    return i == j ? 1 : exp(-2 * (1 - squares) / CAL_ENTROPY_WIDTH);
}

/* The value, and the gradient in A to d_a (n,n). a (n,n) and v (n,n) are used up. */
static double order(const struct cal_entropy_twin *t, double *a, double *v, double *d_a)
{
    int n = t->rows;
    double sum = 0, alpha = t->alpha;
    jacobi(n, a, v);
    memset(d_a, 0, (size_t)(n * n) * sizeof *d_a);
    for (int k = 0; k < n; k++) {
        double l = a[k * n + k], at = fmax(l, CAL_ENTROPY_LEAST), slope = alpha * pow(at, alpha - 1);
        sum += pow(at, alpha) + slope * (l - at);
        for (int i = 0; i < n * n; i++)
            d_a[i] += slope * v[k * n + i / n] * v[k * n + i % n];
    }
    for (int i = 0; i < n * n; i++)
        d_a[i] /= sum * (1 - alpha) * log(n);
    return log(sum) / ((1 - alpha) * log(n));
}

void cal_entropy_twin(struct cal_entropy_twin *t)
{
    int n = t->rows, d = t->cols;
    size_t nn = (size_t)n * (size_t)n;
    double *z = cal_alloc(((size_t)n * (size_t)d + 3 * nn + (size_t)d) * sizeof *z), *a = z + n * d, *v = a + nn, *d_a = v + nn,
           *dz = d_a + nn;
    double epsilon = CAL_GRAM_EPSILON;
    for (int i = 0; i < n; i++) {
        double squares = 0;
        for (int k = 0; k < d; k++)
            squares += t->p[i * d + k] * t->p[i * d + k];
        for (int k = 0; k < d; k++)
            z[i * d + k] = t->p[i * d + k] / (sqrt(squares) + epsilon);
    }
    for (int i = 0; i < n * n; i++)
        a[i] = kernel(t, z, i / n, i % n) / n;
    t->value = order(t, a, v, d_a);
    for (int i = 0; i < n; i++) {
        double along = 0, squares = 0;
        memset(dz, 0, (size_t)d * sizeof *dz);
        for (int j = 0; j < n; j++)
            for (int k = 0; k < d && j != i; k++) /* A_ij and A_ji */
                dz[k] += 2 * d_a[i * n + j] * kernel(t, z, i, j) / n * 2 / CAL_ENTROPY_WIDTH * z[j * d + k];
        for (int k = 0; k < d; k++) {
            squares += t->p[i * d + k] * t->p[i * d + k];
            along += dz[k] * z[i * d + k];
        }
        double r = sqrt(squares);
        for (int k = 0; k < d; k++)
            t->dp[i * d + k] = r > 0 ? dz[k] / (r + epsilon) - along * t->p[i * d + k] / (r * (r + epsilon)) : 0;
    }
    cal_free(z);
}
