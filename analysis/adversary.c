/* analysis/adversary.c - see adversary.h. */
#include "analysis/adversary.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "experiments/stimuli/stimuli.h"
#include "regions/objectives/contrast.h"

static const char *const views[2] = {"view1", "view2"};

static int region_called(const struct cal_graph *g, const char *name)
{
    int r = g->n_regions - 1;
    while (r >= 0 && strcmp(g->region[r]->name, name) != 0)
        r--;
    return r;
}

/* Were all views recorded that drive it, and nothing else needed? */
static bool can_see(const struct cal_dump *d, const struct cal_region *a)
{
    for (int i = 0; i < a->n_drives; i++) {
        const struct cal_rep_spec *spec = &a->drive[i].spec;
        int sender = region_called(d->graph, a->drive[i].peer);
        if (sender < 0 || spec->n == 0)
            return false;
        for (int k = 0; k < spec->n; k++)
            if ((strcmp(spec->slice[k].name, views[0]) && strcmp(spec->slice[k].name, views[1])) ||
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
        if (a->ops->rule != cal_contrast_table || a->n_targets == 0 || a->share.shard > 0)
            continue;
        const struct cal_contrast_rule *rule = a->target[0].rule;
        if (rule->negatives != CAL_UNIFORM && all_can_see(d, r))
            return r;
    }
    return -1;
}

/* What drives it, as recorded. */
struct views {
    float **y;  /* [own] 2 n_drives: view v of port i at 2 i + v, (frames, units of the port); NULL where it takes none */
    int n, own; /* 2 n_drives; U, the units that it answers for */
};

static void views_finish(struct views *seen)
{
    for (int i = 0; i < seen->n; i++)
        cal_free(seen->y[i]);
    cal_free(seen->y);
}

static int views_init(struct views *seen, const struct cal_dump *d, const struct cal_region *a)
{
    int err = CAL_OK;
    *seen = (struct views){.n = 2 * a->n_drives, .own = a->out.units};
    seen->y = cal_alloc((size_t)seen->n * sizeof *seen->y);
    for (int k = 0; !err && k < seen->n; k++) {
        const struct cal_port *port = &a->drive[k / 2];
        int cols;
        if (cal_rep_find(&port->spec, views[k % 2]) < 0)
            continue;
        float *y;
        err = cal_dump_read(d, region_called(d->graph, port->peer), views[k % 2], &cols, &y);
        seen->y[k] = err ? NULL : y;
        if (!err && cols != port->units)
            err = cal_fail(CAL_EINPUT, "%s: %s recorded %d units, used.yml says %d", d->dir, port->peer, cols, port->units);
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
    float *own[2];              /* [own] (B,U) the views of the units that it answers for */
    float *out[CAL_SLICES_MAX]; /* [own] */
    struct cal_rep sent;
};

static void trial_init(struct trial *t, struct cal_region *a)
{
    *t = (struct trial){.a = a, .sent = {.spec = &a->out}};
    cal_tape_init(&t->tape, a);
    t->drive = cal_alloc((size_t)a->n_drives * sizeof *t->drive);
    t->arrived = cal_alloc((size_t)a->n_drives * sizeof *t->arrived);
    for (int v = 0; v < 2; v++)
        t->own[v] = cal_alloc((size_t)a->batch * (size_t)a->out.units * sizeof(float));
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

/* Batch i of what drives it, and of its own units side by side. */
static void show_batch(struct trial *t, const struct views *seen, long i, long presentation)
{
    const struct cal_region *a = t->a;
    int first = 0;
    for (int k = 0; k < a->n_drives; k++) {
        const struct cal_port *port = &a->drive[k];
        size_t units = (size_t)port->units, at = (size_t)i * (size_t)a->batch * units;
        t->drive[k] = (struct cal_rep){.spec = &port->spec, .presentation = presentation};
        for (int v = 0; v < 2; v++) {
            int slice = cal_rep_find(&port->spec, views[v]);
            if (slice < 0)
                continue;
            t->drive[k].data[slice] = seen->y[2 * k + v] + at;
            t->drive[k].ld[slice] = port->units;
            for (int b = 0; b < a->batch && !port->far; b++)
                memcpy(t->own[v] + (size_t)b * (size_t)seen->own + (size_t)first, t->drive[k].data[slice] + (size_t)b * units,
                       units * sizeof(float));
        }
        t->arrived[k] = &t->drive[k];
        first += port->far ? 0 : port->units;
    }
}

/* Mean gain of an attention whose weights are in place. */
static int mean_gain(const struct cal_dump *d, struct cal_region *a, const struct views *seen, double *gain)
{
    struct trial t;
    double sum = 0;
    int err = CAL_OK;
    trial_init(&t, a);
    for (long i = 0; !err && i < d->n_shown; i++) {
        struct cal_step s = cal_graph_step(d->graph, a->id, d->phase, d->shown[i]);
        struct cal_contrast_value value = {0};
        s.record = 0;
        show_batch(&t, seen, i, s.presentation);
        err = cal_region_forward(a, &s, t.arrived, &t.tape, t.out);
        if (!err)
            cal_contrast_evaluate(a->target[0].rule, a->seed, &s, a->batch, seen->own, t.own[0], t.own[1], &t.sent, &value);
        sum += value.loss - value.control;
    }
    trial_finish(&t);
    *gain = sum / (double)d->n_shown;
    return err;
}

/* A shard of a graph like the dump's, but for the seed: learnt or just drawn. */
static int gain_of_shard(const struct cal_dump *d, struct cal_region *a, bool learnt, double *gain)
{
    struct views seen;
    int err = views_init(&seen, d, a);
    if (err)
        return err;
    cal_region_init(a);
    if (learnt)
        err = cal_dump_load(d, a);
    if (!err)
        err = mean_gain(d, a, &seen, gain);
    views_finish(&seen);
    return err;
}

/* The mean over the units of all shards of the hub whose first is `attention`. */
static int gain_with_seed(const struct cal_dump *d, int attention, uint32_t seed, bool learnt, double *gain)
{
    struct cal_experiment like = *d->experiment;
    struct cal_graph *g;
    like.seed = seed;
    int err = cal_graph_create(&like, d->stimulus, &g);
    if (err)
        return err;
    *gain = 0;
    for (int k = 0; !err && k < g->region[attention]->share.shards; k++) {
        struct cal_region *a = g->region[attention + k];
        double one = 0;
        err = gain_of_shard(d, a, learnt, &one);
        *gain += one * ((double)a->out.units / a->drive[0].hub_units);
    }
    cal_graph_destroy(g);
    return err;
}

int cal_adversary_gain(const struct cal_dump *d, int attention, double *gain)
{
    return gain_with_seed(d, attention, d->experiment->seed, true, gain);
}

int cal_adversary_gain_fresh(const struct cal_dump *d, int attention, int n, double *gain)
{
    struct cal_rng draw = cal_rng_key(d->experiment->seed, CAL_STREAM_FRESH, (uint32_t)attention, 0, 0);
    double sum = 0;
    int err = CAL_OK;
    for (int i = 0; !err && i < n; i++) {
        double one = 0;
        err = gain_with_seed(d, attention, cal_rng_u32(&draw, (uint64_t)i), false, &one);
        sum += one;
    }
    *gain = sum / n;
    return err;
}
