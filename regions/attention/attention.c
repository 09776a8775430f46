/* regions/attention/attention.c - ports, the objective's other side and the update, for all forms; see attention.h. */
#include "regions/attention/attention.h"

#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"

#define AT(field) offsetof(struct cal_attention_params, field)

static const struct cal_param params[] = {
    {.name = "hidden",
     .type = CAL_INT,
     .offset = AT(hidden),
     .unit = "1",
     .value = "4",
     .min = 1,
     .max = 4096,
     .help = "predictor: hidden values of each unit's own network"},
    {.name = "widen",
     .type = CAL_INT,
     .offset = AT(widen),
     .unit = "1",
     .value = "4",
     .min = 1,
     .max = 64,
     .help = "masked: hidden values of the network for each of its inputs"},
    {.name = "fan_in",
     .type = CAL_INT,
     .offset = AT(fan_in),
     .unit = "units",
     .value = "0",
     .min = 0,
     .max = 65536,
     .help = "predictor: how many units each unit's network reads, those of its own region first, the rest drawn by the seed; 0: all"},
    {.name = "relay",
     .type = CAL_INT,
     .offset = AT(relay),
     .unit = "1",
     .value = "0",
     .min = 0,
     .max = 4096,
     .help = "with a fan_in: how many of those values are mixtures of all units that the shard receives, learnt with the rest"},
    {.name = "far",
     .type = CAL_INT,
     .offset = AT(far),
     .unit = "regions",
     .value = "4",
     .min = 0,
     .max = 65536,
     .help = "several shards with a fan_in: how many regions of other shards a shard reads beside its own, drawn by the seed"},
    {.name = "optimiser",
     .type = CAL_TABLE,
     .offset = AT(optimiser),
     .table = cal_optim_table,
     .help = "how weights and temperatures learn"},
    {.name = NULL},
};

static const char *const takes_drive[] = {"view1", "view2", NULL};
static const char *const takes_far[] = {"view1", NULL}; /* guesses are made from the first view */
static const char *const takes_context[] = {NULL};
static const char *const metrics[] = {"loss", "gain_train", "tau", NULL};

static const struct cal_attention_form *const forms[] = {
    [CAL_PREDICTOR] = &cal_attention_predictor,
    [CAL_MASKED] = &cal_attention_masked,
    [CAL_UNIFORM] = &cal_attention_uniform,
};

static const struct cal_contrast_rule *rule_of(const struct cal_attention *a)
{
    return a->base.target[0].rule;
}

/* Slices it sends beside tau: 0 where it weights nothing, learns nothing and sends nothing at all. */
static size_t n_slices(const struct cal_attention *a)
{
    size_t n = 0;
    while (a->form->slices[n])
        n++;
    return n;
}

static int check_targets(const struct cal_region *r)
{
    if (!r->n_targets)
        return cal_fail(CAL_EUSAGE, "an attention needs a projection with role: context to the regions that it attends to; it has none");
    for (int i = 0; i < r->n_targets; i++) {
        CAL_ASSERT(r->target[i].rule);
        if (!cal_contrast_rule_same(r->target[0].rule, r->target[i].rule))
            return cal_fail(CAL_EUSAGE, "`%s` and `%s` have different rules for negatives: one attention has one", r->target[0].projection,
                            r->target[i].projection);
    }
    return cal_contrast_rule_check(r->target[0].rule, r->batch);
}

static const struct cal_attention_form *form_of(const struct cal_region *r)
{
    const struct cal_attention_params *p = r->params;
    const struct cal_contrast_rule *rule = r->target[0].rule;
    return rule->negatives == CAL_PREDICTOR && p->fan_in ? &cal_attention_sparse : forms[rule->negatives];
}

/* The masked form is one network of all units. */
static int check_parts(const struct cal_region *r)
{
    const struct cal_attention_params *p = r->params;
    const struct cal_contrast_rule *rule = r->target[0].rule;
    if (rule->negatives == CAL_MASKED && (r->share.shards > 1 || p->fan_in))
        return cal_fail(CAL_EUSAGE, "masked negatives come from one network of all units, expected one shard and fan_in 0, got %d and %ld",
                        r->share.shards, p->fan_in);
    if (p->relay > p->fan_in)
        return cal_fail(CAL_EUSAGE, "relay: %ld of the %ld values of fan_in, expected at most as many", p->relay, p->fan_in);
    return CAL_OK;
}

/* Units that it answers for, as far as they are known. */
static int own_units(const struct cal_region *r)
{
    int units = 0;
    for (int i = 0; i < r->n_drives; i++)
        units += r->drive[i].far ? 0 : r->drive[i].units;
    return units;
}

