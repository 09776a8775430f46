/* regions/objectives/nce_twin.c - the strict twin of nce_fast.c: one unit, float64, nothing fused; see nce.h. */
#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "regions/objectives/nce.h"

/* Rows a and b of x (B,cols). */
static double dot(const double *x, const double *y, int cols, int a, int b)
{
    double sum = 0;
    for (int i = 0; i < cols; i++)
        sum += x[a * cols + i] * y[b * cols + i];
    return sum;
}

/* w_nm for all m; 0 at m = n. Each group is shifted by its largest logit, which changes nothing but overflow. */
static void weigh(const struct cal_nce_twin *t, int n, double *w)
{
    for (int m = 0; m < t->batch; m++)
        w[m] = m == n ? 0 : 1.0 / (t->batch - 1);
    for (int group = 0; group < t->groups; group++) {
        double top = -INFINITY, sum = 0;
        for (int m = group; m < t->batch; m += t->groups) {
            w[m] = m == n ? -INFINITY : t->temperature * dot(t->query, t->query, t->query_width, n, m);
            top = fmax(top, w[m]);
        }
        for (int m = group; m < t->batch; m += t->groups)
            sum += w[m] = exp(w[m] - top);
        for (int m = group; m < t->batch; m += t->groups)
            w[m] /= sum * t->groups;
    }
}

/* log sum_m w_nm exp(tau e_n.e_m), and share_m, that of m in the sum. */
static double log_negatives(const struct cal_nce_twin *t, const double *w, int n, double *share)
{
    double top = -INFINITY, sum = 0;
    for (int m = 0; m < t->batch; m++) {
        share[m] = w[m] > 0 ? log(w[m]) + t->tau * dot(t->e, t->e, t->width, n, m) : -INFINITY;
        top = fmax(top, share[m]);
    }
    for (int m = 0; m < t->batch; m++)
        sum += share[m] = exp(share[m] - top);
    for (int m = 0; m < t->batch; m++)
        share[m] /= sum;
    return top + log(sum);
}

static void into_codes(struct cal_nce_twin *t, int n, const double *share)
{
    double by = t->tau * t->scale;
    for (int d = 0; d < t->width; d++) {
        int at = n * t->width + d;
        t->dp[at] -= by * t->e[at];
        t->de[at] -= by * t->p[at];
        for (int m = 0; m < t->batch; m++) {
            t->de[at] += by * share[m] * t->e[m * t->width + d];
            t->de[m * t->width + d] += by * share[m] * t->e[at];
        }
    }
}

/* dl/da_m = w_m (dl/dw_m - G sum_{j in m's group} w_j dl/dw_j) down the logits a_m = T q_n.q_m, where w_m dl/dw_m = share_m. */
static void into_weights(struct cal_nce_twin *t, int n, const double *w, const double *share)
{
    for (int group = 0; group < t->groups; group++) {
        double whole = 0;
        for (int m = group; m < t->batch; m += t->groups)
            whole += share[m];
        for (int m = group; m < t->batch; m += t->groups) {
            double da = t->scale * (share[m] - t->groups * w[m] * whole);
            t->d_temperature += da * dot(t->query, t->query, t->query_width, n, m);
            for (int i = 0; i < t->query_width; i++) {
                t->dquery[n * t->query_width + i] += da * t->temperature * t->query[m * t->query_width + i];
                t->dquery[m * t->query_width + i] += da * t->temperature * t->query[n * t->query_width + i];
            }
        }
    }
}

void cal_nce_twin(struct cal_nce_twin *t)
{
    size_t batch = (size_t)t->batch;
    double *w = cal_alloc(2 * batch * sizeof *w), *share = w + batch;
    struct cal_nce_twin even = *t;
    even.groups = 0;
    memset(t->de, 0, batch * (size_t)t->width * sizeof *t->de);
    memset(t->dp, 0, batch * (size_t)t->width * sizeof *t->dp);
    if (t->groups)
        memset(t->dquery, 0, batch * (size_t)t->query_width * sizeof *t->dquery);
    t->d_temperature = t->loss = t->control = 0;
    for (int n = 0; n < t->batch; n++) {
        double along = t->tau * dot(t->e, t->p, t->width, n, n);
        weigh(&even, n, w);
        t->control += log_negatives(t, w, n, share) - along;
        weigh(t, n, w);
        t->loss += log_negatives(t, w, n, share) - along;
        into_codes(t, n, share);
        into_weights(t, n, w, share);
    }
    cal_free(w);
}
