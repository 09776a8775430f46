/* analysis/adversary.c - see adversary.h. */
#include "analysis/adversary.h"

#include <string.h>

#include "analysis/adversary_forms.h"
#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "experiments/stimuli/stimuli.h"
#include "regions/objectives/nce.h"

/* ---- who it is ---- */

static int region_called(const struct cal_graph *g, const char *name)
{
    int r = g->n_regions - 1;
    while (r >= 0 && strcmp(g->region[r]->name, name) != 0)
        r--;
    return r;
}

/* Were all codes recorded that drive it, and nothing else needed? */
static bool can_see(const struct cal_dump *d, const struct cal_region *a)
{
    const struct cal_adversary_form *form = cal_adversary_form_of(a);
    for (int i = 0; i < a->n_drives; i++) {
        const struct cal_rep_spec *spec = &a->drive[i].spec;
        int sender = region_called(d->graph, a->drive[i].peer);
        if (sender < 0 || spec->n == 0)
            return false;
        for (int k = 0; k < spec->n; k++)
            if ((strcmp(spec->slice[k].name, form->code[0]) && strcmp(spec->slice[k].name, form->code[1])) ||
                !cal_dump_has(d, sender, spec->slice[k].name))
                return false;
    }
    return a->n_drives > 0;
}

/* All shards of the hub that the region is the first of. */
static bool all_can_see(const struct cal_dump *d, int first)
{
    for (int k = 0; k < d->graph->region[first]->share.shards; k++)
        if (!can_see(d, d->graph->region[first + k]))
            return false;
    return true;
}

int cal_adversary_find(const struct cal_dump *d)
{
    for (int r = 0; r < d->graph->n_regions; r++) {
        const struct cal_region *a = d->graph->region[r];
        if (cal_adversary_form_of(a) && a->share.shard == 0 && all_can_see(d, r))
            return r;
    }
    return -1;
}

bool cal_adversary_weights(const struct cal_dump *d, int attention)
{
    const struct cal_region *a = d->graph->region[attention];
    return cal_adversary_form_of(a)->weights(a->target[0].rule);
}

/* ---- what it saw ---- */

/* What drives it, as recorded. */
struct views {
    float **y;  /* [own] 2 n_drives: variable v of port i at 2 i + v, (frames, columns); NULL where it takes none */
    int n, own; /* 2 n_drives; columns of the units that it answers for */
};

static void views_finish(struct views *seen)
{
    for (int i = 0; i < seen->n; i++)
        cal_free(seen->y[i]);
    cal_free(seen->y);
}

/* Columns of variable v that come through a port; 0: it takes none. */
static int columns_of(const struct cal_port *port, const char *code)
{
    int slice = cal_rep_find(&port->spec, code);
    return slice < 0 ? 0 : port->spec.slice[slice].cols;
}

static int views_init(struct views *seen, const struct cal_dump *d, const struct cal_region *a)
{
    const char *const *code = cal_adversary_form_of(a)->code;
    int err = CAL_OK;
    *seen = (struct views){.n = 2 * a->n_drives};
    seen->y = cal_alloc((size_t)seen->n * sizeof *seen->y);
    for (int i = 0; i < a->n_drives; i++)
        seen->own += a->drive[i].far ? 0 : columns_of(&a->drive[i], code[0]);
    for (int k = 0; !err && k < seen->n; k++) {
        const struct cal_port *port = &a->drive[k / 2];
        int cols, expected = columns_of(port, code[k % 2]);
        if (!expected)
            continue;
        float *y;
        err = cal_dump_read(d, region_called(d->graph, port->peer), code[k % 2], &cols, &y);
        seen->y[k] = err ? NULL : y;
        if (!err && cols != expected)
            err = cal_fail(CAL_EINPUT, "%s: %s recorded %d columns of `%s`, used.yml says %d", d->dir, port->peer, cols, code[k % 2],
                           expected);
    }
    if (err)
        views_finish(seen);
    return err;
}

/* An attention at work on one batch after the other. */
struct trial {
    struct cal_region *a;
    struct cal_tape tape;
    struct cal_rep *drive; /* [own] a port each */
    const struct cal_rep **arrived;
    float *own[2];              /* [own] (B, columns) the codes of the units that it answers for */
    float *out[CAL_SLICES_MAX]; /* [own] */
    struct cal_rep sent;
};

