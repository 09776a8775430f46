/* analysis/contact.h - the contact sheet: what a run was shown, for the report to draw. */
#ifndef CAL_ANALYSIS_CONTACT_H
#define CAL_ANALYSIS_CONTACT_H

#include "experiments/spec/experiment.h"

/* Write DIR/figures/stimulus.h5, the first batch of the training split as its own noise shows it (experiments/stimuli/dump.h),
 * or, of a world of windows, eight moments of the first window. Local.
 * Errors: CAL_EINPUT, CAL_EUSAGE (the stimulus), CAL_EIO. */
int cal_contact_write(const char *dir, const struct cal_experiment *e);

#endif
