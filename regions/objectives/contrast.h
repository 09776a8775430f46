/* regions/objectives/contrast.h - the objective that cortex and attention share: contrast against weighted negatives.
 *
 * For sample q and unit u, with D(a,b) = min(|a-b|, clip) and weights w that sum to 1 over the samples k:
 *     n1 = sum_k w_qk exp(-D(y1_q, y1_k))        n2 = sum_k w_qk exp(-D(y2_q, y1_k))
 *     l  = 2 D(y1_q, y2_q) + log n1 + log n2
 *     w_qk = softmax_k(-tau_u |key_ku - query_qu|), in groups k mod G, each of which gets 1/G
 * Cortex descends it in y1 and y2, attention ascends it in key, query and tau; the gradients are in closed form and neither side needs
 * the other's. The logits differ by form: the predictor's keys are the codes y1 themselves and its queries are guesses of y1_q; the
 * masked form has keys and queries of their own, w_qq = 0, and counts only the masked (q,u); uniform is tau = 0.
 *
 * Source: the method is Tao Liu, "BHN: A Brain-like Heterogeneous Network", arXiv:2005.12826; the clip of D applies to gradients too:
 * where |a-b| >= clip, D is constant.
 *
 * Every array is unit-major: (U,P) float32, P = cal_contrast_pitch(B), so that the loops over k run along memory. */
#ifndef CAL_REGIONS_OBJECTIVES_CONTRAST_H
#define CAL_REGIONS_OBJECTIVES_CONTRAST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/param.h"
#include "core/rep.h"
#include "core/step.h"

/* The rule that both ends of a context projection share. */
enum cal_negatives { CAL_PREDICTOR, CAL_MASKED, CAL_UNIFORM };

struct cal_contrast_rule {
    int negatives; /* enum cal_negatives */
    double mask;   /* masked: probability that (q,u) is hidden, and so counts */
    long groups;   /* masked: G */
    double clip;   /* of D; 0: none; < 0: the form's own */
};
extern const struct cal_param cal_contrast_table[];

bool cal_contrast_rule_same(const struct cal_contrast_rule *a, const struct cal_contrast_rule *b);
/* Does the rule go with batches of B samples? Error: CAL_EUSAGE. */
int cal_contrast_rule_check(const struct cal_contrast_rule *rule, int batch);

/* Floats of a unit's row of B samples: B rounded up to whole vectors. What is behind B may hold any finite numbers. */
int cal_contrast_pitch(int batch);

#define CAL_CONTRAST_ROWS 7 /* rows of P floats that one call needs as scratch */

/* One presentation as one side sees it, U of the loss's units. */
struct cal_contrast {
    int units, batch, pitch; /* U, B, P */
    int groups;              /* G: 1, 2, 4, 8 or 16 */
    bool exclude_self;       /* w_qq = 0 */
    float clip;
    float scale;          /* of all gradients: 1/N for one who descends, -1/N for one who ascends */
    const float *y1, *y2; /* (U,P) */
    const float *key;     /* (U,P) */
    const float *query;   /* (U,P) */
    const float *tau;     /* (U) */
    const float *counted; /* (U,P) 1 where (q,u) counts, else 0; NULL: all count */
    float *rows;          /* (CAL_CONTRAST_ROWS,P) scratch */
};

/* Sums over the (q,u) that count: of l, and of l with all w = 1/B on the same codes (the control). */
struct cal_contrast_value {
    double loss, control;
};

/* A contrast as the rule has it, for U units; y1, y2, key, query, tau, counted and rows are left to the caller. */
struct cal_contrast cal_contrast_of(const struct cal_contrast_rule *rule, int units, int batch, float scale);

/* The cortex side: gradients in y1 and y2 to dy1, dy2 (U,P), overwritten. [in] c. Nothing flows through the weights. */
void cal_contrast_codes(const struct cal_contrast *c, float *dy1, float *dy2, struct cal_contrast_value *value);
/* The attention side: gradients in key and query to dkey, dquery (U,P) and in tau to dtau (U), overwritten. Where keys are the codes
 * themselves, dkey is of no use, but has to be there. */
void cal_contrast_weights(const struct cal_contrast *c, float *dkey, float *dquery, float *dtau, struct cal_contrast_value *value);
/* The value alone. */
void cal_contrast_measure(const struct cal_contrast *c, struct cal_contrast_value *value);

/* Which samples of the unit with global number `unit` are hidden in this presentation: out[q] = 1 or 0, q < B. Both ends call it. */
void cal_contrast_mask(const struct cal_contrast_rule *rule, uint32_t seed, const struct cal_step *s, int unit, int batch, float *out);

/* Loss and control, as means over (q,u), of codes y1 and y2 (B,U) under what an attention sent for them: `sent` has the slices guess and tau, or
 * key, query and tau, or nothing, as the rule has it. `seed` is that of the attention: masks are keyed by it. For those who look on; a region holds its own arrays. */
void cal_contrast_evaluate(const struct cal_contrast_rule *rule, uint32_t seed, const struct cal_step *s, int batch, int units,
                           const float *y1, const float *y2, const struct cal_rep *sent, struct cal_contrast_value *mean);

/* The strict twin: one unit in float64, every weight and every gradient written out. */
struct cal_contrast_twin {
    int batch, groups;
    bool exclude_self;
    double clip, scale, tau;
    const double *y1, *y2, *key, *query; /* (B) */
    const double *counted;               /* (B); NULL: all */
    double *dy1, *dy2, *dkey, *dquery;   /* (B), overwritten */
    double dtau, loss, control;
};
void cal_contrast_twin(struct cal_contrast_twin *t);

#endif
