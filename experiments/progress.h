/* experiments/progress.h - what a person sees while it runs: the head, one line of progress, the table at the end. Rank 0 prints. */
#ifndef CAL_EXPERIMENTS_PROGRESS_H
#define CAL_EXPERIMENTS_PROGRESS_H

#include "experiments/sim.h"

struct cal_progress {
    bool terminal;  /* the line is redrawn in place; else whole lines, at most one every few seconds */
    bool line_open; /* a redrawn line is waiting for its end */
    double start_s, last_s;
    long first_step, total_steps;
};

/* Prints the head: version, experiment, regions, ranks, libraries, kernels. */
void cal_progress_begin(struct cal_progress *p, const struct cal_sim *s);
/* One look at the run after `step` steps: values as cal_metrics_report() put them, summed over ranks, then the ranks' wait and total seconds. */
void cal_progress_show(struct cal_progress *p, const struct cal_sim *s, long step, const double *value);
/* End the open line, so that something else can be printed. */
void cal_progress_break(struct cal_progress *p);

/* Seconds of all ranks, a phase each. */
struct cal_phase_times {
    struct cal_spread clock[CAL_CLOCKS];
};
extern const char *const cal_clock_names[CAL_CLOCKS];
/* Gather them. Collective; rank 0 gets [give] an array, a phase each, others NULL. */
struct cal_phase_times *cal_progress_gather(const struct cal_sim *s);
/* The table at the end. */
void cal_progress_end(struct cal_progress *p, const struct cal_sim *s, const struct cal_phase_times *times);
/* "V.3", or "V.0 to V.3": who lives on a rank. [give] */
char *cal_progress_hosted(const struct cal_sim *s, int rank);
/* Wall steps of the whole timeline. */
long cal_progress_total_steps(const struct cal_graph *g);

#endif
