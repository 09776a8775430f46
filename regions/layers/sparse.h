/* regions/layers/sparse.h - a bank of two-layer networks, each of which reads a few of the inputs.
 *
 *     y_u(x) = w2_u . LeakyReLU(sum_k w1_uk x_(read_uk) + b1_u) + b2_u
 * Values are unit-major, (D,P) and (U,P), a row of P samples each: what a unit reads are whole rows, so nothing is gathered and every loop runs
 * along memory. P is a multiple of 16; what lies behind the batch may be any finite numbers in x, and has to be 0 in a gradient. */
#ifndef CAL_REGIONS_LAYERS_SPARSE_H
#define CAL_REGIONS_LAYERS_SPARSE_H

#include <stdint.h>

#include "core/layout.h"
#include "core/optim.h"
#include "regions/layers/bank.h"

struct cal_sparse {
    struct cal_bank bank; /* U units of H hidden values, whose inputs are their K reads: w1 is (U,H,K) */
    long *read;           /* (U,K) numbers of the inputs; the owner's to draw, saved with the weights */
};

/* What the gradient needs of one forward pass, the input apart. */
struct cal_sparse_tape {
    float *hidden; /* (U,H,P) activity */
    float *w2;     /* (U,H) as they were */
};

/* Declare "read", and a bank's weights, gradients and moments. */
void cal_sparse_declare(struct cal_sparse *k, int units, int reads, int hidden, struct cal_layout *l, struct cal_optim *o);
void cal_sparse_declare_tape(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, struct cal_layout *l);
/* Xavier-normal weights, as a bank's; biases are left 0. `first`: number of the first unit among all that share the owner's draws; `room`, at
 * least K and the same for all of those: how many reads a unit's stretch of them has room for. */
void cal_sparse_init(struct cal_sparse *k, uint32_t seed, int owner, int first, int room);
/* y (U,P) from x (D,P). */
void cal_sparse_forward(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, float *y);
/* All gradients (overwritten) from dy (U,P), for the forward pass on the tape, which is used up; x as it was. */
void cal_sparse_backward(struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, const float *dy);

/* The loops behind these (sparse_fast.c) and their strict twins (sparse_twin.c), on the arrays of k. */
void cal_sparse_read(const struct cal_sparse *k, int pitch, const float *x, float *hidden, float *y);
void cal_sparse_read_twin(const struct cal_sparse *k, int pitch, const float *x, float *hidden, float *y);
/* hidden: in, the activity; out, the gradient in what the units have summed up. w2 as in that forward pass. */
void cal_sparse_back(struct cal_sparse *k, int pitch, const float *x, const float *w2, const float *dy, float *hidden);
void cal_sparse_back_twin(struct cal_sparse *k, int pitch, const float *x, const float *w2, const float *dy, float *hidden);

#endif
