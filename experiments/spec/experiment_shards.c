/* experiments/spec/experiment_shards.c - replicas that are shards of one hub: what drives the hub is dealt among them.
 *
 * Patterns name hubs whole, and until here an edge to or from a hub ends in its first shard. Only pairs that somebody reads become edges, so
 * there are as many as are needed, not the product of regions and shards. */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

static bool is_hub(const struct cal_experiment *e, int region)
{
    return region != CAL_FROM_STIMULUS && e->region[region].ops->reads && e->region[region].share.shard == 0;
}

static bool is_drive_of(const struct cal_draft *d, int hub)
{
    return d->role == CAL_DRIVE && d->edge.to == hub;
}

int cal_experiment_fold_shards(const struct cal_experiment *e, const struct cal_node *node, int *region, int *n)
{
    int kept = 0;
    for (int i = 0; i < *n; i++) {
        int r = region[i];
        region[kept++] = r;
        if (r == CAL_FROM_STIMULUS || !e->region[r].ops->reads)
            continue;
        int shards = e->region[r].share.shards;
        if (e->region[r].share.shard > 0 || i + shards > *n || region[i + shards - 1] != r + shards - 1)
            return cal_node_fail(node, "%s is one of %d shards among which all that drives `%s` is dealt, expected `%s.*`",
                                 e->region[r].name, shards, e->region[r].group, e->region[r].group);
        i += shards - 1;
    }
    *n = kept;
    return CAL_OK;
}

/* One hub while it is dealt: its afferents in region order, and the drafts that bring each of them. */
struct deal {
    struct cal_share share;
    int *afferent; /* regions; share.afferents of them */
    int *at;       /* [region] its number among them, -1 */
    int *start;    /* drafts by[start[i]] ... by[start[i + 1] - 1] come from afferent i */
    size_t *by;    /* numbers of drafts */
};

static void find_afferents(const struct cal_experiment *e, int hub, const struct cal_draft *draft, size_t n, struct deal *x)
{
    size_t n_regions = (size_t)e->n_regions;
    *x = (struct deal){.share = e->region[hub].share,
                       .afferent = cal_alloc((n_regions + 1) * sizeof(int)),
                       .at = cal_alloc(n_regions * sizeof(int)),
                       .start = cal_alloc((n_regions + 2) * sizeof(int)),
                       .by = cal_alloc((n + 1) * sizeof(size_t))};
    for (size_t i = 0; i < n; i++) /* how many drafts each region has */
        if (is_drive_of(&draft[i], hub) && draft[i].edge.from != CAL_FROM_STIMULUS)
            x->at[draft[i].edge.from]++;
    int a = 0;
    for (int r = 0; r < e->n_regions; r++) {
        int drafts = x->at[r];
        x->at[r] = drafts ? a : -1;
        if (!drafts)
            continue;
        x->afferent[a] = r;
        x->start[a + 1] = x->start[a] + drafts;
        a++;
    }
    x->share.afferents = a;
    int *next = cal_alloc(((size_t)a + 1) * sizeof *next);
    memcpy(next, x->start, (size_t)a * sizeof *next);
    for (size_t i = 0; i < n; i++)
        if (is_drive_of(&draft[i], hub) && draft[i].edge.from != CAL_FROM_STIMULUS)
            x->by[next[x->at[draft[i].edge.from]]++] = i;
    cal_free(next);
}

static void forget(struct deal *x)
{
    cal_free(x->afferent);
    cal_free(x->at);
    cal_free(x->start);
    cal_free(x->by);
}

/* The shard that answers for afferent i; the first where nobody does: the graph will say what is wrong. */
static int shard_of(const struct cal_share *s, int i)
{
    int shard = 0;
    if (i >= 0)
        shard = (int)((long)i * s->shards / s->afferents);
    while (i >= cal_share_first(s, shard + 1))
        shard++;
    return shard;
}

/* What each shard reads, as edges of its own. `read` has room for all afferents. */
static int deal_drives(const struct cal_experiment *e, int hub, const struct cal_draft *draft, struct deal *x, int *read,
                       struct cal_drafts *out)
{
    const struct cal_region_spec *spec = &e->region[hub];
    for (int k = 0; k < x->share.shards; k++) {
        x->share.shard = k;
        int n = spec->ops->reads(spec->params, e->seed, &x->share, read);
        if (out->n + (size_t)n > CAL_EDGES_MAX)
            return cal_node_fail(spec->node, "more than %d edges so far, expected fewer: fewer shards, or a fan_in", CAL_EDGES_MAX);
        for (int i = 0; i < n; i++)
            for (int j = x->start[read[i]]; j < x->start[read[i] + 1]; j++) {
                struct cal_draft d = draft[x->by[j]];
                d.edge.to = hub + k;
                d.edge.far = read[i] < cal_share_first(&x->share, k) || read[i] >= cal_share_first(&x->share, k + 1);
                cal_experiment_add_draft(out, &d);
            }
    }
    return CAL_OK;
}

static int deal_hub(struct cal_experiment *e, int hub, const struct cal_draft *draft, size_t n, struct cal_drafts *out)
{
    struct deal x;
    find_afferents(e, hub, draft, n, &x);
    int shards = x.share.shards, afferents = x.share.afferents, err = CAL_OK;
    for (int k = 0; k < shards; k++)
        e->region[hub + k].share.afferents = afferents;
    if (afferents && afferents < shards)
        err = cal_node_fail(e->region[hub].node, "%d shards of `%s`, but only %d region%s to be dealt among them, expected at most so many",
                            shards, e->region[hub].group, afferents, afferents == 1 ? "" : "s");
    int *read = cal_alloc(((size_t)afferents + 1) * sizeof *read);
    if (!err && afferents)
        err = deal_drives(e, hub, draft, &x, read, out);
    cal_free(read);
    for (size_t i = 0; !err && i < n; i++) {
        struct cal_draft d = draft[i];
        if (is_drive_of(&d, hub) && d.edge.from == CAL_FROM_STIMULUS)
            for (int k = 0; k < shards; k++) {
                d.edge.to = hub + k;
                cal_experiment_add_draft(out, &d);
            }
        if (d.role == CAL_CONTEXT && d.edge.from == hub) {
            d.edge.from += afferents ? shard_of(&x.share, x.at[d.edge.to]) : 0;
            cal_experiment_add_draft(out, &d);
        }
    }
    forget(&x);
    return err;
}

int cal_experiment_deal(struct cal_experiment *e, struct cal_drafts *drafts)
{
    struct cal_drafts out = {0};
    int err = CAL_OK;
    for (size_t i = 0; i < drafts->n; i++) {
        const struct cal_draft *d = &drafts->draft[i];
        if (!is_hub(e, d->role == CAL_DRIVE ? d->edge.to : d->edge.from))
            cal_experiment_add_draft(&out, d);
    }
    for (int r = 0; !err && r < e->n_regions; r++)
        if (is_hub(e, r))
            err = deal_hub(e, r, drafts->draft, drafts->n, &out);
    cal_free(drafts->draft);
    *drafts = out;
    return err;
}
