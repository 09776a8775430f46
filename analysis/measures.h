/* analysis/measures.h - a list of measures by name: what every family of them adds to. */
#ifndef CAL_ANALYSIS_MEASURES_H
#define CAL_ANALYSIS_MEASURES_H

#define CAL_MEASURES_MAX 1024

struct cal_measures {
    int n;
    struct {
        char name[128];
        double value;
    } item[CAL_MEASURES_MAX];
};

/* One more, under a name made as by printf; one that is no number does not apply, and is left out. */
void cal_measures_add(struct cal_measures *m, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
