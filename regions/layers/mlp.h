/* regions/layers/mlp.h - a two-layer network: y = w2 LeakyReLU(w1 x + b1) + b2. */
#ifndef CAL_REGIONS_LAYERS_MLP_H
#define CAL_REGIONS_LAYERS_MLP_H

#include <stdint.h>

#include "core/layout.h"
#include "core/optim.h"

struct cal_mlp {
    int inputs, hidden, outputs;      /* D, H, O */
    float *w1, *b1, *w2, *b2;         /* (H,D), (H), (O,H), (O) */
    float *g_w1, *g_b1, *g_w2, *g_b2; /* their gradients */
    float *d_hidden;                  /* (rows,H) scratch of the backward pass */
};

/* What the gradient needs of one forward pass; rows as declared. */
struct cal_mlp_tape {
    float *x;      /* (rows,D) input, written by the owner */
    float *hidden; /* (rows,H) activity */
    float *w2;     /* (O,H) as they were */
};

/* Declare weights, gradients, moments and scratch for `rows` rows. */
void cal_mlp_declare(struct cal_mlp *k, int inputs, int hidden, int outputs, int rows, struct cal_layout *l, struct cal_optim *o);
void cal_mlp_declare_tape(const struct cal_mlp *k, struct cal_mlp_tape *t, int rows, struct cal_layout *l);
/* Xavier-normal weights; biases are left 0. */
void cal_mlp_init(struct cal_mlp *k, uint32_t seed, int owner);
/* y (rows,O) from t->x. */
void cal_mlp_forward(const struct cal_mlp *k, struct cal_mlp_tape *t, int rows, float *y);
/* All gradients (overwritten) from dy (rows,O), for the forward pass on the tape, which is used up. */
void cal_mlp_backward(struct cal_mlp *k, struct cal_mlp_tape *t, int rows, const float *dy);

#endif
