/* analysis/weights.c - see weights.h. */
#include "analysis/weights.h"

#include <math.h>

#include "analysis/dump.h"
#include "analysis/figure.h"
#include "analysis/probes.h"
#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"

/* What units do, by whichever of these was recorded. */
static const char *const activities[] = {"h", "pooled", "code"};

static int write_values(struct cal_h5 *f, const char *name, const struct cal_probe_weights *w)
{
    float *values = cal_alloc(w->n * sizeof *values);
    for (size_t i = 0; i < w->n; i++)
        values[i] = w->log ? expf(w->w[i]) : w->w[i];
    int err = cal_h5_write(f, name, CAL_F32, 1, &w->n, values);
    cal_free(values);
    return err;
}

/* To which unit each value belongs, and to which of its inputs. */
static int write_places(struct cal_h5 *f, const char *unit_name, const char *channel_name, const struct cal_probe_weights *w)
{
    long *unit = cal_alloc(w->n * sizeof *unit);
    for (int u = 0; u < w->units; u++)
        for (long s = w->row_start[u]; s < w->row_start[u + 1]; s++)
            unit[s] = u;
    int err = cal_h5_write(f, unit_name, CAL_I64, 1, &w->n, unit);
    if (!err)
        err = cal_h5_write(f, channel_name, CAL_I64, 1, &w->n, w->channel);
    cal_free(unit);
    return err;
}

/* The map whose values are the inputs, each once, or twice as x and 1 - x. */
static const struct cal_slice *map_of(const struct cal_region *r, int inputs)
{
    for (int i = 0; i < r->n_drives; i++)
        for (int k = 0; k < r->drive[i].spec.n; k++) {
            const struct cal_slice *s = &r->drive[i].spec.slice[k];
            if (s->c && (s->cols == inputs || 2 * s->cols == inputs))
                return s;
        }
    return NULL;
}

static int set_shape(struct cal_h5 *f, const char *name, const struct cal_region *r, const struct cal_probe_weights *w)
{
    const struct cal_slice *map = map_of(r, w->inputs);
    int err = cal_h5_set_i64(f, name, "units", w->units);
    if (!err)
        err = cal_h5_set_i64(f, name, "inputs", w->inputs);
    if (!err && map)
        err = cal_h5_set_i64(f, name, "channels", map->c);
    if (!err && map)
        err = cal_h5_set_i64(f, name, "height", map->h);
    return err || !map ? err : cal_h5_set_i64(f, name, "width", map->w);
}

static int write_array(struct cal_h5 *f, const struct cal_region *r, const struct cal_probe_weights *w, bool first)
{
    char *base = cal_sprintf("%s/%s", r->name, w->name), *values = cal_sprintf("%s.%s", base, first ? "first" : "w");
    char *unit = cal_sprintf("%s.%sunit", base, first ? "first_" : ""), *channel = cal_sprintf("%s.%schannel", base, first ? "first_" : "");
    int err = write_values(f, values, w);
    if (!err && !first)
        err = set_shape(f, values, r, w);
    if (!err && w->row_start)
        err = write_places(f, unit, channel, w);
    cal_free(channel);
    cal_free(unit);
    cal_free(values);
    cal_free(base);
    return err;
}

static int write_arrays(struct cal_h5 *f, const struct cal_region *r, bool first)
{
    const struct cal_probe *probe = cal_probe_of(r->ops);
    struct cal_probe_weights w = {.name = NULL};
    int err = CAL_OK;
    for (int i = 0; !err && probe->weights(r, i, &w); i++)
        err = write_array(f, r, &w, first);
    return err;
}

/* Both states of all regions. */
static int write_regions(struct cal_h5 *f, const struct cal_dump *d)
{
    int found = 0, err = CAL_OK;
    for (int i = 0; !err && i < d->graph->n_regions; i++) {
        struct cal_region *r = d->graph->region[i];
        const struct cal_probe *probe = cal_probe_of(r->ops);
        if (!probe || !probe->weights)
            continue;
        found++;
        cal_region_init(r);
        err = write_arrays(f, r, true);
        if (!err)
            err = cal_dump_load(d, r);
        if (!err)
            err = write_arrays(f, r, false);
    }
    return err || found ? err : cal_fail(CAL_EUSAGE, "%s: no region has synapses that are known here", d->dir);
}

static int write_labels(struct cal_h5 *f, struct cal_dump *d)
{
    size_t n = 0;
    int phase = -1, cols, err;
    while (phase < 0 && n < sizeof activities / sizeof *activities)
        phase = cal_dump_find(d, activities[n++], true);
    if (phase < 0)
        return CAL_OK;
    float *label = NULL;
    err = cal_dump_turn(d, phase);
    if (!err)
        err = cal_dump_stimulus(d, "label", &cols, &label);
    if (!err)
        err = cal_h5_set_text(f, "/", "phase", d->experiment->phase[phase].name);
    if (!err)
        err = cal_h5_set_text(f, "/", "variable", activities[n - 1]);
    if (!err && label)
        err = cal_h5_write(f, "labels", CAL_F32, 1, &d->frames, label);
    cal_free(label);
    return err;
}

static int write_file(const char *path, const void *of)
{
    const char *dir = of;
    struct cal_dump *d;
    struct cal_h5 *f = NULL;
    int err = cal_dump_open(dir, &d);
    if (!err)
        err = cal_h5_create(path, &f);
    if (!err)
        err = write_regions(f, d);
    if (!err)
        err = write_labels(f, d);
    cal_dump_close(d);
    if (!err)
        return cal_h5_close(f, false);
    cal_h5_drop(f);
    return err;
}

int cal_weights_write(const char *dir)
{
    return cal_figure_write(dir, "weights.h5", write_file, dir);
}
