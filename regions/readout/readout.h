/* regions/readout/readout.h - reads classes from the activity of others, with weights that only grow and shrink.
 *
 *     p = softmax(V h), V >= 0 (C,H), h of all that drives it side by side, in region order
 * `delta`: log V_ci += rate mean_B (y_c - p_c) h_i: what a synapse sees, and how wrong its unit was. `perturbation`: log V is shaken both ways by
 * noise, and moves against it by the difference in loss, one number for all weights. Both keep signs (regions/populations). Sends p; that is a context of
 * those who drive it. Context: the labels of the stimulus.
 *
 * Let it come first in the file: its draws are keyed by its number, which then does not depend on how many regions drive it. */
#ifndef CAL_REGIONS_READOUT_READOUT_H
#define CAL_REGIONS_READOUT_READOUT_H

#include "regions/region.h"

enum cal_reader_rule { CAL_DELTA, CAL_PERTURBATION };

struct cal_reader_params {
    long classes;
    int rule; /* enum cal_reader_rule */
    double rate, last;
    double spread; /* of the perturbation, standard deviation of log V */
};

struct cal_reader {
    struct cal_region base;
    int units;              /* H, of all that drive it */
    float *v;               /* "V" (C,H) */
    float *label;           /* (B) scratch */
    float *error;           /* (B,C) scratch: p - y, over B */
    float *change;          /* (C,H) scratch: the step of log V, or its noise */
    float *shaken, *logits; /* (C,H), (B,C) scratch: V with noise, and what it reads; perturbation only */
};

struct cal_reader_tape {
    float *h;      /* (B,H) */
    float *logits; /* (B,C) */
};

extern const struct cal_region_ops cal_readout_ops;

#endif
