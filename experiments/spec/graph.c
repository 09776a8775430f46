/* experiments/spec/graph.c - see graph.h: ports, slices, lags. The forward order is in graph_order.c, hubs in graph_hubs.c, phases in
 * graph_phases.c, windows in graph_windows.c. */
#include "experiments/spec/graph.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_lossy.h"
#include "experiments/spec/graph_phases.h"
#include "experiments/spec/graph_windows.h"
#include "experiments/spec/graph_wiring.h"

static bool is_hosted(const struct cal_graph *g, int region)
{
    return region >= g->first && region < g->last;
}

/* A region with room for its ports. */
static struct cal_region *create_region(const struct cal_graph *g, const struct cal_wiring *w, int r, const char *name)
{
    const struct cal_experiment *e = g->experiment;
    const struct cal_group *group = cal_experiment_group(e, r);
    struct cal_region *region = cal_region_create(group->ops);
    region->name = name;
    region->id = r;
    region->batch = e->batch;
    region->window = g->stimulus->window;
    region->seed = e->seed;
    region->share = cal_hubs_share(e, &w->hubs, r);
    region->params = group->params;
    for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++)
        *(cal_graph_projection(g, i)->role == CAL_DRIVE ? &region->n_drives : &region->n_contexts) += 1;
    region->n_targets = w->contexts.first[r + 1] - w->contexts.first[r];
    int n = region->n_drives + region->n_contexts + region->n_targets;
    region->drive = cal_alloc((size_t)(n ? n : 1) * sizeof *region->drive);
    region->context = region->drive + region->n_drives;
    region->target = region->context + region->n_contexts;
    return region;
}

static void destroy_region(struct cal_region *region)
{
    if (region)
        cal_free((void *)region->drive);
    cal_region_destroy(region);
}

/* The ports of a region that is about to say what it sends: of its drives, what those send that went before; of all the rest, the rules.
 * `peer`: a name for each drive and context. */
static int prepare_ports(struct cal_graph *g, const struct cal_wiring *w, struct cal_region *region, struct cal_name *peer)
{
    const struct cal_experiment *e = g->experiment;
    int r = region->id, drives = 0, contexts = 0, err = CAL_OK;
    struct cal_port *port = (struct cal_port *)region->drive;
    for (int i = e->first_edge[r]; !err && i < e->first_edge[r + 1]; i++) {
        struct cal_edge x = cal_edge_of(g, i, r);
        int at = x.role == CAL_DRIVE ? drives++ : region->n_drives + contexts++;
        if (x.role == CAL_DRIVE && cal_graph_offer(g, x.from))
            err = cal_edge_fill(g, w, &x);
        port[at] = cal_port_of(g, w, &x);
        peer[at] = cal_experiment_name(e, x.from);
        port[at].peer = peer[at].text;
    }
    for (int k = 0; k < region->n_targets; k++) {
        int i = w->contexts.first[r] + k;
        struct cal_edge x = cal_edge_of(g, w->contexts.edge[i], w->contexts.to[i]);
        port[drives + contexts + k] = cal_port_of(g, w, &x);
        port[drives + contexts + k].peer = region->name;
    }
    return err;
}

/* Note what a region sends: most send what another does. */
static void keep_offer(struct cal_graph *g, const struct cal_region *r)
{
    struct cal_offer *x = &g->offer[g->n_offers]; /* there is room for one more */
    memcpy(&x->out, &r->out, sizeof x->out);
    memcpy(x->variable, r->variable, sizeof x->variable);
    x->n_variables = r->n_variables;
    int i = g->n_offers - 1;
    while (i >= 0 && memcmp(&g->offer[i], x, sizeof *x) != 0)
        i--;
    g->offer_of[r->id] = i >= 0 ? i : g->n_offers;
    if (i >= 0)
        return;
    g->n_offers++;
    if ((g->n_offers & (g->n_offers - 1)) != 0) /* room for a power of two, doubled when full */
        return;
    struct cal_offer *more = cal_alloc((size_t)(2 * g->n_offers) * sizeof *more);
    memcpy(more, g->offer, (size_t)g->n_offers * sizeof *more);
    cal_free(g->offer);
    g->offer = more;
}

/* Let region r say what it sends. Where it is hosted elsewhere, it is forgotten again. */
static int speak(struct cal_graph *g, const struct cal_wiring *w, int r)
{
    struct cal_name name = cal_experiment_name(g->experiment, r);
    struct cal_region *region = create_region(g, w, r, name.text);
    struct cal_name *peer = cal_alloc((size_t)(region->n_drives + region->n_contexts + 1) * sizeof *peer);
    int err = prepare_ports(g, w, region, peer);
    if (!err)
        err = cal_region_outputs(region);
    if (!err) {
        cal_graph_add_variables(g, region);
        keep_offer(g, region);
    }
    cal_free(peer);
    if (!err && is_hosted(g, r)) {
        g->name[r - g->first] = name;
        region->name = g->name[r - g->first].text;
        g->region[r] = region;
    } else {
        destroy_region(region);
    }
    return err;
}

