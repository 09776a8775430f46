/* regions/objectives/nce.h - weighted InfoNCE in time: a predicted code is to be like the code that comes, against weighted negatives.
 *
 * For sequence n and unit u, with unit vectors e (code), p (prediction of it) and q (query) and the other sequences m at the same frame:
 *     l_nu  = -(tau e_n.p_n - log sum_{m != n} w_nm exp(tau e_n.e_m))
 *     w_nm  = 1/G softmax over {m' != n, m' mod G = m mod G} of T_u q_n.q_m', at m
 * Cortex descends it in e and p, attention ascends it in q and T; both gradients are in closed form, and neither side needs the other's. Uniform
 * negatives (the control) are w = 1/(B-1). The loss is the mean of l over all n and all units of all regions that attention answers for.
 *
 * Source: Tao Liu, "BHN: A Brain-like Heterogeneous Network", arXiv:2005.12826, first version. We differ: the negatives are compared with e and not
 * with p (units do not collapse then), they are the other sequences of this frame and not those of the frame before, and the softmax is in groups.
 *
 * Arrays are unit-major float32, (U,D,P): component d of unit u over the batch, P = cal_contrast_pitch(B) floats, so that loops over m run along memory;
 * it is the transpose of (B,U*D). What stands behind B may be any finite number. */
#ifndef CAL_REGIONS_OBJECTIVES_NCE_H
#define CAL_REGIONS_OBJECTIVES_NCE_H

#include <stdbool.h>

#include "core/param.h"
#include "core/rep.h"
#include "core/step.h"

/* The rule that both ends of a context share. */
enum cal_nce_negatives { CAL_NCE_WEIGHTED, CAL_NCE_UNIFORM };

struct cal_nce_rule {
    int negatives; /* enum cal_nce_negatives */
    long groups;   /* G of the softmax; each gets 1/G */
    double tau;    /* sharpness: exp(tau e.e') */
    long begin;    /* first frame of a window that has a prediction; there is no loss before */
    long chunk;    /* frames that make one update; truncated back-propagation goes back so far */
};
extern const struct cal_param cal_nce_table[];

bool cal_nce_rule_same(const struct cal_nce_rule *a, const struct cal_nce_rule *b);
/* Does the rule go with B sequences in windows of T frames? (A group needs two, T is whole chunks, `begin` is within the window.) The groups have
 * to go where negatives are uniform as well: measures say what weighted ones would have gained. Error: CAL_EUSAGE. */
int cal_nce_rule_check(const struct cal_nce_rule *rule, int batch, long window);
/* How many frames of the chunk that `frame` is in have a loss. */
int cal_nce_rule_counted(const struct cal_nce_rule *rule, long frame);
/* Is this frame the last of its chunk, at which both ends make their update? */
bool cal_nce_rule_due(const struct cal_nce_rule *rule, long frame);
/* The step as an optimiser is to see it, whose steps are updates. */
struct cal_step cal_nce_rule_step(const struct cal_nce_rule *rule, const struct cal_step *s);

#define CAL_NCE_ROWS 5 /* rows of P floats that one call needs as scratch */

struct cal_nce {
    int units, width, query_width, batch, pitch; /* U, D, Q, B, P */
    int groups;                                  /* G; 0: uniform */
    float tau;
    float scale;              /* of all gradients: 1/N for one who descends, -1/N for one who ascends */
    const float *e, *p;       /* (U,D,P); p only for the codes' side and the value */
    const float *query;       /* (U,Q,P); NULL where uniform */
    const float *temperature; /* (U) T; NULL where uniform */
    float *rows;              /* (CAL_NCE_ROWS,P) scratch */
};

/* A loss as the rule has it: `width` components a code, `query_width` a query. e, p, query, temperature and rows are left to the caller. */
struct cal_nce cal_nce_of(const struct cal_nce_rule *rule, int units, int width, int query_width, int batch, float scale);

/* Sums over (n,u): of l, and of l with uniform negatives on the same codes (the control). */
struct cal_nce_value {
    double loss, control;
};

/* The cortex's side: gradients in e and p to de, dp (U,D,P), overwritten. Nothing flows through the weights. */
void cal_nce_codes(const struct cal_nce *c, float *de, float *dp, struct cal_nce_value *value);
/* The attention's side: gradients in q and T to dquery (U,Q,P), d_temperature (U), overwritten. */
void cal_nce_weights(const struct cal_nce *c, float *dquery, float *d_temperature, struct cal_nce_value *value);
/* The value alone. */
void cal_nce_measure(const struct cal_nce *c, struct cal_nce_value *value);

/* Loss and control, as means over (n,u), of codes e and predictions p (B,U*D), unit u's components together, under what an attention sent for
 * them: `sent` has the slices query (B,U*Q) and temperature (U), or nothing where the rule is uniform. For those who look on; a region holds its
 * own arrays. */
void cal_nce_evaluate(const struct cal_nce_rule *rule, int batch, int units, int width, const float *e, const float *p,
                      const struct cal_rep *sent, struct cal_nce_value *mean);

/* The strict twin: one unit in float64, every weight and gradient written out. e, p, query are (B,D), (B,Q) row-major here. */
struct cal_nce_twin {
    int batch, width, query_width, groups;
    double tau, scale, temperature;
    const double *e, *p, *query;
    double *de, *dp, *dquery; /* overwritten */
    double d_temperature, loss, control;
};
void cal_nce_twin(struct cal_nce_twin *t);

#endif
