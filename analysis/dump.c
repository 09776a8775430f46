/* analysis/dump.c - see dump.h. */
#include "analysis/dump.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"
#include "core/sonata.h"
#include "experiments/stimuli/stimuli.h"

/* ---- the probe ---- */

static bool recorded_in(const struct cal_graph *g, int phase, int region, const char *variable)
{
    int v = cal_region_variable(g->region[region], variable);
    return v >= 0 && g->record[phase][region] & 1u << v;
}

bool cal_dump_still(const struct cal_dump *d, int phase)
{
    bool learns = false;
    for (int r = 0; r < d->graph->n_regions; r++)
        learns = learns || d->graph->learns[phase][r];
    return !learns;
}

/* Does the phase show weights that stay as they are, by that variable of some region? */
static bool is_probe(const struct cal_dump *d, int phase, const char *variable, bool held_out)
{
    bool recorded = false;
    for (int r = 0; r < d->graph->n_regions; r++)
        recorded = recorded || recorded_in(d->graph, phase, r, variable);
    return recorded && cal_dump_still(d, phase) && (!held_out || d->experiment->phase[phase].split == CAL_SPLIT_HELD_OUT);
}

int cal_dump_find(const struct cal_dump *d, const char *variable, bool held_out)
{
    int found = -1;
    for (int i = 0; i < d->graph->n_segments; i++) {
        int phase = d->graph->segment[i].phase;
        if (is_probe(d, phase, variable, held_out))
            found = phase;
    }
    return found;
}

int cal_dump_find_recurring(const struct cal_dump *d, const char *variable)
{
    for (int i = 0; i < d->graph->n_segments; i++) {
        int phase = d->graph->segment[i].phase;
        if (d->experiment->phase[phase].within >= 0 && is_probe(d, phase, variable, true))
            return phase;
    }
    return -1;
}

/* Which presentations were recorded each time the probe ran, and how often that was. */
static void find_shown(struct cal_dump *d)
{
    const struct cal_graph *g = d->graph;
    long steps = g->phase_steps[d->phase];
    d->n_shown = d->n_repeats = 0;
    d->shown = cal_alloc((size_t)steps * sizeof *d->shown);
    for (long p = 0; p < steps; p++) {
        bool recorded = false;
        for (int r = 0; r < g->n_regions; r++)
            recorded = recorded || cal_graph_step(g, r, d->phase, p).record;
        if (recorded)
            d->shown[d->n_shown++] = p;
    }
    for (int i = 0; i < g->n_segments; i++)
        d->n_repeats += g->segment[i].phase == d->phase && g->segment[i].last;
    d->frames = (size_t)d->n_shown * (size_t)d->experiment->batch;
}

/* The hash that the recorder chained, over every batch of every time, made again. */
static int hash_stimulus(struct cal_dump *d)
{
    struct cal_batches *batches = cal_batches_create(d->stimulus, 1);
    struct cal_view view = cal_graph_view(d->graph, d->phase);
    const struct cal_rep *rep;
    int err = CAL_OK;
    d->stimulus_hash = 0;
    for (int i = 0; !err && i < d->graph->n_segments; i++) {
        const struct cal_segment *s = &d->graph->segment[i];
        for (long p = s->first; !err && s->phase == d->phase && p < s->first + s->count; p++) {
            err = cal_batches_get(batches, &view, p, &rep);
            if (!err)
                d->stimulus_hash = cal_rep_hash(rep, d->stimulus_hash);
        }
    }
    cal_batches_destroy(batches);
    return err;
}

int cal_dump_turn(struct cal_dump *d, int phase)
{
    if (phase == d->phase)
        return CAL_OK;
    cal_free(d->shown);
    d->phase = phase;
    find_shown(d);
    d->stimulus_hash = d->hashes[phase];
    int err = d->stimulus_hash ? CAL_OK : hash_stimulus(d);
    d->hashes[phase] = err ? 0 : d->stimulus_hash;
    return err;
}

static int find_codes(struct cal_dump *d)
{
    d->phase = -1;
    int phase = cal_dump_find(d, "code", false);
    return phase < 0 ? CAL_OK : cal_dump_turn(d, phase);
}

