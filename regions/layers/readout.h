/* regions/layers/readout.h - what a convolutional net is asked: the class, perhaps the box, and to be simple.
 *
 *     p = 4x4 block averages of the map        logits = w p + b        box = w' p + b'
 *     L = local + 5 smooth_L1(box) + beta H(p)
 * local is the cross-entropy CE, or similarity matching, 0.1 CE + 0.9 L_sim (objectives/similarity.h); H is the normalised entropy
 * (objectives/entropy.h). The block averages are what makes a linear head good enough for an early stage: with one average a channel it is
 * asked for an answer without places, and loses 12 points on CIFAR-10. */
#ifndef CAL_REGIONS_LAYERS_READOUT_H
#define CAL_REGIONS_LAYERS_READOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/layout.h"
#include "core/optim.h"
#include "core/rep.h"
#include "core/step.h"
#include "regions/objectives/entropy.h"
#include "regions/objectives/similarity.h"

enum cal_local { CAL_LOCAL_CROSS_ENTROPY, CAL_LOCAL_SIMILARITY };

struct cal_readout_params {
    long classes;
    bool boxes;
    double beta;      /* weight of the entropy */
    int alpha;        /* number in cal_readout_alphas */
    bool conditional; /* entropy within each class */
    int local;        /* enum cal_local */
};

/* The words for `alpha` and `local`, NULL-ended. */
extern const char *const cal_readout_alphas[], *const cal_readout_locals[];

#define CAL_BOX 4 /* centre x, centre y, width, height, as parts of the picture */

struct cal_readout {
    struct cal_readout_params params;
    int batch, channels, height, width, features; /* B, K; of the map; D = 16 K */
    float *w, *b, *g_w, *g_b;                     /* (classes,D), (classes), their gradients */
    float *box_w, *box_b, *g_box_w, *g_box_b;     /* (4,D), (4), theirs; NULL without boxes, as all below that is about boxes */
    float *label, *box;                           /* (B), (B,4) what there was to see */
    float *g_logits, *g_box;                      /* (B,classes), (B,4) */
    float *g_pooled;                              /* (B,D) */
    struct cal_gram gram;
    struct cal_entropy entropy;
    struct cal_similarity similarity;
};

/* What learning needs of one forward pass, and what can be recorded. */
struct cal_readout_tape {
    float *pooled;    /* (B,D) */
    float *logits;    /* (B,classes) */
    float *box;       /* (B,4) */
    float *w, *box_w; /* as they were */
};

/* What one presentation came to. */
struct cal_readout_value {
    double loss, accuracy, entropy;
};

/* Declare for maps (B,K,H,W), H and W multiples of 4: "head.w", "head.b", "box.w", "box.b", gradients, moments, scratch. */
void cal_readout_declare(struct cal_readout *k, const struct cal_readout_params *p, int batch, int channels, int height, int width,
                         struct cal_layout *l, struct cal_optim *o);
void cal_readout_declare_tape(const struct cal_readout *k, struct cal_readout_tape *t, struct cal_layout *l);
/* As PyTorch's linear layers, uniform within +-1 / sqrt(D). A box begins near the middle: weights a tenth of that, biases 1/2. Draws matrices
 * number `which` and the three after it of `owner`. */
void cal_readout_init(struct cal_readout *k, uint32_t seed, int owner, int which);
/* pooled, logits and box from the map. */
void cal_readout_forward(const struct cal_readout *k, struct cal_readout_tape *t, const float *map);
/* The loss of what is on the tape, given a context with `label` and, with boxes, `box`; the gradients of all weights (overwritten). g_map (B,K,H,W),
 * overwritten: the gradient in the map; NULL: not wanted. Errors: CAL_EUSAGE: a label that is no class; CAL_ENUMERICS. */
int cal_readout_backward(struct cal_readout *k, const struct cal_readout_tape *t, const struct cal_rep *context, float *g_map,
                         struct cal_readout_value *value);

#endif
