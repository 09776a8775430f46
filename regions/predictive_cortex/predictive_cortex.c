/* regions/predictive_cortex/predictive_cortex.c - see predictive_cortex.h. */
#include "regions/predictive_cortex/predictive_cortex.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/product.h"
#include "regions/objectives/contrast.h"

#define AT(field) offsetof(struct cal_predictive_params, field)

static const struct cal_param params[] = {
    {"columns", CAL_INT, AT(columns), "1", "1", 1, CAL_COLUMNS_MAX,
     .help = "columns: units with a first layer, an optimiser and a bound on the gradient of their own"},
    {"units", CAL_INT, AT(units), "1", "2", 1, 4096, .help = "units of each column, a code each"},
    {"width", CAL_INT, AT(width), "1", "2", 1, 256, .help = "components of a code, which is a unit vector"},
    {"hidden", CAL_INT, AT(hidden), "1", "16", 1, 65536, .help = "values of the first layer of each column, which its units share"},
    {"encoder", CAL_INT, AT(encoder), "1", "32", 1, 65536, .help = "values of the second layer of each unit"},
    {"recurrent", CAL_INT, AT(recurrent), "1", "32", 1, 4096,
     .help = "values of the recurrent network of each unit, which predicts its code"},
    {"guard", CAL_FLOAT, AT(guard), "1", "0.99", 0, 1,
     .help = "most that the mean of a unit's codes over a chunk may have as its length; with more the run has collapsed and ends; 0 for no "
             "guard"},
    {"guard_after", CAL_INT, AT(guard_after), "steps", "1600", 0, 1e9, .help = "learning steps before the guard begins"},
    {"optimiser", CAL_TABLE, AT(optimiser), .table = cal_optim_adam_table,
     .help = "how the columns learn, an update a chunk; each is clipped to its share, clip by the root of the number of all columns"},
    {0},
};

static const char *const takes_drive[] = {"view1", "cache", NULL};
static const char *const takes_context[] = {"query", "temperature", NULL};
static const char *const metrics[] = {"loss", "gain_train", "mean_code", NULL};

enum { CACHE, E, P };                 /* slices sent */
enum { LOSS, GAIN, MEAN, N_METRICS }; /* metrics */

/* One frame. */
struct tape {
    float *x; /* (B,D) what was seen, in panels */
    struct cal_column_tape column[CAL_COLUMNS_MAX];
};

static const struct cal_nce_rule *rule_of(const struct cal_predictive *c)
{
    return c->base.context[0].rule;
}

static bool is_memory(const struct cal_port *drive)
{
    return cal_rep_find(&drive->spec, "cache") >= 0;
}

static int columns_of(const struct cal_predictive *c)
{
    return (int)((const struct cal_predictive_params *)c->base.params)->columns;
}

static int outputs(struct cal_region *r)
{
    const struct cal_predictive_params *p = r->params;
    int units = (int)(p->columns * p->units), cols = units * (int)p->width;
    r->out.units = units;
    cal_rep_spec_add(&r->out, "cache", cols);
    cal_rep_spec_add(&r->out, "e", cols);
    cal_rep_spec_add(&r->out, "p", cols);
    return CAL_OK;
}