int cal_dump_open(const char *dir, struct cal_dump **out)
{
    struct cal_dump *d = cal_alloc(sizeof *d);
    d->dir = cal_strdup(dir);
    char *used = cal_sprintf("%s/used.yml", dir);
    int err = cal_experiment_read(used, &(struct cal_overrides){0}, &d->experiment);
    if (!err)
        err = cal_stimulus_create(d->experiment->stimulus, d->experiment->stimulus_params, d->experiment->seed, d->experiment->batch,
                                  &d->stimulus);
    if (!err)
        err = cal_graph_create(d->experiment, d->stimulus, &d->graph);
    if (!err) {
        d->hashes = cal_alloc((size_t)d->experiment->n_phases * sizeof *d->hashes);
        err = find_codes(d);
    }
    cal_free(used);
    if (err) {
        cal_dump_close(d);
        d = NULL;
    }
    *out = d;
    return err;
}

void cal_dump_close(struct cal_dump *d)
{
    if (!d)
        return;
    cal_graph_destroy(d->graph);
    cal_stimulus_destroy(d->stimulus);
    cal_experiment_destroy(d->experiment);
    cal_free(d->hashes);
    cal_free(d->shown);
    cal_free(d->dir);
    cal_free(d);
}

/* ---- activity ---- */

bool cal_dump_has(const struct cal_dump *d, int region, const char *variable)
{
    return d->phase >= 0 && recorded_in(d->graph, d->phase, region, variable);
}

/* Is it all there, and did the region see what we make again? */
static int check_report(const struct cal_dump *d, const char *path, const char *region, size_t frames)
{
    int64_t hash;
    size_t expected = (size_t)d->n_repeats * d->frames;
    if (frames != expected)
        return cal_fail(CAL_EINPUT, "%s: has %zu frames, expected %zu; is the run finished?", path, frames, expected);
    int err = cal_sonata_get_i64(path, region, "stimulus_hash", &hash);
    if (!err && (uint64_t)hash != d->stimulus_hash)
        err = cal_fail(CAL_EINPUT,
                       "%s: the region saw something else than used.yml shows here: "
                       "another data file, or another kind of processor than the run's",
                       path);
    return err;
}

/* Its whole report, checked: (n_repeats, frames, *cols). */
static int read_report(const struct cal_dump *d, int region, const char *variable, int *cols, float **data)
{
    CAL_ASSERT(cal_dump_has(d, region, variable));
    const char *name = d->graph->region[region]->name;
    char *path = cal_sprintf("%s/activity/%s.%s.%s.h5", d->dir, d->experiment->phase[d->phase].name, name, variable);
    size_t frames, units;
    int err = cal_sonata_read(path, name, &frames, &units, data);
    if (!err) {
        err = check_report(d, path, name, frames);
        if (err)
            cal_free(*data);
    }
    cal_free(path);
    if (!err)
        *cols = (int)units;
    return err;
}

int cal_dump_read(const struct cal_dump *d, int region, const char *variable, int *cols, float **data)
{
    int err = read_report(d, region, variable, cols, data);
    if (err)
        return err;
    size_t one = d->frames * (size_t)*cols;
    memmove(*data, *data + (size_t)(d->n_repeats - 1) * one, one * sizeof **data);
    return CAL_OK;
}

int cal_dump_read_times(const struct cal_dump *d, int region, const char *variable, size_t rows, int *cols, float **data)
{
    CAL_ASSERT(rows <= d->frames);
    float *whole;
    int err = read_report(d, region, variable, cols, &whole);
    if (err)
        return err;
    size_t one = d->frames * (size_t)*cols, kept = rows * (size_t)*cols, times = (size_t)d->n_repeats;
    *data = cal_alloc(times * kept * sizeof **data);
    for (size_t k = 0; k < times; k++)
        memcpy(*data + k * kept, whole + k * one, kept * sizeof **data);
    cal_free(whole);
    return CAL_OK;
}

/* Columns that all regions have of the variable. */
static int count_columns(const struct cal_dump *d, const char *variable)
{
    int n = 0;
    for (int r = 0; r < d->graph->n_regions; r++)
        if (cal_dump_has(d, r, variable)) {
            const struct cal_region *region = d->graph->region[r];
            n += region->variable[cal_region_variable(region, variable)].cols;
        }
    return n;
}

