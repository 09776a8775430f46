/* experiments/costs.h - what a call of forward and learn has cost, by group of regions: what a simulation of more ranks than there are starts from. */
#ifndef CAL_EXPERIMENTS_COSTS_H
#define CAL_EXPERIMENTS_COSTS_H

#include "experiments/sim.h"

/* One group ("V"): seconds a call, the mean over its regions and their calls. */
struct cal_cost {
    const char *group; /* [borrow] of the experiment */
    int regions;
    double forward_s, learn_s;
};

/* Gather them. Collective; on rank 0 [give] *costs, elsewhere NULL. Returns how many groups there are. */
int cal_costs_gather(const struct cal_sim *s, struct cal_cost **costs);

#endif