/* Caches of some frames before, and something to see now. Finds lead and how much there is of both. */
static int check_drives(struct cal_predictive *c)
{
    c->lead = c->shape.inputs = c->shape.memory = 0;
    for (int i = 0; i < c->base.n_drives; i++) {
        const struct cal_port *port = &c->base.drive[i];
        bool memory = is_memory(port);
        if (memory && port->spec.n > 1)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings `cache` and more: memory and what is seen come by projections of their own",
                            port->projection, port->peer);
        if (memory && port->delay < 1)
            return cal_fail(CAL_EUSAGE,
                            "`%s` from %s brings `cache` without delay: nothing is predicted of what is there, expected delay: 1 or more",
                            port->projection, port->peer);
        if (memory && c->lead && c->lead != port->delay)
            return cal_fail(CAL_EUSAGE, "`%s` from %s has delay %d, other caches have %d: expected one delay of all", port->projection,
                            port->peer, port->delay, c->lead);
        if (!memory && port->delay)
            return cal_fail(CAL_EUSAGE, "`%s` from %s has delay %d: what is seen has to come without", port->projection, port->peer,
                            port->delay);
        for (int k = 0; k < port->spec.n; k++) {
            if (port->spec.slice[k].shared)
                return cal_fail(CAL_EUSAGE, "`%s` from %s brings `%s`, one row for the whole batch: expected one a sample",
                                port->projection, port->peer, port->spec.slice[k].name);
            *(memory ? &c->shape.memory : &c->shape.inputs) += port->spec.slice[k].cols;
        }
        if (memory)
            c->lead = port->delay;
    }
    if (!c->shape.inputs)
        return cal_fail(CAL_EUSAGE, "a predictive cortex needs a drive that it codes, a view for example; it has none");
    if (!c->shape.memory)
        return cal_fail(CAL_EUSAGE,
                        "a predictive cortex needs the `cache` of regions like it as drives with a delay, its own may do; it has none");
    return CAL_OK;
}