int cal_dump_read_all(const struct cal_dump *d, const char *variable, int *cols, float **data)
{
    int err = CAL_OK, first = 0;
    *cols = count_columns(d, variable);
    *data = *cols ? cal_alloc(d->frames * (size_t)*cols * sizeof **data) : NULL;
    for (int r = 0; !err && r < d->graph->n_regions; r++) {
        if (!cal_dump_has(d, r, variable))
            continue;
        float *one;
        int n;
        err = cal_dump_read(d, r, variable, &n, &one);
        if (err)
            break;
        if (first + n > *cols)
            err = cal_fail(CAL_EINPUT, "%s: %s recorded %d columns of `%s`, which used.yml does not say", d->dir, d->graph->region[r]->name,
                           n, variable);
        for (size_t i = 0; !err && i < d->frames; i++)
            memcpy(*data + i * (size_t)*cols + first, one + i * (size_t)n, (size_t)n * sizeof *one);
        cal_free(one);
        first += n;
    }
    if (err) {
        cal_free(*data);
        *data = NULL;
    }
    return err;
}

/* ---- the world ---- */

int cal_dump_stimulus_rows(const struct cal_dump *d, const char *slice, size_t rows, int *cols, float **data)
{
    CAL_ASSERT(rows <= d->frames);
    int s = cal_rep_find(&d->stimulus->spec, slice), err = CAL_OK;
    *cols = s < 0 ? 0 : d->stimulus->spec.slice[s].cols;
    *data = NULL;
    if (s < 0)
        return CAL_OK;
    size_t width = (size_t)*cols, batch = (size_t)d->experiment->batch;
    float *shown = cal_alloc(batch * width * sizeof *shown);
    struct cal_batches *batches = cal_batches_create(d->stimulus, 1);
    struct cal_view view = cal_graph_view(d->graph, d->phase);
    *data = cal_alloc(rows * width * sizeof **data);
    for (size_t i = 0; !err && i * batch < rows; i++) {
        const struct cal_rep *rep;
        err = cal_batches_get(batches, &view, d->shown[i], &rep);
        if (err)
            break;
        size_t left = rows - i * batch, used = left < batch ? left : batch;
        cal_rep_pack(rep, s, shown);
        memcpy(*data + i * batch * width, shown, used * width * sizeof **data);
    }
    cal_batches_destroy(batches);
    cal_free(shown);
    if (err) {
        cal_free(*data);
        *data = NULL;
    }
    return err;
}

int cal_dump_stimulus(const struct cal_dump *d, const char *slice, int *cols, float **data)
{
    return cal_dump_stimulus_rows(d, slice, d->frames, cols, data);
}

/* ---- what was learnt ---- */

/* The step of the newest checkpoint that has its manifest, -1: none. */
static long newest_checkpoint(const char *dir)
{
    char *path = cal_sprintf("%s/checkpoint", dir);
    long newest = -1;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        long step;
        int used = 0;
        if (sscanf(entry->d_name, "step-%9ld%n", &step, &used) != 1 || entry->d_name[used])
            continue;
        char *manifest = cal_sprintf("%s/%s/MANIFEST.yml", path, entry->d_name);
        if (step > newest && access(manifest, F_OK) == 0)
            newest = step;
        cal_free(manifest);
    }
    if (folder)
        closedir(folder);
    cal_free(path);
    return newest;
}

int cal_dump_load(const struct cal_dump *d, struct cal_region *r)
{
    long step = newest_checkpoint(d->dir);
    if (step < 0)
        return cal_fail(CAL_EINPUT, "%s/checkpoint: there is no checkpoint; is the run finished?", d->dir);
    char *path = cal_sprintf("%s/checkpoint/step-%09ld/%s.h5", d->dir, step, r->name);
    struct cal_h5 *f;
    int err = cal_h5_open(path, false, &f);
    if (!err) {
        err = cal_h5_load_layout(f, "state", &r->layout, CAL_STATE);
        cal_h5_drop(f);
    }
    cal_free(path);
    return err;
}
