/* experiments/checkpoint.h - checkpoints: checkpoint/step-000003320/<region>.h5 and MANIFEST.yml, between two steps.
 *
 * Everything a run needs to go on bit for bit: what regions have learnt, the tapes and messages in flight, how far files have been written.
 * Nothing of clock, host or rank: any number of ranks may resume. A set is written under another name, synced, and renamed when all ranks
 * have agreed; its manifest comes last, so a set with a manifest is whole. */
#ifndef CAL_EXPERIMENTS_CHECKPOINT_H
#define CAL_EXPERIMENTS_CHECKPOINT_H

#include "experiments/sim.h"

/* Write a set for the current position and remove all but the newest `keep`. Collective.
 * Errors (agreed, printed): CAL_EIO; older sets are untouched. */
int cal_checkpoint_save(struct cal_sim *s);
/* Load the newest whole set into a fresh sim; an older one, with a warning, where that is damaged. Sets s->at, opens the metrics where they
 * were, and leaves recordings for cal_recorder_open(). Collective.
 *   found  [out] false when there is no set at all
 * Errors (agreed, printed): CAL_EINPUT when every set is damaged or of another experiment. */
int cal_checkpoint_resume(struct cal_sim *s, bool *found);

/* The steps of the sets in a run directory, newest first; [give] *steps. Returns how many. Sets without a manifest do not count. */
int cal_checkpoint_list(const char *dir, long **steps);
/* checkpoint/step-...: [give] */
char *cal_checkpoint_path(const char *dir, long step);
#endif