/* What the context brings for my units. Finds the width of a query. */
static int check_slices(struct cal_predictive *c)
{
    const struct cal_port *port = &c->base.context[0];
    int units = c->base.out.units;
    for (const char *const *name = takes_context; *name && rule_of(c)->negatives == CAL_NCE_WEIGHTED; name++) {
        int at = cal_rep_find(&port->spec, *name);
        if (at < 0)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s`", port->projection, port->peer, *name);
        int cols = port->spec.slice[at].cols, each = cols / units;
        if (each < 1 || cols % units || (port->spec.slice[at].shared && each != 1))
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings %d values of `%s` for the %d units of this region", port->projection,
                            port->peer, cols, *name, units);
        if (!port->spec.slice[at].shared)
            c->query = each;
    }
    return CAL_OK;
}

static int check_context(struct cal_predictive *c)
{
    const struct cal_region *r = &c->base;
    const struct cal_predictive_params *p = r->params;
    if (r->n_contexts != 1)
        return cal_fail(CAL_EUSAGE, "a predictive cortex needs exactly one context, from a global attention; it has %d", r->n_contexts);
    const struct cal_port *port = &r->context[0];
    const struct cal_nce_rule *rule = port->rule;
    if (port->rule_table != cal_nce_table)
        return cal_fail(CAL_EUSAGE, "`%s` from %s has no rule for negatives in time: a predictive cortex learns with a global attention",
                        port->projection, port->peer);
    if (port->delay)
        return cal_fail(CAL_EUSAGE, "`%s` from %s has delay %d: chunks are learnt as they end, expected no delay", port->projection,
                        port->peer, port->delay);
    int error = cal_nce_rule_check(rule, r->batch, r->window);
    if (error)
        return error;
    if (rule->begin < c->lead)
        return cal_fail(CAL_EUSAGE,
                        "`%s` counts frames from %ld on, but there is no prediction before frame %d: expected begin: %d or more",
                        port->projection, rule->begin, c->lead, c->lead);
    if (port->unit_offset % p->units || port->hub_units % p->units)
        return cal_fail(CAL_EUSAGE,
                        "units: columns of %ld do not go with the others that %s answers for: this region's units begin at %d of %d",
                        p->units, port->peer, port->unit_offset, port->hub_units);
    return check_slices(c);
}

static void declare_scratch(struct cal_predictive *c)
{
    struct cal_layout *l = &c->base.layout;
    size_t units = (size_t)c->base.out.units, pitch = (size_t)cal_contrast_pitch(c->base.batch);
    size_t codes = units * (size_t)c->shape.width, row = (size_t)(c->shape.units * c->shape.width);
    cal_layout_f32(l, CAL_SCRATCH, "e", &c->e, (size_t[]){codes, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "p", &c->p, (size_t[]){codes, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "e.d", &c->de, (size_t[]){codes, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "p.d", &c->dp, (size_t[]){codes, pitch, 0});
    if (c->query)
        cal_layout_f32(l, CAL_SCRATCH, "query", &c->queries, (size_t[]){units * (size_t)c->query, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "temperature", &c->temperature, (size_t[]){units, 0});
    cal_layout_f32(l, CAL_SCRATCH, "rows", &c->rows, (size_t[]){CAL_NCE_ROWS, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "rows.e.d", &c->rows_de, (size_t[]){(size_t)c->base.batch, row, 0});
    cal_layout_f32(l, CAL_SCRATCH, "rows.p.d", &c->rows_dp, (size_t[]){(size_t)c->base.batch, row, 0});
}

static int declare(struct cal_region *r)
{
    struct cal_predictive *c = (struct cal_predictive *)r;
    const struct cal_predictive_params *p = r->params;
    int error = check_drives(c);
    if (!error)
        error = check_context(c);
    if (error)
        return error;
    const struct cal_port *port = &r->context[0];
    c->first = port->unit_offset / (int)p->units;
    c->shape.units = (int)p->units;
    c->shape.width = (int)p->width;
    c->shape.hidden = (int)p->hidden;
    c->shape.encoder = (int)p->encoder;
    c->shape.recurrent = (int)p->recurrent;
    c->shape.rows = r->batch;
    c->shape.frames = (int)rule_of(c)->chunk;
    c->optimiser = p->optimiser;
    c->optimiser.clip /= sqrt((double)port->hub_units / (double)p->units);
    for (int i = 0; i < p->columns; i++)
        cal_column_declare(&c->column[i], &c->shape, i, &c->optimiser, &r->layout);
    size_t dims[] = {(size_t)c->shape.frames, (size_t)r->batch, (size_t)c->shape.memory, 0};
    cal_layout_f32(&r->layout, CAL_STATE, "memory", &c->memory, dims);
    cal_layout_f64(&r->layout, CAL_STATE, "code_sum", &c->code_sum, (size_t[]){(size_t)r->out.units, (size_t)p->width, 0});
    cal_layout_f64(&r->layout, CAL_STATE, "metrics", &c->metrics, (size_t[]){N_METRICS, 0});
    declare_scratch(c);
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_predictive *c = (const struct cal_predictive *)r;
    struct tape *t = tape;
    cal_layout_f32(l, CAL_TAPE, "x", &t->x, (size_t[]){(size_t)r->batch, (size_t)c->shape.inputs, 0});
    for (int i = 0; i < columns_of(c); i++)
        cal_column_declare_tape(&c->shape, &t->column[i], i, l);
}

static void init(struct cal_region *r)
{
    struct cal_predictive *c = (struct cal_predictive *)r;
    for (int i = 0; i < columns_of(c); i++)
        cal_column_init(&c->column[i], r->seed, c->first + i);
}

/* What the guesses are made of: all caches side by side, (B,I). */
static void remember(const struct cal_predictive *c, const struct cal_rep *const *drive, float *memory)
{
    int first = 0;
    for (int i = 0; i < c->base.n_drives; i++) {
        if (!is_memory(&c->base.drive[i]))
            continue;
        CAL_ASSERT(drive[i]);
        int n = drive[i]->spec->slice[0].cols;
        for (ptrdiff_t b = 0; b < c->base.batch; b++)
            memcpy(memory + b * c->shape.memory + first, drive[i]->data[0] + b * drive[i]->ld[0], (size_t)n * sizeof *memory);
        first += n;
    }
}

/* All that is seen side by side, in panels. */
static void see(const struct cal_predictive *c, const struct cal_rep *const *drive, float *x)
{
    int first = 0;
    for (int i = 0; i < c->base.n_drives; i++) {
        if (is_memory(&c->base.drive[i]))
            continue;
        CAL_ASSERT(drive[i]);
        for (int k = 0; k < drive[i]->spec->n; k++) {
            int n = drive[i]->spec->slice[k].cols;
            cal_panels_put(c->base.batch, c->shape.inputs, first, n, drive[i]->data[k], drive[i]->ld[k], x);
            first += n;
        }
    }
}

/* Columns first to first + n of `to`, (B,cols), from (B,n). */
static void put(int rows, int n, const float *from, float *to, int cols)
{
    for (ptrdiff_t b = 0; b < rows; b++)
        memcpy(to + b * cols, from + b * n, (size_t)n * sizeof *to);
}

static float *memory_at(const struct cal_predictive *c, int k)
{
    return c->memory + (size_t)k * (size_t)c->shape.rows * (size_t)c->shape.memory;
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_predictive *c = (struct cal_predictive *)r;
    struct tape *t = tape;
    const int k = (int)(s->frame % c->shape.frames), n = c->shape.units * c->shape.width, cols = columns_of(c) * n;
    const bool predicts = s->frame >= c->lead, sees = !s->blind;
    const size_t bytes = (size_t)r->batch * (size_t)n * sizeof(float);
    if (predicts)
        remember(c, drive, memory_at(c, k));
    if (sees)
        see(c, drive, t->x);
    for (int i = 0; i < columns_of(c); i++) {
        struct cal_column *column = &c->column[i];
        struct cal_column_tape *on = &t->column[i];
        if (s->frame == 0)
            cal_gru_reset(&column->gru);
        else if (k == 0)
            cal_gru_carry(&column->gru);
        if (predicts)
            cal_column_predict(column, on, k, memory_at(c, k));
        else
            memset(on->p, 0, bytes);
        if (sees)
            cal_column_encode(column, on, t->x);
        else
            memcpy(on->e, on->p, bytes);
        put(r->batch, n, s->perceive || !predicts ? on->e : on->p, out[CACHE] + i * n, cols);
        put(r->batch, n, on->e, out[E] + i * n, cols);
        put(r->batch, n, on->p, out[P] + i * n, cols);
    }
    return CAL_OK;
}

/* The frame on the tape as the loss of my units, weighted as the context says. */
static struct cal_nce nce_of(struct cal_predictive *c, const struct cal_step *s, const struct cal_rep *context, const struct tape *t)
{
    const struct cal_nce_rule *rule = rule_of(c);
    int units = c->base.out.units, batch = c->base.batch, n = c->shape.units * c->shape.width;
    float scale = 1.0f / ((float)batch * (float)c->base.context[0].hub_units * (float)cal_nce_rule_counted(rule, s->frame));
    struct cal_nce k = cal_nce_of(rule, units, c->shape.width, c->query, batch, scale);
    for (int i = 0; i < columns_of(c); i++) {
        size_t at = (size_t)i * (size_t)n * (size_t)k.pitch;
        cal_transpose(batch, n, t->column[i].e, n, c->e + at, k.pitch);
        cal_transpose(batch, n, t->column[i].p, n, c->p + at, k.pitch);
    }
    if (rule->negatives == CAL_NCE_WEIGHTED) {
        int query = cal_rep_find(context->spec, "query");
        cal_transpose(batch, units * c->query, context->data[query], context->ld[query], c->queries, k.pitch);
        cal_rep_pack(context, cal_rep_find(context->spec, "temperature"), c->temperature);
    }
    k.e = c->e;
    k.p = c->p;
    k.query = c->queries;
    k.temperature = c->temperature;
    k.rows = c->rows;
    return k;
}

/* A frame that counts: its gradients join those of the chunk. */
static void gather(struct cal_predictive *c, const struct cal_step *s, const struct cal_rep *context, struct tape *t)
{
    int units = c->base.out.units, batch = c->base.batch, n = c->shape.units * c->shape.width, k = (int)(s->frame % c->shape.frames);
    struct cal_nce loss = nce_of(c, s, context, t);
    struct cal_nce_value value;
    cal_nce_codes(&loss, c->de, c->dp, &value);
    for (int i = 0; i < columns_of(c); i++) {
        size_t at = (size_t)i * (size_t)n * (size_t)loss.pitch;
        cal_transpose(n, batch, c->de + at, loss.pitch, c->rows_de, n);
        cal_transpose(n, batch, c->dp + at, loss.pitch, c->rows_dp, n);
        cal_column_gather(&c->column[i], &t->column[i], k, t->x, c->rows_de, c->rows_dp);
    }
    for (int i = 0; i < units * c->shape.width; i++)
        c->code_sum[i] += cal_sum(c->e + (size_t)i * (size_t)loss.pitch, (size_t)batch);
    c->metrics[LOSS] = value.loss / ((double)batch * units);
    c->metrics[GAIN] = (value.loss - value.control) / ((double)batch * units);
}

/* The largest length that the mean of a unit's codes has over the frames of the chunk that counted, so many. */
static double mean_code(const struct cal_predictive *c, int counted)
{
    double most = 0, samples = (double)counted * c->base.batch;
    for (int u = 0; u < c->base.out.units; u++) {
        double squares = 0;
        for (int d = 0; d < c->shape.width; d++) {
            double mean = c->code_sum[u * c->shape.width + d] / samples;
            squares += mean * mean;
        }
        most = fmax(most, sqrt(squares));
    }
    return most;
}

/* The end of a chunk of which so many frames counted. */
static int update(struct cal_predictive *c, const struct cal_step *s, int counted)
{
    const struct cal_predictive_params *p = c->base.params;
    const struct cal_step at = cal_nce_rule_step(rule_of(c), s);
    long begin = s->frame - s->frame % c->shape.frames;
    int first = begin < c->lead ? (int)(c->lead - begin) : 0;
    c->metrics[MEAN] = mean_code(c, counted);
    if (p->guard > 0 && s->learnt >= p->guard_after && c->metrics[MEAN] > p->guard)
        return cal_fail(CAL_ENUMERICS, "collapsed: the mean of a unit's codes over a chunk has length %.3f, guard allows %g",
                        c->metrics[MEAN], p->guard);
    for (int i = 0; i < columns_of(c); i++)
        cal_column_update(&c->column[i], first, memory_at(c, first), &at);
    return CAL_OK;
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_predictive *c = (struct cal_predictive *)r;
    const struct cal_nce_rule *rule = rule_of(c);
    int counted = cal_nce_rule_counted(rule, s->frame), error = CAL_OK;
    CAL_ASSERT(context[0] && !s->blind);
    if (s->frame % rule->chunk == 0) {
        for (int i = 0; i < columns_of(c); i++)
            cal_column_clear(&c->column[i]);
        memset(c->code_sum, 0, (size_t)(r->out.units * c->shape.width) * sizeof *c->code_sum);
    }
    if (s->frame >= rule->begin)
        gather(c, s, context[0], tape);
    if (counted && cal_nce_rule_due(rule, s->frame))
        error = update(c, s, counted);
    memcpy(metric, c->metrics, N_METRICS * sizeof *metric);
    return error;
}

const struct cal_region_ops cal_predictive_cortex_ops = {
    .kind = "predictive-cortex",
    .help = "columns of units that code what they see in time, and predict their codes from what all units remember",
    .params = params,
    .params_size = sizeof(struct cal_predictive_params),
    .size = sizeof(struct cal_predictive),
    .tape_size = sizeof(struct tape),
    .takes_drive = takes_drive,
    .takes_context = takes_context,
    .imagines = true,
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .init = init,
    .forward = forward,
    .learn = learn,
};
