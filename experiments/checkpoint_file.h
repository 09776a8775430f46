/* experiments/checkpoint_file.h - one region's file in a set: for checkpoint_set.c alone. */
#ifndef CAL_EXPERIMENTS_CHECKPOINT_FILE_H
#define CAL_EXPERIMENTS_CHECKPOINT_FILE_H

#include "experiments/checkpoint.h"
#include "experiments/metrics.h"

/* in_segment: the run is within the timeline, so that messages may be in flight. Local. Errors: CAL_EIO. */
int cal_checkpoint_write_file(struct cal_sim *s, struct cal_host *h, const char *path, bool in_segment);
/* Sets s->at too. Local. Errors: CAL_EINPUT. */
int cal_checkpoint_read_file(struct cal_sim *s, struct cal_host *h, const char *path, struct cal_position *at, long *metrics_bytes);

#endif
