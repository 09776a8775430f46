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

/* Were both views of everything that drives it recorded, and nothing else needed? */
static bool can_see(const struct cal_dump *d, const struct cal_region *a)
{
    for (int i = 0; i < a->n_drives; i++) {
        int sender = region_called(d->graph, a->drive[i].peer);
        if (sender < 0 || a->drive[i].spec.n != 2)
            return false;
        for (int v = 0; v < 2; v++)
            if (cal_rep_find(&a->drive[i].spec, views[v]) < 0 || !cal_dump_has(d, sender, views[v]))
                return false;
    }
    return a->n_drives > 0;
}

int cal_adversary_find(const struct cal_dump *d)
{
    for (int r = 0; r < d->graph->n_regions; r++) {
        const struct cal_region *a = d->graph->region[r];
        if (a->ops->rule != cal_contrast_table || a->n_targets == 0)
            continue;
        const struct cal_contrast_rule *rule = a->target[0].rule;
        if (rule->negatives != CAL_UNIFORM && can_see(d, a))
            return r;
    }
    return -1;
}

/* The recorded views of all that drives it, in the order of its units: y[v] (frames,U). */
struct views {
    float *y[2]; /* [own] */
    int units;   /* U */
};

static void views_finish(struct views *seen)
{
    cal_free(seen->y[0]);
    cal_free(seen->y[1]);
}

static int views_init(struct views *seen, const struct cal_dump *d, const struct cal_region *a)
{
    int err = CAL_OK;
    *seen = (struct views){.units = a->drive[0].hub_units};
    size_t units = (size_t)seen->units;
    for (int v = 0; v < 2; v++)
        seen->y[v] = cal_alloc(d->frames * units * sizeof *seen->y[v]);
    for (int k = 0; !err && k < 2 * a->n_drives; k++) {
        const struct cal_port *port = &a->drive[k / 2];
        float *one;
        int cols;
        err = cal_dump_read(d, region_called(d->graph, port->peer), views[k % 2], &cols, &one);
        if (err)
            break;
        if (cols != port->units)
            err = cal_fail(CAL_EINPUT, "%s: %s recorded %d units, used.yml says %d", d->dir, port->peer, cols, port->units);
        for (size_t i = 0; !err && i < d->frames; i++)
            memcpy(seen->y[k % 2] + i * units + port->unit_offset, one + i * (size_t)cols, (size_t)cols * sizeof *one);
        cal_free(one);
    }
    if (err)
        views_finish(seen);
    return err;
}

/* An attention at work on one batch after the other. */
struct trial {
    struct cal_region *a;
    struct cal_tape tape;
    struct cal_rep *drive; /* [own] a port each: columns of the views */
    const struct cal_rep **arrived;
    float *out[CAL_SLICES_MAX]; /* [own] */
    struct cal_rep sent;
};

static void trial_init(struct trial *t, struct cal_region *a)
{
    *t = (struct trial){.a = a, .sent = {.spec = &a->out}};
    cal_tape_init(&t->tape, a);
    t->drive = cal_alloc((size_t)a->n_drives * sizeof *t->drive);
    t->arrived = cal_alloc((size_t)a->n_drives * sizeof *t->arrived);
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
    cal_free(t->arrived);
    cal_free(t->drive);
    cal_tape_finish(&t->tape);
}

/* Show it the batch that starts at y[v] and take its gain. */
static int gain_on_batch(struct trial *t, const struct cal_step *s, const float *const *y, int units, double *gain)
{
    struct cal_region *a = t->a;
    for (int i = 0; i < a->n_drives; i++) {
        const struct cal_port *port = &a->drive[i];
        t->drive[i] = (struct cal_rep){.spec = &port->spec, .presentation = s->presentation};
        for (int v = 0; v < 2; v++) {
            int slice = cal_rep_find(&port->spec, views[v]);
            t->drive[i].data[slice] = y[v] + port->unit_offset;
            t->drive[i].ld[slice] = units;
        }
        t->arrived[i] = &t->drive[i];
    }
    int err = cal_region_forward(a, s, t->arrived, &t->tape, t->out);
    if (err)
        return err;
    struct cal_contrast_value value;
    cal_contrast_evaluate(a->target[0].rule, a->seed, s, a->batch, units, y[0], y[1], &t->sent, &value);
    *gain = value.loss - value.control;
    return CAL_OK;
}

/* Mean gain of an attention whose weights are in place. */
static int mean_gain(const struct cal_dump *d, struct cal_region *a, const struct views *seen, double *gain)
{
    struct trial t;
    double sum = 0;
    int err = CAL_OK;
    trial_init(&t, a);
    for (long i = 0; !err && i < d->n_shown; i++) {
        size_t first = (size_t)i * (size_t)a->batch * (size_t)seen->units;
        struct cal_step s = cal_graph_step(d->graph, a->id, d->phase, d->shown[i]);
        double one = 0;
        s.record = 0;
        err = gain_on_batch(&t, &s, (const float *const[]){seen->y[0] + first, seen->y[1] + first}, seen->units, &one);
        sum += one;
    }
    trial_finish(&t);
    *gain = sum / (double)d->n_shown;
    return err;
}

/* The region `attention` of a graph like the dump's, but for the seed: learnt or just drawn. */
static int gain_with_seed(const struct cal_dump *d, int attention, uint32_t seed, bool learnt, const struct views *seen, double *gain)
{
    struct cal_experiment like = *d->experiment;
    struct cal_graph *g;
    like.seed = seed;
    int err = cal_graph_create(&like, d->stimulus, &g);
    if (err)
        return err;
    struct cal_region *a = g->region[attention];
    cal_region_init(a);
    if (learnt)
        err = cal_dump_load(d, a);
    if (!err)
        err = mean_gain(d, a, seen, gain);
    cal_graph_destroy(g);
    return err;
}

int cal_adversary_gain(const struct cal_dump *d, int attention, double *gain)
{
    struct views seen;
    int err = views_init(&seen, d, d->graph->region[attention]);
    if (err)
        return err;
    err = gain_with_seed(d, attention, d->experiment->seed, true, &seen, gain);
    views_finish(&seen);
    return err;
}

int cal_adversary_gain_fresh(const struct cal_dump *d, int attention, int n, double *gain)
{
    struct views seen;
    int err = views_init(&seen, d, d->graph->region[attention]);
    if (err)
        return err;
    struct cal_rng draw = cal_rng_key(d->experiment->seed, CAL_STREAM_FRESH, (uint32_t)attention, 0, 0);
    double sum = 0;
    for (int i = 0; !err && i < n; i++) {
        double one = 0;
        err = gain_with_seed(d, attention, cal_rng_u32(&draw, (uint64_t)i), false, &seen, &one);
        sum += one;
    }
    views_finish(&seen);
    *gain = sum / n;
    return err;
}
