/* experiments/spec/experiment_edges.c - all edges together: their order, each pair once, a drive for everyone, no undelayed cycle.
 *
 * They are made one target after another, so that what is needed beside the edges themselves is those of one region. */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

void cal_experiment_add_incoming(const struct cal_experiment *e, struct cal_incoming *in, int from, int projection, bool far)
{
    if (in->n == in->capacity) {
        in->capacity = in->capacity ? 2 * in->capacity : 16;
        struct cal_draft *more = cal_alloc((size_t)in->capacity * sizeof *more);
        if (in->n)
            memcpy(more, in->draft, (size_t)in->n * sizeof *more);
        cal_free(in->draft);
        in->draft = more;
    }
    in->draft[in->n++] = (struct cal_draft){.edge = {.from = from, .projection = (unsigned)projection & 0x7fffffff, .far = far},
                                            .role = e->projection[projection].role};
}

/* Where a block reaches regions first ... last - 1. */
struct landing {
    int first, last, block;
};

static int compare_landings(const void *a, const void *b)
{
    const struct landing *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->block - y->block;
}

/* A walk over the regions, with the blocks that reach the one it is at. */
struct walk {
    struct landing *landing; /* by first region */
    int n, next;
    int *active, n_active;
    int *read;
    struct cal_incoming in;
};

static void begin_walk(const struct cal_experiment *e, const struct cal_blocks *blocks, struct walk *w)
{
    int n = 0, most = 0;
    for (int i = 0; i < blocks->n; i++)
        n += blocks->block[i].to.n;
    for (int i = 0; i < e->n_groups; i++)
        most = e->group[i].afferents > most ? e->group[i].afferents : most;
    *w = (struct walk){.landing = cal_alloc(((size_t)n + 1) * sizeof *w->landing),
                       .active = cal_alloc(((size_t)n + 1) * sizeof *w->active),
                       .read = cal_alloc(((size_t)most + 1) * sizeof *w->read)};
    for (int i = 0; i < blocks->n; i++)
        for (int k = 0; k < blocks->block[i].to.n; k++) {
            const struct cal_range *range = &blocks->block[i].to.range[k];
            w->landing[w->n++] = (struct landing){.first = range->first, .last = range->last, .block = i};
        }
    qsort(w->landing, (size_t)n, sizeof *w->landing, compare_landings);
}

static void end_walk(struct walk *w)
{
    cal_free(w->landing);
    cal_free(w->active);
    cal_free(w->read);
    cal_free(w->in.draft);
}

/* What ends in the next region, in no order. */
static void step(const struct cal_experiment *e, const struct cal_blocks *blocks, const struct cal_selection *afferents, int region,
                 struct walk *w)
{
    int kept = 0;
    for (int i = 0; i < w->n_active; i++)
        if (w->landing[w->active[i]].last > region)
            w->active[kept++] = w->active[i];
    while (w->next < w->n && w->landing[w->next].first == region)
        w->active[kept++] = w->next++;
    w->n_active = kept;
    w->in.n = 0;
    int n_read = cal_experiment_group(e, region)->ops->reads ? cal_experiment_reads(e, region, w->read) : 0;
    for (int i = 0; i < kept; i++)
        cal_experiment_deal(e, &blocks->block[w->landing[w->active[i]].block], region, afferents, w->read, n_read, &w->in);
}

/* By source, then role; the projection's number last, so that the order is one. */
static int compare(const void *a, const void *b)
{
    const struct cal_draft *x = a, *y = b;
    if (x->edge.from != y->edge.from)
        return x->edge.from < y->edge.from ? -1 : 1;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    return (int)x->edge.projection - (int)y->edge.projection;
}

static void resize(struct cal_experiment *e, size_t capacity)
{
    struct cal_edge_spec *more = cal_alloc((capacity + 1) * sizeof *more);
    if (e->n_edges)
        memcpy(more, e->edge, (size_t)e->n_edges * sizeof *more);
    cal_free(e->edge);
    e->edge = more;
}

/* A projection whose patterns overlap names a pair once. Two projections with one pair in the same role would be ambiguous. */
static int keep_distinct(struct cal_experiment *e, int region, const struct cal_incoming *in)
{
    bool driven = false;
    for (int i = 0; i < in->n; i++) {
        const struct cal_draft *d = &in->draft[i], *before = i ? &in->draft[i - 1] : NULL;
        bool again = before && before->edge.from == d->edge.from && before->role == d->role;
        if (again && before->edge.projection != d->edge.projection)
            return cal_node_fail(e->projection[d->edge.projection].node, "projections %s and %s both go from %s to %s as %s, expected one",
                                 e->projection[before->edge.projection].name, e->projection[d->edge.projection].name,
                                 cal_experiment_name(e, d->edge.from).text, cal_experiment_name(e, region).text,
                                 d->role == CAL_DRIVE ? "drive" : "context");
        if (!again)
            e->edge[e->n_edges++] = d->edge;
        driven = driven || d->role == CAL_DRIVE;
    }
    return driven ? CAL_OK
                  : cal_node_fail(cal_experiment_group(e, region)->node, "nothing drives region %s, expected a projection to it",
                                  cal_experiment_name(e, region).text);
}

