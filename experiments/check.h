/* experiments/check.h - `callosum check`: what an experiment would take, without running it. */
#ifndef CAL_EXPERIMENTS_CHECK_H
#define CAL_EXPERIMENTS_CHECK_H

#include "experiments/cli.h"

/* Validate everything and print regions, ranks, parameters, memory a rank, bytes a step and projection, size of the dumps. Local. Errors: as for
 * a run, noted. */
int cal_check(const struct cal_cli *c, const struct cal_experiment *e);

#endif
