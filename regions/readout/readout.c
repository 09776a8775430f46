/* regions/readout/readout.c - see readout.h. */
#include "regions/readout/readout.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/head.h"
#include "core/kernels.h"
#include "regions/layers/labels.h"

#define LOG_STEP 1.0f /* most that log V moves in a step */
#define FIRST_V 0.1f

static const char *const rules[] = {[CAL_DELTA] = "delta", [CAL_PERTURBATION] = "perturbation", NULL};

#define AT(field) offsetof(struct cal_reader_params, field)

static const struct cal_param params[] = {
    {"classes", CAL_INT, AT(classes), "1", "10", 2, 65536, .help = "labels are 0 to one less"},
    {"rule", CAL_CHOICE, AT(rule), .value = "delta", .choices = rules,
     .help = "how log weights learn: each from what its synapse sees, or all from one number, the change in loss when they are shaken"},
    {"rate", CAL_FLOAT, AT(rate), "1", "3", 0, 1e4, .help = "learning rate of log weights"},
    {"last", CAL_FLOAT, AT(last), "1", "0.1", 0, 1, .help = "the rate falls linearly to this share"},
    {"spread", CAL_FLOAT, AT(spread), "1", "0.02", 1e-6, 1, .help = "perturbation: standard deviation of the noise on log weights"},
    {0},
};

static const char *const takes_drive[] = {"h", NULL};
static const char *const takes_context[] = {"label", NULL};
static const char *const metrics[] = {"loss", "accuracy", NULL};

/* One slice of each drive: what is read. */
static int read_slice(const struct cal_port *port)
{
    return port->spec.n == 1 && !port->spec.slice[0].shared ? 0 : -1;
}

static int outputs(struct cal_region *r)
{
    const struct cal_reader_params *p = r->params;
    if (!r->n_drives)
        return cal_fail(CAL_EUSAGE, "needs regions to read as drives; it has none");
    r->out.units = (int)p->classes;
    cal_rep_spec_add(&r->out, "p", (int)p->classes);
    cal_region_add_variable(r, "logits", "1", (int)p->classes);
    return CAL_OK;
}

static int check_ports(struct cal_reader *k)
{
    const struct cal_region *r = &k->base;
    k->units = 0;
    for (int i = 0; i < r->n_drives; i++) {
        if (read_slice(&r->drive[i]) < 0)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings %d slices, expected one of activity, such as `take: [h]`",
                            r->drive[i].projection, r->drive[i].peer, r->drive[i].spec.n);
        k->units += r->drive[i].spec.slice[0].cols;
    }
    return cal_labels_check(r);
}

