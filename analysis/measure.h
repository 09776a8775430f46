/* analysis/measure.h - the measures of a finished run, from its files alone: used.yml, recorded activity, the last checkpoint. */
#ifndef CAL_ANALYSIS_MEASURE_H
#define CAL_ANALYSIS_MEASURE_H

#include "analysis/measures.h"

/* Compute every measure that applies to the run in `dir` (runs/bhn-patches/minimax/seed-1). A measure that does not apply is left out.
 * Those that come from whole matrices leave these in the run's figures/ (analysis/information.h).
 * Local. Errors: CAL_EINPUT (a file is missing, damaged, or of another stimulus), CAL_EUSAGE (used.yml), CAL_ENUMERICS, CAL_EIO. */
int cal_measure_run(const char *dir, struct cal_measures *m);

#endif