/* The edges that start or end in a hosted region. */
static void create_edges(struct cal_graph *g)
{
    const struct cal_experiment *e = g->experiment;
    size_t n_hosted = (size_t)(g->last - g->first);
    g->first_edge = cal_alloc((n_hosted + 1) * sizeof *g->first_edge);
    for (int fill = 0; fill < 2; fill++) { /* count, then fill */
        if (fill)
            g->edge = cal_alloc(((size_t)g->n_edges + 1) * sizeof *g->edge);
        g->n_edges = 0;
        for (int r = 0; r < g->n_regions; r++) {
            for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++) {
                if (!is_hosted(g, r) && !is_hosted(g, e->edge[i].from))
                    continue;
                if (fill)
                    g->edge[g->n_edges] = cal_edge_of(g, i, r);
                g->n_edges++;
            }
            if (is_hosted(g, r))
                g->first_edge[r - g->first + 1] = g->n_edges;
            else if (r == g->first - 1)
                g->first_edge[0] = g->n_edges;
        }
    }
}

/* The name of an end of an edge, in the next of the places for names where it is not hosted. */
static const char *name_of(const struct cal_graph *g, int region, struct cal_name **place)
{
    if (region == CAL_FROM_STIMULUS)
        return "stimulus";
    if (is_hosted(g, region))
        return g->name[region - g->first].text;
    **place = cal_experiment_name(g->experiment, region);
    return (*place)++->text;
}

static void name_ends(struct cal_graph *g)
{
    size_t n_outside = 0;
    for (int i = 0; i < g->n_edges; i++)
        n_outside += !is_hosted(g, g->edge[i].to) || (g->edge[i].from != CAL_FROM_STIMULUS && !is_hosted(g, g->edge[i].from));
    struct cal_name *place = g->outside = cal_alloc((n_outside + 1) * sizeof *place);
    for (int i = 0; i < g->n_edges; i++) {
        g->edge[i].from_name = name_of(g, g->edge[i].from, &place);
        g->edge[i].to_name = name_of(g, g->edge[i].to, &place);
    }
}

/* Which of them start in each hosted region. */
static void list_outgoing(struct cal_graph *g)
{
    int n = g->last - g->first;
    g->first_out = cal_alloc(((size_t)n + 2) * sizeof *g->first_out);
    g->out_edge = cal_alloc(((size_t)g->n_edges + 1) * sizeof *g->out_edge);
    for (int i = 0; i < g->n_edges; i++)
        if (is_hosted(g, g->edge[i].from))
            g->first_out[g->edge[i].from - g->first + 2]++;
    for (int k = 0; k <= n; k++)
        g->first_out[k + 1] += g->first_out[k];
    for (int i = 0; i < g->n_edges; i++)
        if (is_hosted(g, g->edge[i].from))
            g->out_edge[g->first_out[g->edge[i].from - g->first + 1]++] = i;
}

/* All have spoken: what crosses each edge, and what each hosted region sees of it. */
static int fill_ports(struct cal_graph *g, const struct cal_wiring *w)
{
    for (int i = 0; i < g->n_edges; i++) {
        int err = cal_edge_fill(g, w, &g->edge[i]);
        if (err)
            return err;
    }
    for (int r = g->first; r < g->last; r++) {
        struct cal_region *region = g->region[r];
        struct cal_port *drive = (struct cal_port *)region->drive, *context = (struct cal_port *)region->context,
                        *target = (struct cal_port *)region->target;
        for (int i = g->first_edge[r - g->first]; i < g->first_edge[r - g->first + 1]; i++) {
            struct cal_edge *x = &g->edge[i];
            struct cal_port *p = x->role == CAL_DRIVE ? drive++ : context++;
            *p = cal_port_of(g, w, x);
            p->peer = x->from_name;
            x->port = (int)(p - (x->role == CAL_DRIVE ? region->drive : region->context));
        }
        for (int k = g->first_out[r - g->first]; k < g->first_out[r - g->first + 1]; k++) {
            const struct cal_edge *x = &g->edge[g->out_edge[k]];
            if (x->role != CAL_CONTEXT)
                continue;
            *target = cal_port_of(g, w, x);
            target++->peer = region->name;
        }
    }
    return CAL_OK;
}

/* Let every region say what it sends, in forward order; then tell all the rest to those that are hosted here. */
static int wire(struct cal_graph *g, struct cal_wiring *w)
{
    int err = CAL_OK;
    cal_hubs_find(g->experiment, &w->hubs);
    cal_outgoing_find(g->experiment, CAL_CONTEXT, &w->contexts);
    for (int k = 0; !err && k < g->n_regions; k++)
        err = speak(g, w, w->order[k]);
    if (!err) {
        cal_hubs_sum(g, &w->hubs);
        create_edges(g);
        name_ends(g);
        list_outgoing(g);
        err = fill_ports(g, w);
    }
    for (int r = g->first; !err && r < g->last; r++)
        err = cal_region_declare(g->region[r]);
    cal_hubs_finish(&w->hubs);
    cal_outgoing_finish(&w->contexts);
    return err;
}

