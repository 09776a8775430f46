/* regions/layers/gru.h - gated recurrent units side by side, which read one input and go back through a chunk of steps.
 *
 * For each unit, with input x and state h of one row (Cho et al. 2014, in the form that cuDNN and PyTorch have):
 *     r = sigmoid(x Wx_r + bx_r + h Wh_r + bh_r)        z = sigmoid(x Wx_z + bx_z + h Wh_z + bh_z)
 *     n = tanh(x Wx_n + bx_n + r (h Wh_n + bh_n))       h' = n + z (h - n)
 * Side by side in columns of the matrices, and in biases, are r, z, n, R each; a row x meets them from the left. Nothing is shared between units but x, to which no gradient goes: it is others' activity.
 *
 * What back-propagation needs of a chunk of K steps is kept in a ring, as state: a chunk may be interrupted by a checkpoint. The gradients of
 * weights are products over all rows of the chunk at its end. */
#ifndef CAL_REGIONS_LAYERS_GRU_H
#define CAL_REGIONS_LAYERS_GRU_H

#include "core/layout.h"
#include "core/optim.h"

struct cal_gru {
    int units, inputs, hidden, rows, steps; /* U, I, R, B, K */
    float *wx, *bx, *wh, *bh;               /* (I,U,3R), (U,3R), (U,R,3R), (U,3R) */
    float *g_wx, *g_bx, *g_wh, *g_bh;       /* their gradients */
    float *h;                               /* (K+1,B,U,R) state: slot k before step k of the chunk, slot k+1 after it */
    float *gates;                           /* (K,B,U,4R) state: n, r, z, h Wh_n + bh_n of each step, as cal_gru_read has it */
    float *dh;                              /* (K,B,U,R) state: gradient in h after each step, by what reads it; written by the owner */
    float *read;                            /* (2,B,U,3R) scratch: x Wx and h Wh */
    float *turned;                          /* (U,3R,R) scratch: Wh, transposed */
};

/* Declare weights, gradients, moments, ring and scratch; every name ends with `suffix`. The gradients are scratch. */
void cal_gru_declare(struct cal_gru *g, int units, int inputs, int hidden, int rows, int steps, const char *suffix, struct cal_layout *l,
                     struct cal_optim *o);
/* All of the ring at 0: a new beginning. */
void cal_gru_reset(struct cal_gru *g);
/* The next chunk goes on where the last one ended. */
void cal_gru_carry(struct cal_gru *g);
/* Step k of the chunk, on x (B,I), packed. Returns the state after it, (B,U,R). */
const float *cal_gru_step(struct cal_gru *g, int k, const float *x);
/* Back from step `last` to step `first`, whose inputs are x (last-first+1,B,I): all gradients, overwritten. dh and gates are used up. What was
 * before step `first` is taken as given. */
void cal_gru_back(struct cal_gru *g, int first, int last, const float *x);

/* The passes between the products (gru_fast.c), and their strict twins (gru_twin.c); for rows x units of n values.
 * read: from gx = x Wx, gh = h Wh (rows,U,3n) and h (rows,U,n) to gates (rows,U,4n), which are n, r, z, h Wh_n + bh_n, and the next state.
 * back: from dh, the gradient in the next state, to that in what the gates were made from: n, r, z by way of x, and the last by way of h (so
 * that r, z and it are those of h Wh side by side), in place; to before, (rows,U,n), if not NULL, is added what goes straight to h. */
void cal_gru_read(int rows, int units, int n, const float *gx, const float *gh, const float *bx, const float *bh, const float *h,
                  float *gates, float *next);
void cal_gru_read_twin(int rows, int units, int n, const float *gx, const float *gh, const float *bx, const float *bh, const float *h,
                       float *gates, float *next);
void cal_gru_read_back(int rows, int units, int n, float *gates, const float *h, const float *dh, float *before);
void cal_gru_read_back_twin(int rows, int units, int n, float *gates, const float *h, const float *dh, float *before);

/* The strict twin of the whole: one unit in float64 through K steps, forward from `h` (B,R) and back from the gradients in each step's state. */
struct cal_gru_twin {
    int inputs, hidden, rows, steps;
    const double *wx, *bx, *wh, *bh;   /* (I,3R), (3R), (R,3R), (3R) */
    const double *x, *dh;              /* (K,B,I), (K,B,R) */
    double *h;                         /* (K+1,B,R): slot 0 given, the others written */
    double *g_wx, *g_bx, *g_wh, *g_bh; /* overwritten */
};
void cal_gru_twin(struct cal_gru_twin *t);

#endif