static int declare(struct cal_region *r)
{
    struct cal_reader *k = (struct cal_reader *)r;
    const struct cal_reader_params *p = r->params;
    struct cal_layout *l = &r->layout;
    int error = check_ports(k);
    if (error)
        return error;
    size_t c = (size_t)p->classes, h = (size_t)k->units, b = (size_t)r->batch;
    cal_layout_f32(l, CAL_STATE, "V", &k->v, (size_t[]){c, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "label", &k->label, (size_t[]){b, 0});
    cal_layout_f32(l, CAL_SCRATCH, "error", &k->error, (size_t[]){b, c, 0});
    cal_layout_f32(l, CAL_SCRATCH, "change", &k->change, (size_t[]){c, h, 0});
    if (p->rule == CAL_PERTURBATION) {
        cal_layout_f32(l, CAL_SCRATCH, "shaken", &k->shaken, (size_t[]){c, h, 0});
        cal_layout_f32(l, CAL_SCRATCH, "logits.shaken", &k->logits, (size_t[]){b, c, 0});
    }
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_reader *k = (const struct cal_reader *)r;
    const struct cal_reader_params *p = r->params;
    struct cal_reader_tape *t = tape;
    size_t c = (size_t)p->classes, b = (size_t)r->batch;
    cal_layout_f32(l, CAL_TAPE, "h", &t->h, (size_t[]){b, (size_t)k->units, 0});
    cal_layout_f32(l, CAL_TAPE, "logits", &t->logits, (size_t[]){b, c, 0});
}

static void init(struct cal_region *r)
{
    struct cal_reader *k = (struct cal_reader *)r;
    const struct cal_reader_params *p = r->params;
    for (size_t i = 0; i < (size_t)p->classes * (size_t)k->units; i++)
        k->v[i] = FIRST_V;
}

/* All that drives it, side by side. Who is not due yet is silent. */
static void gather(const struct cal_reader *k, const struct cal_rep *const *drive, float *h)
{
    int first = 0;
    for (int i = 0; i < k->base.n_drives; i++) {
        int cols = k->base.drive[i].spec.slice[0].cols;
        for (ptrdiff_t b = 0; b < k->base.batch; b++) {
            float *to = h + b * k->units + first;
            if (drive[i])
                memcpy(to, drive[i]->data[0] + b * drive[i]->ld[0], (size_t)cols * sizeof *to);
            else
                memset(to, 0, (size_t)cols * sizeof *to);
        }
        first += cols;
    }
}

/* logits (B,C) = h V^T */
static void read(const struct cal_reader *k, const float *h, const float *v, float *logits)
{
    int classes = (int)((const struct cal_reader_params *)k->base.params)->classes;
    cal_gemm(false, true, k->base.batch, classes, k->units, 1, h, k->units, v, k->units, 0, logits, classes);
}

static void softmax(int rows, int cols, const float *x, float *p)
{
    for (int b = 0; b < rows; b++, x += cols, p += cols) {
        float most = x[0];
        double sum = 0;
        for (int c = 1; c < cols; c++)
            most = fmaxf(most, x[c]);
        for (int c = 0; c < cols; c++) {
            p[c] = expf(x[c] - most);
            sum += (double)p[c];
        }
        for (int c = 0; c < cols; c++)
            p[c] = (float)((double)p[c] / sum);
    }
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    const struct cal_reader *k = (const struct cal_reader *)r;
    const struct cal_reader_params *p = r->params;
    struct cal_reader_tape *t = tape;
    (void)s;
    gather(k, drive, t->h);
    read(k, t->h, k->v, t->logits);
    softmax(r->batch, (int)p->classes, t->logits, out[0]);
    return CAL_OK;
}

/* V *= exp(change), bounded. */
static void grow(struct cal_reader *k, float rate)
{
    const struct cal_reader_params *p = k->base.params;
    for (size_t i = 0; i < (size_t)p->classes * (size_t)k->units; i++) {
        float step = rate * k->change[i];
        k->v[i] *= expf(step < -LOG_STEP ? -LOG_STEP : step > LOG_STEP ? LOG_STEP : step);
    }
}

/* The loss with log V + sign x noise. */
static double shaken_loss(struct cal_reader *k, const float *h, float sign)
{
    const struct cal_reader_params *p = k->base.params;
    int right;
    for (size_t i = 0; i < (size_t)p->classes * (size_t)k->units; i++)
        k->shaken[i] = k->v[i] * expf(sign * (float)p->spread * k->change[i]);
    read(k, h, k->shaken, k->logits);
    return cal_cross_entropy(k->base.batch, (int)p->classes, k->logits, k->label, k->error, &right);
}

/* change: the noise; what V moves by is a single number times that. */
static float perturb(struct cal_reader *k, const struct cal_step *s, const float *h)
{
    const struct cal_reader_params *p = k->base.params;
    struct cal_rng rng =
        cal_rng_key(k->base.seed, CAL_STREAM_PERTURBATION, (uint32_t)k->base.id, (uint32_t)s->phase, (uint64_t)s->presentation);
    cal_rng_normal_fill(&rng, 0, k->change, (size_t)p->classes * (size_t)k->units);
    return (float)((shaken_loss(k, h, -1) - shaken_loss(k, h, 1)) / (2 * p->spread));
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_reader *k = (struct cal_reader *)r;
    const struct cal_reader_params *p = r->params;
    const struct cal_reader_tape *t = tape;
    int classes = (int)p->classes, right;
    CAL_ASSERT(context[0]);
    int error = cal_labels_take(context[0], classes, k->label);
    if (error)
        return error;
    double fall = (1 - (1 - p->last) * (double)s->learnt / (double)s->learn_total) * s->rate;
    metric[0] = cal_cross_entropy(r->batch, classes, t->logits, k->label, k->error, &right);
    metric[1] = (double)right / r->batch;
    float way = 1;
    if (p->rule == CAL_PERTURBATION)
        way = perturb(k, s, t->h);
    else /* (p - y)/B times h */
        cal_gemm(true, false, classes, k->units, r->batch, -1, k->error, classes, t->h, k->units, 0, k->change, k->units);
    grow(k, (float)(p->rate * fall) * way);
    return CAL_OK;
}

static const float *observe(struct cal_region *r, void *tape, int i)
{
    (void)r;
    CAL_ASSERT(i == 0);
    return ((const struct cal_reader_tape *)tape)->logits;
}

const struct cal_region_ops cal_readout_ops = {
    .kind = "readout",
    .help = "reads classes from the activity of others, with weights that only grow and shrink; its answer is a context of those",
    .params = params,
    .params_size = sizeof(struct cal_reader_params),
    .size = sizeof(struct cal_reader),
    .tape_size = sizeof(struct cal_reader_tape),
    .takes_drive = takes_drive,
    .takes_context = takes_context,
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .init = init,
    .forward = forward,
    .learn = learn,
    .observe = observe,
};
