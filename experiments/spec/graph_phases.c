/* experiments/spec/graph_phases.c - who learns, records and wakes in each phase, and the order of all stretches. */
#include "experiments/spec/graph_phases.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_windows.h"
#include "experiments/spec/graph_wiring.h"
#include "experiments/spec/selection.h"

static int find_steps(struct cal_graph *g, int phase)
{
    const struct cal_phase_spec *p = &g->experiment->phase[phase];
    long samples = g->stimulus->samples[p->split], epoch = samples / g->experiment->batch;
    if (epoch < 1 && p->steps != 0)
        return cal_node_fail(p->node, "phase `%s` needs at least one batch of %d samples, the stimulus has %ld %s", p->name,
                             g->experiment->batch, samples, p->split == CAL_SPLIT_TRAIN ? "to train" : "held out");
    g->phase_steps[phase] = p->steps >= 0 ? p->steps : (long)floor((p->epochs < 0 ? 1 : p->epochs) * (double)epoch + 1e-9);
    return CAL_OK;
}

/* Bit i of part `name`, where the kind has such a part; 0 otherwise. */
static uint16_t part_bit(const struct cal_region_ops *ops, const char *name)
{
    for (int i = 0; ops->parts && ops->parts[i]; i++)
        if (!strcmp(ops->parts[i], name))
            return (uint16_t)(1u << i);
    return 0;
}

static int unknown_part(const struct cal_graph *g, int phase, const char *pattern, const struct cal_region_ops *ops)
{
    static const char *const none[] = {NULL};
    const char *const *parts = ops->parts ? ops->parts : none;
    char list[256] = "";
    for (int i = 0; parts[i]; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", parts[i]);
    }
    return cal_node_fail(g->experiment->phase[phase].node, "phase `%s`: learn: `%s`: parts of kind %s are: %s%s",
                         g->experiment->phase[phase].name, pattern, ops->kind, list[0] ? list : "none",
                         cal_did_you_mean(strrchr(pattern, '.') + 1, parts));
}

/* Regions whose kinds learn at all get those bits, if they have none yet. */
static void let_learn(struct cal_graph *g, int phase, const struct cal_range *range, uint16_t bits)
{
    for (int r = range->first; r < range->last && g->experiment->group[range->group].ops->learn; r++)
        g->learns[phase][r] |= bits;
}

/* `S1.head`: a part of all that match what stands before the last dot, unless the whole matches. */
static int let_parts_learn(struct cal_graph *g, int phase, const char *pattern, const struct cal_selection *whole)
{
    const struct cal_experiment *e = g->experiment;
    const char *dot = strrchr(pattern, '.');
    struct cal_selection s = {0};
    int err = CAL_OK;
    char *prefix = cal_strdup(pattern);
    prefix[dot - pattern] = '\0';
    cal_selection_add(&s, e, prefix);
    cal_free(prefix);
    for (int i = 0; !err && i < s.n; i++) {
        const struct cal_region_ops *ops = e->group[s.range[i].group].ops;
        uint16_t bit = part_bit(ops, dot + 1);
        bool beyond = false; /* some of them are not among the whole ones */
        for (int r = s.range[i].first; r < s.range[i].last && ops->learn; r++) {
            bool part = cal_selection_find(whole, r) < 0;
            g->learns[phase][r] |= part ? bit : 0;
            beyond = beyond || part;
        }
        if (beyond && !bit)
            err = unknown_part(g, phase, pattern, ops);
    }
    cal_selection_finish(&s);
    return err;
}

static int find_learners(struct cal_graph *g, int phase)
{
    const struct cal_strings *patterns = &g->experiment->phase[phase].learn;
    int err = CAL_OK;
    for (int i = 0; !err && i < patterns->n; i++) {
        const char *pattern = patterns->item[i];
        struct cal_selection whole = {0};
        cal_selection_add(&whole, g->experiment, !strcmp(pattern, "all") ? "*" : pattern);
        cal_selection_settle(&whole);
        for (int k = 0; k < whole.n; k++)
            let_learn(g, phase, &whole.range[k], UINT16_MAX);
        if (strchr(pattern, '.'))
            err = let_parts_learn(g, phase, pattern, &whole);
        cal_selection_finish(&whole);
    }
    return err;
}

/* A slice as one more variable, unless the kind observes one of that name itself. */
static void add_slice(struct cal_region *r, const char *name, const struct cal_rep_spec *spec, int slice, enum cal_source source)
{
    const struct cal_slice *x = &spec->slice[slice];
    if (x->shared || cal_region_variable(r, name) >= 0)
        return;
    cal_region_add_variable(r, name, "1", x->cols);
    struct cal_variable *v = &r->variable[r->n_variables - 1];
    v->source = source;
    v->slice = slice;
    v->c = x->c;
    v->h = x->h;
    v->w = x->w;
}

