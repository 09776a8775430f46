/* analysis/adversary.h - how much harder an attention makes the task than uniform negatives do, on recorded codes. */
#ifndef CAL_ANALYSIS_ADVERSARY_H
#define CAL_ANALYSIS_ADVERSARY_H

#include "analysis/dump.h"

/* The number of the first region that weights the negatives of others whose views, as far as they drive it, were all recorded in the probe;
 * of several shards, the first. -1: none. */
int cal_adversary_find(const struct cal_dump *d);

/* The gain L - L_control of that region or of all shards, as a mean over the recorded batches and all units: with the weights learnt. */
int cal_adversary_gain(const struct cal_dump *d, int attention, double *gain);
/* The same with weights just drawn, as a mean over `n` draws: what any adversary would have, not having learnt anything. */
int cal_adversary_gain_fresh(const struct cal_dump *d, int attention, int n, double *gain);

#endif
