/* experiments/recorder.c - see recorder.h. */
#include "experiments/recorder.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

static char *report_path(const struct cal_sim *s, int phase, const struct cal_region *r, int variable)
{
    return cal_sprintf("%s/activity/%s.%s.%s.h5", s->dir, s->experiment->phase[phase].name, r->name, r->variable[variable].name);
}

static bool is_recorded(const struct cal_sim *s, const struct cal_host *h, int variable)
{
    return s->graph->record[cal_sim_phase(s)][h->region->id] & 1u << variable;
}

static int open_one(struct cal_sim *s, struct cal_host *h, int variable)
{
    struct cal_recording *rec = &h->recording[variable];
    const struct cal_variable *v = &h->region->variable[variable];
    char *path = report_path(s, cal_sim_phase(s), h->region, variable);
    int err = cal_sonata_init(&rec->report, path, h->region->name, v->name, v->unit, v->cols, h->region->batch,
                              cal_recording_room(v->cols, h->region->batch), (size_t)h->recorded[cal_sim_phase(s)].frames[variable]);
    rec->open = !err;
    cal_free(path);
    return err;
}

int cal_recorder_open(struct cal_sim *s)
{
    int err = CAL_OK;
    for (int i = 0; i < s->n_hosts; i++) {
        struct cal_host *h = &s->host[i];
        for (int v = 0; !err && v < h->region->n_variables; v++)
            if (is_recorded(s, h, v))
                err = open_one(s, h, v);
    }
    return err;
}

/* The rows (B, cols) of a variable, from where it is taken. */
static const float *values_of(const struct cal_host *h, const struct cal_tape *tape, const struct cal_rep *stimulus, int variable)
{
    const struct cal_variable *v = &h->region->variable[variable];
    if (v->source == CAL_OBSERVED)
        return h->region->ops->observe(h->region, tape->kind, variable);
    const struct cal_rep *rep = v->source == CAL_SENT ? &h->rep : stimulus;
    CAL_ASSERT(rep->ld[v->slice] == v->cols);
    return rep->data[v->slice];
}

int cal_recorder_append(struct cal_sim *s, struct cal_host *h, struct cal_tape *tape, const struct cal_rep *stimulus)
{
    int err = CAL_OK, phase = cal_sim_phase(s);
    struct cal_recorded *recorded = &h->recorded[phase];
    if (s->graph->record[phase][h->region->id])
        recorded->stimulus_hash = (long)cal_rep_hash(stimulus, (uint64_t)recorded->stimulus_hash);
    for (int v = 0; !err && v < h->region->n_variables; v++) {
        if (!(tape->step.record & 1u << v))
            continue;
        err = cal_sonata_append(&h->recording[v].report, values_of(h, tape, stimulus, v), h->region->batch);
        recorded->frames[v] += h->region->batch;
    }
    return err;
}

int cal_recorder_flush(struct cal_sim *s)
{
    int err = CAL_OK;
    for (int i = 0; i < s->n_hosts; i++)
        for (int v = 0; v < s->host[i].region->n_variables; v++)
            if (!err && s->host[i].recording[v].open)
                err = cal_sonata_flush(&s->host[i].recording[v].report);
    return err;
}

/* What the phase's last segment notes beside a report: what was shown, how often the phase ran, and the shape of a map. */
static int note_end(struct cal_sim *s, const struct cal_host *h, int variable)
{
    const struct cal_variable *v = &h->region->variable[variable];
    const struct {
        const char *name;
        int64_t value;
    } notes[] = {{"stimulus_hash", h->recorded[cal_sim_phase(s)].stimulus_hash},
                 {"repeats", cal_sim_segment(s)->repeat + 1},
                 {"channels", v->c},
                 {"height", v->h},
                 {"width", v->w}};
    char *path = report_path(s, cal_sim_phase(s), h->region, variable);
    int err = CAL_OK;
    for (int i = 0; !err && i < (v->c ? 5 : 2); i++)
        err = cal_sonata_set_i64(path, h->region->name, notes[i].name, notes[i].value);
    cal_free(path);
    return err;
}

/* Close one report; the first error of several is the one to tell. */
static int close_one(struct cal_sim *s, struct cal_host *h, int variable, int err)
{
    struct cal_recording *rec = &h->recording[variable];
    rec->open = false;
    int closed = cal_sonata_finish(&rec->report);
    if (err || closed || !cal_sim_segment(s)->last)
        return err ? err : closed;
    return note_end(s, h, variable);
}

int cal_recorder_close(struct cal_sim *s)
{
    int err = CAL_OK;
    for (int i = 0; i < s->n_hosts; i++)
        for (int v = 0; v < s->host[i].region->n_variables; v++)
            if (s->host[i].recording[v].open)
                err = close_one(s, &s->host[i], v, err);
    return err;
}

/* One master: all regions that record a variable of this name in the phase. */
static int write_master(const struct cal_sim *s, int phase, const char *variable)
{
    const struct cal_graph *g = s->graph;
    const char **names = cal_alloc((size_t)g->n_regions * sizeof *names);
    const char **files = cal_alloc((size_t)g->n_regions * sizeof *files);
    int n = 0;
    for (int r = 0; r < g->n_regions; r++) {
        int v = cal_graph_variable(g, r, variable);
        if (v < 0 || !(g->record[phase][r] & 1u << v))
            continue;
        names[n] = cal_strdup(cal_experiment_name(s->experiment, r).text);
        files[n] = cal_sprintf("%s.%s.%s.h5", s->experiment->phase[phase].name, names[n], variable);
        n++;
    }
    char *path = cal_sprintf("%s/activity/%s.%s.h5", s->dir, s->experiment->phase[phase].name, variable);
    int err = n ? cal_sonata_master(path, n, names, files) : CAL_OK;
    for (int i = 0; i < n; i++) {
        cal_free((char *)names[i]);
        cal_free((char *)files[i]);
    }
    cal_free(path);
    cal_free(names);
    cal_free(files);
    return err;
}

/* Does an earlier offer have a variable of the name? Then it has its master already. */
static bool seen_before(const struct cal_graph *g, int offer, const char *variable)
{
    for (int i = 0; i < offer; i++)
        for (int v = 0; v < g->offer[i].n_variables; v++)
            if (!strcmp(g->offer[i].variable[v].name, variable))
                return true;
    return false;
}

int cal_recorder_masters(struct cal_sim *s)
{
    const struct cal_graph *g = s->graph;
    int err = CAL_OK;
    for (int i = 0; i < g->n_offers; i++)
        for (int v = 0; !err && v < g->offer[i].n_variables; v++)
            if (!seen_before(g, i, g->offer[i].variable[v].name))
                err = write_master(s, cal_sim_phase(s), g->offer[i].variable[v].name);
    return err;
}
