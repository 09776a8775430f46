/* regions/populations/populations.c - see populations.h: ports, forward pass and update. Loops over synapses are in synapses_fast.c. */
#include "regions/populations/populations.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "regions/layers/labels.h"
#include "regions/populations/synapses.h"

#define LANES 16          /* P is a multiple of it */
#define LOG_STEP 0.2f     /* most that log w moves in a step */
#define TOP_STEP 1.0f     /* and log L */
#define LOG_LEAST (-6.0f) /* bounds of log w about the mean of its unit, with `geo` */
#define LOG_MOST 4.0f

static const char *const scalings[] = {[CAL_SCALE_GEO] = "geo", [CAL_SCALE_ROW] = "row", [CAL_SCALE_NONE] = "none", NULL};

#define AT(field) offsetof(struct cal_populations_params, field)

static const struct cal_param params[] = {
    {"populations", CAL_INT, AT(populations), "1", "1", 1, 65536, .help = "hypercolumns, each with a window of its own"},
    {"units", CAL_INT, AT(units), "1", "10", 1, 65536, .help = "of each population: they share out the channels of its window"},
    {"window", CAL_INT, AT(window), "px", "0", 0, 1024,
     .help = "side of the square that a population sees, drawn by the seed; 0: the whole picture"},
    {"margin", CAL_INT, AT(margin), "px", "2", 0, 1024, .help = "windows keep so far from the edge of the picture"},
    {"channels", CAL_CHOICE, AT(channels), .value = "on-off", .choices = cal_channel_names, .help = CAL_CHANNELS_HELP},
    {"contrast", CAL_FLOAT, AT(contrast), "1", "0", 0, CAL_CONTRAST_MOST, .help = CAL_CONTRAST_HELP},
    {"scaling", CAL_CHOICE, AT(scaling), .value = "geo", .choices = scalings,
     .help = "synaptic scaling after each step: weights of a unit are divided by their geometric mean, by their sum, or not"},
    {"release", CAL_FLOAT, AT(release), "1", "1", 0.01, 1,
     .help = "probability that a synapse passes a sample on while learning, which is then divided by it"},
    {"rate", CAL_FLOAT, AT(rate), "1", "20", 0, 1e4, .help = "learning rate of log weights; 0: they stay as they were born"},
    {"top_rate", CAL_FLOAT, AT(top_rate), "1", "3", 0, 1e4, .help = "learning rate of the log weights of what comes from above"},
    {"last", CAL_FLOAT, AT(last), "1", "0.1", 0, 1, .help = "both rates fall linearly to this share"},
    {"feedback", CAL_FLOAT, AT(feedback), "1", "0.3", 0, 1e3, .help = "strength of what comes from above, in both phases"},
    {"threshold", CAL_FLOAT, AT(threshold), "sd", "0.5", -10, 10, .help = "a unit is active above its mean by so many standard deviations"},
    {"slope", CAL_FLOAT, AT(slope), "1/sd", "3", 1e-3, 1e3, .help = "of the activity above the threshold"},
    {"homeostasis", CAL_FLOAT, AT(homeostasis), "1", "0.05", 0, 1,
     .help = "share by which a unit's mean and standard deviation move to those of a batch; the first batches are averaged"},
    {"fluctuation", CAL_FLOAT, AT(fluctuation), "1", "0", 0, 10,
     .help = "standard deviation to which log weights would come by chance alone, learning or not; 0: chance has no part"},
    {"restoring", CAL_FLOAT, AT(restoring), "1", "0.01", 1e-6, 1,
     .help = "with fluctuation: share of the way to 0 that log weights go back in a step of learning"},
    {0},
};

static const char *const takes_context[] = {"p", "label", NULL};
static const char *const metrics[] = {"loss", NULL}; /* how far the phases are apart: the mean of |h+ - h-| */

static int outputs(struct cal_region *r)
{
    const struct cal_populations_params *p = r->params;
    if (p->populations * p->units > 1 << 20)
        return cal_fail(CAL_EUSAGE, "%ld populations of %ld units, expected at most %d units in all", p->populations, p->units, 1 << 20);
    r->out.units = (int)(p->populations * p->units);
    cal_rep_spec_add(&r->out, "h", r->out.units);
    return CAL_OK;
}

/* The picture, which the windows fit in; NULL and CAL_EUSAGE otherwise. */
static const struct cal_slice *check_drive(const struct cal_region *r)
{
    const struct cal_populations_params *p = r->params;
    const struct cal_slice *seen = cal_sight_check(r);
    if (!seen || !p->window)
        return seen;
    long room = (seen->h < seen->w ? seen->h : seen->w) - 2 * p->margin;
    if (p->window <= room)
        return seen;
    if (seen->c)
        cal_fail(CAL_EUSAGE, "a window of %ld px and margins of %ld px do not fit in a picture of %d x %d", p->window, p->margin, seen->h,
                 seen->w);
    else
        cal_fail(CAL_EUSAGE, "`%s` from %s brings values without height and width, expected `window: 0`", r->drive[0].projection,
                 r->drive[0].peer);
    return NULL;
}

