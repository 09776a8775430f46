/* experiments/stimuli/recorded_run.h - the folder of a finished run, and which reports there are in it (docs/design.md, "A run directory"). */
#ifndef CAL_EXPERIMENTS_STIMULI_RECORDED_RUN_H
#define CAL_EXPERIMENTS_STIMULI_RECORDED_RUN_H

#include <stdint.h>

/* [give] *dir: `run` itself, or the run of this seed in it. Errors: CAL_EINPUT: not there, or not finished. Local. */
int cal_recorded_run_find(const char *run, uint32_t seed, char **dir);

/* [give] *path of the report of a phase, a region and a variable; `key`: which parameter names the phase. Local.
 * Errors: CAL_EUSAGE: there is none; says what there is, and which name is the nearest. */
int cal_recorded_run_report(const char *dir, const char *key, const char *phase, const char *region, const char *variable, char **path);

#endif
