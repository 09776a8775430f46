/* regions/attention/attention.h - weights the negatives of all units so as to make each unit's task hard.
 *
 * It sees every unit's code of all its afferents and nothing else, and climbs the loss that they descend
 * (regions/objectives/contrast.h): it puts weight on what the *other* units cannot tell apart. Method: Tao Liu, arXiv:2005.12826. Three forms,
 * chosen by the rule of the contexts that it sends. */
#ifndef CAL_REGIONS_ATTENTION_ATTENTION_H
#define CAL_REGIONS_ATTENTION_ATTENTION_H

#include "core/optim.h"
#include "regions/layers/bank.h"
#include "regions/layers/mlp.h"
#include "regions/objectives/contrast.h"
#include "regions/region.h"

struct cal_attention_params {
    long hidden; /* predictor: of each unit's own network */
    long widen;  /* masked: the hidden layer is so many times as wide as there are units */
    struct cal_optim_params optimiser;
};

/* One presentation. x, in the network's tape, has y1 as its first B rows. */
struct cal_attention_tape {
    struct cal_bank_tape bank;
    struct cal_mlp_tape mlp;
    float *y1;   /* (B,U); only where no network has it */
    float *y2;   /* (B,U) */
    float *sent; /* (slices,B,U) in the order of the form's slices */
    float *tau;  /* (U) as sent */
};

struct cal_attention {
    struct cal_region base;
    const struct cal_attention_form *form;
    int units;            /* U, of all afferents */
    struct cal_bank bank; /* predictor */
    struct cal_mlp mlp;   /* masked */
    float *w_tau, *g_tau; /* (U) the temperatures and their gradient */
    struct cal_optim optim;
    float *y1, *y2, *key, *query, *dkey, *dquery; /* (U,P) scratch: unit-major, as the contrast has it */
    float *counted, *rows;                        /* (U,P), scratch of the contrast */
    float *d_sent;                                /* the gradient in `sent` */
};

/* How the two learning forms differ; `uniform` is the third, with nothing to it. */
struct cal_attention_form {
    const char *const *slices; /* names of what is sent beside tau, (B,U) each, NULL-ended */
    void (*declare)(struct cal_attention *a);
    void (*declare_tape)(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l);
    void (*init)(struct cal_attention *a);
    float *(*codes)(struct cal_attention_tape *t); /* where y1 goes, (B,U) */
    /* From the codes on the tape to t->sent. */
    void (*forward)(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t);
    /* From a->d_sent to the gradients of the weights. */
    void (*backward)(struct cal_attention *a, struct cal_attention_tape *t);
};
extern const struct cal_attention_form cal_attention_predictor, cal_attention_masked, cal_attention_uniform;

extern const struct cal_region_ops cal_attention_ops;

#endif
