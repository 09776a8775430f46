/* analysis/information_moments.c - see information_moments.h. */
#include "analysis/information_moments.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"

/* ---- layers ---- */

static bool is_recorded(const struct cal_graph *g, int phase, int region, int variable)
{
    return g->record[phase][region] & 1u << variable;
}

/* gap, gap1, gap2, ... */
static bool is_gap(const char *name)
{
    return !strncmp(name, "gap", 3) && strspn(name + 3, "0123456789") == strlen(name + 3);
}

/* Is the region's variable a layer, given all that it records in the phase? */
static bool is_layer(const struct cal_graph *g, int phase, int region, int variable)
{
    const struct cal_region *r = g->region[region];
    bool gaps = false;
    if (!is_recorded(g, phase, region, variable))
        return false;
    for (int v = 0; v < r->n_variables; v++)
        gaps = gaps || (is_recorded(g, phase, region, v) && is_gap(r->variable[v].name));
    return gaps ? is_gap(r->variable[variable].name) : !strcmp(r->variable[variable].name, "pooled");
}

static void add_layer(struct cal_moments *m, const struct cal_graph *g, int region, int variable)
{
    const struct cal_variable *v = &g->region[region]->variable[variable];
    const char *number = v->name + strcspn(v->name, "0123456789");
    struct cal_layer *more = cal_alloc((size_t)(m->n_layers + 1) * sizeof *more);
    if (m->n_layers)
        memcpy(more, m->layer, (size_t)m->n_layers * sizeof *more);
    cal_free(m->layer);
    m->layer = more;
    more[m->n_layers++] = (struct cal_layer){.region = region,
                                             .variable = variable,
                                             .cols = v->cols,
                                             .name = cal_sprintf("%s%s%s", g->region[region]->name, *number ? "." : "", number)};
}

/* The layers of the last still phase that has any; -> that phase, or -1. */
static int find_layers(struct cal_moments *m, const struct cal_dump *d)
{
    const struct cal_graph *g = d->graph;
    for (int i = g->n_segments - 1; i >= 0; i--) {
        int phase = g->segment[i].phase;
        for (int r = 0; r < g->n_regions && cal_dump_still(d, phase); r++)
            for (int v = 0; v < g->region[r]->n_variables; v++)
                if (is_layer(g, phase, r, v))
                    add_layer(m, g, r, v);
        if (m->n_layers)
            return phase;
    }
    return -1;
}

/* ---- moments ---- */

/* Does the phase ever run? One within another that is too short does not. */
static bool runs(const struct cal_graph *g, int phase)
{
    bool found = false;
    for (int i = 0; i < g->n_segments; i++)
        found = found || g->segment[i].phase == phase;
    return found;
}

/* Does the phase run, and record every layer while nothing learns? */
static bool shows_layers(const struct cal_moments *m, const struct cal_dump *d, int phase)
{
    bool all = cal_dump_still(d, phase) && runs(d->graph, phase);
    for (int l = 0; l < m->n_layers; l++)
        all = all && is_recorded(d->graph, phase, m->layer[l].region, m->layer[l].variable);
    return all;
}

/* As many samples as all such phases show. */
static size_t count_samples(const struct cal_moments *m, const struct cal_dump *d, size_t most)
{
    size_t fewest = most;
    for (int phase = 0; phase < d->experiment->n_phases; phase++) {
        size_t shown = 0;
        for (long p = 0; p < d->graph->phase_steps[phase] && shown < fewest; p++)
            if (cal_graph_step(d->graph, m->layer[0].region, phase, p).record)
                shown += (size_t)d->experiment->batch;
        if (shows_layers(m, d, phase) && shown < fewest)
            fewest = shown;
    }
    return fewest;
}

/* Every time that such a phase began. */
static void list_moments(struct cal_moments *m, const struct cal_dump *d)
{
    long step = 0;
    m->moment = cal_alloc((size_t)d->graph->n_segments * sizeof *m->moment);
    for (int i = 0; i < d->graph->n_segments; i++) {
        const struct cal_segment *s = &d->graph->segment[i];
        if (s->first == 0 && shows_layers(m, d, s->phase))
            m->moment[m->n_moments++] = (struct cal_moment){
                .phase = s->phase, .repeat = s->repeat, .step = step, .activity = cal_alloc((size_t)m->n_layers * sizeof(float *))};
        if (!cal_dump_still(d, s->phase))
            step += s->count;
    }
}

