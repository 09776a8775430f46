/* experiments/spec/graph.c - see graph.h: ports, slices, lags and the forward order. Phases are in graph_phases.c. */
#include "experiments/spec/graph.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_lossy.h"
#include "experiments/spec/graph_phases.h"

static const struct cal_projection_spec *projection_of(const struct cal_graph *g, int edge)
{
    return &g->experiment->projection[g->experiment->edge[edge].projection];
}

static const char *peer_name(const struct cal_graph *g, int region)
{
    return region == CAL_FROM_STIMULUS ? "stimulus" : g->region[region]->name;
}

static const struct cal_rep_spec *offer_of(const struct cal_graph *g, int region)
{
    return region == CAL_FROM_STIMULUS ? &g->stimulus->spec : &g->region[region]->out;
}

/* The base of every region, and the edges as asked for. */
static void create_regions(struct cal_graph *g)
{
    const struct cal_experiment *e = g->experiment;
    g->region = cal_alloc((size_t)e->n_regions * sizeof(void *));
    for (int r = 0; r < e->n_regions; r++) {
        struct cal_region *region = cal_region_create(e->region[r].ops);
        region->name = e->region[r].name;
        region->id = r;
        region->batch = e->batch;
        region->seed = e->seed;
        region->share = e->region[r].share;
        region->params = e->region[r].params;
        g->region[r] = region;
    }
    g->edge = cal_alloc((size_t)e->n_edges * sizeof *g->edge);
    for (int i = 0; i < e->n_edges; i++) {
        const struct cal_projection_spec *p = projection_of(g, i);
        g->edge[i] = (struct cal_edge){.from = e->edge[i].from,
                                       .to = e->edge[i].to,
                                       .far = e->edge[i].far,
                                       .role = p->role,
                                       .delay = p->delay,
                                       .drop = p->drop,
                                       .hold = p->delay,
                                       .projection = p->name};
    }
}

/* The port at the target's end of an edge. */
static struct cal_port *port_of(const struct cal_graph *g, int edge)
{
    const struct cal_edge *x = &g->edge[edge];
    const struct cal_region *to = g->region[x->to];
    return (struct cal_port *)&(x->role == CAL_DRIVE ? to->drive : to->context)[x->port];
}

/* Where the edges into each region begin: they stand by target. */
static void index_edges(struct cal_graph *g)
{
    g->first_edge = cal_alloc(((size_t)g->n_regions + 1) * sizeof *g->first_edge);
    for (int i = 0; i < g->n_edges; i++)
        g->first_edge[g->edge[i].to + 1] = i + 1;
    for (int r = 0; r < g->n_regions; r++)
        if (g->first_edge[r + 1] < g->first_edge[r]) /* nothing ends in r */
            g->first_edge[r + 1] = g->first_edge[r];
}

/* The hub of a region, and who drives it. */
static struct cal_hub *hub_of(const struct cal_graph *g, int region)
{
    return &g->hub[g->region[region]->share.hub];
}

static bool is_afferent(const struct cal_edge *x)
{
    return x->role == CAL_DRIVE && x->from != CAL_FROM_STIMULUS && !x->far;
}

/* Each afferent of a hub has one shard that answers for it, and the shards' blocks follow one another: so sources come in order. */
static void find_hubs(struct cal_graph *g)
{
    g->hub = cal_alloc((size_t)g->n_regions * sizeof *g->hub);
    for (int i = 0; i < g->n_edges; i++)
        hub_of(g, g->edge[i].to)->n += is_afferent(&g->edge[i]);
    for (int r = 0; r < g->n_regions; r++) {
        struct cal_hub *hub = &g->hub[r];
        hub->source = cal_alloc(((size_t)hub->n + 1) * sizeof *hub->source);
        hub->offset = cal_alloc(((size_t)hub->n + 1) * sizeof *hub->offset);
        hub->n = 0;
    }
    for (int i = 0; i < g->n_edges; i++) {
        struct cal_hub *hub = hub_of(g, g->edge[i].to);
        if (is_afferent(&g->edge[i]))
            hub->source[hub->n++] = g->edge[i].from;
    }
    for (int r = 0; r < g->n_regions; r++)
        g->region[r]->share.afferents = hub_of(g, r)->n;
}