/* Beside what its kind can observe, a region can record what it sends and what the world says of the sample: a dump of a map and its labels is
 * all that another run needs (experiments/stimuli/recorded.h). `box` is a stage's guess, so what is true says so. */
void cal_graph_add_variables(const struct cal_graph *g, struct cal_region *r)
{
    static const char *const shown[][2] = {{"label", "true_label"}, {"box", "true_box"}};
    for (int i = 0; i < r->out.n; i++)
        add_slice(r, r->out.slice[i].name, &r->out, i, CAL_SENT);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        int slice = cal_rep_find(&g->stimulus->spec, shown[i][0]);
        if (slice >= 0)
            add_slice(r, shown[i][1], &g->stimulus->spec, slice, CAL_SHOWN);
    }
}

static int unknown_variable(const struct cal_graph *g, int region, const struct cal_record_spec *record, const char *name)
{
    const struct cal_offer *x = &g->offer[g->offer_of[region]];
    const char *names[CAL_VARIABLES_MAX + 1] = {NULL};
    char list[512] = "";
    for (int i = 0; i < x->n_variables; i++) {
        names[i] = x->variable[i].name;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    return cal_node_fail(record->node, "%s has no variable `%s` to record; it has: %s%s", cal_experiment_name(g->experiment, region).text,
                         name, list[0] ? list : "none", cal_did_you_mean(name, names));
}

static int find_record(struct cal_graph *g, int phase, const struct cal_record_spec *record)
{
    struct cal_selection s = {0};
    int err = CAL_OK;
    cal_selection_add(&s, g->experiment, record->pattern);
    for (int i = 0; !err && i < s.n; i++)
        for (int r = s.range[i].first; !err && r < s.range[i].last; r++)
            for (int k = 0; !err && k < record->variables.n; k++) {
                int v = cal_graph_variable(g, r, record->variables.item[k]);
                if (v < 0)
                    err = unknown_variable(g, r, record, record->variables.item[k]);
                else
                    g->record[phase][r] |= (uint16_t)(1u << v);
            }
    cal_selection_finish(&s);
    return err;
}

static int find_records(struct cal_graph *g, int phase)
{
    const struct cal_phase_spec *p = &g->experiment->phase[phase];
    int err = CAL_OK;
    for (int i = 0; !err && i < p->n_records; i++)
        err = find_record(g, phase, &p->record[i]);
    return err;
}

/* Awake: who learns or records, who drives one that is awake, who gives context to one that learns. */
static void find_awake(struct cal_graph *g, int phase, const int *order)
{
    const struct cal_experiment *e = g->experiment;
    bool *awake = g->awake[phase];
    for (int r = 0; r < g->n_regions; r++)
        awake[r] = g->learns[phase][r] || g->record[phase][r];
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = g->n_regions - 1; k >= 0; k--) /* against the drives */
            for (int r = order[k], i = e->first_edge[r]; awake[r] && i < e->first_edge[r + 1]; i++) {
                int from = e->edge[i].from;
                if (from == CAL_FROM_STIMULUS || awake[from])
                    continue;
                if (e->projection[e->edge[i].projection].role == CAL_DRIVE || g->learns[phase][r])
                    awake[from] = changed = true;
            }
    }
}

static void add_segment(struct cal_graph *g, int phase, long first, long count, int repeat)
{
    if (count == 0)
        return;
    if ((g->n_segments & (g->n_segments - 1)) == 0) { /* room for a power of two, doubled when full */
        struct cal_segment *more = cal_alloc((size_t)(g->n_segments ? 2 * g->n_segments : 1) * sizeof *more);
        if (g->n_segments)
            memcpy(more, g->segment, (size_t)g->n_segments * sizeof *more);
        cal_free(g->segment);
        g->segment = more;
    }
    g->segment[g->n_segments++] = (struct cal_segment){
        .phase = phase, .first = first, .count = count, .repeat = repeat, .last = first + count == g->phase_steps[phase]};
}

/* A phase, cut wherever a phase `within` it is due. */
static void add_phase(struct cal_graph *g, int phase)
{
    const struct cal_experiment *e = g->experiment;
    long total = g->phase_steps[phase];
    for (long at = 0; at < total;) {
        long next = total;
        for (int c = 0; c < e->n_phases; c++)
            if (e->phase[c].within == phase && (at / e->phase[c].every + 1) * e->phase[c].every < next)
                next = (at / e->phase[c].every + 1) * e->phase[c].every;
        add_segment(g, phase, at, next - at, 0);
        for (int c = 0; c < e->n_phases; c++)
            if (e->phase[c].within == phase && next % e->phase[c].every == 0)
                add_segment(g, c, 0, g->phase_steps[c], (int)(next / e->phase[c].every) - 1);
        at = next;
    }
}

