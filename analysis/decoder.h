/* analysis/decoder.h - what can be read from a code, fitted on some samples and scored on others.
 *
 * By a straight line (ridge regression, analysis/linear.h) or by a small network: two hidden layers of 128, LeakyReLU, 7 passes over the samples in
 * batches of 64, Adam at 1e-3. Columns of the code are shifted and scaled to mean 0 and variance 1, targets by their mean image and one scale for all,
 * so that a network that has learnt nothing gives the mean image. Weights and order are drawn from the seed: the same samples give the same decoder.
 *
 * Errors are normalised: mean squared error over that of the training mean image, both on the test samples. 1 is as good as the mean image. */
#ifndef CAL_ANALYSIS_DECODER_H
#define CAL_ANALYSIS_DECODER_H

#include <stdint.h>

#include "analysis/linear.h"
#include "core/layout.h"
#include "core/optim.h"

#define CAL_DECODER_LAYERS 3
#define CAL_DECODER_HIDDEN 128
#define CAL_DECODER_PASSES 7
#define CAL_DECODER_BATCH 64

struct cal_decoder_layer {
    int inputs, outputs;
    float *w, *b;     /* (outputs,inputs), (outputs) */
    float *g_w, *g_b; /* their gradients */
};

struct cal_decoder {
    int inputs, outputs;
    float *mean_x, *scale_x; /* (inputs) */
    float *mean_t, scale_t;  /* (outputs); of all targets */
    struct cal_decoder_layer layer[CAL_DECODER_LAYERS];
    float *x;                                /* (batch,inputs) scaled */
    float *y[CAL_DECODER_LAYERS];            /* (batch,outputs of the layer) */
    float *d_hidden[CAL_DECODER_LAYERS - 1]; /* (batch,hidden) */
    struct cal_layout layout;
    struct cal_optim optim;
};

/* A network of random weights, with the scales of the samples. [give]; takes them in no longer than the call. */
struct cal_decoder *cal_decoder_create(const struct cal_pairs *train, uint32_t seed);
void cal_decoder_destroy(struct cal_decoder *d);
/* Fit it. The last partial batch of a pass is left out; train->rows is at least 1. */
void cal_decoder_fit(struct cal_decoder *d, const struct cal_pairs *train, uint32_t seed);
/* One batch of `rows` (at most CAL_DECODER_BATCH) samples: half the squared error of the scaled targets, summed over columns and averaged over rows;
 * its gradient goes to all g_w and g_b. */
double cal_decoder_gradient(struct cal_decoder *d, int rows, const float *x, const float *t);
/* guess (rows,outputs) from x (rows,inputs). */
void cal_decoder_read(struct cal_decoder *d, size_t rows, const float *x, float *guess);

/* Normalised errors of a network, and of ridge regression. NaN where the test targets do not differ from the mean image. Errors: CAL_ENUMERICS. */
int cal_decoder_error(const struct cal_pairs *train, const struct cal_pairs *test, uint32_t seed, double *value);
int cal_decoder_ridge(const struct cal_pairs *train, const struct cal_pairs *test, double *value);

#endif
