/* analysis/robustness.h - how well a finished run stands up to changed pictures: all attacks, noise, and pictures made to mislead another run. */
#ifndef CAL_ANALYSIS_ROBUSTNESS_H
#define CAL_ANALYSIS_ROBUSTNESS_H

#include "analysis/attack.h"

/* Those of attack.h, and one more: pgd (bpda, where the other has a threshold) against another run, shown to this one. */
enum { CAL_ROBUST_TRANSFER = CAL_ATTACKS, CAL_ROBUST_COLUMNS };
extern const char *const cal_robust_names[CAL_ROBUST_COLUMNS];

#define CAL_EPS_MAX 16

struct cal_robust_options {
    size_t images; /* how many held-out pictures; all where there are fewer */
    int n_eps;
    double eps[CAL_EPS_MAX];
    const char *from; /* the other run's folder; NULL: no transfer */
};

/* Shares of the pictures that are named rightly. NaN: does not apply. */
struct cal_robustness {
    struct cal_robust_options asked;
    size_t images; /* used */
    double clean;
    struct {
        double right[CAL_ROBUST_COLUMNS];
        double worst; /* right under every one of them, picture by picture */
        double noise; /* under normal noise of standard deviation 2 eps, cut at 0 and 1; no attack */
    } at[CAL_EPS_MAX];
};

/* Attack the run in `dir`. Local. Errors: those of cal_still_open(); CAL_EUSAGE: the other run sees pictures of another size. */
int cal_robustness_measure(const char *dir, const struct cal_robust_options *o, struct cal_robustness *r);
/* DIR/attack.json. Error: CAL_EIO. */
int cal_robustness_write(const char *dir, const struct cal_robustness *r);

#endif
