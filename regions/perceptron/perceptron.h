/* regions/perceptron/perceptron.h - a network with one hidden layer in one region, trained end to end: what sparse rules are compared with.
 *
 * y = w2 LeakyReLU(w1 x + b1) + b2 on a picture, by cross-entropy. `nonnegative` sets weights below 0 to 0 after each step; `release` is the
 * noise of synapses (regions/populations) on its inputs: each passes with that probability and is divided by it, while learning. Sends h, its hidden
 * activity. Drive: the picture; context: the labels of the stimulus. */
#ifndef CAL_REGIONS_PERCEPTRON_PERCEPTRON_H
#define CAL_REGIONS_PERCEPTRON_PERCEPTRON_H

#include "regions/layers/mlp.h"
#include "regions/layers/sight.h"
#include "regions/region.h"

struct cal_perceptron_params {
    long hidden, classes;
    int channels; /* enum cal_channels */
    double contrast;
    bool nonnegative;
    double release;
    struct cal_optim_params optimiser;
};

struct cal_perceptron {
    struct cal_region base;
    struct cal_mlp net; /* "w1" (H,D), "b1", "w2" (C,H), "b2" */
    struct cal_optim optim;
    int inputs;      /* values of the picture; D of the net are its channels */
    float *label;    /* (B) scratch */
    float *seen;     /* (D) scratch: the response to a picture */
    float *g_logits; /* (B,C) scratch */
};

struct cal_perceptron_tape {
    struct cal_mlp_tape net;
    float *logits; /* (B,C) */
};

extern const struct cal_region_ops cal_perceptron_ops;

#endif
