/* experiments/costs.c - see costs.h. */
#include "experiments/costs.h"

#include <string.h>

#include "core/mem.h"

enum { FORWARD_S, FORWARDS, LEARN_S, LEARNS, SUMS };

/* Of each region the number of its group; returns how many groups there are. Replicas stand next to one another. */
static int number_groups(const struct cal_experiment *e, int *group_of)
{
    int n = 0;
    for (int r = 0; r < e->n_regions; r++) {
        n += r == 0 || strcmp(e->region[r].group, e->region[r - 1].group) != 0;
        group_of[r] = n - 1;
    }
    return n;
}

static double mean(double sum, double n)
{
    return n > 0 ? sum / n : 0;
}

int cal_costs_gather(const struct cal_sim *s, struct cal_cost **costs)
{
    const struct cal_experiment *e = s->experiment;
    int ranks = cal_world_size(s->world), *group_of = cal_alloc((size_t)e->n_regions * sizeof *group_of);
    int n = number_groups(e, group_of), width = n * SUMS;
    double *mine = cal_alloc((size_t)width * sizeof *mine), *all = cal_alloc((size_t)ranks * (size_t)width * sizeof *all);
    for (int i = 0; i < s->n_hosts; i++) {
        const struct cal_host *h = &s->host[i];
        double *sum = mine + group_of[h->region->id] * SUMS;
        sum[FORWARD_S] += h->forward_s;
        sum[FORWARDS] += (double)h->forwards;
        sum[LEARN_S] += h->learn_s;
        sum[LEARNS] += (double)h->learns;
    }
    cal_world_gather(s->world, mine, width, all);
    *costs = NULL;
    if (cal_world_rank(s->world) == 0) {
        *costs = cal_alloc((size_t)n * sizeof **costs);
        for (int r = 1; r < ranks; r++)
            for (int i = 0; i < width; i++)
                all[i] += all[(size_t)r * (size_t)width + (size_t)i];
        for (int r = 0; r < e->n_regions; r++) {
            const double *sum = all + group_of[r] * SUMS;
            struct cal_cost *c = *costs + group_of[r];
            c->group = e->region[r].group;
            c->regions++;
            c->forward_s = mean(sum[FORWARD_S], sum[FORWARDS]);
            c->learn_s = mean(sum[LEARN_S], sum[LEARNS]);
        }
    }
    cal_free(mine);
    cal_free(all);
    cal_free(group_of);
    return n;
}
