/* experiments/spec/experiment_edges.c - all edges together: their order, each pair once, a drive for everyone, no undelayed cycle. */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

/* By target, then source, then role; the projection's number last, so that the order is one. */
static int compare(const void *a, const void *b)
{
    const struct cal_draft *x = a, *y = b;
    if (x->edge.to != y->edge.to)
        return x->edge.to < y->edge.to ? -1 : 1;
    if (x->edge.from != y->edge.from)
        return x->edge.from < y->edge.from ? -1 : 1;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    return x->edge.projection - y->edge.projection;
}

static const char *source_name(const struct cal_experiment *e, int from)
{
    return from == CAL_FROM_STIMULUS ? "stimulus" : e->region[from].name;
}

static enum cal_role role_of(const struct cal_experiment *e, int edge)
{
    return e->projection[e->edge[edge].projection].role;
}

/* A projection whose patterns overlap names a pair once. Two projections with one pair in the same role would be ambiguous. */
static int keep_distinct(struct cal_experiment *e, const struct cal_draft *draft, size_t n)
{
    e->edge = cal_alloc(n * sizeof *e->edge);
    for (size_t i = 0; i < n; i++) {
        const struct cal_draft *d = &draft[i], *before = i ? &draft[i - 1] : NULL;
        bool again = before && before->edge.to == d->edge.to && before->edge.from == d->edge.from && before->role == d->role;
        if (again && before->edge.projection != d->edge.projection)
            return cal_node_fail(e->projection[d->edge.projection].node, "projections %s and %s both go from %s to %s as %s, expected one",
                                 e->projection[before->edge.projection].name, e->projection[d->edge.projection].name,
                                 source_name(e, d->edge.from), e->region[d->edge.to].name, d->role == CAL_DRIVE ? "drive" : "context");
        if (!again)
            e->edge[e->n_edges++] = d->edge;
    }
    return CAL_OK;
}

static int check_drives(const struct cal_experiment *e)
{
    bool *driven = cal_alloc((size_t)e->n_regions * sizeof *driven);
    for (int i = 0; i < e->n_edges; i++)
        if (role_of(e, i) == CAL_DRIVE)
            driven[e->edge[i].to] = true;
    int err = CAL_OK;
    for (int r = 0; r < e->n_regions && !err; r++)
        if (!driven[r])
            err = cal_node_fail(e->region[r].node, "nothing drives region %s, expected a projection to it", e->region[r].name);
    cal_free(driven);
    return err;
}

/* Depth-first against the direction of the drives: from a region to those that drive it in the same step. */
struct search {
    int *first; /* edge[first[r]] ... edge[first[r+1]-1] end in r */
    int *next;  /* the edge of r to be followed next */
    int *path;  /* regions from where the search began to where it is */
    bool *on_path, *done;
    int length;
};

static int fail_cycle(const struct cal_experiment *e, const struct search *s, int edge)
{
    char names[600];
    size_t length = 0, most = 400;
    int start = e->edge[edge].from; /* where the cycle closes; it stands on the path */
    length += (size_t)snprintf(names, sizeof names, "%s", e->region[start].name);
    int i = s->length;
    do {
        i--;
        length += (size_t)snprintf(names + length, sizeof names - length, " -> %s", e->region[s->path[i]].name);
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
        if (s->next[r] == s->first[r + 1]) {
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
        .first = cal_alloc((n + 1) * sizeof(int)),
        .next = cal_alloc(n * sizeof(int)),
        .path = cal_alloc(n * sizeof(int)),
        .on_path = cal_alloc(n * sizeof(bool)),
        .done = cal_alloc(n * sizeof(bool)),
    };
    for (int i = 0; i < e->n_edges; i++)
        s.first[e->edge[i].to + 1] = i + 1;
    for (int r = 0; r < e->n_regions; r++) {
        if (s.first[r + 1] < s.first[r]) /* nothing ends in r */
            s.first[r + 1] = s.first[r];
        s.next[r] = s.first[r];
    }
    int err = CAL_OK;
    for (int r = 0; r < e->n_regions && !err; r++)
        if (!s.done[r])
            err = search_from(e, &s, r);
    cal_free(s.first);
    cal_free(s.next);
    cal_free(s.path);
    cal_free(s.on_path);
    cal_free(s.done);
    return err;
}

int cal_experiment_settle_edges(struct cal_experiment *e, struct cal_draft *draft, size_t n)
{
    qsort(draft, n, sizeof *draft, compare);
    int err = keep_distinct(e, draft, n);
    if (!err)
        err = check_drives(e);
    return err ? err : check_cycles(e);
}
