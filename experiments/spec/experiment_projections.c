/* experiments/spec/experiment_projections.c - the section `projections`: patterns to pairs of regions, rules of contexts. */
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

/* The regions that entries first ... last-1 of a list name. */
static int select_regions(const struct cal_experiment *e, const struct cal_node *node, const struct cal_strings *list, int first, int last,
                          bool sends, struct cal_selection *s)
{
    int err = CAL_OK;
    for (int i = first; i < last && !err; i++) {
        const char *pattern = list->item[i];
        const struct cal_node *item = cal_experiment_item(node, i);
        if (strcmp(pattern, "stimulus") == 0) {
            s->stimulus = true;
            if (!sends)
                err = cal_node_fail(item, "the stimulus cannot be a target, expected a region");
        } else if (!cal_selection_add(s, e, pattern)) {
            err = cal_experiment_fail_match(e, item, pattern);
        }
    }
    cal_selection_settle(s);
    return err;
}

static struct cal_block *add_block(struct cal_blocks *blocks)
{
    if (blocks->n == blocks->capacity) {
        blocks->capacity = blocks->capacity ? 2 * blocks->capacity : 8;
        struct cal_block *more = cal_alloc((size_t)blocks->capacity * sizeof *more);
        if (blocks->n)
            memcpy(more, blocks->block, (size_t)blocks->n * sizeof *more);
        cal_free(blocks->block);
        blocks->block = more;
    }
    return &blocks->block[blocks->n++];
}

/* From entries f0 ... f1-1 of a list to entries t0 ... t1-1 of another. Where shards take a drive or send a context, their hub stands for them. */
static int read_block(const struct cal_experiment *e, int projection, const struct cal_node *from_node, const struct cal_strings *from,
                      int f0, int f1, const struct cal_node *to_node, const struct cal_strings *to, int t0, int t1,
                      struct cal_blocks *blocks, size_t *edges)
{
    struct cal_block *b = add_block(blocks);
    bool drive = e->parts->projection[projection].role == CAL_DRIVE;
    b->projection = projection;
    int err = select_regions(e, from_node, from, f0, f1, true, &b->from);
    if (!err)
        err = select_regions(e, to_node, to, t0, t1, false, &b->to);
    if (!err)
        err = drive ? cal_experiment_check_hubs(e, to_node, &b->to) : cal_experiment_check_hubs(e, from_node, &b->from);
    if (err)
        return err;
    *edges += cal_experiment_count(e, &b->from, !drive) * cal_experiment_count(e, &b->to, drive);
    return *edges <= CAL_EDGES_MAX
               ? CAL_OK
               : cal_node_fail(e->projection[projection].node, "more than %d edges so far, expected fewer", CAL_EDGES_MAX);
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

static int expand(const struct cal_experiment *e, int projection, struct cal_blocks *blocks, size_t *edges)
{
    const struct cal_projection_part *p = &e->parts->projection[projection];
    const struct cal_node *node = e->projection[projection].node;
    if (!p->chain.n)
        return read_block(e, projection, cal_node_get(node, "from"), &p->from, 0, p->from.n, cal_node_get(node, "to"), &p->to, 0, p->to.n,
                          blocks, edges);
    const struct cal_node *chain = cal_node_get(node, "chain");
    int err = CAL_OK;
    for (int i = 0; i + 1 < p->chain.n && !err; i++)
        err = read_block(e, projection, chain, &p->chain, i, i + 1, chain, &p->chain, i + 1, i + 2, blocks, edges);
    return err;
}

/* The one kind that sends along blocks first ... n-1, all of the projection; NULL: the stimulus. */
static int find_sender(const struct cal_experiment *e, const struct cal_projection_spec *p, const struct cal_blocks *blocks, int first,
                       const struct cal_region_ops **ops)
{
    const struct cal_selection *from = &blocks->block[first].from;
    *ops = from->stimulus ? NULL : e->group[from->range[0].group].ops;
    bool same = true;
    for (int i = first; i < blocks->n; i++) {
        from = &blocks->block[i].from;
        same = same && (!from->stimulus || !*ops);
        for (int k = 0; k < from->n; k++)
            same = same && e->group[from->range[k].group].ops == *ops;
    }
    return same ? CAL_OK : cal_node_fail(p->node, "projection %s has senders of several kinds, expected one kind for a context", p->name);
}

/* The parameters that a context's sender and target share, by the sender's kind. Blocks as above. */
static int read_rule(struct cal_experiment *e, int projection, const struct cal_blocks *blocks, int first)
{
    struct cal_projection_spec *p = &e->projection[projection];
    const struct cal_region_ops *ops = NULL;
    char what[100];
    snprintf(what, sizeof what, "a projection of role drive");
    if (p->role == CAL_CONTEXT) {
        int err = find_sender(e, p, blocks, first, &ops);
        if (err)
            return err;
        snprintf(what, sizeof what, "a context from %s%.40s", ops ? "kind " : "the stimulus", ops ? ops->kind : "");
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

/* Only what crosses between regions can be lost, and only a drive has something to stand in for it. Blocks as above. */
static int check_drop(const struct cal_projection_spec *p, const struct cal_blocks *blocks, int first)
{
    bool meant = p->role == CAL_DRIVE;
    for (int i = first; i < blocks->n && meant; i++)
        meant = !blocks->block[i].from.stimulus;
    if (meant || p->drop == 0)
        return CAL_OK;
    return cal_node_fail(cal_node_get(p->node, "drop"), "drop in projection %s, which is %s, expected it in a drive between regions",
                         p->name, p->role == CAL_CONTEXT ? "a context" : "from the stimulus");
}

static int read_projection(struct cal_experiment *e, int i, struct cal_blocks *blocks, size_t *edges)
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
    int first = blocks->n;
    err = expand(e, i, blocks, edges);
    if (!err)
        err = check_drop(p, blocks, first);
    return err ? err : read_rule(e, i, blocks, first);
}

static void forget_blocks(struct cal_blocks *blocks)
{
    for (int i = 0; i < blocks->n; i++) {
        cal_selection_finish(&blocks->block[i].from);
        cal_selection_finish(&blocks->block[i].to);
    }
    cal_free(blocks->block);
}

int cal_experiment_read_projections(struct cal_experiment *e, const struct cal_node *map)
{
    struct cal_blocks blocks = {0};
    struct cal_selection *afferents = NULL;
    size_t edges = 0;
    e->n_projections = map->n;
    e->projection = cal_alloc((size_t)map->n * sizeof *e->projection);
    e->parts->projection = cal_alloc((size_t)map->n * sizeof *e->parts->projection);
    int err = CAL_OK;
    for (int i = 0; i < map->n && !err; i++) {
        e->projection[i].name = map->child[i]->key; /* [borrow] */
        e->projection[i].node = map->child[i];
        err = read_projection(e, i, &blocks, &edges);
    }
    if (!err)
        err = cal_experiment_find_afferents(e, &blocks, &afferents);
    if (!err)
        err = cal_experiment_make_edges(e, &blocks, afferents);
    for (int i = 0; afferents && i < e->n_groups; i++)
        cal_selection_finish(&afferents[i]);
    cal_free(afferents);
    forget_blocks(&blocks);
    return err;
}
