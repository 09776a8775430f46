/* experiments/spec/graph_lossy.c - edges that lose messages: which are lost, who works on replays, and of which presentation.
 *
 * Where a message is lost, the target works once more on the last one that arrived, labels included. So a region's presentation p may be
 * one of an earlier picture: its origin. Which one is a function of seed, target, phase and p, so that every rank can tell without being
 * told; only the message itself must be kept (experiments/loop.c). */
#include "experiments/spec/graph_lossy.h"

#include "core/err.h"
#include "core/mem.h"

bool cal_edge_loses(const struct cal_graph *g, int edge, int phase, long presentation)
{
    const struct cal_edge *x = &g->edge[edge];
    if (x->drop == 0 || !g->loses[phase] || presentation == 0)
        return false;
    /* the target names the edge: it has no other drive */
    struct cal_rng key = cal_rng_key(g->experiment->seed, CAL_STREAM_LOST, (uint32_t)x->to, (uint32_t)phase, (uint64_t)presentation);
    return cal_rng_uniform(&key, 0) < x->drop;
}

long cal_graph_origin(const struct cal_graph *g, int region, int phase, long presentation)
{
    for (int edge = g->lossy[region]; edge >= 0; edge = g->lossy[g->edge[edge].from])
        while (cal_edge_loses(g, edge, phase, presentation))
            presentation--;
    return presentation;
}

static const struct cal_node *node_of(const struct cal_graph *g, int edge)
{
    return g->experiment->projection[g->experiment->edge[edge].projection].node;
}

/* Does the drive from a region bring its target's own presentation, not one of some steps before? */
static bool in_time(const struct cal_graph *g, const struct cal_edge *x)
{
    return g->lag[x->from] + x->delay == g->lag[x->to];
}

/* A lossy edge, then all below it along the drives, until the next lossy one. Each region is set once. */
static void spread(struct cal_graph *g)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < g->n_edges; i++) {
            const struct cal_edge *x = &g->edge[i];
            if (x->role != CAL_DRIVE || x->from == CAL_FROM_STIMULUS || g->lossy[x->to] >= 0)
                continue;
            g->lossy[x->to] = x->drop > 0 ? i : in_time(g, x) ? g->lossy[x->from] : -1;
            changed = changed || g->lossy[x->to] >= 0;
        }
    }
}

/* What stands in for a message stands in for all that drives the target. */
static int check_lossy(const struct cal_graph *g, int edge)
{
    const struct cal_edge *x = &g->edge[edge];
    const struct cal_region *to = g->region[x->to];
    if (x->drop == 0 || (to->n_drives == 1 && in_time(g, x)))
        return CAL_OK;
    return cal_node_fail(node_of(g, edge),
                         "projection `%s` drops messages, but %s has %s, expected it to be the only drive, with a stimulus behind it",
                         x->projection, to->name, to->n_drives > 1 ? "other drives" : "no stimulus behind it");
}

/* All that meets in a region is of one presentation; the stimulus's contexts follow the drives. */
static int check_meeting(const struct cal_graph *g, int edge)
{
    const struct cal_edge *x = &g->edge[edge];
    int above = x->from == CAL_FROM_STIMULUS ? -1 : g->lossy[x->from], here = g->lossy[x->to];
    bool follows = x->drop > 0 || (x->from == CAL_FROM_STIMULUS && x->role == CAL_CONTEXT);
    if (follows || above == here)
        return CAL_OK;
    return cal_node_fail(node_of(g, edge), "projection `%s`: %s would get different presentations, as `%s` drops messages on one way to it",
                         x->projection, g->region[x->to]->name, g->edge[above > here ? above : here].projection);
}

/* Analysis takes frame f for presentation f, which it is not where messages are lost. */
static int check_records(const struct cal_graph *g, int phase)
{
    for (int r = 0; r < g->n_regions; r++)
        if (g->loses[phase] && g->lossy[r] >= 0 && g->record[phase][r])
            return cal_node_fail(g->experiment->phase[phase].node,
                                 "phase `%s` records %s while `%s` drops messages on the way to it; expected a phase that learns nothing, "
                                 "such as one `within` this",
                                 g->experiment->phase[phase].name, g->region[r]->name, g->edge[g->lossy[r]].projection);
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
    for (int i = 0; !err && i < g->n_edges; i++)
        err = check_lossy(g, i);
    for (int i = 0; !err && i < g->n_edges; i++)
        err = check_meeting(g, i);
    for (int p = 0; !err && p < n_phases; p++)
        err = check_records(g, p);
    return err;
}
