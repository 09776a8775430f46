/* experiments/spec/graph_ports.c - see graph_wiring.h: what crosses an edge, and what its ends see of it. */
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "experiments/spec/graph_wiring.h"

const struct cal_projection_spec *cal_graph_projection(const struct cal_graph *g, int number)
{
    return &g->experiment->projection[g->experiment->edge[number].projection];
}

const struct cal_rep_spec *cal_graph_offer(const struct cal_graph *g, int region)
{
    if (region == CAL_FROM_STIMULUS)
        return &g->stimulus->spec;
    return g->offer_of[region] < 0 ? NULL : &g->offer[g->offer_of[region]].out;
}

static int units_of(const struct cal_graph *g, int region)
{
    const struct cal_rep_spec *offer = cal_graph_offer(g, region);
    return offer ? offer->units : 0;
}

struct cal_edge cal_edge_of(const struct cal_graph *g, int number, int to)
{
    const struct cal_edge_spec *x = &g->experiment->edge[number];
    const struct cal_projection_spec *p = cal_graph_projection(g, number);
    return (struct cal_edge){.number = number,
                             .from = x->from,
                             .to = to,
                             .far = x->far,
                             .role = p->role,
                             .delay = p->delay,
                             .drop = p->drop,
                             .hold = p->delay,
                             .projection = p->name};
}

/* The number of the first unit of `to` among those that `from` has columns for; -1 when it has none for them. */
static int unit_in(const struct cal_graph *g, const struct cal_wiring *w, int to, int from)
{
    const struct cal_share s = cal_hubs_share(g->experiment, &w->hubs, from);
    int i = cal_hubs_number(&w->hubs, &s, to), first = cal_share_first(&s, s.shard), last = cal_share_first(&s, s.shard + 1);
    return i >= first && i < last ? cal_hubs_offset(&w->hubs, &s, i) - cal_hubs_offset(&w->hubs, &s, first) : -1;
}

static int take_slice(const struct cal_graph *g, const struct cal_wiring *w, struct cal_edge *x, const char *name)
{
    const struct cal_rep_spec *offer = cal_graph_offer(g, x->from);
    int i = cal_rep_find(offer, name);
    CAL_ASSERT(i >= 0);
    struct cal_slice slice = offer->slice[i];
    int first = 0;
    if (slice.afferent) {
        int each = offer->units ? slice.cols / offer->units : 0;
        first = unit_in(g, w, x->to, x->from);
        if (first < 0)
            return cal_node_fail(cal_graph_projection(g, x->number)->node,
                                 "projection `%s`: %s sends each target the columns of the target's own units (%s), "
                                 "but nothing projects from %s to it",
                                 x->projection, cal_experiment_name(g->experiment, x->from).text, name,
                                 cal_experiment_name(g->experiment, x->to).text);
        first *= each;
        slice.cols = each * units_of(g, x->to);
    }
    x->slice[x->spec.n] = i;
    x->first[x->spec.n] = first;
    x->spec.slice[x->spec.n++] = slice;
    return CAL_OK;
}

static int unknown_slice(const struct cal_graph *g, const struct cal_edge *x, const char *name)
{
    const char *names[CAL_SLICES_MAX + 1] = {NULL};
    const struct cal_rep_spec *offer = cal_graph_offer(g, x->from);
    char list[256] = "";
    for (int i = 0; i < offer->n; i++) {
        names[i] = offer->slice[i].name;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    return cal_node_fail(cal_graph_projection(g, x->number)->node, "projection `%s`: %s sends no `%s`; it sends: %s%s", x->projection,
                         cal_experiment_name(g->experiment, x->from).text, name, list, cal_did_you_mean(name, names));
}

/* Which slices cross an edge: those of `take`, else those that the target's kind uses. */
int cal_edge_fill(const struct cal_graph *g, const struct cal_wiring *w, struct cal_edge *x)
{
    const struct cal_strings *take = &cal_graph_projection(g, x->number)->take;
    const struct cal_rep_spec *offer = cal_graph_offer(g, x->from);
    const struct cal_region_ops *ops = cal_experiment_group(g->experiment, x->to)->ops;
    const char *const *uses = x->role == CAL_CONTEXT ? ops->takes_context : x->far && ops->takes_far ? ops->takes_far : ops->takes_drive;
    if (x->from == CAL_FROM_STIMULUS && x->role == CAL_CONTEXT && x->delay > 0)
        return cal_node_fail(cal_graph_projection(g, x->number)->node,
                             "projection `%s`: a context from the stimulus has no delay: it is always that of the presentation learnt",
                             x->projection);
    x->spec.rows = offer->rows;
    x->spec.units = offer->units;
    int err = CAL_OK;
    for (int i = 0; !err && i < take->n; i++)
        err = cal_rep_find(offer, take->item[i]) < 0 ? unknown_slice(g, x, take->item[i]) : take_slice(g, w, x, take->item[i]);
    for (int i = 0; !err && !take->n && i < offer->n; i++) {
        bool wanted = !uses;
        for (int k = 0; uses && uses[k]; k++)
            wanted = wanted || !strcmp(uses[k], offer->slice[i].name);
        if (wanted)
            err = take_slice(g, w, x, offer->slice[i].name);
    }
    return err;
}

struct cal_port cal_port_of(const struct cal_graph *g, const struct cal_wiring *w, const struct cal_edge *x)
{
    struct cal_port p = {.projection = x->projection,
                         .role = x->role,
                         .delay = x->delay,
                         .far = x->far,
                         .rule = cal_graph_projection(g, x->number)->rule,
                         .rule_table = cal_graph_projection(g, x->number)->rule_table,
                         .spec = x->spec};
    if (x->from == CAL_FROM_STIMULUS)
        return p;
    int unit_side = x->role == CAL_DRIVE ? x->from : x->to;
    const struct cal_share s = cal_hubs_share(g->experiment, &w->hubs, x->role == CAL_DRIVE ? x->to : x->from);
    int i = cal_hubs_number(&w->hubs, &s, unit_side);
    p.units = units_of(g, unit_side);
    p.unit_offset = i < 0 ? -1 : cal_hubs_offset(&w->hubs, &s, i);
    p.hub_units = cal_hubs_offset(&w->hubs, &s, s.afferents);
    return p;
}