/* Add up the units of those that have spoken. */
static void sum_hub(const struct cal_graph *g, struct cal_hub *hub)
{
    for (int i = 0; i < hub->n; i++)
        hub->offset[i + 1] = hub->offset[i] + g->region[hub->source[i]]->out.units;
}

/* The number of `region` among those that drive the hub, or -1. */
static int find_in(const struct cal_hub *hub, int region)
{
    int low = 0, high = hub->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (hub->source[middle] < region)
            low = middle + 1;
        else
            high = middle;
    }
    return low < hub->n && hub->source[low] == region ? low : -1;
}

/* Count and allocate every region's ports, and fill what is known before any region has spoken. */
static void create_ports(struct cal_graph *g)
{
    for (int i = 0; i < g->n_edges; i++) {
        struct cal_edge *x = &g->edge[i];
        struct cal_region *to = g->region[x->to];
        x->port = x->role == CAL_DRIVE ? to->n_drives++ : to->n_contexts++;
        if (x->role == CAL_CONTEXT && x->from != CAL_FROM_STIMULUS)
            g->region[x->from]->n_targets++;
    }
    g->ports = cal_alloc((size_t)g->n_regions * sizeof *g->ports);
    for (int r = 0; r < g->n_regions; r++) {
        struct cal_region *region = g->region[r];
        int n = region->n_drives + region->n_contexts + region->n_targets;
        g->ports[r] = cal_alloc((size_t)(n ? n : 1) * sizeof *g->ports[r]);
        region->drive = g->ports[r];
        region->context = region->drive + region->n_drives;
        region->target = region->context + region->n_contexts;
    }
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        struct cal_port *p = port_of(g, i);
        p->projection = x->projection;
        p->peer = peer_name(g, x->from);
        p->role = x->role;
        p->delay = x->delay;
        p->far = x->far;
        p->rule = projection_of(g, i)->rule;
    }
}

/* Each sender sees the ports of the contexts that it sends, as their receivers see them. */
static void copy_targets(struct cal_graph *g)
{
    int *n = cal_alloc((size_t)g->n_regions * sizeof *n);
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (x->role == CAL_CONTEXT && x->from != CAL_FROM_STIMULUS)
            ((struct cal_port *)g->region[x->from]->target)[n[x->from]++] = *port_of(g, i);
    }
    cal_free(n);
}

/* The column that the units of `to` start at among those that `from` has a column for each of; -1 when they have none. */
static int column_in(const struct cal_graph *g, int to, int from)
{
    const struct cal_share *share = &g->region[from]->share;
    const struct cal_hub *hub = hub_of(g, from);
    int i = find_in(hub, to), first = cal_share_first(share, share->shard), last = cal_share_first(share, share->shard + 1);
    return i >= first && i < last ? hub->offset[i] - hub->offset[first] : -1;
}

static int take_slice(struct cal_graph *g, int edge, const char *name)
{
    struct cal_edge *x = &g->edge[edge];
    const struct cal_rep_spec *offer = offer_of(g, x->from);
    int i = cal_rep_find(offer, name);
    CAL_ASSERT(i >= 0);
    struct cal_slice slice = offer->slice[i];
    int first = 0;
    if (slice.afferent) {
        first = column_in(g, x->to, x->from);
        if (first < 0)
            return cal_node_fail(projection_of(g, edge)->node,
                                 "projection `%s`: %s sends each target the columns of the target's own units (%s), "
                                 "but nothing projects from %s to it",
                                 x->projection, peer_name(g, x->from), name, peer_name(g, x->to));
        slice.cols = g->region[x->to]->out.units;
    }
    x->slice[x->spec.n] = i;
    x->first[x->spec.n] = first;
    x->spec.slice[x->spec.n++] = slice;
    return CAL_OK;
}

