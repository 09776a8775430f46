/* experiments/loop.h - the loop: every region, once a step, receives, computes, sends, learns, records. */
#ifndef CAL_EXPERIMENTS_LOOP_H
#define CAL_EXPERIMENTS_LOOP_H

#include "experiments/progress.h"
#include "experiments/sim.h"

struct cal_loop_options {
    double stop_at_s; /* cal_now_s() at which rank 0 asks all to stop; 0: never */
};

/* Run from s->at to the end of the timeline. Collective.
 * Returns the same on all ranks: CAL_OK; CAL_STOPPED after a wish to stop (a checkpoint was written); else the error that stopped all at one step,
 * which has been printed. The last good checkpoint is then untouched. */
int cal_loop_run(struct cal_sim *s, const struct cal_loop_options *o, struct cal_progress *p);

/* Catch SIGINT, SIGTERM and SIGUSR1 as wishes to stop, SIGUSR2 as a wish to save. Local. */
void cal_loop_catch_signals(void);
/* From now on they end the process, as they would have. Local. */
void cal_loop_ignore_wishes(void);

#endif
