/* regions/objectives/contrast_twin.c - the strict twin of contrast_fast.c: one unit, float64, nothing fused; see contrast.h. */
#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "regions/objectives/contrast.h"

static double distance(const struct cal_contrast_twin *t, double a, double b)
{
    return fmin(fabs(a - b), t->clip);
}

static double sign(double x)
{
    return (double)(x > 0) - (double)(x < 0);
}

/* d distance / d a. */
static double slope(const struct cal_contrast_twin *t, double a, double b)
{
    return fabs(a - b) < t->clip ? sign(a - b) : 0.0;
}

/* w_qk for all k: 1/G of the softmax inside each group. Shifted by the group's largest logit, which changes nothing but overflow. */
static void weigh(const struct cal_contrast_twin *t, int q, double *w)
{
    for (int group = 0; group < t->groups; group++) {
        double top = -INFINITY, sum = 0;
        for (int k = group; k < t->batch; k += t->groups) {
            w[k] = t->exclude_self && k == q ? -INFINITY : -t->tau * fabs(t->key[k] - t->query[q]);
            top = fmax(top, w[k]);
        }
        for (int k = group; k < t->batch; k += t->groups)
            sum += w[k] = exp(w[k] - top);
        for (int k = group; k < t->batch; k += t->groups)
            w[k] /= sum * t->groups;
    }
}

/* log sum_k w_k exp(-D(y, y1_k)), and p_k, the share of k in that sum. */
static double log_negatives(const struct cal_contrast_twin *t, const double *w, double y, double *p)
{
    double nearest = INFINITY, n = 0;
    for (int k = 0; k < t->batch; k++)
        if (w[k] > 0)
            nearest = fmin(nearest, distance(t, y, t->y1[k]) - log(w[k]));
    for (int k = 0; k < t->batch; k++)
        n += p[k] = w[k] > 0 ? exp(nearest - distance(t, y, t->y1[k]) + log(w[k])) : 0;
    for (int k = 0; k < t->batch; k++)
        p[k] /= n;
    return log(n) - nearest;
}

static void into_codes(struct cal_contrast_twin *t, int q, const double *p1, const double *p2)
{
    double y1 = t->y1[q], y2 = t->y2[q], s = t->scale;
    t->dy1[q] += 2 * slope(t, y1, y2) * s;
    t->dy2[q] -= 2 * slope(t, y1, y2) * s;
    for (int k = 0; k < t->batch; k++) {
        t->dy1[q] -= p1[k] * slope(t, y1, t->y1[k]) * s;
        t->dy1[k] += p1[k] * slope(t, y1, t->y1[k]) * s;
        t->dy2[q] -= p2[k] * slope(t, y2, t->y1[k]) * s;
        t->dy1[k] += p2[k] * slope(t, y2, t->y1[k]) * s;
    }
}

/* dL/da_k = w_k (dL/dw_k - G sum_{j in k's group} w_j dL/dw_j), where w_k dL/dw_k = p1_k + p2_k. */
static void into_weights(struct cal_contrast_twin *t, int q, const double *w, const double *p1, const double *p2)
{
    for (int group = 0; group < t->groups; group++) {
        double both = 0;
        for (int k = group; k < t->batch; k += t->groups)
            both += p1[k] + p2[k];
        for (int k = group; k < t->batch; k += t->groups) {
            double da = (p1[k] + p2[k] - t->groups * w[k] * both) * t->scale, d = t->key[k] - t->query[q];
            t->dquery[q] += da * t->tau * sign(d);
            t->dkey[k] -= da * t->tau * sign(d);
            t->dtau -= da * fabs(d);
        }
    }
}

void cal_contrast_twin(struct cal_contrast_twin *t)
{
    size_t n = (size_t)t->batch;
    double *w = cal_alloc(4 * n * sizeof *w), *even = w + n, *p1 = w + 2 * n, *p2 = w + 3 * n;
    memset(t->dy1, 0, n * sizeof *w);
    memset(t->dy2, 0, n * sizeof *w);
    memset(t->dkey, 0, n * sizeof *w);
    memset(t->dquery, 0, n * sizeof *w);
    t->dtau = t->loss = t->control = 0;
    for (int k = 0; k < t->batch; k++)
        even[k] = 1.0 / t->batch;
    for (int q = 0; q < t->batch; q++) {
        if (t->counted && t->counted[q] == 0)
            continue;
        double apart = 2 * distance(t, t->y1[q], t->y2[q]);
        t->control += apart + log_negatives(t, even, t->y1[q], p1) + log_negatives(t, even, t->y2[q], p2);
        weigh(t, q, w);
        t->loss += apart + log_negatives(t, w, t->y1[q], p1) + log_negatives(t, w, t->y2[q], p2);
        into_codes(t, q, p1, p2);
        into_weights(t, q, w, p1, p2);
    }
    cal_free(w);
}
