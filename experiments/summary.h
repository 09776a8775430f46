/* experiments/summary.h - summary.json: what a finished run was and what it measured. A run with one is finished. */
#ifndef CAL_EXPERIMENTS_SUMMARY_H
#define CAL_EXPERIMENTS_SUMMARY_H

#include "analysis/measure.h"
#include "experiments/costs.h"
#include "experiments/progress.h"

/* Everything but the measures, gathered while the ranks are still together; by rank 0. */
struct cal_summary {
    long steps;
    int ranks;
    double seconds, samples_per_s, wait_share;
    struct cal_ledger ledger;
    long control_messages;
    double memory_max_bytes, memory_mean_bytes;
    double *memory_bytes, *resident_bytes; /* [own by who gathered] the peaks of each rank: what we asked for, and the system's count */
    const struct cal_phase_times *times;   /* [borrow] */
    char **slowest;                        /* [borrow] a phase each */
    long *shown;                           /* [borrow] presentations, a phase each */
    int n_costs;
    struct cal_cost *cost; /* [borrow] a group of regions each */
};

/* Write DIR/summary.json under another name and rename it. Local. Errors: CAL_EIO. */
int cal_summary_write(const char *dir, const struct cal_experiment *e, const struct cal_summary *s, const struct cal_measures *m);
/* Put other measures into an existing summary.json. Local. Errors: CAL_EINPUT, CAL_EIO. */
int cal_summary_replace_measures(const char *dir, const struct cal_measures *m);
/* The measures as a table. */
void cal_summary_print_measures(const struct cal_measures *m);

#endif
