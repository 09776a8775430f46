/* analysis/adversary.h - how much harder an attention makes the task than uniform negatives do, on recorded codes.
 *
 * For every objective in which one side weights the negatives of others: that of two views (objectives/contrast.h), and that in time (objectives/nce.h),
 * of which only the frames count that have a loss. A gain is L - L_control, the mean over the recorded batches and all units of the hub. */
#ifndef CAL_ANALYSIS_ADVERSARY_H
#define CAL_ANALYSIS_ADVERSARY_H

#include "analysis/dump.h"

/* The number of the first region that may weight the negatives of others whose codes, as far as they drive it, were all recorded in the probe;
 * of several shards, the first. -1: none. */
int cal_adversary_find(const struct cal_dump *d);
/* Does it weight them in this run? Else they are uniform: the control. */
bool cal_adversary_weights(const struct cal_dump *d, int attention);

/* The gain of that region or of all shards, with the weights learnt. */
int cal_adversary_gain(struct cal_dump *d, int attention, double *gain);
/* The same with weights just drawn, as a mean over `n` draws: what any adversary would have, not having learnt anything. In time, also where
 * the run's own negatives are uniform. */
int cal_adversary_gain_fresh(struct cal_dump *d, int attention, int n, double *gain);
/* The same after so many updates of learning at the full rate, from the codes that `phase` recorded (from its first on, and over again where it has
 * fewer): what there is to gain for one who learns while the codes stay as they are. */
int cal_adversary_gain_trained(struct cal_dump *d, int attention, int phase, long updates, int n, double *gain);

#endif