static int unknown_slice(const struct cal_graph *g, int edge, const char *name)
{
    const char *names[CAL_SLICES_MAX + 1] = {NULL};
    const struct cal_rep_spec *offer = offer_of(g, g->edge[edge].from);
    char list[256] = "";
    for (int i = 0; i < offer->n; i++) {
        names[i] = offer->slice[i].name;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    return cal_node_fail(projection_of(g, edge)->node, "projection `%s`: %s sends no `%s`; it sends: %s%s", g->edge[edge].projection,
                         peer_name(g, g->edge[edge].from), name, list, cal_did_you_mean(name, names));
}

/* Which slices cross an edge: those of `take`, else those that the target's kind uses. */
static int fill_spec(struct cal_graph *g, int edge)
{
    struct cal_edge *x = &g->edge[edge];
    const struct cal_strings *take = &projection_of(g, edge)->take;
    const struct cal_rep_spec *offer = offer_of(g, x->from);
    const struct cal_region_ops *ops = g->region[x->to]->ops;
    const char *const *uses = x->role == CAL_CONTEXT ? ops->takes_context : x->far && ops->takes_far ? ops->takes_far : ops->takes_drive;
    if (x->from == CAL_FROM_STIMULUS && x->role == CAL_CONTEXT && x->delay > 0)
        return cal_node_fail(projection_of(g, edge)->node,
                             "projection `%s`: a context from the stimulus has no delay: it is always that of the presentation learnt",
                             x->projection);
    x->spec.rows = offer->rows;
    x->spec.units = offer->units;
    int err = CAL_OK;
    for (int i = 0; !err && i < take->n; i++)
        err = cal_rep_find(offer, take->item[i]) < 0 ? unknown_slice(g, edge, take->item[i]) : take_slice(g, edge, take->item[i]);
    for (int i = 0; !err && !take->n && i < offer->n; i++) {
        bool wanted = !uses;
        for (int k = 0; uses && uses[k]; k++)
            wanted = wanted || !strcmp(uses[k], offer->slice[i].name);
        if (wanted)
            err = take_slice(g, edge, offer->slice[i].name);
    }
    port_of(g, edge)->spec = x->spec;
    return err;
}

/* Units and their offsets at the ports of region r, of those that have spoken. */
static void fill_offsets(struct cal_graph *g, int r)
{
    for (int i = g->first_edge[r]; i < g->first_edge[r + 1]; i++) {
        const struct cal_edge *x = &g->edge[i];
        struct cal_port *p = port_of(g, i);
        if (x->from == CAL_FROM_STIMULUS)
            continue;
        const struct cal_hub *hub = hub_of(g, x->role == CAL_DRIVE ? r : x->from);
        int unit_side = x->role == CAL_DRIVE ? x->from : r, at = find_in(hub, unit_side);
        p->units = g->region[unit_side]->out.units;
        p->unit_offset = at < 0 ? -1 : hub->offset[at];
        p->hub_units = hub->offset[hub->n];
    }
}

/* May region r go next: all its drives (or, failing that, the undelayed ones) come from regions that went before. */
static bool ready(const struct cal_graph *g, const bool *done, int r, bool undelayed_only)
{
    for (int i = g->first_edge[r]; i < g->first_edge[r + 1]; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (x->role == CAL_DRIVE && x->from != CAL_FROM_STIMULUS && !done[x->from] && !(undelayed_only && x->delay > 0))
            return false;
    }
    return true;
}

/* `low`: [inout] all before it are done. */
static int next_region(const struct cal_graph *g, const bool *done, int *low)
{
    while (*low < g->n_regions && done[*low])
        ++*low;
    for (int undelayed_only = 0; undelayed_only < 2; undelayed_only++)
        for (int r = *low; r < g->n_regions; r++)
            if (!done[r] && ready(g, done, r, undelayed_only))
                return r;
    return -1;
}

/* Let every region say what it sends, in forward order; then tell all the rest to all. */
static int wire(struct cal_graph *g)
{
    bool *done = cal_alloc((size_t)g->n_regions);
    int err = CAL_OK, low = 0;
    g->order = cal_alloc((size_t)g->n_regions * sizeof *g->order);
    copy_targets(g); /* the rules, before anything else is known */
    for (int k = 0; !err && k < g->n_regions; k++) {
        int r = next_region(g, done, &low);
        if (r < 0) {
            err = cal_fail(CAL_EUSAGE, "%s: the drives form a cycle without any delay; give one of its projections `delay: 1`",
                           g->experiment->path);
            break;
        }
        for (int i = g->first_edge[r]; !err && i < g->first_edge[r + 1]; i++)
            if (g->edge[i].role == CAL_DRIVE && (g->edge[i].from == CAL_FROM_STIMULUS || done[g->edge[i].from]))
                err = fill_spec(g, i);
        if (err)
            break;
        sum_hub(g, hub_of(g, r));
        fill_offsets(g, r);
        err = cal_region_outputs(g->region[r]);
        done[r] = true;
        g->order[k] = r;
    }
    cal_free(done);
    for (int r = 0; r < g->n_regions; r++)
        sum_hub(g, &g->hub[r]);
    for (int i = 0; !err && i < g->n_edges; i++)
        if (g->edge[i].spec.rows == 0)
            err = fill_spec(g, i);
    for (int r = 0; r < g->n_regions; r++)
        fill_offsets(g, r);
    copy_targets(g);
    for (int r = 0; !err && r < g->n_regions; r++)
        err = cal_region_declare(g->region[r]);
    return err;
}

/* lag: the shortest delay from the stimulus along the drives (Bellman-Ford; cycles have positive delay, so it settles). */
static void find_lags(struct cal_graph *g)
{
    g->lag = cal_alloc((size_t)g->n_regions * sizeof *g->lag);
    g->learn_lag = cal_alloc((size_t)g->n_regions * sizeof *g->learn_lag);
    const int far = 1 << 30;
    for (int r = 0; r < g->n_regions; r++)
        g->lag[r] = g->region[r]->n_drives ? far : 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < g->n_edges; i++) {
            const struct cal_edge *x = &g->edge[i];
            int from = x->from == CAL_FROM_STIMULUS ? 0 : g->lag[x->from];
            if (x->role == CAL_DRIVE && from < far && from + x->delay < g->lag[x->to]) {
                g->lag[x->to] = from + x->delay;
                changed = true;
            }
        }
    }
    for (int r = 0; r < g->n_regions; r++)
        g->learn_lag[r] = g->lag[r] = g->lag[r] == far ? 0 : g->lag[r];
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (x->role == CAL_CONTEXT && x->from != CAL_FROM_STIMULUS && g->lag[x->from] + x->delay > g->learn_lag[x->to])
            g->learn_lag[x->to] = g->lag[x->from] + x->delay;
    }
    for (int i = 0; i < g->n_edges; i++) {
        struct cal_edge *x = &g->edge[i];
        if (x->role == CAL_CONTEXT && x->from != CAL_FROM_STIMULUS)
            x->hold = g->learn_lag[x->to] - g->lag[x->from];
    }
}

