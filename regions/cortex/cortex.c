/* regions/cortex/cortex.c - see cortex.h. */
#include "regions/cortex/cortex.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "regions/objectives/contrast.h"

#define AT(field) offsetof(struct cal_cortex_params, field)

static const struct cal_param params[] = {
    {.name = "units",
     .type = CAL_INT,
     .offset = AT(units),
     .unit = "1",
     .value = "8",
     .min = 1,
     .max = 65536,
     .help = "units, a code each"},
    {.name = "hidden",
     .type = CAL_INT,
     .offset = AT(hidden),
     .unit = "1",
     .value = "128",
     .min = 1,
     .max = 65536,
     .help = "hidden values of each unit's own network"},
    {.name = "guard",
     .type = CAL_FLOAT,
     .offset = AT(guard),
     .unit = "1",
     .value = "0.5",
     .min = 0,
     .max = 1,
     .help = "least share of live units; with fewer the run has collapsed and ends; 0 for no guard"},
    {.name = "live_std",
     .type = CAL_FLOAT,
     .offset = AT(live_std),
     .unit = "1",
     .value = "0.05",
     .min = 0,
     .max = 1e6,
     .help = "a unit is live when its code varies by more than this over a batch (standard deviation)"},
    {.name = "guard_after",
     .type = CAL_INT,
     .offset = AT(guard_after),
     .unit = "steps",
     .value = "100",
     .min = 0,
     .max = 1e9,
     .help = "learning steps before the guard begins"},
    {.name = "optimiser", .type = CAL_TABLE, .offset = AT(optimiser), .table = cal_optim_table, .help = "how the units learn"},
    {.name = NULL},
};

static const char *const takes_drive[] = {"view1", "view2", "image", NULL};
static const char *const takes_context[] = {"guess", "key", "query", "tau", NULL};
static const char *const metrics[] = {"loss", "gain_train", "live", NULL};

enum { VIEW1, VIEW2, CODE }; /* the variables; code only where the world shows the picture without noise */

/* One presentation. */
struct tape {
    struct cal_bank_tape bank; /* both views, one below the other: 2B rows */
    float *y;                  /* (2B,U) */
    float *code;               /* (B,U) */
};

static int outputs(struct cal_region *r)
{
    const struct cal_cortex_params *p = r->params;
    int units = (int)p->units;
    r->out.units = units;
    cal_rep_spec_add(&r->out, "view1", units);
    cal_rep_spec_add(&r->out, "view2", units);
    cal_region_add_variable(r, "view1", "1", units);
    cal_region_add_variable(r, "view2", "1", units);
    if (r->n_drives == 1 && cal_rep_find(&r->drive[0].spec, "image") >= 0)
        cal_region_add_variable(r, "code", "1", units);
    return CAL_OK;
}

/* One drive with two views of one size, perhaps with the picture itself. Fills c->has_image; *inputs: values of a view. */
static int check_drive(struct cal_cortex *c, int *inputs)
{
    const struct cal_region *r = &c->base;
    if (r->n_drives != 1)
        return cal_fail(CAL_EUSAGE, "a cortex needs exactly one drive, the views it codes; it has %d", r->n_drives);
    const struct cal_rep_spec *spec = &r->drive[0].spec;
    int view1 = cal_rep_find(spec, "view1"), view2 = cal_rep_find(spec, "view2");
    if (view1 < 0 || view2 < 0)
        return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s`: a cortex needs two noisy views", r->drive[0].projection, r->drive[0].peer,
                        view1 < 0 ? "view1" : "view2");
    int image = cal_rep_find(spec, "image");
    c->has_image = image >= 0;
    *inputs = spec->slice[view1].cols;
    if (spec->slice[view2].cols != *inputs || (image >= 0 && spec->slice[image].cols != *inputs))
        return cal_fail(CAL_EUSAGE, "`%s` from %s brings views and image of different sizes", r->drive[0].projection, r->drive[0].peer);
    return CAL_OK;
}

/* One context, with a column for each unit in every slice that the rule asks for. */
static int check_context(const struct cal_region *r, int units)
{
    static const char *const slices[3][4] = {
        [CAL_PREDICTOR] = {"guess", "tau", NULL},
        [CAL_MASKED] = {"key", "query", "tau", NULL},
        [CAL_UNIFORM] = {NULL},
    };
    if (r->n_contexts != 1)
        return cal_fail(CAL_EUSAGE, "a cortex needs exactly one context, from an attention; it has %d", r->n_contexts);
    const struct cal_port *port = &r->context[0];
    const struct cal_contrast_rule *rule = port->rule;
    if (port->rule_table != cal_contrast_table)
        return cal_fail(CAL_EUSAGE, "`%s` from %s has no rule for negatives of two views: a cortex learns with an attention",
                        port->projection, port->peer);
    for (int i = 0; slices[rule->negatives][i]; i++) {
        int at = cal_rep_find(&port->spec, slices[rule->negatives][i]);
        if (at < 0)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s`", port->projection, port->peer, slices[rule->negatives][i]);
        if (port->spec.slice[at].cols != units)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings `%s` for %d units, this region has %d", port->projection, port->peer,
                            slices[rule->negatives][i], port->spec.slice[at].cols, units);
    }
    CAL_ASSERT(port->hub_units >= port->unit_offset + units);
    return cal_contrast_rule_check(rule, r->batch);
}

