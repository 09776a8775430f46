/* regions/layers/block.h - a block of a convolutional net: 3x3 convolution, batch normalisation, ReLU and perhaps 2x2 max-pooling.
 *
 *     a = w * x        y = pool(max(gamma (a - mean) / sqrt(variance + e) + beta, 0))
 * Mean and variance are the batch's, or running ones gathered earlier (core/norm.h). The tape keeps x and a, and nothing else of their size. */
#ifndef CAL_REGIONS_LAYERS_BLOCK_H
#define CAL_REGIONS_LAYERS_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conv.h"
#include "core/layout.h"
#include "core/norm.h"
#include "core/optim.h"

struct cal_block {
    struct cal_conv conv; /* B, C, K, H, W */
    struct cal_norm norm;
    float *w, *gamma, *beta;        /* (K,C,3,3), (K), (K) */
    float *g_w, *g_gamma, *g_beta;  /* their gradients */
    float *run_mean, *run_variance; /* (K) the running statistics */
};

/* What the gradient needs of one forward pass. */
struct cal_block_tape {
    float *x;               /* (B,C,H,W) input, written by the owner */
    float *a;               /* (B,K,H,W) of the convolution */
    float *mean, *variance; /* (K) that a was normalised with */
    float *gamma, *beta;    /* (K) as they were */
    float *w;               /* (K,C,3,3) as they were; only where there is a block below that wants its gradient */
};

/* What comes out of it: (B,K,H/2,W/2) where pooled, else (B,K,H,W). */
int cal_block_height(const struct cal_block *k);
int cal_block_width(const struct cal_block *k);
size_t cal_block_out_floats(const struct cal_block *k);

/* Declare weights, gradients, moments and running statistics: "w", "gamma", "beta", "mean", "variance", each followed by `suffix`. conv and norm
 * are set beforehand. */
void cal_block_declare(struct cal_block *k, const char *suffix, struct cal_layout *l, struct cal_optim *o);
void cal_block_declare_tape(const struct cal_block *k, const char *suffix, bool below, struct cal_block_tape *t, struct cal_layout *l);
/* w is normal with variance 2 / (9 C) (He et al. 2015), drawn as matrix number `which` of `owner`; gamma 1, beta 0; running statistics 0, 1. */
void cal_block_init(struct cal_block *k, uint32_t seed, int owner, int which);
/* y from t->x, normalised by the batch's statistics or the running ones. scratch: cal_conv_scratch() floats. */
void cal_block_forward(const struct cal_block *k, struct cal_block_tape *t, bool batch_statistics, float *y, float *scratch);
/* All gradients (overwritten) from g_y, for the forward pass on the tape, made with the batch's statistics; the tape is used up. g_x, overwritten,
 * may be g_y itself; NULL: not wanted. */
void cal_block_backward(struct cal_block *k, struct cal_block_tape *t, const float *g_y, float *g_x, float *scratch);

#endif
