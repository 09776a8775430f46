/* regions/objectives/similarity.c - see similarity.h. */
#include "regions/objectives/similarity.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"

void cal_similarity_declare(struct cal_similarity *m, struct cal_gram *gram, struct cal_layout *l)
{
    size_t n = (size_t)gram->rows, d = (size_t)gram->cols;
    *m = (struct cal_similarity){.gram = gram};
    cal_layout_f32(l, CAL_SCRATCH, "similarity.centred", &m->centred, (size_t[]){n, d, 0});
    cal_layout_f64(l, CAL_SCRATCH, "similarity.mean", &m->mean, (size_t[]){d, 0});
    cal_layout_f64(l, CAL_SCRATCH, "similarity.share", &m->share, (size_t[]){n, 0});
}

/* The rows of x (n,d) less their mean, to y, which may be x. */
static void centre(size_t n, size_t d, const float *x, double *mean, float *y)
{
    memset(mean, 0, d * sizeof *mean);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            mean[k] += (double)x[i * d + k] / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            y[i * d + k] = (float)((double)x[i * d + k] - mean[k]);
}

/* share_i, and the squared length of the mean one-hot row, which is the mean of share. */
static double count_labels(size_t n, const float *label, double *share)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        share[i] = 0;
        for (size_t j = 0; j < n; j++)
            share[i] += (double)(label[i] == label[j]) / (double)n;
        sum += share[i];
    }
    return sum / (double)n;
}

/* From the cosines in s to L and its gradient in each. One-hot rows e less their mean f: (e_i - f) . (e_j - f) = [same] - f_i - f_j + |f|^2. */
static double match(struct cal_similarity *m, const float *label)
{
    size_t n = (size_t)m->gram->rows;
    double *s = m->gram->s;
    double f2 = count_labels(n, label, m->share), loss = 0;
    for (size_t i = 0; i < n; i++) {
        double fi = m->share[i], length_i = sqrt(fmax(1 - 2 * fi + f2, 0));
        for (size_t j = 0; j < i; j++) {
            double fj = m->share[j], lengths = length_i * sqrt(fmax(1 - 2 * fj + f2, 0));
            double dot = (double)(label[i] == label[j]) - fi - fj + f2;
            double miss = s[i * n + j] - (lengths > 0 ? dot / lengths : 0); /* one class only: all are at the mean */
            s[i * n + j] = 2 * miss / (double)(n * n);
            loss += 2 * miss * miss;
        }
        s[i * n + i] = 0;
    }
    return loss / (double)(n * n);
}

double cal_similarity(struct cal_similarity *m, const float *p, const float *label, double weight, float *dp)
{
    size_t n = (size_t)m->gram->rows, d = (size_t)m->gram->cols;
    centre(n, d, p, m->mean, m->centred);
    cal_gram_cosines(m->gram, m->centred);
    double loss = match(m, label);
    memset(m->centred, 0, n * d * sizeof *p);
    cal_gram_back(m->gram, weight, m->centred);
    centre(n, d, m->centred, m->mean, m->centred); /* what is common to all rows moves none against the others */
    cal_axpy(n * d, 1, m->centred, dp);
    return loss;
}