static void moment_finish(const struct cal_moments *m, struct cal_moment *moment)
{
    for (int l = 0; l < m->n_layers; l++)
        cal_free(moment->activity[l]);
    cal_free(moment->activity);
}

/* Does the phase that the dump is turned to show our samples? */
static int shows_samples(const struct cal_moments *m, const struct cal_dump *d, bool *same)
{
    float *image;
    int cols;
    int err = cal_dump_stimulus_rows(d, "image", m->n, &cols, &image);
    *same = !err && !memcmp(image, m->image, m->n * (size_t)cols * sizeof *image);
    cal_free(image);
    return err;
}

/* One layer at all times of the phase that the dump is turned to. */
static int read_layer(struct cal_moments *m, const struct cal_dump *d, int layer)
{
    const struct cal_layer *l = &m->layer[layer];
    const struct cal_region *r = d->graph->region[l->region];
    float *data;
    int cols;
    int err = cal_dump_read_times(d, l->region, r->variable[l->variable].name, m->n, &cols, &data);
    if (err)
        return err;
    size_t one = m->n * (size_t)l->cols;
    if (cols != l->cols)
        err = cal_fail(CAL_EINPUT, "%s: %s recorded %d columns of `%s`, used.yml says %d", d->dir, r->name, cols,
                       r->variable[l->variable].name, l->cols);
    for (int i = 0; !err && i < m->n_moments; i++)
        if (m->moment[i].phase == d->phase) {
            m->moment[i].activity[layer] = cal_alloc(one * sizeof *data);
            memcpy(m->moment[i].activity[layer], data + (size_t)m->moment[i].repeat * one, one * sizeof *data);
        }
    cal_free(data);
    return err;
}

static int read_phase(struct cal_moments *m, struct cal_dump *d, int phase)
{
    bool same;
    int err = cal_dump_turn(d, phase);
    if (err)
        return err;
    err = shows_samples(m, d, &same);
    for (int l = 0; !err && same && l < m->n_layers; l++)
        err = read_layer(m, d, l);
    return err;
}

/* Drop the moments of other samples; of several at one step, between which nothing was learnt, all but the last. */
static void thin(struct cal_moments *m)
{
    int n = 0;
    for (int i = 0; i < m->n_moments; i++) {
        if (!m->moment[i].activity[0]) {
            moment_finish(m, &m->moment[i]);
            continue;
        }
        if (n && m->moment[n - 1].step == m->moment[i].step)
            moment_finish(m, &m->moment[--n]);
        m->moment[n++] = m->moment[i];
    }
    m->n_moments = n;
}

int cal_moments_read(struct cal_moments *m, struct cal_dump *d, size_t most)
{
    *m = (struct cal_moments){0};
    int last = find_layers(m, d), label_cols;
    if (last < 0)
        return CAL_OK;
    m->n = count_samples(m, d, most);
    int err = m->n < 2 ? CAL_OK : cal_dump_turn(d, last);
    if (err || m->n < 2)
        return err;
    err = cal_dump_stimulus_rows(d, "image", m->n, &m->image_cols, &m->image);
    if (!err)
        err = cal_dump_stimulus_rows(d, "label", m->n, &label_cols, &m->label);
    if (!err)
        list_moments(m, d);
    for (int phase = 0; !err && phase < d->experiment->n_phases; phase++)
        if (shows_layers(m, d, phase))
            err = read_phase(m, d, phase);
    if (!err)
        thin(m);
    return err;
}

void cal_moments_finish(struct cal_moments *m)
{
    for (int i = 0; i < m->n_moments; i++)
        moment_finish(m, &m->moment[i]);
    for (int l = 0; l < m->n_layers; l++)
        cal_free(m->layer[l].name);
    cal_free(m->moment);
    cal_free(m->layer);
    cal_free(m->image);
    cal_free(m->label);
}
