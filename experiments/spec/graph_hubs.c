/* experiments/spec/graph_hubs.c - see graph_wiring.h: edges by their source, and who drives each hub. */
#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph_wiring.h"

void cal_outgoing_find(const struct cal_experiment *e, enum cal_role role, struct cal_outgoing *o)
{
    o->first = cal_alloc(((size_t)e->n_regions + 2) * sizeof(int));
    o->edge = o->to = NULL;
    for (int fill = 0; fill < 2; fill++) { /* count, then fill: first[r + 1] is where the next of r goes, and ends as where they end */
        for (int r = 0; r < e->n_regions; r++)
            for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++) {
                int from = e->edge[i].from;
                if (from == CAL_FROM_STIMULUS || e->projection[e->edge[i].projection].role != role)
                    continue;
                if (fill) {
                    o->edge[o->first[from + 1]] = i;
                    o->to[o->first[from + 1]++] = r;
                } else {
                    o->first[from + 2]++;
                }
            }
        for (int r = 0; !fill && r <= e->n_regions; r++)
            o->first[r + 1] += o->first[r];
        size_t n = (size_t)o->first[e->n_regions + 1];
        if (!fill) {
            o->edge = cal_alloc((n + 1) * sizeof(int));
            o->to = cal_alloc((n + 1) * sizeof(int));
        }
    }
}

void cal_outgoing_finish(struct cal_outgoing *o)
{
    cal_free(o->first);
    cal_free(o->edge);
    cal_free(o->to);
}

static bool is_afferent(const struct cal_experiment *e, const struct cal_edge_spec *x)
{
    return x->from != CAL_FROM_STIMULUS && !x->far && e->projection[x->projection].role == CAL_DRIVE;
}

void cal_hubs_find(const struct cal_experiment *e, struct cal_hubs *h)
{
    int n = 0;
    for (int i = 0; i < e->n_edges; i++)
        n += is_afferent(e, &e->edge[i]);
    h->first = cal_alloc(((size_t)e->n_regions + 1) * sizeof(int));
    h->source = cal_alloc(((size_t)n + 1) * sizeof(int));
    h->units = cal_alloc(((size_t)n + 1) * sizeof(int));
    n = 0;
    for (int r = 0; r < e->n_regions; r++) {
        for (int i = e->first_edge[r]; i < e->first_edge[r + 1]; i++)
            if (is_afferent(e, &e->edge[i]))
                h->source[n++] = e->edge[i].from;
        h->first[r + 1] = n;
    }
}

void cal_hubs_sum(const struct cal_graph *g, struct cal_hubs *h)
{
    for (int i = 0; i < h->first[g->n_regions]; i++)
        h->units[i + 1] = h->units[i] + g->offer[g->offer_of[h->source[i]]].out.units;
}

void cal_hubs_finish(struct cal_hubs *h)
{
    cal_free(h->first);
    cal_free(h->source);
    cal_free(h->units);
}

struct cal_share cal_hubs_share(const struct cal_experiment *e, const struct cal_hubs *h, int region)
{
    struct cal_share s = cal_experiment_share(e, region);
    s.afferents = h->first[s.hub + s.shards] - h->first[s.hub];
    return s;
}

int cal_hubs_number(const struct cal_hubs *h, const struct cal_share *s, int region)
{
    int low = h->first[s->hub], high = low + s->afferents;
    while (low < high) {
        int middle = (low + high) / 2;
        if (h->source[middle] < region)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < h->first[s->hub] + s->afferents && h->source[low] == region;
    return found ? low - h->first[s->hub] : -1;
}

int cal_hubs_offset(const struct cal_hubs *h, const struct cal_share *s, int i)
{
    int first = h->first[s->hub];
    return h->units[first + i] - h->units[first];
}
