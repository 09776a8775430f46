/* regions/predictive_cortex/column.h - a column: a few units with a first layer, predictors and an optimiser of their own.
 *
 * Of what it sees, x, and of what all units remembered some frames ago, m, unit u makes its code and its guess of it, both unit vectors:
 *     e_u = direction of W3_u a_u + b3_u,   a_u = LeakyReLU(LeakyReLU(x W1 + b1) W2_u + b2_u)
 *     p_u = direction of Wo_u h_u + bo_u,   h_u = GRU_u(m, h_u)
 * A column is the unit of independence: it shares no weight, no gradient, no norm of a gradient with another, every product has the shape that a
 * single column has, and what it draws is keyed by its number among all. So columns give the same bits however regions share them.
 *
 * It learns in chunks of K frames. Gradients of encoder and output are taken every frame and summed up; they are state, as is the ring of the
 * GRUs, through which one back-propagation goes at the end. */
#ifndef CAL_REGIONS_PREDICTIVE_CORTEX_COLUMN_H
#define CAL_REGIONS_PREDICTIVE_CORTEX_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "regions/layers/gru.h"

struct cal_column_shape {
    int units, width;   /* U, d: of a code */
    int inputs, memory; /* D, I: values of x and of m */
    int hidden, encoder, recurrent;
    int rows, frames; /* B, K */
};

struct cal_column {
    const struct cal_column_shape *shape;           /* [borrow] */
    float *w1, *b1, *w2, *b2, *w3, *b3, *wo, *bo;   /* (D,H), (H), (H,U,E), (U,E), (U,d,E), (U,d), (U,d,R), (U,d) */
    float *g_w1, *g_b1, *g_w2, *g_b2, *g_w3, *g_b3; /* gradients, summed up over the chunk */
    float *g_wo, *g_bo;                             /* likewise */
    struct cal_gru gru;
    struct cal_optim optim;
    float *turned;                        /* (U E,H) scratch: w2, transposed */
    float *d_hidden, *d_encoder, *g_bias; /* (B,H), (B,U,E), (max(H,UE)) scratch */
};

/* One frame, as learning will need it. */
struct cal_column_tape {
    float *hidden, *encoder;      /* (B,H), (B,U,E) activity */
    float *e, *p;                 /* (B,U,d) */
    float *e_inverse, *p_inverse; /* (B,U) as of cal_direction_read */
};

/* The column with that number in its region: every array's name ends with it. The shape stays where it is. */
void cal_column_declare(struct cal_column *c, const struct cal_column_shape *shape, int number, const struct cal_optim_params *optimiser,
                        struct cal_layout *l);
void cal_column_declare_tape(const struct cal_column_shape *shape, struct cal_column_tape *t, int number, struct cal_layout *l);
/* Xavier-normal weights, keyed by the number among all columns; biases are left 0. */
void cal_column_init(struct cal_column *c, uint32_t seed, int number_of_all);

/* t->e from x, the panels (core/product.h) of (B,D). */
void cal_column_encode(struct cal_column *c, struct cal_column_tape *t, const float *x);
/* Frame k of a chunk: the GRUs' step on memory (B,I), and t->p from where they are now. */
void cal_column_predict(struct cal_column *c, struct cal_column_tape *t, int k, const float *memory);

/* A chunk begins: nothing summed up. */
void cal_column_clear(struct cal_column *c);
/* Frame k brings the gradients de, dp (B,U,d) in codes and guesses. They and the tape are used up. */
void cal_column_gather(struct cal_column *c, struct cal_column_tape *t, int k, const float *x, float *de, float *dp);
/* The chunk ends: back through its frames from `first` on, whose memory is given, and one update. */
void cal_column_update(struct cal_column *c, int first, const float *memory, const struct cal_step *s);

#endif