int cal_graph_plan_phases(struct cal_graph *g, const int *order)
{
    const struct cal_experiment *e = g->experiment;
    size_t n_phases = (size_t)e->n_phases, n_regions = (size_t)g->n_regions;
    g->phase_steps = cal_alloc(n_phases * sizeof *g->phase_steps);
    g->phase_total = cal_alloc(n_phases * sizeof *g->phase_total);
    g->record = cal_alloc(n_phases * sizeof *g->record);
    g->learns = cal_alloc(n_phases * sizeof *g->learns);
    g->awake = cal_alloc(n_phases * sizeof *g->awake);
    for (int p = 0; p < e->n_phases; p++) {
        g->record[p] = cal_alloc(n_regions * sizeof *g->record[p]);
        g->learns[p] = cal_alloc(n_regions * sizeof *g->learns[p]);
        g->awake[p] = cal_alloc(n_regions * sizeof *g->awake[p]);
    }
    for (int p = 0; p < e->n_phases; p++) {
        int err = find_steps(g, p);
        if (!err)
            err = find_records(g, p);
        if (!err)
            err = find_learners(g, p);
        if (err)
            return err;
        find_awake(g, p, order);
    }
    for (int p = 0; p < e->n_phases; p++)
        if (e->phase[p].within < 0)
            add_phase(g, p);
    for (int i = 0; i < g->n_segments; i++)
        g->phase_total[g->segment[i].phase] += g->segment[i].count;
    return CAL_OK;
}

void cal_graph_free_phases(struct cal_graph *g)
{
    for (int p = 0; g->awake && p < g->experiment->n_phases; p++) {
        cal_free(g->record[p]);
        cal_free(g->learns[p]);
        cal_free(g->awake[p]);
    }
    cal_free(g->phase_steps);
    cal_free(g->phase_total);
    cal_free(g->record);
    cal_free(g->learns);
    cal_free(g->awake);
    cal_free(g->segment);
}

bool cal_edge_active(const struct cal_graph *g, int edge, int phase)
{
    const struct cal_edge *x = &g->edge[edge];
    bool from = x->from == CAL_FROM_STIMULUS || g->awake[phase][x->from];
    return from && g->awake[phase][x->to] && (x->role == CAL_DRIVE || g->learns[phase][x->to]);
}

long cal_edge_messages(const struct cal_graph *g, int edge, long count)
{
    const struct cal_edge *x = &g->edge[edge];
    if (x->from == CAL_FROM_STIMULUS)
        return 0;
    long unused = x->role == CAL_DRIVE ? g->lag[x->from] + x->delay - g->lag[x->to] : 0;
    return unused < count ? count - unused : 0;
}

int cal_graph_tapes(const struct cal_graph *g, int region)
{
    return g->learn_lag[region] - g->lag[region] + 1;
}

long cal_graph_wall_steps(const struct cal_graph *g, const struct cal_segment *s)
{
    int drain = 0;
    for (int r = 0; r < g->n_regions; r++) {
        int lag = g->learns[s->phase][r] ? g->learn_lag[r] : g->lag[r];
        if (g->awake[s->phase][r] && lag > drain)
            drain = lag;
    }
    return s->count + drain;
}

long cal_graph_learn_total(const struct cal_graph *g, int region)
{
    long steps = 0;
    for (int p = 0; p < g->experiment->n_phases; p++)
        steps += g->learns[p][region] ? g->phase_total[p] : 0;
    return steps;
}

struct cal_step cal_graph_step(const struct cal_graph *g, int region, int phase, long presentation)
{
    const struct cal_phase_spec *p = &g->experiment->phase[phase];
    bool recorded = p->within >= 0 || presentation % p->every == 0;
    struct cal_step step = {.presentation = presentation,
                            .phase = phase,
                            .learn = g->learns[phase][region] != 0,
                            .parts = g->learns[phase][region] == UINT16_MAX ? ~0u : g->learns[phase][region],
                            .rate = p->rate,
                            .learn_total = cal_graph_learn_total(g, region),
                            .record = recorded ? g->record[phase][region] : 0};
    cal_graph_place_in_window(g, &step);
    return step;
}

struct cal_view cal_graph_view(const struct cal_graph *g, int phase)
{
    const struct cal_phase_spec *p = &g->experiment->phase[phase];
    return (struct cal_view){.phase = phase, .split = p->split, .noise = p->noise};
}