static enum cal_role role_of(const struct cal_experiment *e, int edge)
{
    return e->projection[e->edge[edge].projection].role;
}

/* Depth-first against the direction of the drives: from a region to those that drive it in the same step. */
struct search {
    int *next; /* the edge of r to be followed next */
    int *path; /* regions from where the search began to where it is */
    bool *on_path, *done;
    int length;
};

static int fail_cycle(const struct cal_experiment *e, const struct search *s, int edge)
{
    char names[600];
    size_t length = 0, most = 400;
    int start = e->edge[edge].from; /* where the cycle closes; it stands on the path */
    length += (size_t)snprintf(names, sizeof names, "%s", cal_experiment_name(e, start).text);
    int i = s->length;
    do {
        i--;
        length += (size_t)snprintf(names + length, sizeof names - length, " -> %s", cal_experiment_name(e, s->path[i]).text);
    } while (s->path[i] != start && length < most);
    return cal_node_fail(e->projection[e->edge[edge].projection].node,
                         "drives without delay form a cycle: %s%s, expected a delay of at least 1 on one of them", names,
                         s->path[i] != start ? " -> ..." : "");
}

static int search_from(const struct cal_experiment *e, struct search *s, int root)
{
    s->length = 0;
    s->path[s->length++] = root;
    s->on_path[root] = true;
    while (s->length > 0) {
        int r = s->path[s->length - 1];
        if (s->next[r] == e->first_edge[r + 1]) {
            s->done[r] = true;
            s->on_path[r] = false;
            s->length--;
            continue;
        }
        int edge = s->next[r]++, from = e->edge[edge].from;
        bool instant = role_of(e, edge) == CAL_DRIVE && e->projection[e->edge[edge].projection].delay == 0;
        if (!instant || from == CAL_FROM_STIMULUS || s->done[from])
            continue;
        if (s->on_path[from])
            return fail_cycle(e, s, edge);
        s->path[s->length++] = from;
        s->on_path[from] = true;
    }
    return CAL_OK;
}

static int check_cycles(const struct cal_experiment *e)
{
    size_t n = (size_t)e->n_regions;
    struct search s = {
        .next = cal_alloc(n * sizeof(int)),
        .path = cal_alloc(n * sizeof(int)),
        .on_path = cal_alloc(n * sizeof(bool)),
        .done = cal_alloc(n * sizeof(bool)),
    };
    memcpy(s.next, e->first_edge, n * sizeof(int));
    int err = CAL_OK;
    for (int r = 0; r < e->n_regions && !err; r++)
        if (!s.done[r])
            err = search_from(e, &s, r);
    cal_free(s.next);
    cal_free(s.path);
    cal_free(s.on_path);
    cal_free(s.done);
    return err;
}

int cal_experiment_make_edges(struct cal_experiment *e, const struct cal_blocks *blocks, const struct cal_selection *afferents)
{
    struct walk w;
    size_t capacity = 0;
    int err = CAL_OK;
    begin_walk(e, blocks, &w);
    e->first_edge = cal_alloc(((size_t)e->n_regions + 1) * sizeof *e->first_edge);
    for (int r = 0; !err && r < e->n_regions; r++) {
        step(e, blocks, afferents, r, &w);
        if ((size_t)e->n_edges + (size_t)w.in.n > CAL_EDGES_MAX)
            err = cal_node_fail(cal_experiment_group(e, r)->node, "more than %d edges so far, expected fewer: fewer shards, or a fan_in",
                                CAL_EDGES_MAX);
        else if (w.in.n)
            qsort(w.in.draft, (size_t)w.in.n, sizeof *w.in.draft, compare);
        if (!err && (size_t)(e->n_edges + w.in.n) > capacity) {
            capacity = 2 * (size_t)(e->n_edges + w.in.n);
            resize(e, capacity);
        }
        if (!err)
            err = keep_distinct(e, r, &w.in);
        e->first_edge[r + 1] = e->n_edges;
    }
    end_walk(&w);
    resize(e, (size_t)e->n_edges);
    return err ? err : check_cycles(e);
}
