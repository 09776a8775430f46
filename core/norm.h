/* core/norm.h - batch normalisation, ReLU and, where asked for, 2x2 max-pooling, fused.
 *
 *   v = gamma (a - mean) / sqrt(variance + CAL_NORM_EPSILON) + beta;   r = max(v, 0);   y = r or its 2x2 maxima
 *
 * Ioffe and Szegedy 2015. Mean and variance are a channel's over batch and map (biased, as PyTorch normalises), or running ones: forward
 * takes either. Learning: statistics, forward, and track when the running ones are to follow. Not learning: forward with the running ones.
 * Neither r nor the places of the maxima are kept: backward finds both again from a, the only map that has to stay. Of equal maxima the
 * first in scan order counts. The twins (norm_twin.c) are the definition, in float64. */
#ifndef CAL_CORE_NORM_H
#define CAL_CORE_NORM_H

#include <stdbool.h>

#define CAL_NORM_EPSILON 1e-5f /* added to the variance */
#define CAL_NORM_MOMENTUM 0.1f /* what the newest batch weighs in the running statistics */

struct cal_norm {
    int batch, channels; /* B, K */
    int height, width;   /* H, W of a; even where pooled */
    bool pool;           /* y is (B,K,H/2,W/2), otherwise (B,K,H,W) */
};

/* mean, variance (K), overwritten: of a (B,K,H,W) over B, H and W; variance biased. */
void cal_norm_statistics(const struct cal_norm *n, const float *a, float *mean, float *variance);
/* running += CAL_NORM_MOMENTUM (new - running), the new variance made unbiased first, as PyTorch does. All (K). B H W > 1. */
void cal_norm_track(const struct cal_norm *n, const float *mean, const float *variance, float *running_mean, float *running_variance);

/* y, overwritten. a (B,K,H,W); mean, variance, gamma, beta (K). */
void cal_norm_forward(const struct cal_norm *n, const float *a, const float *mean, const float *variance, const float *gamma,
                      const float *beta, float *y);
/* Back through it, mean and variance being a's own (from cal_norm_statistics). g_y as y; g_gamma, g_beta (K) and g_a (B,K,H,W) are
 * overwritten. g_a may be a itself; NULL: not wanted. */
void cal_norm_backward(const struct cal_norm *n, const float *a, const float *mean, const float *variance, const float *gamma,
                       const float *beta, const float *g_y, float *g_gamma, float *g_beta, float *g_a);

void cal_norm_statistics_twin(const struct cal_norm *n, const double *a, double *mean, double *variance);
void cal_norm_track_twin(const struct cal_norm *n, const double *mean, const double *variance, double *running_mean,
                         double *running_variance);
void cal_norm_forward_twin(const struct cal_norm *n, const double *a, const double *mean, const double *variance, const double *gamma,
                           const double *beta, double *y);
void cal_norm_backward_twin(const struct cal_norm *n, const double *a, const double *mean, const double *variance, const double *gamma,
                            const double *beta, const double *g_y, double *g_gamma, double *g_beta, double *g_a);

#endif