static int declare(struct cal_region *r)
{
    struct cal_cortex *c = (struct cal_cortex *)r;
    const struct cal_cortex_params *p = r->params;
    int inputs = 0, error = check_drive(c, &inputs);
    if (!error)
        error = check_context(r, (int)p->units);
    if (error)
        return error;
    cal_optim_init(&c->optim, &p->optimiser);
    cal_bank_declare(&c->bank, (int)p->units, inputs, (int)p->hidden, &r->layout, &c->optim);
    size_t units = (size_t)p->units, pitch = (size_t)cal_contrast_pitch(r->batch);
    float **unit_major[] = {&c->y1, &c->y2, &c->key, &c->query, &c->dy1, &c->dy2, &c->counted};
    const char *const name[] = {"y1", "y2", "key", "query", "y1.d", "y2.d", "counted"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        cal_layout_f32(&r->layout, CAL_SCRATCH, name[i], unit_major[i], (size_t[]){units, pitch, 0});
    cal_layout_f32(&r->layout, CAL_SCRATCH, "tau", &c->tau, (size_t[]){units, 0});
    cal_layout_f32(&r->layout, CAL_SCRATCH, "rows", &c->rows, (size_t[]){CAL_CONTRAST_ROWS, pitch, 0});
    cal_layout_f32(&r->layout, CAL_SCRATCH, "y.d", &c->dy, (size_t[]){2 * (size_t)r->batch, units, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_cortex *c = (const struct cal_cortex *)r;
    struct tape *t = tape;
    size_t units = (size_t)c->bank.units, batch = (size_t)r->batch;
    cal_bank_declare_tape(&c->bank, &t->bank, 2 * r->batch, l);
    cal_layout_f32(l, CAL_TAPE, "y", &t->y, (size_t[]){2 * batch, units, 0});
    if (c->has_image)
        cal_layout_f32(l, CAL_TAPE, "code", &t->code, (size_t[]){batch, units, 0});
}

static void init(struct cal_region *r)
{
    cal_bank_init(&((struct cal_cortex *)r)->bank, r->seed, r->id, 0);
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    const struct cal_cortex *c = (const struct cal_cortex *)r;
    const struct cal_rep *sight = drive[0];
    struct tape *t = tape;
    size_t half = (size_t)r->batch * (size_t)c->bank.units, bytes = half * sizeof(float);
    CAL_ASSERT(sight);
    if (c->has_image && (s->record >> CODE & 1)) { /* first, as the views then take the tape's place */
        cal_rep_pack(sight, cal_rep_find(sight->spec, "image"), t->bank.x);
        cal_bank_forward(&c->bank, &t->bank, r->batch, t->code);
    }
    cal_rep_pack(sight, cal_rep_find(sight->spec, "view1"), t->bank.x);
    cal_rep_pack(sight, cal_rep_find(sight->spec, "view2"), t->bank.x + (size_t)r->batch * (size_t)c->bank.inputs);
    cal_bank_forward(&c->bank, &t->bank, 2 * r->batch, t->y);
    memcpy(out[0], t->y, bytes);
    memcpy(out[1], t->y + half, bytes);
    return CAL_OK;
}

/* How many units' codes of the first view vary by more than live_std. (U,P) */
static int live_units(const struct cal_cortex *c, double live_std)
{
    size_t batch = (size_t)c->base.batch, pitch = (size_t)cal_contrast_pitch(c->base.batch);
    int live = 0;
    for (int u = 0; u < c->bank.units; u++) {
        const float *y = c->y1 + (size_t)u * pitch;
        double mean = cal_sum(y, batch) / (double)batch, squares = 0;
        for (size_t q = 0; q < batch; q++)
            squares += ((double)y[q] - mean) * ((double)y[q] - mean);
        live += sqrt(squares / (double)batch) > live_std;
    }
    return live;
}

/* Slice `name` of the context, (B,U), to unit-major `out`. */
static void take(const struct cal_rep *context, const char *name, int batch, int units, float *out)
{
    int i = cal_rep_find(context->spec, name);
    cal_transpose(batch, units, context->data[i], context->ld[i], out, cal_contrast_pitch(batch));
}

/* The presentation on the tape as a contrast of my units, weighted as the context says. */
static struct cal_contrast contrast_of(struct cal_cortex *c, const struct cal_step *s, const struct cal_rep *context, const struct tape *t)
{
    const struct cal_port *port = &c->base.context[0];
    const struct cal_contrast_rule *rule = port->rule;
    int units = c->bank.units, batch = c->base.batch;
    struct cal_contrast k = cal_contrast_of(rule, units, batch, 1.0f / ((float)batch * (float)port->hub_units));
    cal_transpose(batch, units, t->y, units, c->y1, k.pitch);
    cal_transpose(batch, units, t->y + (size_t)batch * (size_t)units, units, c->y2, k.pitch);
    if (rule->negatives == CAL_MASKED) {
        take(context, "key", batch, units, c->key);
        take(context, "query", batch, units, c->query);
        for (int u = 0; u < units; u++)
            cal_contrast_mask(rule, c->base.seed, s, port->unit_offset + u, batch, c->counted + (size_t)u * (size_t)k.pitch);
    } else if (rule->negatives == CAL_PREDICTOR)
        take(context, "guess", batch, units, c->query);
    if (rule->negatives != CAL_UNIFORM)
        cal_rep_pack(context, cal_rep_find(context->spec, "tau"), c->tau);
    k.y1 = c->y1;
    k.y2 = c->y2;
    k.key = rule->negatives == CAL_MASKED ? c->key : c->y1;
    k.query = c->query;
    k.tau = c->tau; /* uniform: stays 0 */
    k.counted = rule->negatives == CAL_MASKED ? c->counted : NULL;
    k.rows = c->rows;
    return k;
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_cortex *c = (struct cal_cortex *)r;
    const struct cal_cortex_params *p = r->params;
    struct tape *t = tape;
    struct cal_contrast_value value;
    int units = c->bank.units;
    CAL_ASSERT(context[0]);
    struct cal_contrast k = contrast_of(c, s, context[0], t);
    int live = live_units(c, p->live_std);
    if (s->learnt >= p->guard_after && live < p->guard * units)
        return cal_fail(CAL_ENUMERICS, "collapsed: %d of %d units live (std > %g), guard asks for %g", live, units, p->live_std, p->guard);
    cal_contrast_codes(&k, c->dy1, c->dy2, &value);
    cal_transpose(units, r->batch, c->dy1, k.pitch, c->dy, units);
    cal_transpose(units, r->batch, c->dy2, k.pitch, c->dy + (size_t)r->batch * (size_t)units, units);
    cal_bank_backward(&c->bank, &t->bank, 2 * r->batch, c->dy);
    cal_optim_update(&c->optim, s);
    double mine = (double)r->batch * units; /* the metrics are means over my own units */
    metric[0] = value.loss / mine;
    metric[1] = (value.loss - value.control) / mine;
    metric[2] = (double)live / units;
    return CAL_OK;
}

static const float *observe(struct cal_region *r, void *tape, int i)
{
    const struct tape *t = tape;
    size_t half = (size_t)r->batch * (size_t)((const struct cal_cortex *)r)->bank.units;
    return i == CODE ? t->code : i == VIEW2 ? t->y + half : t->y;
}

const struct cal_region_ops cal_cortex_ops = {
    .kind = "cortex",
    .help = "units that code two noisy views alike and other things apart, against weighted negatives",
    .params = params,
    .params_size = sizeof(struct cal_cortex_params),
    .size = sizeof(struct cal_cortex),
    .tape_size = sizeof(struct tape),
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
