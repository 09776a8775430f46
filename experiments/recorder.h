/* experiments/recorder.h - write what a phase asks to be recorded: activity/<phase>.<region>.<variable>.h5. */
#ifndef CAL_EXPERIMENTS_RECORDER_H
#define CAL_EXPERIMENTS_RECORDER_H

#include "experiments/sim.h"

/* Open the reports that the hosted regions need in the current segment: new files, or existing ones that go on after the frames that
 * the host has recorded so far (what stands behind them is cut off). Local. Errors: CAL_EIO, CAL_EINPUT. */
int cal_recorder_open(struct cal_sim *s);
/* Append what the region put on `tape`, as its step asks. Local. Errors: CAL_EIO. */
int cal_recorder_append(struct cal_sim *s, struct cal_host *h, struct cal_tape *tape, const struct cal_rep *stimulus);
/* Write what is held, before a checkpoint. Local. */
int cal_recorder_flush(struct cal_sim *s);
/* End of a segment: close the reports; after the phase's last, note beside them what was shown, how often, and a map's shape. Local. */
int cal_recorder_close(struct cal_sim *s);
/* The masters that show all regions' reports of a phase as one file. By one rank, when all have closed theirs. */
int cal_recorder_masters(struct cal_sim *s);

#endif
