/* core/norm_twin.c - the normalisation of norm.h as its definition reads, in float64, a step at a time. */
#include "core/norm.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/mem.h"

static size_t map_of(const struct cal_norm *n)
{
    return (size_t)n->height * (size_t)n->width;
}

static size_t values_of(const struct cal_norm *n)
{
    return (size_t)n->batch * (size_t)n->channels * map_of(n);
}

/* The channel of value i of a. */
static size_t channel_of(const struct cal_norm *n, size_t i)
{
    return i / map_of(n) % (size_t)n->channels;
}

static double inverse_deviation(double variance)
{
    return 1 / sqrt(variance + (double)CAL_NORM_EPSILON);
}

void cal_norm_statistics_twin(const struct cal_norm *n, const double *a, double *mean, double *variance)
{
    double share = 1.0 / ((double)n->batch * (double)map_of(n));
    memset(mean, 0, (size_t)n->channels * sizeof *mean);
    memset(variance, 0, (size_t)n->channels * sizeof *variance);
    for (size_t i = 0; i < values_of(n); i++)
        mean[channel_of(n, i)] += share * a[i];
    for (size_t i = 0; i < values_of(n); i++) {
        double apart = a[i] - mean[channel_of(n, i)];
        variance[channel_of(n, i)] += share * apart * apart;
    }
}

void cal_norm_track_twin(const struct cal_norm *n, const double *mean, const double *variance, double *running_mean,
                         double *running_variance)
{
    double values = (double)n->batch * (double)map_of(n), fresh = (double)CAL_NORM_MOMENTUM;
    for (int k = 0; k < n->channels; k++) {
        running_mean[k] = (1 - fresh) * running_mean[k] + fresh * mean[k];
        running_variance[k] = (1 - fresh) * running_variance[k] + fresh * variance[k] * values / (values - 1);
    }
}

/* r as a (B,K,H,W). [give] */
static double *rectified(const struct cal_norm *n, const double *a, const double *mean, const double *variance, const double *gamma,
                         const double *beta)
{
    double *r = cal_alloc(values_of(n) * sizeof *r);
    for (size_t i = 0; i < values_of(n); i++) {
        size_t k = channel_of(n, i);
        r[i] = fmax(0, gamma[k] * (a[i] - mean[k]) * inverse_deviation(variance[k]) + beta[k]);
    }
    return r;
}

/* Where in a the value i of the pooled y comes from. */
static size_t place_of_maximum(const struct cal_norm *n, const double *r, size_t i)
{
    size_t width = (size_t)n->width, row = i / (width / 2), col = i % (width / 2), place = 2 * row * width + 2 * col;
    const size_t block[] = {place, place + 1, place + width, place + width + 1};
    for (int k = 1; k < 4; k++)
        if (r[block[k]] > r[place])
            place = block[k];
    return place;
}

void cal_norm_forward_twin(const struct cal_norm *n, const double *a, const double *mean, const double *variance, const double *gamma,
                           const double *beta, double *y)
{
    double *r = rectified(n, a, mean, variance, gamma, beta);
    if (n->pool)
        for (size_t i = 0; i < values_of(n) / 4; i++)
            y[i] = r[place_of_maximum(n, r, i)];
    else
        memcpy(y, r, values_of(n) * sizeof *y);
    cal_free(r);
}

void cal_norm_backward_twin(const struct cal_norm *n, const double *a, const double *mean, const double *variance, const double *gamma,
                            const double *beta, const double *g_y, double *g_gamma, double *g_beta, double *g_a)
{
    double values = (double)n->batch * (double)map_of(n), *r = rectified(n, a, mean, variance, gamma, beta);
    double *d = cal_alloc(values_of(n) * sizeof *d); /* the gradient in v */
    for (size_t i = 0; i < values_of(n) / (n->pool ? 4 : 1); i++) {
        size_t place = n->pool ? place_of_maximum(n, r, i) : i;
        d[place] = r[place] > 0 ? g_y[i] : 0;
    }
    memset(g_gamma, 0, (size_t)n->channels * sizeof *g_gamma);
    memset(g_beta, 0, (size_t)n->channels * sizeof *g_beta);
    for (size_t i = 0; i < values_of(n); i++) {
        size_t k = channel_of(n, i);
        g_beta[k] += d[i];
        g_gamma[k] += d[i] * (a[i] - mean[k]) * inverse_deviation(variance[k]);
    }
    for (size_t i = 0; i < values_of(n) && g_a; i++) {
        size_t k = channel_of(n, i);
        double inverse = inverse_deviation(variance[k]), unit = (a[i] - mean[k]) * inverse;
        g_a[i] = gamma[k] * inverse * (d[i] - g_beta[k] / values - unit * g_gamma[k] / values);
    }
    cal_free(r);
    cal_free(d);
}