static void trial_init(struct trial *t, struct cal_region *a, const struct views *seen)
{
    *t = (struct trial){.a = a, .sent = {.spec = &a->out}};
    cal_tape_init(&t->tape, a);
    t->drive = cal_alloc((size_t)a->n_drives * sizeof *t->drive);
    t->arrived = cal_alloc((size_t)a->n_drives * sizeof *t->arrived);
    for (int v = 0; v < 2; v++)
        t->own[v] = cal_alloc((size_t)a->batch * (size_t)seen->own * sizeof(float));
    for (int i = 0; i < a->out.n; i++) {
        t->out[i] = cal_alloc((size_t)cal_slice_rows(&a->out, i) * (size_t)a->out.slice[i].cols * sizeof(float));
        t->sent.data[i] = t->out[i];
        t->sent.ld[i] = a->out.slice[i].cols;
    }
}

static void trial_finish(struct trial *t)
{
    for (int i = 0; i < t->a->out.n; i++)
        cal_free(t->out[i]);
    cal_free(t->own[0]);
    cal_free(t->own[1]);
    cal_free(t->arrived);
    cal_free(t->drive);
    cal_tape_finish(&t->tape);
}

/* Recorded batch i of what drives it, and of its own units side by side. */
static void show_batch(struct trial *t, const struct views *seen, long i, long presentation)
{
    const struct cal_region *a = t->a;
    const char *const *code = cal_adversary_form_of(a)->code;
    size_t first = 0;
    for (int k = 0; k < a->n_drives; k++) {
        const struct cal_port *port = &a->drive[k];
        t->drive[k] = (struct cal_rep){.spec = &port->spec, .presentation = presentation};
        for (int v = 0; v < 2; v++) {
            int slice = cal_rep_find(&port->spec, code[v]);
            if (slice < 0)
                continue;
            size_t cols = (size_t)port->spec.slice[slice].cols;
            t->drive[k].data[slice] = seen->y[2 * k + v] + (size_t)i * (size_t)a->batch * cols;
            t->drive[k].ld[slice] = (int)cols;
            for (size_t b = 0; b < (size_t)a->batch && !port->far; b++)
                memcpy(t->own[v] + b * (size_t)seen->own + first, t->drive[k].data[slice] + b * cols, cols * sizeof(float));
        }
        t->arrived[k] = &t->drive[k];
        first += port->far ? 0 : (size_t)columns_of(port, code[0]);
    }
}

/* Mean gain of an attention whose weights are in place, over the phase that the dump is turned to. */
static int mean_gain(const struct cal_dump *d, struct cal_region *a, const struct views *seen, double *gain)
{
    const struct cal_adversary_form *form = cal_adversary_form_of(a);
    const void *rule = a->target[0].rule;
    struct trial t;
    double sum = 0;
    long counted = 0;
    int err = CAL_OK;
    trial_init(&t, a, seen);
    for (long i = 0; !err && i < d->n_shown; i++) {
        struct cal_step s = cal_graph_step(d->graph, a->id, d->phase, d->shown[i]);
        s.record = 0;
        show_batch(&t, seen, i, s.presentation);
        err = cal_region_forward(a, &s, t.arrived, &t.tape, t.out);
        if (err || !form->counts(rule, &s))
            continue;
        const struct cal_adversary_turn turn = {a, &s, a->out.units, seen->own / a->out.units, {t.own[0], t.own[1]}, &t.sent};
        sum += form->gain(rule, &turn);
        counted++;
    }
    trial_finish(&t);
    *gain = sum / (double)counted;
    return err;
}

/* Let it learn from what the phase recorded that the dump is turned to; twice as many steps are said to come, so that the rate does not fall. */
static int train(const struct cal_dump *d, struct cal_region *a, const struct views *seen, long updates)
{
    long presentations = updates * cal_adversary_form_of(a)->update(a->target[0].rule);
    struct trial t;
    double metric[CAL_METRICS_MAX];
    int err = CAL_OK;
    trial_init(&t, a, seen);
    for (long i = 0; !err && i < presentations; i++) {
        struct cal_step s = cal_graph_step(d->graph, a->id, d->phase, d->shown[i % d->n_shown]);
        s.record = 0;
        s.learn = true;
        s.parts = ~0u;
        s.learnt = i;
        s.learn_total = 2 * presentations;
        show_batch(&t, seen, i % d->n_shown, s.presentation);
        err = cal_region_forward(a, &s, t.arrived, &t.tape, t.out);
        if (!err)
            err = cal_region_learn(a, NULL, &t.tape, metric);
    }
    trial_finish(&t);
    return err;
}

