/* regions/attention/attention.h - weights the negatives of all units so as to make each unit's task hard.
 *
 * It sees every unit's code of all its afferents and nothing else, and climbs the loss that they descend
 * (regions/objectives/contrast.h): it puts weight on what the *other* units cannot tell apart. Method: Tao Liu, arXiv:2005.12826. Three forms,
 * chosen by the rule of the contexts that it sends.
 *
 * Replicas are shards: each answers for the units of some regions, with its own weights and loss, and reads those and others (wiring.c). Where
 * `fan_in` bounds what a unit's predictor reads, a shard receives a bounded number of regions, however many there are. */
#ifndef CAL_REGIONS_ATTENTION_ATTENTION_H
#define CAL_REGIONS_ATTENTION_ATTENTION_H

#include "core/optim.h"
#include "regions/layers/bank.h"
#include "regions/layers/mlp.h"
#include "regions/layers/relay.h"
#include "regions/layers/sparse.h"
#include "regions/objectives/contrast.h"
#include "regions/region.h"

struct cal_attention_params {
    long hidden; /* predictor: of each unit's own network */
    long widen;  /* masked: the hidden layer is so many times as wide as there are units */
    long fan_in; /* predictor: units that each unit's network reads; 0: all */
    long relay;  /* with fan_in: how many of those are mixtures of all that the shard receives */
    long far;    /* with fan_in: regions that a shard reads beside those it answers for */
    struct cal_optim_params optimiser;
};

/* One presentation. x, in the network's tape, has y1 as its first B rows. */
struct cal_attention_tape {
    struct cal_bank_tape bank;
    struct cal_sparse_tape sparse;
    struct cal_relay_tape relay;
    struct cal_mlp_tape mlp;
    float *y1;   /* (B,R); only where no network has it */
    float *y2;   /* (B,U) */
    float *sent; /* (slices,B,U) in the order of the form's slices */
    float *tau;  /* (U) as sent */
};

struct cal_attention {
    struct cal_region base;
    const struct cal_attention_form *form;
    int units;                /* U, those it answers for */
    int seen;                 /* R, those whose codes it reads, its own among them */
    int own;                  /* column of the first of its own among those */
    struct cal_bank bank;     /* predictor that reads all: R -> H -> 1 for each of U */
    int *block;               /* [own] units of each region it answers for */
    struct cal_sparse sparse; /* predictor that reads some */
    struct cal_relay relay;   /* mixtures that it reads as well */
    float *x;                 /* (R,P) scratch: what that one reads, and then (G,P) the mixtures */
    struct cal_mlp mlp;       /* masked */
    float *w_tau, *g_tau;     /* (U) the temperatures and their gradient */
    struct cal_optim optim;
    float *y1, *y2, *key, *query, *dkey, *dquery; /* (U,P) scratch: unit-major, as the contrast has it */
    float *counted, *rows;                        /* (U,P), scratch of the contrast */
    float *d_sent;                                /* the gradient in `sent` */
};

/* How the learning forms differ; `uniform` is another, with nothing to it. */
struct cal_attention_form {
    const char *const *slices; /* names of what is sent beside tau, (B,U) each, NULL-ended */
    void (*declare)(struct cal_attention *a);
    void (*declare_tape)(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l);
    void (*init)(struct cal_attention *a);
    float *(*codes)(struct cal_attention_tape *t); /* where y1 goes, (B,R) */
    /* From the codes on the tape to t->sent. */
    void (*forward)(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t);
    /* From a->dquery, and from a->d_sent, to the gradients of the weights. */
    void (*backward)(struct cal_attention *a, struct cal_attention_tape *t);
};
extern const struct cal_attention_form cal_attention_predictor, cal_attention_sparse, cal_attention_masked, cal_attention_uniform;

/* ops->reads: all regions, or those that the shard answers for and some far ones. */
int cal_attention_reads(const void *params, uint32_t seed, const struct cal_share *s, int *afferent);
/* The columns of x that each unit's predictor reads, the first `reads` of each row of read (U,K): the other units of its region before any
 * else, ascending. */
void cal_attention_draw_reads(const struct cal_attention *a, int reads, long *read);

extern const struct cal_region_ops cal_attention_ops;

#endif
