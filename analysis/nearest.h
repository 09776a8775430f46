/* analysis/nearest.h - the control of learning from little: name what the most similar training picture is called (1-NN). */
#ifndef CAL_ANALYSIS_NEAREST_H
#define CAL_ANALYSIS_NEAREST_H

#include "analysis/dump.h"
#include "analysis/measures.h"

#define CAL_NEAREST_MAX 1000 /* training samples; with more it would not be few, and take long */

/* Adds `accuracy_nearest`: the share of the held-out samples, those of the phase that `accuracy` is of, whose nearest training picture has their label;
 * by squared distance of what regions are shown, of equals the first. Nothing where there are no labels, no such phase, or more training samples.
 * Local. Errors: those of the stimulus. */
int cal_nearest_measure(struct cal_dump *d, struct cal_measures *m);

#endif
