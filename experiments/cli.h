/* experiments/cli.h - the command line of build/callosum. */
#ifndef CAL_EXPERIMENTS_CLI_H
#define CAL_EXPERIMENTS_CLI_H

#include <stdbool.h>

#include "analysis/robustness.h"
#include "experiments/sim.h"

struct cal_cli {
    const char *command; /* run, check, ... */
    const char *path;    /* experiment file, or run directory */
    const char *out;     /* --out */
    bool resume, single;
    double max_time_s; /* 0: none */
    int ranks;         /* --ranks, 0: one a region */
    enum cal_place place;
    struct cal_overrides overrides;
    struct cal_robust_options robust;
    const char **sets; /* [own] what overrides.sets points at */
};

/* Parse. Local. Prints help or the version to standard output where asked for: *done is then true and there is nothing more to do.
 * Errors: CAL_EUSAGE. cal_cli_finish() is due in any case. */
int cal_cli_parse(struct cal_cli *c, int argc, char **argv, bool *done);
void cal_cli_finish(struct cal_cli *c);

#endif
