/* experiments/stand_in.c - see stand_in.h. */
#include "experiments/stand_in.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/selection.h"

struct cost {
    double forward, learn, stimulus, units, power;
};
#define COST(field, text, no_value, lowest)                                                                                                \
    {                                                                                                                                      \
        .name = #field, .type = CAL_FLOAT, .offset = offsetof(struct cost, field), .unit = "s", .value = no_value, .min = lowest,          \
        .max = 1e6, .help = text                                                                                                           \
    }
static const struct cal_param cost_table[] = {
    COST(forward, "a call of forward", "0", 0),
    COST(learn, "a call of learn", "0", 0),
    COST(stimulus, "making one batch of the stimulus, in a process that hosts the region", "0", 0),
    COST(units, "how many units the region had when it was measured; 0: its cost does not depend on them", "0", 0),
    COST(power, "the cost goes with this power of the number of units", "1", 0),
    {.name = NULL},
};

struct exchange_cost {
    double message, byte;
};
static const struct cal_param exchange_table[] = {
    {.name = "message",
     .type = CAL_FLOAT,
     .offset = offsetof(struct exchange_cost, message),
     .unit = "s",
     .value = "0",
     .max = 1,
     .help = "packing or summing up any message"},
    {.name = "byte",
     .type = CAL_FLOAT,
     .offset = offsetof(struct exchange_cost, byte),
     .unit = "s",
     .value = "0",
     .max = 1,
     .help = "and for each byte"},
    {.name = NULL},
};

/* 1 + jitter z for the owner's wall step. */
static double factor(double jitter, uint32_t seed, int owner, long step)
{
    if (jitter <= 0)
        return 1;
    struct cal_rng key = cal_rng_key(seed, CAL_STREAM_JITTER, (uint32_t)owner, 0, (uint64_t)step);
    float z;
    cal_rng_normal_fill(&key, 0, &z, 1);
    return fmax(0, 1 + jitter * (double)z);
}

static int forward(struct cal_region *r, const struct cal_step *step, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_stand_in *s = (struct cal_stand_in *)r->params; /* ours, and not const */
    (void)drive, (void)tape, (void)out;
    cal_simulated_compute(s->forward_s * factor(s->jitter, r->seed, r->id, step->presentation));
    if (step->presentation == s->from)
        s->begin = cal_now_s();
    if (step->presentation == s->to)
        s->end = cal_now_s();
    return CAL_OK;
}

/* What learns in the wall step in which a later presentation goes forward shares its factor. */
static int learn(struct cal_region *r, const struct cal_step *step, const struct cal_rep *const *context, void *tape, double *metric)
{
    const struct cal_stand_in *s = r->params;
    (void)context, (void)tape, (void)metric;
    cal_simulated_compute(s->learn_s * factor(s->jitter, r->seed, r->id, step->presentation + s->shift));
    return CAL_OK;
}

static const struct cal_region_ops stand_in_ops = {
    .kind = "stand-in",
    .help = "takes as long as another kind",
    .size = sizeof(struct cal_region),
    .forward = forward,
    .learn = learn,
};

static const struct cal_node *find_cost(const struct cal_node *root, const struct cal_region *r, const struct cal_group *g)
{
    const char *const names[] = {r->name, g->name, r->ops->kind};
    for (int i = 0; i < 3; i++)
        if (cal_node_get(root, names[i]))
            return cal_node_get(root, names[i]);
    return NULL;
}

static int read_cost(const struct cal_node *root, const struct cal_group *g, const struct cal_region *r, struct cal_stand_in *s)
{
    struct cost c = {0};
    const struct cal_node *map = find_cost(root, r, g);
    if (!map)
        return cal_node_fail(root, "no costs for %s, expected them under `%s`, `%s` or `%s`", r->name, r->name, g->name, r->ops->kind);
    int err = cal_params_read(cost_table, "the costs", map, NULL, &c);
    double scale = c.units > 0 ? pow(r->out.units / c.units, c.power) : 1;
    s->forward_s = scale * c.forward;
    s->learn_s = scale * c.learn;
    s->stimulus_s = c.stimulus;
    return err;
}

