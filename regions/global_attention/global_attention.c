/* regions/global_attention/global_attention.c - see global_attention.h. */
#include "regions/global_attention/global_attention.h"

#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "regions/layers/bank.h"
#include "regions/layers/direction.h"
#include "regions/layers/layers.h"
#include "regions/objectives/contrast.h"

#define AT(field) offsetof(struct cal_global_attention_params, field)

static const struct cal_param params[] = {
    {"bottleneck", CAL_INT, AT(bottleneck), "1", "16", 1, 4096, .help = "values of the vector that all queries come from"},
    {"query", CAL_INT, AT(query), "1", "2", 1, 64, .help = "components of each unit's query"},
    {"temperature", CAL_FLOAT, AT(temperature), "1", "10", 0, 1e3,
     .help = "how much a unit's query tells at the beginning; learnt, never below 0"},
    {"optimiser", CAL_TABLE, AT(optimiser), .table = cal_optim_adam_table, .help = "how weights and temperatures learn; a step is a chunk"},
    {0},
};

static const char *const takes_drive[] = {"e", "p", NULL};
static const char *const takes_context[] = {NULL};
static const char *const metrics[] = {"loss", "gain_train", "temperature", NULL};
#define N_METRICS 3

static const struct cal_nce_rule *rule_of(const struct cal_global_attention *a)
{
    return a->base.target[0].rule;
}

static bool weighs(const struct cal_global_attention *a)
{
    return rule_of(a)->negatives == CAL_NCE_WEIGHTED;
}

static int check_targets(const struct cal_region *r)
{
    if (!r->n_targets)
        return cal_fail(CAL_EUSAGE, "an attention needs a projection with role: context to the regions that it attends to; it has none");
    for (int i = 0; i < r->n_targets; i++) {
        CAL_ASSERT(r->target[i].rule);
        if (!cal_nce_rule_same(r->target[0].rule, r->target[i].rule))
            return cal_fail(CAL_EUSAGE, "`%s` and `%s` have different rules for negatives: one attention has one", r->target[0].projection,
                            r->target[i].projection);
    }
    return cal_nce_rule_check(r->target[0].rule, r->batch, r->window);
}

