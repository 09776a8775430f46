/* experiments/spec/experiment_projections.c - the section `projections`: patterns to pairs of regions, rules of contexts. */
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

/* Regions by number, CAL_FROM_STIMULUS among them. */
struct selection {
    int *region;
    int n;
};

void cal_experiment_add_draft(struct cal_drafts *d, const struct cal_draft *draft)
{
    if (d->n == d->capacity) {
        size_t capacity = d->capacity ? 2 * d->capacity : 64;
        struct cal_draft *more = cal_alloc(capacity * sizeof *more);
        if (d->n)
            memcpy(more, d->draft, d->n * sizeof *more);
        cal_free(d->draft);
        d->draft = more;
        d->capacity = capacity;
    }
    d->draft[d->n++] = *draft;
}

/* The regions that entries first ... last-1 of a list name, each once, in region order, the stimulus before them. */
static int select_regions(const struct cal_experiment *e, const struct cal_node *node, const struct cal_strings *list, int first, int last,
                          bool sends, struct selection *s)
{
    bool *chosen = cal_alloc(((size_t)e->n_regions + 1) * sizeof *chosen); /* the stimulus, then the regions */
    int err = CAL_OK;
    for (int i = first; i < last && !err; i++) {
        const char *pattern = list->item[i];
        const struct cal_node *item = cal_experiment_item(node, i);
        if (strcmp(pattern, "stimulus") == 0) {
            chosen[0] = true;
            if (!sends)
                err = cal_node_fail(item, "the stimulus cannot be a target, expected a region");
            continue;
        }
        bool any = false;
        for (int r = 0; r < e->n_regions; r++)
            if (cal_match(pattern, e->region[r].name))
                chosen[r + 1] = any = true;
        if (!any)
            err = cal_experiment_fail_match(e, item, pattern);
    }
    s->n = 0;
    s->region = cal_alloc(((size_t)e->n_regions + 1) * sizeof *s->region);
    for (int r = 0; r <= e->n_regions; r++)
        if (chosen[r])
            s->region[s->n++] = r - 1; /* 0 becomes CAL_FROM_STIMULUS */
    cal_free(chosen);
    return err;
}

/* All pairs of two stretches of lists: from entries f0 ... f1-1 to entries t0 ... t1-1. Where shards take a drive or send a context, their hub
 * stands for them. */
static int add_pairs(const struct cal_experiment *e, int projection, const struct cal_node *from_node, const struct cal_strings *from,
                     int f0, int f1, const struct cal_node *to_node, const struct cal_strings *to, int t0, int t1, struct cal_drafts *d)
{
    struct selection source = {0}, target = {0};
    enum cal_role role = (enum cal_role)e->parts->projection[projection].role;
    int err = select_regions(e, from_node, from, f0, f1, true, &source);
    if (!err)
        err = select_regions(e, to_node, to, t0, t1, false, &target);
    if (!err && role == CAL_DRIVE)
        err = cal_experiment_fold_shards(e, to_node, target.region, &target.n);
    if (!err && role == CAL_CONTEXT)
        err = cal_experiment_fold_shards(e, from_node, source.region, &source.n);
    if (!err && d->n + (size_t)source.n * (size_t)target.n > CAL_EDGES_MAX)
        err = cal_node_fail(e->projection[projection].node, "more than %d edges so far, expected fewer", CAL_EDGES_MAX);
    for (int i = 0; i < target.n && !err; i++)
        for (int k = 0; k < source.n; k++)
            cal_experiment_add_draft(
                d, &(struct cal_draft){.edge = {.from = source.region[k], .to = target.region[i], .projection = projection}, .role = role});
    cal_free(source.region);
    cal_free(target.region);
    return err;
}

/* Either `from` and `to`, or `chain`. */
static int check_ends(const struct cal_node *node, const struct cal_projection_part *p)
{
    if (p->chain.n && (p->from.n || p->to.n))
        return cal_node_fail(node, "projection %s has `chain` and `%s`, expected either a chain or from and to", node->key,
                             p->from.n ? "from" : "to");
    if (p->chain.n == 1)
        return cal_node_fail(cal_node_get(node, "chain"), "a chain of one, expected at least two entries");
    if (!p->chain.n && (!p->from.n || !p->to.n))
        return cal_node_fail(node, "`%s` is missing in projection %s, expected from and to, or a chain", p->from.n ? "to" : "from",
                             node->key);
    int err = p->from.n ? cal_experiment_check_once(cal_node_get(node, "from"), &p->from) : CAL_OK;
    if (!err && p->to.n)
        err = cal_experiment_check_once(cal_node_get(node, "to"), &p->to);
    if (!err && p->take.n)
        err = cal_experiment_check_once(cal_node_get(node, "take"), &p->take);
    return err;
}