int cal_graph_create(const struct cal_experiment *e, const struct cal_stimulus *s, struct cal_graph **out)
{
    struct cal_graph *g = cal_alloc(sizeof *g);
    g->experiment = e;
    g->stimulus = s;
    g->n_regions = e->n_regions;
    g->n_edges = e->n_edges;
    create_regions(g);
    index_edges(g);
    find_hubs(g);
    create_ports(g);
    int err = wire(g);
    if (!err) {
        find_lags(g);
        err = cal_graph_plan_phases(g);
    }
    if (!err)
        err = cal_graph_find_lossy(g);
    if (err) {
        cal_graph_destroy(g);
        g = NULL;
    }
    *out = g;
    return err;
}

void cal_graph_destroy(struct cal_graph *g)
{
    if (!g)
        return;
    for (int r = 0; r < g->n_regions; r++) {
        cal_region_destroy(g->region[r]);
        cal_free(g->ports[r]);
        cal_free(g->hub[r].source);
        cal_free(g->hub[r].offset);
    }
    cal_graph_free_phases(g);
    cal_free(g->region);
    cal_free(g->ports);
    cal_free(g->edge);
    cal_free(g->first_edge);
    cal_free(g->hub);
    cal_free(g->order);
    cal_free(g->lag);
    cal_free(g->loses);
    cal_free(g->lossy);
    cal_free(g->learn_lag);
    cal_free(g);
}

void cal_edge_view(const struct cal_edge *e, const struct cal_rep *whole, struct cal_rep *part)
{
    part->spec = &e->spec;
    part->presentation = whole->presentation;
    for (int i = 0; i < e->spec.n; i++) {
        part->data[i] = whole->data[e->slice[i]] + e->first[i];
        part->ld[i] = whole->ld[e->slice[i]];
    }
}