/* The contexts: labels, and the answer of what we drive. */
enum { LABEL, ANSWER, CONTEXTS };
static const char *const context_names[CONTEXTS] = {[LABEL] = "label", [ANSWER] = "p"};

/* The port that brings it, or -1. */
static int context_of(const struct cal_region *r, int which)
{
    for (int i = 0; i < r->n_contexts; i++)
        if (cal_rep_find(&r->context[i].spec, context_names[which]) >= 0)
            return i;
    return -1;
}

static int check_contexts(struct cal_populations *k)
{
    const struct cal_region *r = &k->base;
    int label = context_of(r, LABEL), answer = context_of(r, ANSWER);
    if (r->n_contexts != CONTEXTS || label < 0 || answer < 0)
        return cal_fail(CAL_EUSAGE, "needs two contexts, `label` from the stimulus and `p` from a readout; it has %d", r->n_contexts);
    const struct cal_port *port = &r->context[answer];
    if (port->unit_offset < 0 || port->units != r->out.units)
        return cal_fail(CAL_EUSAGE, "`%s` from %s brings an answer to others: nothing projects from here to %s", port->projection,
                        port->peer, port->peer);
    k->first = port->unit_offset;
    k->classes = port->spec.slice[cal_rep_find(&port->spec, context_names[ANSWER])].cols;
    return CAL_OK;
}

static void declare_state(struct cal_populations *k)
{
    struct cal_layout *l = &k->base.layout;
    size_t u = (size_t)k->units, c = (size_t)k->classes, s = k->synapses;
    cal_layout_i64(l, CAL_STATE, "row_start", &k->row_start, (size_t[]){u + 1, 0});
    cal_layout_i64(l, CAL_STATE, "channel", &k->channel, (size_t[]){s, 0});
    cal_layout_f32(l, CAL_STATE, "log_w", &k->log_w, (size_t[]){s, 0});
    cal_layout_f32(l, CAL_STATE, "mu", &k->mu, (size_t[]){u, 0});
    cal_layout_f32(l, CAL_STATE, "sd", &k->sd, (size_t[]){u, 0});
    cal_layout_f32(l, CAL_STATE, "L", &k->top, (size_t[]){u, c, 0});
    cal_layout_i64(l, CAL_STATE, "adapted", &k->adapted, (size_t[]){1, 0});
}