/* A drive brings codes and predictions of the present frame, of units as wide as all others. */
static int check_drive(struct cal_global_attention *a, const struct cal_port *port)
{
    if (port->delay)
        return cal_fail(CAL_EUSAGE, "`%s` from %s: an attention weighs the codes of the present frame, expected no delay, got %d",
                        port->projection, port->peer, port->delay);
    for (const char *const *name = takes_drive; *name; name++) {
        int at = cal_rep_find(&port->spec, *name), cols = at < 0 ? 0 : port->spec.slice[at].cols;
        if (at < 0 || port->spec.slice[at].shared)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s`: an attention reads codes and what had been predicted of them",
                            port->projection, port->peer, *name);
        if (!a->width && port->units > 0)
            a->width = cols / port->units;
        if (!a->width || cols != a->width * port->units)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings %d values of `%s` for %d units, expected %d for each", port->projection,
                            port->peer, cols, *name, port->units, a->width);
    }
    a->units += port->units;
    return CAL_OK;
}

static int outputs(struct cal_region *r)
{
    struct cal_global_attention *a = (struct cal_global_attention *)r;
    const struct cal_global_attention_params *p = r->params;
    int error = check_targets(r);
    if (error)
        return error;
    if (!r->n_drives)
        return cal_fail(CAL_EUSAGE, "an attention needs the codes of other regions as drives; it has none");
    a->units = a->width = 0;
    for (int i = 0; i < r->n_drives; i++)
        if ((error = check_drive(a, &r->drive[i])))
            return error;
    a->bottleneck = (int)p->bottleneck;
    a->query = (int)p->query;
    r->out.units = a->units;
    if (weighs(a)) {
        cal_rep_spec_add(&r->out, "query", a->units * a->query)->afferent = true;
        struct cal_slice *temperature = cal_rep_spec_add(&r->out, "temperature", a->units);
        temperature->afferent = temperature->shared = true;
    }
    cal_rep_spec_add(&r->out, "g", a->bottleneck);
    return CAL_OK;
}

/* Parameters `name` and the sum of their gradient, both state. */
static void declare_part(struct cal_global_attention *a, const char *name, float **w, const char *gradient, float **g, size_t rows,
                         size_t cols)
{
    struct cal_layout *l = &a->base.layout;
    cal_layout_f32(l, CAL_STATE, name, w, (size_t[]){rows, cols, 0});
    cal_layout_f32(l, CAL_STATE, gradient, g, (size_t[]){rows, cols, 0});
    cal_optim_add(&a->optim, l, name, w, g, rows * (cols ? cols : 1));
}

static int declare(struct cal_region *r)
{
    struct cal_global_attention *a = (struct cal_global_attention *)r;
    const struct cal_global_attention_params *p = r->params;
    struct cal_layout *l = &r->layout;
    size_t batch = (size_t)r->batch, pitch = (size_t)cal_contrast_pitch(r->batch), units = (size_t)a->units, g = (size_t)a->bottleneck;
    size_t codes = units * (size_t)a->width, queries = units * (size_t)a->query;
    if (r->n_contexts)
        return cal_fail(CAL_EUSAGE, "an attention takes no context; `%s` from %s brings one", r->context[0].projection, r->context[0].peer);
    cal_optim_init(&a->optim, &p->optimiser);
    declare_part(a, "g.w", &a->w_g, "g.w.g", &a->g_w_g, g, codes);
    declare_part(a, "g.b", &a->b_g, "g.b.g", &a->g_b_g, g, 0);
    declare_part(a, "query.w", &a->w_q, "query.w.g", &a->g_w_q, queries, g);
    declare_part(a, "query.b", &a->b_q, "query.b.g", &a->g_b_q, queries, 0);
    declare_part(a, "temperature", &a->temperature, "temperature.g", &a->g_temperature, units, 0);
    cal_layout_f64(l, CAL_STATE, "reported", &a->reported, (size_t[]){N_METRICS, 0});
    cal_layout_f32(l, CAL_SCRATCH, "e.units", &a->e_units, (size_t[]){codes, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "p.units", &a->p_units, (size_t[]){codes, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "query.units", &a->query_units, (size_t[]){queries, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "query.units.d", &a->d_query_units, (size_t[]){queries, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "rows", &a->rows, (size_t[]){CAL_NCE_ROWS, pitch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "query.d", &a->d_query, (size_t[]){batch, queries, 0});
    cal_layout_f32(l, CAL_SCRATCH, "g.d", &a->d_g, (size_t[]){batch, g, 0});
    cal_layout_f32(l, CAL_SCRATCH, "temperature.d", &a->d_temperature, (size_t[]){units, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_global_attention *a = (const struct cal_global_attention *)r;
    struct cal_global_attention_tape *t = tape;
    size_t batch = (size_t)r->batch, units = (size_t)a->units, g = (size_t)a->bottleneck;
    size_t codes = units * (size_t)a->width, queries = units * (size_t)a->query;
    cal_layout_f32(l, CAL_TAPE, "e", &t->e, (size_t[]){batch, codes, 0});
    cal_layout_f32(l, CAL_TAPE, "p", &t->p, (size_t[]){batch, codes, 0});
    cal_layout_f32(l, CAL_TAPE, "g", &t->g, (size_t[]){batch, g, 0});
    cal_layout_f32(l, CAL_TAPE, "query", &t->query, (size_t[]){batch, queries, 0});
    cal_layout_f32(l, CAL_TAPE, "query.inverse", &t->inverse, (size_t[]){batch, units, 0});
    cal_layout_f32(l, CAL_TAPE, "query.w", &t->w_q, (size_t[]){queries, g, 0});
    cal_layout_f32(l, CAL_TAPE, "temperature", &t->temperature, (size_t[]){units, 0});
}

/* Xavier-normal A, and B_u each by itself; a, b are left 0. */
static void init(struct cal_region *r)
{
    struct cal_global_attention *a = (struct cal_global_attention *)r;
    const struct cal_global_attention_params *p = r->params;
    int codes = a->units * a->width;
    size_t g = (size_t)a->bottleneck;
    cal_xavier(r->seed, r->id, 0, codes, a->bottleneck, 0, a->w_g, g * (size_t)codes);
    cal_xavier(r->seed, r->id, 1, a->bottleneck, a->query, 0, a->w_q, (size_t)(a->units * a->query) * g);
    for (int u = 0; u < a->units; u++)
        a->temperature[u] = (float)p->temperature;
}

/* Slice `name` of all drives side by side: (B,U*D). */
static void gather(const struct cal_global_attention *a, const struct cal_rep *const *drive, const char *name, float *all)
{
    int cols = a->units * a->width, first = 0;
    for (int i = 0; i < a->base.n_drives; i++) {
        int at = cal_rep_find(drive[i]->spec, name), n = drive[i]->spec->slice[at].cols;
        for (int b = 0; b < a->base.batch; b++)
            memcpy(all + (ptrdiff_t)b * cols + first, drive[i]->data[at] + (ptrdiff_t)b * drive[i]->ld[at], (size_t)n * sizeof *all);
        first += n;
    }
}

static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_global_attention *a = (struct cal_global_attention *)r;
    struct cal_global_attention_tape *t = tape;
    int batch = r->batch, codes = a->units * a->width, queries = a->units * a->query, g = a->bottleneck;
    size_t rows = (size_t)batch;
    (void)s;
    gather(a, drive, "e", t->e);
    gather(a, drive, "p", t->p);
    cal_gemm(false, true, batch, g, codes, 1, t->p, codes, a->w_g, codes, 0, t->g, g);
    cal_bias_add(batch, g, t->g, a->b_g);
    memcpy(out[r->out.n - 1], t->g, rows * (size_t)g * sizeof *t->g);
    if (!weighs(a))
        return CAL_OK;
    cal_gemm(false, true, batch, queries, g, 1, t->g, g, a->w_q, g, 0, t->query, queries);
    cal_bias_add(batch, queries, t->query, a->b_q);
    cal_direction_of(rows * (size_t)a->units, a->query, t->query, t->inverse);
    memcpy(t->w_q, a->w_q, (size_t)queries * (size_t)g * sizeof *t->w_q);
    memcpy(t->temperature, a->temperature, (size_t)a->units * sizeof *t->temperature);
    memcpy(out[0], t->query, rows * (size_t)queries * sizeof *t->query);
    memcpy(out[1], t->temperature, (size_t)a->units * sizeof *t->temperature);
    return CAL_OK;
}

/* The frame on the tape as a loss that is climbed; it weighs in the chunk as each of its `counted` frames does. */
static struct cal_nce loss_of(struct cal_global_attention *a, const struct cal_global_attention_tape *t, int counted)
{
    int batch = a->base.batch, codes = a->units * a->width, queries = a->units * a->query;
    struct cal_nce c =
        cal_nce_of(rule_of(a), a->units, a->width, a->query, batch, -1.0f / ((float)batch * (float)a->units * (float)counted));
    cal_transpose(batch, codes, t->e, codes, a->e_units, c.pitch);
    cal_transpose(batch, codes, t->p, codes, a->p_units, c.pitch);
    cal_transpose(batch, queries, t->query, queries, a->query_units, c.pitch);
    c.e = a->e_units;
    c.p = a->p_units;
    c.query = a->query_units;
    c.temperature = t->temperature;
    c.rows = a->rows;
    return c;
}

static void add_rows(int rows, int cols, const float *x, float *sum)
{
    for (int b = 0; b < rows; b++)
        cal_axpy((size_t)cols, 1, x + (ptrdiff_t)b * cols, sum);
}

/* From the loss's gradients in queries and temperatures to those of all parameters, on top of what the chunk has. */
static void backward(struct cal_global_attention *a, const struct cal_global_attention_tape *t, int pitch)
{
    int batch = a->base.batch, codes = a->units * a->width, queries = a->units * a->query, g = a->bottleneck;
    cal_transpose(queries, batch, a->d_query_units, pitch, a->d_query, queries);
    cal_direction_of_back((size_t)batch * (size_t)a->units, a->query, t->query, t->inverse, a->d_query);
    cal_gemm(true, false, queries, g, batch, 1, a->d_query, queries, t->g, g, 1, a->g_w_q, g);
    add_rows(batch, queries, a->d_query, a->g_b_q);
    cal_gemm(false, false, batch, g, queries, 1, a->d_query, queries, t->w_q, g, 0, a->d_g, g);
    cal_gemm(true, false, g, codes, batch, 1, a->d_g, g, t->p, codes, 1, a->g_w_g, codes);
    add_rows(batch, g, a->d_g, a->g_b_g);
    add_rows(1, a->units, a->d_temperature, a->g_temperature);
}

static void begin_chunk(struct cal_global_attention *a)
{
    for (int i = 0; i < a->optim.n; i++)
        memset(*a->optim.part[i].g, 0, a->optim.part[i].n * sizeof **a->optim.part[i].g);
}

static void update(struct cal_global_attention *a, const struct cal_step *s)
{
    struct cal_step step = cal_nce_rule_step(rule_of(a), s);
    cal_optim_update(&a->optim, &step);
    for (int u = 0; u < a->units; u++)
        a->temperature[u] = a->temperature[u] < 0 ? 0 : a->temperature[u];
}

/* The frame's part in the chunk's gradient, and what is reported. */
static void count(struct cal_global_attention *a, const struct cal_global_attention_tape *t, int counted)
{
    struct cal_nce c = loss_of(a, t, counted);
    struct cal_nce_value value;
    if (weighs(a)) {
        cal_nce_weights(&c, a->d_query_units, a->d_temperature, &value);
        backward(a, t, c.pitch);
    } else {
        cal_nce_measure(&c, &value);
    }
    double all = (double)a->base.batch * a->units;
    a->reported[0] = value.loss / all;
    a->reported[1] = (value.loss - value.control) / all;
    a->reported[2] = cal_sum(t->temperature, (size_t)a->units) / a->units;
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_global_attention *a = (struct cal_global_attention *)r;
    const struct cal_nce_rule *rule = rule_of(a);
    int counted = cal_nce_rule_counted(rule, s->frame);
    (void)context;
    if (s->frame % rule->chunk == 0)
        begin_chunk(a);
    if (s->frame >= rule->begin)
        count(a, tape, counted);
    if (weighs(a) && counted && cal_nce_rule_due(rule, s->frame))
        update(a, s);
    memcpy(metric, a->reported, N_METRICS * sizeof *metric);
    return CAL_OK;
}

const struct cal_region_ops cal_global_attention_ops = {
    .kind = "global-attention",
    .help = "weights the negatives of all units that drive it by queries from one small vector, to make their tasks in time hard",
    .params = params,
    .params_size = sizeof(struct cal_global_attention_params),
    .rule = cal_nce_table,
    .rule_size = sizeof(struct cal_nce_rule),
    .size = sizeof(struct cal_global_attention),
    .tape_size = sizeof(struct cal_global_attention_tape),
    .takes_drive = takes_drive,
    .takes_context = takes_context,
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .init = init,
    .forward = forward,
    .learn = learn,
};