/* Names that no region answers to are misspelt. */
static int check_names(const struct cal_node *root, const struct cal_experiment *e)
{
    for (int i = 0; i < root->n; i++) {
        const char *name = root->child[i]->key;
        struct cal_selection s = {0};
        bool known = !strcmp(name, "exchange") || (!strchr(name, '*') && cal_selection_add(&s, e, name));
        for (int g = 0; g < e->n_groups && !known; g++)
            known = !strcmp(name, e->group[g].name) || !strcmp(name, e->group[g].ops->kind);
        cal_selection_finish(&s);
        if (!known)
            return cal_node_fail(root->child[i], "costs for `%.40s`, but %s has no such region, group or kind", name, e->name);
    }
    return CAL_OK;
}

static int read_costs(const struct cal_node *root, const struct cal_graph *g, struct cal_simulation *exchange, struct cal_stand_in *s)
{
    const struct cal_experiment *e = g->experiment;
    if (root->kind != CAL_MAP)
        return cal_node_fail(root, "no map, expected the costs of each region or kind");
    struct exchange_cost x = {0};
    int err = check_names(root, e);
    if (!err)
        err = cal_params_read(exchange_table, "the exchange's costs", cal_node_get(root, "exchange"), NULL, &x);
    exchange->message_s = x.message;
    exchange->byte_s = x.byte;
    for (int r = 0; !err && r < e->n_regions; r++)
        err = read_cost(root, cal_experiment_group(e, r), g->region[r], &s[r]);
    return err;
}

int cal_stand_ins_create(struct cal_graph *g, const char *costs, double jitter, long steps, struct cal_simulation *exchange,
                         struct cal_stand_in **out)
{
    struct cal_node *root = NULL;
    struct cal_stand_in *s = cal_alloc((size_t)g->n_regions * sizeof *s);
    int err = cal_yaml_read(costs, &root);
    if (!err)
        err = read_costs(root, g, exchange, s);
    if (root)
        cal_node_free(root);
    *out = err ? NULL : s;
    if (err) {
        cal_free(s);
        return err;
    }
    for (int r = 0; r < g->n_regions; r++) {
        struct cal_region *region = g->region[r];
        s[r].jitter = jitter;
        s[r].shift = g->learn_lag[r] - g->lag[r];
        s[r].from = steps / 5; /* by then it goes evenly */
        s[r].to = steps - 1;
        region->ops = &stand_in_ops;
        region->params = &s[r];
        cal_layout_finish(&region->layout); /* declared, not allocated: a stand-in has no arrays */
    }
    return CAL_OK;
}

static int batch(struct cal_stimulus *stimulus, const struct cal_view *view, long presentation, float *const *out)
{
    const struct cal_stand_in_stimulus *s = (const struct cal_stand_in_stimulus *)stimulus;
    const struct cal_region *owner = s->graph->region[s->owner];
    const struct cal_stand_in *of = owner->params;
    (void)view, (void)out;
    cal_simulated_compute(s->seconds * factor(of->jitter, owner->seed, s->owner, presentation));
    return CAL_OK;
}

static const struct cal_stimulus_ops stimulus_ops = {.kind = "stand-in", .help = "takes as long as another kind", .batch = batch};

void cal_stand_in_stimulus(struct cal_stand_in_stimulus *s, const struct cal_graph *g, int rank, int n_ranks)
{
    *s = (struct cal_stand_in_stimulus){.base = *g->stimulus, .graph = g, .owner = -1};
    s->base.ops = &stimulus_ops;
    s->base.spec.n = 0; /* offers nothing: no copies of it need memory */
    int first, last;
    cal_place_regions(CAL_PLACE_BLOCK, rank, g->n_regions, n_ranks, &first, &last);
    for (int r = first; r < last; r++) {
        const struct cal_stand_in *of = g->region[r]->params;
        s->owner = first;
        s->seconds = fmax(s->seconds, of->stimulus_s);
    }
}
