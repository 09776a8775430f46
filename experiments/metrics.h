/* experiments/metrics.h - metrics/<region>.jsonl: one line a logging interval, written by the region's own process. */
#ifndef CAL_EXPERIMENTS_METRICS_H
#define CAL_EXPERIMENTS_METRICS_H

#include "experiments/sim.h"

/* Open the files of all hosted regions; what stands after `size[i]` bytes is cut off (size NULL: new files). Local. Errors: CAL_EIO. */
int cal_metrics_open(struct cal_sim *s, const long *size);
/* Add what learn() reported. */
void cal_metrics_add(struct cal_host *h, const double *metric);
/* Write a line for each hosted region that learnt since the last, and start afresh. Local. Errors: CAL_EIO. */
int cal_metrics_log(struct cal_sim *s);
/* Bytes in the file, flushed. Local. */
long cal_metrics_size(struct cal_host *h);

/* The metrics that the progress line shows: the first few distinct names of the regions' kinds, in region order. */
#define CAL_SHOWN_MAX 3
int cal_metrics_shown(const struct cal_experiment *e, const char **names);
/* Put the hosted regions' sums for the names shown into the control word: a pair (sum, count) each. */
void cal_metrics_report(const struct cal_sim *s, double *value);

#endif
