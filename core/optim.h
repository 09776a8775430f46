/* core/optim.h - optimisers: SGD with momentum and weight decay, Adam; and the learning-rate schedule.
 *
 * SGD as PyTorch has it (decay is added to the gradient, then momentum: v = m v + g + d w, w -= rate v). Adam: Kingma and Ba 2015, with the
 * decay decoupled (Loshchilov and Hutter 2019). The schedule runs over the region's own learning steps. */
#ifndef CAL_CORE_OPTIM_H
#define CAL_CORE_OPTIM_H

#include <stddef.h>

#include "core/layout.h"
#include "core/param.h"
#include "core/step.h"

enum cal_optim_kind { CAL_SGD, CAL_ADAM };
enum cal_schedule { CAL_CONSTANT, CAL_DROP, CAL_LINEAR, CAL_COSINE };

struct cal_optim_params {
    int kind; /* enum cal_optim_kind */
    double rate;
    double momentum; /* SGD */
    double weight_decay;
    double beta1, beta2, epsilon; /* Adam */
    int schedule;                 /* enum cal_schedule */
    double hold;                  /* share of the run at full rate: where drop falls, where linear starts to */
    double last;                  /* drop, linear: the rate at the end, as a share of the first */
    double clip;                  /* bound on the total norm of a region's gradient; 0: none */
};
extern const struct cal_param cal_optim_table[];
extern const struct cal_param cal_optim_adam_table[]; /* the same with Adam as the default, at a steady rate that falls near the end */

#define CAL_OPTIM_PARTS_MAX 32

struct cal_optim_part {
    float **w, **g; /* where the parameters and their gradient are (filled by the layout) */
    size_t n;
    float *m, *v; /* SGD: m is the velocity, v unused; Adam: first and second moment */
};

struct cal_optim {
    const struct cal_optim_params *params;
    int n;
    struct cal_optim_part part[CAL_OPTIM_PARTS_MAX];
};

void cal_optim_init(struct cal_optim *o, const struct cal_optim_params *params);
/* Take charge of parameters `name`, n values; declares their moments in the layout as state arrays "<name>.m" and, for Adam,
 * "<name>.v". The arrays w and g are the caller's to declare. The layout keeps pointers into o: it stays where it is. */
void cal_optim_add(struct cal_optim *o, struct cal_layout *l, const char *name, float **w, float **g, size_t n);
/* The rate at this step, with t = learnt / learn_total: base x schedule(t) x phase factor. Schedules: constant 1; drop 1, from
 * t = hold on `last`; linear 1 until t = hold, then straight to `last` at t = 1; cosine (1 + cos(pi t)) / 2 over the whole run
 * (Loshchilov and Hutter 2017). 0 <= learnt < learn_total (asserted). */
double cal_optim_rate(const struct cal_optim_params *p, const struct cal_step *s);
/* One update of all parts from their gradients: w moves against g. Adam's bias correction uses s->learnt + 1. */
void cal_optim_update(struct cal_optim *o, const struct cal_step *s);

/* What one update is made of: a pass over the n values of a part (n,), and its slow twin. */
struct cal_optim_pass {
    float scale; /* of the gradient: less than 1 when it is clipped */
    float rate, momentum, weight_decay, epsilon;
    float fresh1, fresh2;   /* 1 - beta1, 1 - beta2: what the newest gradient weighs in the moments */
    float unbias1, unbias2; /* 1 / (1 - beta1^t), 1 / (1 - beta2^t) */
};
void cal_sgd_pass(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m);
void cal_sgd_pass_twin(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m);
void cal_adam_pass(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m, float *v);
void cal_adam_pass_twin(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m, float *v);

#endif
