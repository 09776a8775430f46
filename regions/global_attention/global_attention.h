/* regions/global_attention/global_attention.h - weights the negatives of all units by queries that come from one small vector.
 *
 * It sees the predictions p of all units that drive it and squeezes them into a vector that is the same for all, from which each unit's query comes:
 *     g = A p + a        q_u = (B_u g + b_u) / |.|
 * Sequences whose queries are alike are each other's negatives, the more the higher the unit's temperature T_u >= 0
 * (regions/objectives/nce.h). It climbs the loss that the units descend, in A, a, B, b and T, from the codes e and p that it saw itself; gradients are
 * summed up over a chunk, and its last frame makes one update. Method: Tao Liu, arXiv:2005.12826, first version, where it is called hippocampus.
 *
 * Each product is one for all units, so that it has the same bits however they are spread over regions. Where the rule is uniform nothing is weighted or
 * learnt: it sends g of its first weights alone, for those who compare. */
#ifndef CAL_REGIONS_GLOBAL_ATTENTION_GLOBAL_ATTENTION_H
#define CAL_REGIONS_GLOBAL_ATTENTION_GLOBAL_ATTENTION_H

#include "core/optim.h"
#include "regions/objectives/nce.h"
#include "regions/region.h"

struct cal_global_attention_params {
    long bottleneck;    /* G, values of g */
    long query;         /* Q, components of a query */
    double temperature; /* T_u at the beginning */
    struct cal_optim_params optimiser;
};

/* One presentation. */
struct cal_global_attention_tape {
    float *e, *p;       /* (B,U*D) as they came */
    float *g;           /* (B,G) */
    float *query;       /* (B,U*Q) */
    float *inverse;     /* (B,U) 1 / length of the queries before they were made directions */
    float *w_q;         /* (U*Q,G) B as it was; the gradient needs no other weights */
    float *temperature; /* (U) as sent */
};

struct cal_global_attention {
    struct cal_region base;
    int units, width, bottleneck, query;                  /* U, D, G, Q */
    float *w_g, *b_g, *w_q, *b_q, *temperature;           /* A (G,U*D), a (G), B (U*Q,G), b (U*Q), T (U) */
    float *g_w_g, *g_b_g, *g_w_q, *g_b_q, *g_temperature; /* gradients of -L, summed up over the chunk so far: state */
    double *reported;                                     /* (3) the metrics of the last frame that counted: state */
    struct cal_optim optim;
    float *e_units, *p_units;                    /* (U,D,P) scratch: unit-major, as the loss has it */
    float *query_units, *d_query_units;          /* (U,Q,P) scratch */
    float *rows, *d_query, *d_g, *d_temperature; /* scratch of the loss; (B,U*Q), (B,G), (U) gradients of one frame */
};

extern const struct cal_region_ops cal_global_attention_ops;

#endif
