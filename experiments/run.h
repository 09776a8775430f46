/* experiments/run.h - `callosum run`: one variant, one seed, from the folder to the summary. */
#ifndef CAL_EXPERIMENTS_RUN_H
#define CAL_EXPERIMENTS_RUN_H

#include "experiments/cli.h"

/* Run. Collective, over all processes that mpirun started. Returns the exit code; what went wrong has been printed. */
int cal_run(const struct cal_cli *c, int *argc, char ***argv);
/* How many ranks: --ranks, 1 with --single, else one a region. Errors: CAL_EUSAGE for more ranks than regions. */
int cal_run_ranks(const struct cal_cli *c, const struct cal_experiment *e, int *ranks);

#endif