/* lag: the shortest delay from the stimulus along the drives (Bellman-Ford in forward order; cycles have positive delay, so it settles). */
static void find_lags(struct cal_graph *g, const int *order)
{
    const struct cal_experiment *e = g->experiment;
    g->lag = cal_alloc((size_t)g->n_regions * sizeof *g->lag);
    g->learn_lag = cal_alloc((size_t)g->n_regions * sizeof *g->learn_lag);
    const int far = 1 << 30;
    for (int r = 0; r < g->n_regions; r++)
        g->lag[r] = far; /* every region has a drive */
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 0; k < g->n_regions; k++)
            for (int r = order[k], i = e->first_edge[r]; i < e->first_edge[r + 1]; i++) {
                int from = e->edge[i].from == CAL_FROM_STIMULUS ? 0 : g->lag[e->edge[i].from];
                const struct cal_projection_spec *p = cal_graph_projection(g, i);
                if (p->role == CAL_DRIVE && from < far && from + p->delay < g->lag[r]) {
                    g->lag[r] = from + p->delay;
                    changed = true;
                }
            }
    }
    for (int r = 0; r < g->n_regions; r++)
        g->learn_lag[r] = g->lag[r] = g->lag[r] == far ? 0 : g->lag[r];
    for (int r = 0; r < g->n_regions; r++)
        for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++) {
            const struct cal_projection_spec *p = cal_graph_projection(g, i);
            int from = e->edge[i].from;
            if (p->role == CAL_CONTEXT && from != CAL_FROM_STIMULUS && g->lag[from] + p->delay > g->learn_lag[r])
                g->learn_lag[r] = g->lag[from] + p->delay;
        }
    for (int i = 0; i < g->n_edges; i++) {
        struct cal_edge *x = &g->edge[i];
        if (x->role == CAL_CONTEXT && x->from != CAL_FROM_STIMULUS)
            x->hold = g->learn_lag[x->to] - g->lag[x->from];
    }
}

static int make(struct cal_graph *g, struct cal_wiring *w)
{
    int err = cal_graph_find_order(g->experiment, w->order);
    if (!err)
        err = wire(g, w);
    if (err)
        return err;
    for (int k = 0; k < g->n_regions; k++)
        g->turn[w->order[k]] = k;
    find_lags(g, w->order);
    err = cal_graph_plan_phases(g, w->order);
    if (!err)
        err = cal_graph_check_windows(g);
    return err ? err : cal_graph_find_lossy(g);
}

int cal_graph_create_part(const struct cal_experiment *e, const struct cal_stimulus *s, int first, int last, struct cal_graph **out)
{
    size_t n = (size_t)e->n_regions;
    struct cal_graph *g = cal_alloc(sizeof *g);
    struct cal_wiring w = {.order = cal_alloc(n * sizeof *w.order)};
    g->experiment = e;
    g->stimulus = s;
    g->n_regions = e->n_regions;
    g->first = first;
    g->last = last;
    g->region = cal_alloc(n * sizeof(void *));
    g->name = cal_alloc((size_t)(last - first + 1) * sizeof *g->name);
    g->offer = cal_alloc(sizeof *g->offer);
    g->offer_of = cal_alloc(n * sizeof *g->offer_of);
    g->turn = cal_alloc(n * sizeof *g->turn);
    for (int r = 0; r < e->n_regions; r++)
        g->offer_of[r] = -1;
    int err = make(g, &w);
    cal_free(w.order);
    if (err) {
        cal_graph_destroy(g);
        g = NULL;
    }
    *out = g;
    return err;
}

int cal_graph_create(const struct cal_experiment *e, const struct cal_stimulus *s, struct cal_graph **g)
{
    return cal_graph_create_part(e, s, 0, e->n_regions, g);
}

void cal_graph_destroy(struct cal_graph *g)
{
    if (!g)
        return;
    for (int r = g->first; r < g->last; r++)
        destroy_region(g->region[r]);
    cal_graph_free_phases(g);
    cal_free(g->region);
    cal_free(g->edge);
    cal_free(g->first_edge);
    cal_free(g->first_out);
    cal_free(g->out_edge);
    cal_free(g->name);
    cal_free(g->outside);
    cal_free(g->offer);
    cal_free(g->offer_of);
    cal_free(g->turn);
    cal_free(g->lag);
    cal_free(g->learn_lag);
    cal_free(g->loses);
    cal_free(g->lossy);
    cal_free(g);
}

int cal_graph_variable(const struct cal_graph *g, int region, const char *name)
{
    const struct cal_offer *x = &g->offer[g->offer_of[region]];
    for (int i = 0; i < x->n_variables; i++)
        if (!strcmp(x->variable[i].name, name))
            return i;
    return -1;
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