static int declare(struct cal_region *r)
{
    struct cal_populations *k = (struct cal_populations *)r;
    const struct cal_populations_params *p = r->params;
    struct cal_layout *l = &r->layout;
    const struct cal_slice *seen = check_drive(r);
    if (!seen)
        return CAL_EUSAGE;
    int error = check_contexts(k);
    if (error)
        return error;
    k->units = r->out.units;
    k->inputs = seen->cols;
    k->channels = cal_sight_channels(p->channels, seen->cols);
    k->pitch = (r->batch + LANES - 1) / LANES * LANES;
    k->reach = (size_t)cal_sight_channels(p->channels, p->window ? seen->c * (int)(p->window * p->window) : seen->cols);
    k->synapses = (size_t)p->populations * k->reach;
    declare_state(k);
    size_t u = (size_t)k->units, c = (size_t)k->classes, pitch = (size_t)k->pitch;
    cal_layout_f32(l, CAL_SCRATCH, "w", &k->w, (size_t[]){k->synapses, 0});
    cal_layout_f32(l, CAL_SCRATCH, "answer", &k->answer, (size_t[]){c, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "error", &k->error, (size_t[]){c, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "label", &k->label, (size_t[]){(size_t)r->batch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "change", &k->change, (size_t[]){k->synapses, 0});
    cal_layout_f32(l, CAL_SCRATCH, "L.change", &k->top_change, (size_t[]){u, c, 0});
    cal_layout_f32(l, CAL_SCRATCH, "difference", &k->difference, (size_t[]){pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "apart", &k->apart, (size_t[]){u, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_populations *k = (const struct cal_populations *)r;
    const struct cal_populations_params *p = r->params;
    struct cal_populations_tape *t = tape;
    size_t u = (size_t)k->units, pitch = (size_t)k->pitch;
    cal_layout_f32(l, CAL_TAPE, "input", &t->input, (size_t[]){(size_t)k->channels, pitch, 0});
    if (p->release < 1)
        cal_layout_f32(l, CAL_TAPE, "contact", &t->contact, (size_t[]){k->synapses, pitch, 0});
    cal_layout_f32(l, CAL_TAPE, "z", &t->z, (size_t[]){u, pitch, 0});
    cal_layout_f32(l, CAL_TAPE, "h", &t->h, (size_t[]){u, pitch, 0});
}

static float within(float x, float least, float most)
{
    return x < least ? least : x > most ? most : x;
}

/* Synaptic scaling: of unit i's log weights. */
static void scale(const struct cal_populations *k, int i)
{
    const struct cal_populations_params *p = k->base.params;
    long first = k->row_start[i], end = k->row_start[i + 1];
    double sum = 0;
    if (p->scaling == CAL_SCALE_NONE || first == end)
        return;
    for (long s = first; s < end; s++)
        sum += p->scaling == CAL_SCALE_GEO ? (double)k->log_w[s] : exp((double)k->log_w[s]);
    float shift = (float)(p->scaling == CAL_SCALE_GEO ? sum / (double)(end - first) : log(sum));
    for (long s = first; s < end; s++)
        k->log_w[s] -= shift;
    for (long s = first; p->scaling == CAL_SCALE_GEO && s < end; s++)
        k->log_w[s] = within(k->log_w[s], LOG_LEAST, LOG_MOST);
}

static void init(struct cal_region *r)
{
    struct cal_populations *k = (struct cal_populations *)r;
    cal_populations_build(k);
    for (int i = 0; i < k->units; i++) {
        scale(k, i); /* from weights of 1 */
        k->sd[i] = 1;
    }
}

/* ---- forward ---- */

/* a (channels,P): the picture, and 1 - it. What lies behind the batch is 0. */
static void look(const struct cal_populations *k, const struct cal_rep *sight, float *a)
{
    int slice = cal_sight_slice(sight->spec), batch = k->base.batch;
    size_t pitch = (size_t)k->pitch, off = (size_t)k->inputs * pitch;
    cal_transpose(batch, k->inputs, sight->data[slice], sight->ld[slice], a, k->pitch);
    cal_sight_respond((float)((const struct cal_populations_params *)k->base.params)->contrast, off, a);
    for (size_t j = 0; j < off; j += pitch) /* of 0 it is 0 but for rounding */
        memset(a + j + batch, 0, (pitch - (size_t)batch) * sizeof *a);
    for (size_t j = 0; k->channels > k->inputs && j < off; j += pitch)
        for (int b = 0; b < batch; b++)
            a[off + j + (size_t)b] = 1 - a[j + (size_t)b];
}

/* contact (S,P): what each synapse passes on of its channel: nothing, or 1/r of it with probability r. */
static void release(const struct cal_populations *k, const struct cal_step *s, const float *a, float *contact)
{
    const struct cal_populations_params *p = k->base.params;
    size_t pitch = (size_t)k->pitch;
    for (long g = 0; g < p->populations; g++) {
        struct cal_rng rng = cal_rng_key(k->base.seed, CAL_STREAM_RELEASE, (uint32_t)(k->first + g * p->units), (uint32_t)s->phase,
                                         (uint64_t)s->presentation);
        size_t first = (size_t)g * k->reach;
        cal_rng_uniform_fill(&rng, 0, contact + first * pitch, k->reach * pitch);
        cal_synapses_release((int)k->reach, k->pitch, k->channel + first, a, (float)p->release, contact + first * pitch);
    }
}

static bool releases(const struct cal_region *r, const struct cal_step *s)
{
    return s->learn && ((const struct cal_populations_params *)r->params)->release < 1;
}

/* The loops' view of a tape. */
static struct cal_synapses synapses_of(const struct cal_populations *k, const struct cal_step *s, const struct cal_populations_tape *t)
{
    const struct cal_populations_params *p = k->base.params;
    bool copies = releases(&k->base, s);
    return (struct cal_synapses){.units = k->units,
                                 .classes = k->classes,
                                 .batch = k->base.batch,
                                 .pitch = k->pitch,
                                 .row_start = k->row_start,
                                 .channel = copies ? NULL : k->channel,
                                 .a = copies ? t->contact : t->input,
                                 .error = k->error,
                                 .answer = k->answer,
                                 .slope = (float)p->slope,
                                 .threshold = (float)p->threshold,
                                 .feedback = (float)p->feedback};
}

/* Homeostasis goes with activity: mu and sd move here, before they are used, where a presentation is learnt. */
static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_populations *k = (struct cal_populations *)r;
    const struct cal_populations_params *p = r->params;
    struct cal_populations_tape *t = tape;
    CAL_ASSERT(drive[0]);
    look(k, drive[0], t->input);
    if (releases(r, s))
        release(k, s, t->input, t->contact);
    for (size_t i = 0; i < k->synapses; i++)
        k->w[i] = expf(k->log_w[i]);
    struct cal_synapses loops = synapses_of(k, s, t);
    if (s->learn)
        loops.follow = p->homeostasis > 0 ? (float)fmax(p->homeostasis, 1.0 / (double)++*k->adapted) : 0;
    cal_synapses_respond(&loops, k->w, k->mu, k->sd, t->z, t->h);
    if (!cal_all_finite(k->mu, (size_t)k->units) || !cal_all_finite(k->sd, (size_t)k->units)) /* h would be 0 there, and tell nothing */
        return cal_fail(CAL_ENUMERICS, "`mu` or `sd` at presentation %ld is infinite or no number", s->presentation);
    cal_transpose(k->units, r->batch, t->h, k->pitch, out[0], k->units);
    return CAL_OK;
}

/* ---- learning ---- */

/* p and y - p, class by class. */
static int listen(struct cal_populations *k, const struct cal_rep *label, const struct cal_rep *answer)
{
    int from = cal_rep_find(answer->spec, context_names[ANSWER]), error = cal_labels_take(label, k->classes, k->label);
    if (error)
        return error;
    cal_transpose(k->base.batch, k->classes, answer->data[from], answer->ld[from], k->answer, k->pitch);
    for (size_t i = 0; i < (size_t)k->classes * (size_t)k->pitch; i++)
        k->error[i] = -k->answer[i];
    for (size_t b = 0; b < (size_t)k->base.batch; b++)
        k->error[(size_t)k->label[b] * (size_t)k->pitch + b] += 1;
    return CAL_OK;
}

/* What happens to synapses of itself: log w goes a share of the way back to 0 and is shaken, so that chance alone would make it normal. */
static void fluctuate(struct cal_populations *k, const struct cal_step *s)
{
    const struct cal_populations_params *p = k->base.params;
    float stays = (float)(1 - p->restoring), shaken = (float)(p->fluctuation * sqrt(1 - (1 - p->restoring) * (1 - p->restoring)));
    for (long g = 0; g < p->populations; g++) {
        size_t first = (size_t)g * k->reach;
        struct cal_rng rng = cal_rng_key(k->base.seed, CAL_STREAM_FLUCTUATION, (uint32_t)(k->first + g * p->units), (uint32_t)s->phase,
                                         (uint64_t)s->presentation);
        cal_rng_normal_fill(&rng, 0, k->change + first, k->reach);
        for (size_t i = first; i < first + k->reach; i++)
            k->log_w[i] = stays * k->log_w[i] + shaken * k->change[i];
    }
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_populations *k = (struct cal_populations *)r;
    const struct cal_populations_params *p = r->params;
    const struct cal_populations_tape *t = tape;
    int label = context_of(r, LABEL), answer = context_of(r, ANSWER);
    CAL_ASSERT(context[label] && context[answer]);
    int error = listen(k, context[label], context[answer]);
    if (error)
        return error;
    struct cal_synapses loops = synapses_of(k, s, t);
    cal_synapses_compare(&loops, k->top, t->z, t->h, k->difference, k->change, k->top_change, k->apart);
    double fall = (1 - (1 - p->last) * (double)s->learnt / (double)s->learn_total) * s->rate / r->batch;
    float rate = (float)(p->rate * fall), top_rate = (float)(p->top_rate * fall);
    for (size_t i = 0; rate > 0 && i < k->synapses; i++)
        k->log_w[i] += within(rate * k->change[i], -LOG_STEP, LOG_STEP);
    if (p->fluctuation > 0)
        fluctuate(k, s);
    for (int i = 0; (rate > 0 || p->fluctuation > 0) && i < k->units; i++)
        scale(k, i);
    for (size_t i = 0; i < (size_t)k->units * (size_t)k->classes; i++)
        k->top[i] *= expf(within(top_rate * k->top_change[i], -TOP_STEP, TOP_STEP));
    metric[0] = cal_sum(k->apart, (size_t)k->units) / ((double)k->units * r->batch);
    return CAL_OK;
}

const struct cal_region_ops cal_populations_ops = {
    .kind = "populations",
    .help = "hypercolumns of excitatory units on few synapses, whose log weights learn from two phases of activity",
    .params = params,
    .params_size = sizeof(struct cal_populations_params),
    .size = sizeof(struct cal_populations),
    .tape_size = sizeof(struct cal_populations_tape),
    .takes_drive = cal_sight_takes,
    .takes_context = takes_context,
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .init = init,
    .forward = forward,
    .learn = learn,
};
