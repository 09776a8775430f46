/* experiments/costs.c - see costs.h. */
#include "experiments/costs.h"

#include "core/mem.h"

enum { FORWARD_S, FORWARDS, LEARN_S, LEARNS, SUMS };

static double ratio(const struct cal_spread *sum, const struct cal_spread *n)
{
    return n->mean > 0 ? sum->mean / n->mean : 0;
}

int cal_costs_gather(const struct cal_sim *s, struct cal_cost **costs)
{
    const struct cal_experiment *e = s->experiment;
    int n = e->n_groups, width = n * SUMS;
    double *mine = cal_alloc((size_t)width * sizeof *mine);
    struct cal_spread *all = cal_alloc((size_t)width * sizeof *all);
    for (int i = 0; i < s->n_hosts; i++) {
        const struct cal_host *h = &s->host[i];
        double *sum = mine + (cal_experiment_group(e, h->region->id) - e->group) * SUMS;
        sum[FORWARD_S] += h->forward_s;
        sum[FORWARDS] += (double)h->forwards;
        sum[LEARN_S] += h->learn_s;
        sum[LEARNS] += (double)h->learns;
    }
    cal_world_spread(s->world, mine, width, all);
    *costs = NULL;
    if (cal_world_rank(s->world) == 0) {
        *costs = cal_alloc((size_t)n * sizeof **costs);
        for (int i = 0; i < n; i++) {
            const struct cal_spread *x = all + (size_t)i * SUMS;
            (*costs)[i] = (struct cal_cost){.group = e->group[i].name,
                                            .regions = e->group[i].n,
                                            .forward_s = ratio(&x[FORWARD_S], &x[FORWARDS]),
                                            .learn_s = ratio(&x[LEARN_S], &x[LEARNS])};
        }
    }
    cal_free(mine);
    cal_free(all);
    return n;
}
