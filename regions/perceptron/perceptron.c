/* regions/perceptron/perceptron.c - see perceptron.h. */
#include "regions/perceptron/perceptron.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/head.h"
#include "regions/layers/labels.h"

#define AT(field) offsetof(struct cal_perceptron_params, field)

static const struct cal_param params[] = {
    {"hidden", CAL_INT, AT(hidden), "1", "200", 1, 65536, .help = "hidden units"},
    {"classes", CAL_INT, AT(classes), "1", "10", 2, 65536, .help = "labels are 0 to one less"},
    {"channels", CAL_CHOICE, AT(channels), .value = "on", .choices = cal_channel_names, .help = CAL_CHANNELS_HELP},
    {"contrast", CAL_FLOAT, AT(contrast), "1", "0", 0, CAL_CONTRAST_MOST, .help = CAL_CONTRAST_HELP},
    {"nonnegative", CAL_BOOL, AT(nonnegative), .value = "false",
     .help = "weights, not biases, are kept at 0 or above: what would pass it stays there"},
    {"release", CAL_FLOAT, AT(release), "1", "1", 0.01, 1,
     .help = "probability that an input is passed on while learning, which is then divided by it"},
    {"optimiser", CAL_TABLE, AT(optimiser), .table = cal_optim_table, .help = "how all weights learn"},
    {0},
};

static const char *const takes_context[] = {"label", NULL};
static const char *const metrics[] = {"loss", "accuracy", NULL};

static int outputs(struct cal_region *r)
{
    const struct cal_perceptron_params *p = r->params;
    r->out.units = (int)p->hidden;
    cal_rep_spec_add(&r->out, "h", (int)p->hidden);
    cal_region_add_variable(r, "logits", "1", (int)p->classes);
    return CAL_OK;
}

static int declare(struct cal_region *r)
{
    struct cal_perceptron *k = (struct cal_perceptron *)r;
    const struct cal_perceptron_params *p = r->params;
    const struct cal_slice *seen = cal_sight_check(r);
    if (!seen)
        return CAL_EUSAGE;
    int error = cal_labels_check(r);
    if (error)
        return error;
    cal_optim_init(&k->optim, &p->optimiser);
    k->inputs = seen->cols;
    cal_mlp_declare(&k->net, cal_sight_channels(p->channels, seen->cols), (int)p->hidden, (int)p->classes, r->batch, &r->layout, &k->optim);
    cal_layout_f32(&r->layout, CAL_SCRATCH, "label", &k->label, (size_t[]){(size_t)r->batch, 0});
    cal_layout_f32(&r->layout, CAL_SCRATCH, "seen", &k->seen, (size_t[]){(size_t)seen->cols, 0});
    cal_layout_f32(&r->layout, CAL_SCRATCH, "logits.d", &k->g_logits, (size_t[]){(size_t)r->batch, (size_t)p->classes, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_perceptron *k = (const struct cal_perceptron *)r;
    struct cal_perceptron_tape *t = tape;
    cal_mlp_declare_tape(&k->net, &t->net, r->batch, l);
    cal_layout_f32(l, CAL_TAPE, "logits", &t->logits, (size_t[]){(size_t)r->batch, (size_t)k->net.outputs, 0});
}

static void init(struct cal_region *r)
{
    struct cal_perceptron *k = (struct cal_perceptron *)r;
    const struct cal_perceptron_params *p = r->params;
    cal_mlp_init(&k->net, r->seed, r->id);
    for (size_t i = 0; p->nonnegative && i < (size_t)k->net.hidden * (size_t)k->net.inputs; i++)
        k->net.w1[i] = fabsf(k->net.w1[i]);
    for (size_t i = 0; p->nonnegative && i < (size_t)k->net.hidden * (size_t)k->net.outputs; i++)
        k->net.w2[i] = fabsf(k->net.w2[i]);
}

/* x (B,channels): the picture, and 1 - it; what is not released becomes 0, the rest grows, so that the mean stays. */
static void look(const struct cal_perceptron *k, const struct cal_step *s, const struct cal_rep *sight, float *x)
{
    const struct cal_perceptron_params *p = k->base.params;
    int slice = cal_sight_slice(sight->spec);
    size_t n = (size_t)k->net.inputs, d = (size_t)k->inputs;
    float passes = s->learn ? (float)p->release : 1;
    struct cal_rng rng = cal_rng_key(k->base.seed, CAL_STREAM_DROPOUT, (uint32_t)k->base.id, (uint32_t)s->phase, (uint64_t)s->presentation);
    if (passes < 1)
        cal_rng_uniform_fill(&rng, 0, x, (size_t)k->base.batch * n);
    for (size_t b = 0; b < (size_t)k->base.batch; b++, x += n) {
        memcpy(k->seen, sight->data[slice] + b * (size_t)sight->ld[slice], d * sizeof *k->seen);
        cal_sight_respond((float)p->contrast, d, k->seen);
        for (size_t j = 0; j < n; j++) {
            float value = j < d ? k->seen[j] : 1 - k->seen[j - d];
            x[j] = passes == 1 ? value : x[j] < passes ? value / passes : 0;
        }
    }
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    const struct cal_perceptron *k = (const struct cal_perceptron *)r;
    struct cal_perceptron_tape *t = tape;
    CAL_ASSERT(drive[0]);
    look(k, s, drive[0], t->net.x);
    cal_mlp_forward(&k->net, &t->net, r->batch, t->logits);
    memcpy(out[0], t->net.hidden, (size_t)r->batch * (size_t)k->net.hidden * sizeof *out[0]);
    return CAL_OK;
}

static void keep_positive(float *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w[i] = w[i] < 0 ? 0 : w[i];
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_perceptron *k = (struct cal_perceptron *)r;
    const struct cal_perceptron_params *p = r->params;
    struct cal_perceptron_tape *t = tape;
    int right, error = cal_labels_take(context[0], (int)p->classes, k->label);
    if (error)
        return error;
    metric[0] = cal_cross_entropy(r->batch, (int)p->classes, t->logits, k->label, k->g_logits, &right);
    metric[1] = (double)right / r->batch;
    cal_mlp_backward(&k->net, &t->net, r->batch, k->g_logits);
    cal_optim_update(&k->optim, s);
    if (p->nonnegative) {
        keep_positive(k->net.w1, (size_t)k->net.hidden * (size_t)k->net.inputs);
        keep_positive(k->net.w2, (size_t)k->net.hidden * (size_t)k->net.outputs);
    }
    return CAL_OK;
}

static const float *observe(struct cal_region *r, void *tape, int i)
{
    (void)r;
    CAL_ASSERT(i == 0);
    return ((const struct cal_perceptron_tape *)tape)->logits;
}

const struct cal_region_ops cal_perceptron_ops = {
    .kind = "perceptron",
    .help = "a network with one hidden layer in one region, trained end to end: the control of sparse rules",
    .params = params,
    .params_size = sizeof(struct cal_perceptron_params),
    .size = sizeof(struct cal_perceptron),
    .tape_size = sizeof(struct cal_perceptron_tape),
    .takes_drive = cal_sight_takes,
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