static int expand(const struct cal_experiment *e, int projection, struct cal_drafts *d)
{
    const struct cal_projection_part *p = &e->parts->projection[projection];
    const struct cal_node *node = e->projection[projection].node;
    if (!p->chain.n)
        return add_pairs(e, projection, cal_node_get(node, "from"), &p->from, 0, p->from.n, cal_node_get(node, "to"), &p->to, 0, p->to.n,
                         d);
    const struct cal_node *chain = cal_node_get(node, "chain");
    int err = CAL_OK;
    for (int i = 0; i + 1 < p->chain.n && !err; i++)
        err = add_pairs(e, projection, chain, &p->chain, i, i + 1, chain, &p->chain, i + 1, i + 2, d);
    return err;
}

static const struct cal_region_ops *sender_ops(const struct cal_experiment *e, const struct cal_draft *d)
{
    return d->edge.from == CAL_FROM_STIMULUS ? NULL : e->region[d->edge.from].ops;
}

/* The parameters that a context's sender and target share, by the sender's kind. Drafts first ... n-1 are the projection's. */
static int read_rule(struct cal_experiment *e, int projection, const struct cal_drafts *d, size_t first)
{
    struct cal_projection_spec *p = &e->projection[projection];
    const struct cal_region_ops *ops = NULL;
    char what[100];
    snprintf(what, sizeof what, "a projection of role drive");
    if (p->role == CAL_CONTEXT) {
        ops = sender_ops(e, &d->draft[first]);
        snprintf(what, sizeof what, "a context from %s%.40s", ops ? "kind " : "the stimulus", ops ? ops->kind : "");
        for (size_t i = first; i < d->n; i++)
            if (sender_ops(e, &d->draft[i]) != ops)
                return cal_node_fail(p->node, "projection %s has senders of several kinds, expected one kind for a context", p->name);
    }
    const struct cal_param *own = cal_projection_table;
    const char **names = cal_table_names(&own, 1);
    p->rule_table = ops ? ops->rule : NULL;
    void *rule = p->rule_table ? cal_alloc(ops->rule_size) : NULL;
    p->rule = rule;
    int err = cal_params_read(p->rule_table, what, p->node, names, rule);
    cal_free(names);
    return err;
}

/* The projection's own keys. Those of any kind's rule are passed over for now: which is the right one, its ends will tell. */
static int read_own(struct cal_projection_part *p, const struct cal_node *node)
{
    int n = 0;
    while (cal_region_kinds[n])
        n++;
    const struct cal_param **rules = cal_alloc(((size_t)n + 1) * sizeof *rules);
    for (int i = 0; i < n; i++)
        rules[i] = cal_region_kinds[i]->rule;
    const char **names = cal_table_names(rules, n);
    char what[80];
    snprintf(what, sizeof what, "projection %.64s", node->key);
    int err = cal_params_read(cal_projection_table, what, node, names, p);
    cal_free(names);
    cal_free(rules);
    return err ? err : check_ends(node, p);
}

/* Only what crosses between regions can be lost, and only a drive has something to stand in for it. Drafts as above. */
static int check_drop(const struct cal_projection_spec *p, const struct cal_drafts *d, size_t first)
{
    bool meant = p->role == CAL_DRIVE;
    for (size_t i = first; i < d->n && meant; i++)
        meant = d->draft[i].edge.from != CAL_FROM_STIMULUS;
    if (meant || p->drop == 0)
        return CAL_OK;
    return cal_node_fail(cal_node_get(p->node, "drop"), "drop in projection %s, which is %s, expected it in a drive between regions",
                         p->name, p->role == CAL_CONTEXT ? "a context" : "from the stimulus");
}

static int read_projection(struct cal_experiment *e, int i, struct cal_drafts *d)
{
    struct cal_projection_part *part = &e->parts->projection[i];
    struct cal_projection_spec *p = &e->projection[i];
    int err = read_own(part, p->node);
    if (err)
        return err;
    p->role = (enum cal_role)part->role;
    p->delay = (int)part->delay;
    p->drop = part->drop;
    p->take = part->take; /* [borrow] */
    size_t first = d->n;
    err = expand(e, i, d);
    if (!err)
        err = check_drop(p, d, first);
    return err ? err : read_rule(e, i, d, first);
}

int cal_experiment_read_projections(struct cal_experiment *e, const struct cal_node *map)
{
    struct cal_drafts d = {0};
    e->n_projections = map->n;
    e->projection = cal_alloc((size_t)map->n * sizeof *e->projection);
    e->parts->projection = cal_alloc((size_t)map->n * sizeof *e->parts->projection);
    int err = CAL_OK;
    for (int i = 0; i < map->n && !err; i++) {
        e->projection[i].name = map->child[i]->key; /* [borrow] */
        e->projection[i].node = map->child[i];
        err = read_projection(e, i, &d);
    }
    if (!err)
        err = cal_experiment_deal(e, &d);
    if (!err)
        err = cal_experiment_settle_edges(e, d.draft, d.n);
    cal_free(d.draft);
    return err;
}
