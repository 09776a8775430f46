/* experiments/spec/experiment_shards.c - replicas that are shards of one hub: what drives the hub is dealt among them.
 *
 * Patterns name hubs whole. Only pairs that somebody reads become edges, so there are as many as are needed, not the product of regions and
 * shards. */
#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

int cal_experiment_check_hubs(const struct cal_experiment *e, const struct cal_node *node, const struct cal_selection *s)
{
    for (int i = 0, last = 0; i < s->n; i = last) {
        const struct cal_group *g = &e->group[s->range[i].group];
        int n = 0;
        for (last = i; last < s->n && s->range[last].group == s->range[i].group; last++)
            n += s->range[last].last - s->range[last].first;
        if (g->ops->reads && n < g->n)
            return cal_node_fail(node, "%s is one of %d shards among which all that drives `%s` is dealt, expected `%s.*`",
                                 cal_experiment_name(e, s->range[i].first).text, g->n, g->name, g->name);
    }
    return CAL_OK;
}

size_t cal_experiment_count(const struct cal_experiment *e, const struct cal_selection *s, bool fold)
{
    size_t n = s->stimulus;
    for (int i = 0; i < s->n; i++)
        n += fold && e->group[s->range[i].group].ops->reads ? 1 : (size_t)(s->range[i].last - s->range[i].first);
    return n;
}

int cal_experiment_find_afferents(struct cal_experiment *e, const struct cal_blocks *blocks, struct cal_selection **afferents)
{
    struct cal_selection *s = *afferents = cal_alloc((size_t)e->n_groups * sizeof *s);
    for (int i = 0; i < blocks->n; i++) {
        const struct cal_block *b = &blocks->block[i];
        for (int k = 0; k < b->to.n && e->projection[b->projection].role == CAL_DRIVE; k++)
            if (e->group[b->to.range[k].group].ops->reads)
                cal_selection_join(&s[b->to.range[k].group], &b->from);
    }
    for (int i = 0; i < e->n_groups; i++) {
        struct cal_group *g = &e->group[i];
        cal_selection_settle(&s[i]);
        g->afferents = s[i].count;
        if (g->afferents && g->afferents < g->n)
            return cal_node_fail(g->node, "%d shards of `%s`, but only %d region%s to be dealt among them, expected at most so many", g->n,
                                 g->name, g->afferents, g->afferents == 1 ? "" : "s");
    }
    return CAL_OK;
}

int cal_experiment_reads(const struct cal_experiment *e, int region, int *read)
{
    const struct cal_group *g = cal_experiment_group(e, region);
    const struct cal_share share = cal_experiment_share(e, region);
    return g->afferents ? g->ops->reads(g->params, e->seed, &share, read) : 0;
}

/* Drives of one shard. */
static void deal_drives(const struct cal_experiment *e, const struct cal_block *b, int region, const struct cal_selection *afferents,
                        const int *read, int n_read, struct cal_incoming *in)
{
    const struct cal_share s = cal_experiment_share(e, region);
    int first = cal_share_first(&s, s.shard), last = cal_share_first(&s, s.shard + 1);
    for (int i = 0; i < n_read; i++) {
        int from = cal_selection_at(afferents, read[i]);
        if (cal_selection_find(&b->from, from) >= 0)
            cal_experiment_add_incoming(e, in, from, b->projection, read[i] < first || read[i] >= last);
    }
}

/* The shard of a hub that answers for a region; the first where none does: the graph will say what is wrong. */
static int shard_for(const struct cal_group *g, int region, const struct cal_selection *afferents)
{
    struct cal_share s = {.shards = g->n, .afferents = g->afferents};
    int i = cal_selection_find(afferents, region), shard = i < 0 ? 0 : (int)((long)i * s.shards / s.afferents);
    while (i >= cal_share_first(&s, shard + 1))
        shard++;
    return g->first + shard;
}

void cal_experiment_deal(const struct cal_experiment *e, const struct cal_block *b, int region, const struct cal_selection *afferents,
                         const int *read, int n_read, struct cal_incoming *in)
{
    enum cal_role role = e->projection[b->projection].role;
    const struct cal_group *target = cal_experiment_group(e, region);
    if (b->from.stimulus)
        cal_experiment_add_incoming(e, in, CAL_FROM_STIMULUS, b->projection, false);
    if (role == CAL_DRIVE && target->ops->reads) {
        deal_drives(e, b, region, &afferents[target - e->group], read, n_read, in);
        return;
    }
    for (int i = 0; i < b->from.n; i++) {
        const struct cal_range *range = &b->from.range[i];
        const struct cal_group *source = &e->group[range->group];
        if (role == CAL_CONTEXT && source->ops->reads) {
            cal_experiment_add_incoming(e, in, shard_for(source, region, &afferents[range->group]), b->projection, false);
            continue;
        }
        for (int r = range->first; r < range->last; r++)
            cal_experiment_add_incoming(e, in, r, b->projection, false);
    }
}
