/* experiments/spec/graph_lossy.c - edges that lose messages: which are lost, who works on replays, and of which presentation.
 *
 * Where a message is lost, the target works once more on the last one that arrived, labels included. So a region's presentation p may be
 * one of an earlier picture: its origin. Which one is a function of seed, target, phase and p, so that every rank can tell without being
 * told; only the message itself must be kept (experiments/loop.c). */
#include "experiments/spec/graph_lossy.h"

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_wiring.h"

/* The number of a region's first drive. */
static int drive_of(const struct cal_graph *g, int region)
{
    int i = g->experiment->first_edge[region];
    while (cal_graph_projection(g, i)->role != CAL_DRIVE)
        i++;
    return i;
}

bool cal_graph_loses(const struct cal_graph *g, int region, int phase, long presentation)
{
    if (g->lossy[region] != region || !g->loses[phase] || presentation == 0)
        return false;
    struct cal_rng key = cal_rng_key(g->experiment->seed, CAL_STREAM_LOST, (uint32_t)region, (uint32_t)phase, (uint64_t)presentation);
    return cal_rng_uniform(&key, 0) < cal_graph_projection(g, drive_of(g, region))->drop;
}

long cal_graph_origin(const struct cal_graph *g, int region, int phase, long presentation)
{
    for (int r = g->lossy[region]; r >= 0; r = g->lossy[g->experiment->edge[drive_of(g, r)].from])
        while (cal_graph_loses(g, r, phase, presentation))
            presentation--;
    return presentation;
}

/* Does the drive bring its target's own presentation, not one of some steps before? */
static bool in_time(const struct cal_graph *g, int number, int to)
{
    return g->lag[g->experiment->edge[number].from] + cal_graph_projection(g, number)->delay == g->lag[to];
}

/* A lossy edge, then all below it along the drives, until the next lossy one. Each region is set once. */
static void spread(struct cal_graph *g)
{
    const struct cal_experiment *e = g->experiment;
    for (bool changed = true; changed;) {
        changed = false;
        for (int r = 0; r < g->n_regions; r++)
            for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++) {
                const struct cal_projection_spec *p = cal_graph_projection(g, i);
                if (p->role != CAL_DRIVE || e->edge[i].from == CAL_FROM_STIMULUS || g->lossy[r] >= 0)
                    continue;
                g->lossy[r] = p->drop > 0 ? r : in_time(g, i, r) ? g->lossy[e->edge[i].from] : -1;
                changed = changed || g->lossy[r] >= 0;
            }
    }
}

/* What stands in for a message stands in for all that drives the target, and nothing does that another window has shown. */
static int check_lossy(const struct cal_graph *g, int number, int to)
{
    const struct cal_experiment *e = g->experiment;
    const struct cal_projection_spec *p = cal_graph_projection(g, number);
    int drives = 0;
    if (p->drop > 0 && g->stimulus->window)
        return cal_node_fail(cal_node_get(p->node, "drop"),
                             "projection `%s` drops messages, but stimulus %s shows windows of %ld frames, expected a world without: what "
                             "stands in at frame 0 would be of the window before",
                             p->name, g->stimulus->ops->kind, g->stimulus->window);
    for (int i = e->first_edge[to]; i < e->first_edge[to + 1] && p->drop > 0; i++)
        drives += cal_graph_projection(g, i)->role == CAL_DRIVE;
    if (p->drop == 0 || (drives == 1 && in_time(g, number, to)))
        return CAL_OK;
    return cal_node_fail(p->node,
                         "projection `%s` drops messages, but %s has %s, expected it to be the only drive, with a stimulus behind it",
                         p->name, cal_experiment_name(e, to).text, drives > 1 ? "other drives" : "no stimulus behind it");
}

/* All that meets in a region is of one presentation; the stimulus's contexts follow the drives. */
static int check_meeting(const struct cal_graph *g, int number, int to)
{
    const struct cal_experiment *e = g->experiment;
    const struct cal_projection_spec *p = cal_graph_projection(g, number);
    int from = e->edge[number].from, above = from == CAL_FROM_STIMULUS ? -1 : g->lossy[from], here = g->lossy[to];
    bool follows = p->drop > 0 || (from == CAL_FROM_STIMULUS && p->role == CAL_CONTEXT);
    if (follows || above == here)
        return CAL_OK;
    return cal_node_fail(p->node, "projection `%s`: %s would get different presentations, as `%s` drops messages on one way to it", p->name,
                         cal_experiment_name(e, to).text, cal_graph_projection(g, drive_of(g, above > here ? above : here))->name);
}

/* Analysis takes frame f for presentation f, which it is not where messages are lost. */
static int check_records(const struct cal_graph *g, int phase)
{
    for (int r = 0; r < g->n_regions; r++)
        if (g->loses[phase] && g->lossy[r] >= 0 && g->record[phase][r])
            return cal_node_fail(g->experiment->phase[phase].node,
                                 "phase `%s` records %s while `%s` drops messages on the way to it; expected a phase that learns nothing, "
                                 "such as one `within` this",
                                 g->experiment->phase[phase].name, cal_experiment_name(g->experiment, r).text,
                                 cal_graph_projection(g, drive_of(g, g->lossy[r]))->name);
    return CAL_OK;
}

int cal_graph_find_lossy(struct cal_graph *g)
{
    int n_phases = g->experiment->n_phases, err = CAL_OK;
    g->loses = cal_alloc((size_t)n_phases * sizeof *g->loses);
    g->lossy = cal_alloc((size_t)g->n_regions * sizeof *g->lossy);
    for (int r = 0; r < g->n_regions; r++) {
        g->lossy[r] = -1;
        for (int p = 0; p < n_phases; p++)
            g->loses[p] = g->loses[p] || g->learns[p][r];
    }
    spread(g);
    const int *first = g->experiment->first_edge;
    for (int r = 0; !err && r < g->n_regions; r++)
        for (int i = first[r]; !err && i < first[r + 1]; i++)
            err = check_lossy(g, i, r);
    for (int r = 0; !err && r < g->n_regions; r++)
        for (int i = first[r]; !err && i < first[r + 1]; i++)
            err = check_meeting(g, i, r);
    for (int p = 0; !err && p < n_phases; p++)
        err = check_records(g, p);
    return err;
}
