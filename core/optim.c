/* core/optim.c - see optim.h. The fast passes are in optim_fast.c. */
#include "core/optim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"

static const char *const kinds[] = {"sgd", "adam", NULL};
static const char *const schedules[] = {"constant", "drop", "linear", "cosine", NULL};

#define AT(field) offsetof(struct cal_optim_params, field)

/* The rows of a table with these defaults. */
/* clang-format off */
#define ROWS(KIND, RATE, DECAY, SCHEDULE, HOLD) \
    {"kind", CAL_CHOICE, AT(kind), .value = KIND, .choices = kinds, .help = "SGD with momentum, or Adam with decoupled weight decay"}, \
    {"rate", CAL_FLOAT, AT(rate), "1", RATE, 0, 1e3, .help = "learning rate before schedule and phase factor; 0 is legal"}, \
    {"momentum", CAL_FLOAT, AT(momentum), "1", "0.9", 0, 0.9999, .help = "SGD: share of the velocity kept from one step to the next"}, \
    {"weight_decay", CAL_FLOAT, AT(weight_decay), "1", DECAY, 0, 1, .help = "pull of each parameter towards 0, times the rate"}, \
    {"beta1", CAL_FLOAT, AT(beta1), "1", "0.9", 0, 0.9999, .help = "Adam: decay of the running mean of the gradient"}, \
    {"beta2", CAL_FLOAT, AT(beta2), "1", "0.999", 0, 0.99999, .help = "Adam: decay of the running mean of its square"}, \
    {"epsilon", CAL_FLOAT, AT(epsilon), "1", "1e-8", 1e-12, 1, .help = "Adam: added to the root of the second moment"}, \
    {"schedule", CAL_CHOICE, AT(schedule), .value = SCHEDULE, .choices = schedules, \
     .help = "how the rate falls over a region's own learning steps"}, \
    {"hold", CAL_FLOAT, AT(hold), "1", HOLD, 0, 1, \
     .help = "share of the learning steps at full rate, where drop falls or linear begins to"}, \
    {"last", CAL_FLOAT, AT(last), "1", "0.1", 0, 1, .help = "drop and linear: the rate at the end as a share of the first"}, \
    {"clip", CAL_FLOAT, AT(clip), "1", "0", 0, 1e9, .help = "bound on the norm of a region's whole gradient; 0 for none"}, \
    {0}
/* clang-format on */

const struct cal_param cal_optim_table[] = {ROWS("sgd", "0.1", "1e-3", "drop", "0.75")};
const struct cal_param cal_optim_adam_table[] = {ROWS("adam", "3e-3", "0", "linear", "0.7")};

void cal_optim_init(struct cal_optim *o, const struct cal_optim_params *params)
{
    memset(o, 0, sizeof *o);
    o->params = params;
}

static void add_moment(struct cal_layout *l, const char *name, const char *which, float **where, size_t n)
{
    char full[sizeof l->arrays->name];
    int length = snprintf(full, sizeof full, "%s.%s", name, which);
    CAL_ASSERT(length > 0 && (size_t)length < sizeof full);
    cal_layout_f32(l, CAL_STATE, full, where, (size_t[]){n, 0});
}

void cal_optim_add(struct cal_optim *o, struct cal_layout *l, const char *name, float **w, float **g, size_t n)
{
    CAL_ASSERT(o->n < CAL_OPTIM_PARTS_MAX);
    struct cal_optim_part *p = &o->part[o->n++];
    *p = (struct cal_optim_part){.w = w, .g = g, .n = n};
    add_moment(l, name, "m", &p->m, n);
    if (o->params->kind == CAL_ADAM)
        add_moment(l, name, "v", &p->v, n);
}

static double schedule(const struct cal_optim_params *p, double t)
{
    const double pi = 3.14159265358979323846;
    switch ((enum cal_schedule)p->schedule) {
    case CAL_DROP:
        return t < p->hold ? 1 : p->last;
    case CAL_LINEAR:
        return t < p->hold ? 1 : p->last + (1 - p->last) * (1 - t) / (1 - p->hold);
    case CAL_COSINE:
        return 0.5 * (1 + cos(pi * t));
    case CAL_CONSTANT:
        break;
    }
    return 1;
}

double cal_optim_rate(const struct cal_optim_params *p, const struct cal_step *s)
{
    CAL_ASSERT(0 <= s->learnt && s->learnt < s->learn_total);
    return p->rate * schedule(p, (double)s->learnt / (double)s->learn_total) * s->rate;
}

/* What the gradient is multiplied with so that its norm over all parts is at most `clip`. */
static float clip_scale(const struct cal_optim *o)
{
    double squares = 0;
    if (o->params->clip == 0)
        return 1;
    for (int i = 0; i < o->n; i++)
        squares += cal_sum_squares(*o->part[i].g, o->part[i].n);
    double norm = sqrt(squares);
    return norm > o->params->clip ? (float)(o->params->clip / norm) : 1;
}

void cal_optim_update(struct cal_optim *o, const struct cal_step *s)
{
    const struct cal_optim_params *p = o->params;
    double t = (double)s->learnt + 1;
    const struct cal_optim_pass pass = {
        .scale = clip_scale(o),
        .rate = (float)cal_optim_rate(p, s),
        .momentum = (float)p->momentum,
        .weight_decay = (float)p->weight_decay,
        .epsilon = (float)p->epsilon,
        .fresh1 = (float)(1 - p->beta1),
        .fresh2 = (float)(1 - p->beta2),
        .unbias1 = (float)(1 / (1 - pow(p->beta1, t))),
        .unbias2 = (float)(1 / (1 - pow(p->beta2, t))),
    };
    for (int i = 0; i < o->n; i++) {
        struct cal_optim_part *part = &o->part[i];
        if (p->kind == CAL_ADAM)
            cal_adam_pass(&pass, part->n, *part->w, *part->g, part->m, part->v);
        else
            cal_sgd_pass(&pass, part->n, *part->w, *part->g, part->m);
    }
}

void cal_sgd_pass_twin(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = p->momentum * m[i] + (p->scale * g[i] + p->weight_decay * w[i]);
        w[i] -= p->rate * m[i];
    }
}

void cal_adam_pass_twin(const struct cal_optim_pass *p, size_t n, float *w, const float *g, float *m, float *v)
{
    for (size_t i = 0; i < n; i++) {
        float gradient = p->scale * g[i];
        m[i] += p->fresh1 * (gradient - m[i]);
        v[i] += p->fresh2 * (gradient * gradient - v[i]);
        float step = m[i] * p->unbias1 / (sqrtf(v[i] * p->unbias2) + p->epsilon);
        w[i] -= p->rate * (step + p->weight_decay * w[i]);
    }
}