/* ---- with which weights ---- */

struct weights {
    uint32_t seed;
    bool learnt;  /* those of the run; else just drawn, */
    long updates; /* and then made to learn so often from what that phase recorded */
    int phase;
};

/* Weights into a shard of a graph like the dump's. Leaves the dump turned to where it was. */
static int prepare(struct cal_dump *d, struct cal_region *a, const struct weights *w)
{
    struct views seen;
    int now = d->phase;
    cal_region_init(a);
    if (w->learnt)
        return cal_dump_load(d, a);
    if (!w->updates)
        return CAL_OK;
    int err = cal_dump_turn(d, w->phase);
    if (!err)
        err = views_init(&seen, d, a);
    if (!err) {
        err = train(d, a, &seen, w->updates);
        views_finish(&seen);
    }
    return err ? err : cal_dump_turn(d, now);
}

static int gain_of_shard(struct cal_dump *d, struct cal_region *a, const struct weights *w, double *gain)
{
    struct views seen;
    int err = views_init(&seen, d, a);
    if (err)
        return err;
    err = prepare(d, a, w);
    if (!err)
        err = mean_gain(d, a, &seen, gain);
    views_finish(&seen);
    return err;
}

/* The experiment's projections, but that negatives in time are weighted. [give] */
static struct cal_projection_spec *weighted(const struct cal_experiment *e, struct cal_nce_rule *rule)
{
    struct cal_projection_spec *all = cal_alloc((size_t)e->n_projections * sizeof *all);
    for (int i = 0; i < e->n_projections; i++) {
        all[i] = e->projection[i];
        if (all[i].rule_table != cal_nce_table)
            continue;
        rule[i] = *(const struct cal_nce_rule *)all[i].rule;
        rule[i].negatives = CAL_NCE_WEIGHTED;
        all[i].rule = &rule[i];
    }
    return all;
}

/* The mean over the units of all shards of the hub whose first is `attention`. */
static int gain_with(struct cal_dump *d, int attention, const struct weights *w, double *gain)
{
    struct cal_experiment like = *d->experiment;
    struct cal_nce_rule *rule = cal_alloc((size_t)like.n_projections * sizeof *rule);
    struct cal_projection_spec *projections = weighted(d->experiment, rule);
    struct cal_graph *g;
    like.seed = w->seed;
    if (!w->learnt)
        like.projection = projections;
    int err = cal_graph_create(&like, d->stimulus, &g);
    *gain = 0;
    for (int k = 0; !err && k < g->region[attention]->share.shards; k++) {
        struct cal_region *a = g->region[attention + k];
        double one = 0;
        err = gain_of_shard(d, a, w, &one);
        *gain += one * ((double)a->out.units / a->drive[0].hub_units);
    }
    cal_graph_destroy(g);
    cal_free(projections);
    cal_free(rule);
    return err;
}

int cal_adversary_gain(struct cal_dump *d, int attention, double *gain)
{
    const struct weights w = {.seed = d->experiment->seed, .learnt = true};
    return gain_with(d, attention, &w, gain);
}

int cal_adversary_gain_trained(struct cal_dump *d, int attention, int phase, long updates, int n, double *gain)
{
    struct cal_rng draw = cal_rng_key(d->experiment->seed, CAL_STREAM_FRESH, (uint32_t)attention, 0, 0);
    struct weights w = {.updates = updates, .phase = phase};
    double sum = 0;
    int err = CAL_OK;
    for (int i = 0; !err && i < n; i++) {
        double one = 0;
        w.seed = cal_rng_u32(&draw, (uint64_t)i);
        err = gain_with(d, attention, &w, &one);
        sum += one;
    }
    *gain = sum / n;
    return err;
}

int cal_adversary_gain_fresh(struct cal_dump *d, int attention, int n, double *gain)
{
    return cal_adversary_gain_trained(d, attention, d->phase, 0, n, gain);
}