static int outputs(struct cal_region *r)
{
    struct cal_attention *a = (struct cal_attention *)r;
    int error = check_targets(r);
    if (!error)
        error = check_parts(r);
    if (error)
        return error;
    if (!r->n_drives)
        return cal_fail(CAL_EUSAGE, "an attention needs the codes of other regions as drives; it has none");
    a->form = form_of(r);
    a->units = own_units(r);
    if (a->units <= 0)
        return cal_fail(CAL_EUSAGE, "cannot know how many units drive it before the first step: `%s` needs to be without delay",
                        r->drive[0].projection);
    r->out.units = a->units;
    for (int i = 0; a->form->slices[i]; i++)
        cal_rep_spec_add(&r->out, a->form->slices[i], a->units)->afferent = true;
    if (n_slices(a)) {
        struct cal_slice *tau = cal_rep_spec_add(&r->out, "tau", a->units);
        tau->afferent = tau->shared = true;
    }
    return CAL_OK;
}

/* Every drive brings both views, or the first where it is only read. Finds a->seen and a->own. */
static int check_drives(struct cal_attention *a)
{
    a->seen = 0;
    a->own = -1;
    for (int i = 0; i < a->base.n_drives; i++) {
        const struct cal_port *port = &a->base.drive[i];
        for (const char *const *name = port->far ? takes_far : takes_drive; *name; name++) {
            int at = cal_rep_find(&port->spec, *name);
            if (at < 0 || port->spec.slice[at].shared)
                return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s`: an attention reads the codes of both views", port->projection,
                                port->peer, *name);
            if (port->spec.slice[at].cols != port->units)
                return cal_fail(CAL_EUSAGE, "`%s` from %s brings %d values of `%s` for %d units", port->projection, port->peer,
                                port->spec.slice[at].cols, *name, port->units);
        }
        if (!port->far && a->own < 0)
            a->own = a->seen;
        a->seen += port->units;
    }
    CAL_ASSERT(a->own >= 0);
    if (a->units != own_units(&a->base))
        return cal_fail(CAL_EUSAGE, "could not know how many units drive it before the first step: `%s` needs to be without delay",
                        a->base.drive[0].projection);
    if (a->form == &cal_attention_sparse && a->seen < 2)
        return cal_fail(CAL_EUSAGE, "nothing to guess from: it sees %d unit, expected at least 2", a->seen);
    return CAL_OK;
}

static int declare(struct cal_region *r)
{
    struct cal_attention *a = (struct cal_attention *)r;
    const struct cal_attention_params *p = r->params;
    struct cal_layout *l = &r->layout;
    size_t units = (size_t)a->units, pitch = (size_t)cal_contrast_pitch(r->batch);
    if (r->n_contexts)
        return cal_fail(CAL_EUSAGE, "an attention takes no context; `%s` from %s brings one", r->context[0].projection, r->context[0].peer);
    int error = check_drives(a);
    if (error)
        return error;
    cal_optim_init(&a->optim, &p->optimiser);
    if (n_slices(a)) {
        a->form->declare(a);
        cal_layout_f32(l, CAL_STATE, "tau", &a->w_tau, (size_t[]){units, 0});
        cal_layout_f32(l, CAL_SCRATCH, "tau.g", &a->g_tau, (size_t[]){units, 0});
        cal_optim_add(&a->optim, l, "tau", &a->w_tau, &a->g_tau, units);
        cal_layout_f32(l, CAL_SCRATCH, "sent.d", &a->d_sent, (size_t[]){n_slices(a), (size_t)r->batch, units, 0});
    }
    float **unit_major[] = {&a->y1, &a->y2, &a->key, &a->query, &a->dkey, &a->dquery, &a->counted};
    const char *const name[] = {"y1", "y2", "key", "query", "key.d", "query.d", "counted"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        cal_layout_f32(l, CAL_SCRATCH, name[i], unit_major[i], (size_t[]){units, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "rows", &a->rows, (size_t[]){CAL_CONTRAST_ROWS, pitch, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    struct cal_attention *a = (struct cal_attention *)r;
    struct cal_attention_tape *t = tape;
    size_t units = (size_t)a->units, batch = (size_t)r->batch;
    a->form->declare_tape(a, t, l);
    cal_layout_f32(l, CAL_TAPE, "y2", &t->y2, (size_t[]){batch, units, 0});
    cal_layout_f32(l, CAL_TAPE, "tau", &t->tau, (size_t[]){units, 0});
    if (n_slices(a))
        cal_layout_f32(l, CAL_TAPE, "sent", &t->sent, (size_t[]){n_slices(a), batch, units, 0});
}

static void init(struct cal_region *r)
{
    struct cal_attention *a = (struct cal_attention *)r;
    if (!n_slices(a))
        return;
    a->form->init(a);
    for (int u = 0; u < a->units; u++)
        a->w_tau[u] = 1;
}

/* View `name` of all afferents, or of those it answers for, side by side: (B,cols). Who is not due yet codes 0. */
static void gather(const struct cal_attention *a, const struct cal_rep *const *drive, const char *name, bool all, int cols, float *y)
{
    int first = 0;
    for (int i = 0; i < a->base.n_drives; i++) {
        const struct cal_port *port = &a->base.drive[i];
        if (port->far && !all)
            continue;
        int slice = drive[i] ? cal_rep_find(drive[i]->spec, name) : -1;
        for (int b = 0; b < a->base.batch; b++) {
            float *to = y + (ptrdiff_t)b * cols + first;
            size_t bytes = (size_t)port->units * sizeof *to;
            if (slice >= 0)
                memcpy(to, drive[i]->data[slice] + (ptrdiff_t)b * drive[i]->ld[slice], bytes);
            else
                memset(to, 0, bytes);
        }
        first += port->units;
    }
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_attention *a = (struct cal_attention *)r;
    struct cal_attention_tape *t = tape;
    size_t n = n_slices(a), floats = (size_t)r->batch * (size_t)a->units;
    gather(a, drive, "view1", true, a->seen, a->form->codes(t));
    gather(a, drive, "view2", false, a->units, t->y2);
    if (!n)
        return CAL_OK;
    a->form->forward(a, s, t);
    memcpy(t->tau, a->w_tau, (size_t)a->units * sizeof *t->tau);
    for (size_t i = 0; i < n; i++)
        memcpy(out[i], t->sent + i * floats, floats * sizeof *t->sent);
    memcpy(out[n], t->tau, (size_t)a->units * sizeof *t->tau);
    return CAL_OK;
}

/* The presentation on the tape as a contrast of its units, to be climbed. N counts the units of all shards: a share weighs what it would in
 * the whole. */
static struct cal_contrast contrast_of(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t)
{
    const struct cal_contrast_rule *rule = rule_of(a);
    int units = a->units, batch = a->base.batch;
    size_t rows = (size_t)batch * (size_t)units;
    bool masked = rule->negatives == CAL_MASKED;
    struct cal_contrast k = cal_contrast_of(rule, units, batch, -1.0f / ((float)batch * (float)a->base.drive[0].hub_units));
    cal_transpose(batch, units, a->form->codes(t) + a->own, a->seen, a->y1, k.pitch);
    cal_transpose(batch, units, t->y2, units, a->y2, k.pitch);
    if (masked) {
        cal_transpose(batch, units, t->sent, units, a->key, k.pitch);
        for (int u = 0; u < units; u++)
            cal_contrast_mask(rule, a->base.seed, s, u, batch, a->counted + (size_t)u * (size_t)k.pitch);
    }
    if (n_slices(a))
        cal_transpose(batch, units, masked ? t->sent + rows : t->sent, units, a->query, k.pitch);
    k.y1 = a->y1;
    k.y2 = a->y2;
    k.key = masked ? a->key : a->y1;
    k.query = a->query;
    k.tau = t->tau; /* uniform: stays 0 */
    k.counted = masked ? a->counted : NULL;
    k.rows = a->rows;
    return k;
}

/* Climb: the contrast's gradients are of -L, and the optimiser descends those. */
static void climb(struct cal_attention *a, const struct cal_step *s, const struct cal_contrast *k, struct cal_attention_tape *t,
                  struct cal_contrast_value *value)
{
    bool masked = rule_of(a)->negatives == CAL_MASKED;
    cal_contrast_weights(k, a->dkey, a->dquery, a->g_tau, value);
    float *d_query = a->d_sent + (masked ? (size_t)a->base.batch * (size_t)a->units : 0);
    if (masked)
        cal_transpose(a->units, a->base.batch, a->dkey, k->pitch, a->d_sent, a->units);
    cal_transpose(a->units, a->base.batch, a->dquery, k->pitch, d_query, a->units);
    a->form->backward(a, t);
    cal_optim_update(&a->optim, s);
    for (int u = 0; u < a->units; u++)
        a->w_tau[u] = a->w_tau[u] < 0 ? 0 : a->w_tau[u];
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_attention *a = (struct cal_attention *)r;
    struct cal_attention_tape *t = tape;
    struct cal_contrast k = contrast_of(a, s, t);
    struct cal_contrast_value value;
    (void)context;
    if (n_slices(a))
        climb(a, s, &k, t, &value);
    else
        cal_contrast_measure(&k, &value);
    double all = (double)r->batch * a->units;
    metric[0] = value.loss / all;
    metric[1] = (value.loss - value.control) / all;
    metric[2] = cal_sum(t->tau, (size_t)a->units) / a->units;
    return CAL_OK;
}

static void finish(struct cal_region *r)
{
    cal_free(((struct cal_attention *)r)->block);
}

const struct cal_region_ops cal_attention_ops = {
    .kind = "attention",
    .help = "weights the negatives of the units that drive it, to make the task of each as hard as the others' codes allow",
    .params = params,
    .params_size = sizeof(struct cal_attention_params),
    .rule = cal_contrast_table,
    .rule_size = sizeof(struct cal_contrast_rule),
    .size = sizeof(struct cal_attention),
    .tape_size = sizeof(struct cal_attention_tape),
    .takes_drive = takes_drive,
    .takes_context = takes_context,
    .takes_far = takes_far,
    .reads = cal_attention_reads,
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .init = init,
    .forward = forward,
    .learn = learn,
    .finish = finish,
};
