/* regions/layers/bank.h - a bank of two-layer networks over one input, with an output each.
 *
 *     y_u(x) = w2_u . LeakyReLU(w1_u x + b1_u) + b2_u
 * Neither weights nor gradients are shared between units; only the first product is one GEMM for all of them, or for a block of them: the
 * bits of a product depend on its shape, so a unit in a block of its own kind has the same bits in a bank of any size. */
#ifndef CAL_REGIONS_LAYERS_BANK_H
#define CAL_REGIONS_LAYERS_BANK_H

#include <stdint.h>

#include "core/layout.h"
#include "core/optim.h"

struct cal_bank {
    int units, inputs, hidden;        /* U, D, H */
    const int *block;                 /* [borrow] units in each of the products, in order; NULL: one for all */
    float *w1, *b1, *w2, *b2;         /* (U,H,D), (U,H), (U,H), (U) */
    float *g_w1, *g_b1, *g_w2, *g_b2; /* their gradients */
};

/* What the gradient needs of one forward pass; rows as declared. */
struct cal_bank_tape {
    float *x;      /* (rows,D) input, written by the owner */
    float *hidden; /* (rows,U,H) activity */
    float *w2;     /* (U,H) as they were; the gradient needs no other weights */
};

/* Declare weights, their gradients and moments: "w1", "w1.g" and so on. */
void cal_bank_declare(struct cal_bank *k, int units, int inputs, int hidden, struct cal_layout *l, struct cal_optim *o);
void cal_bank_declare_tape(const struct cal_bank *k, struct cal_bank_tape *t, int rows, struct cal_layout *l);
/* Xavier-normal weights (Glorot and Bengio 2010), each unit's matrices by themselves; biases are left 0. `first`: number of the first unit
 * among all that share the owner's draws. */
void cal_bank_init(struct cal_bank *k, uint32_t seed, int owner, int first);
/* y (rows,U) from the first `rows` rows of t->x. */
void cal_bank_forward(const struct cal_bank *k, struct cal_bank_tape *t, int rows, float *y);
/* All gradients (overwritten) from dy (rows,U), for the forward pass on the tape, which is used up. */
void cal_bank_backward(struct cal_bank *k, struct cal_bank_tape *t, int rows, const float *dy);

/* Fill w[n] with normal numbers of variance 2 / (fan_in + fan_out): elements `first` ... of matrix number `which` of the region `owner`. */
void cal_xavier(uint32_t seed, int owner, int which, int fan_in, int fan_out, size_t first, float *w, size_t n);

#endif
