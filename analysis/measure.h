/* analysis/measure.h - the measures of a finished run, from its files alone: used.yml, recorded activity, the last checkpoint. */
#ifndef CAL_ANALYSIS_MEASURE_H
#define CAL_ANALYSIS_MEASURE_H

#define CAL_MEASURES_MAX 256

struct cal_measures {
    int n;
    struct {
        char name[64];
        double value;
    } item[CAL_MEASURES_MAX];
};

/* Compute every measure that applies to the run in `dir` (runs/bhn-patches/minimax/seed-1). A measure that does not apply is left out.
 * Local. Errors: CAL_EINPUT (a file is missing, damaged, or of another stimulus), CAL_EUSAGE (used.yml). */
int cal_measure_run(const char *dir, struct cal_measures *m);

#endif
