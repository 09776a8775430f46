/* analysis/weights.h - the synapses of a finished run, as they were born and as they ended, for statistics (analysis/weights.py). */
#ifndef CAL_ANALYSIS_WEIGHTS_H
#define CAL_ANALYSIS_WEIGHTS_H

/* Write DIR/figures/weights.h5. Of each region whose kind says which of its arrays are synapses (regions/probe.h), and each of these arrays:
 *   <region>/<array>.w       values in the newest checkpoint, with attributes `units`, `inputs` (how many a unit could have), and, where inputs
 *                            are those of a map, `channels`, `height`, `width`; there may be twice as many inputs, x and 1 - x
 *   <region>/<array>.first   values at birth, drawn again from the seed
 *   <region>/<array>.unit, .channel, .first_unit, .first_channel   of each value, where not every unit has all inputs
 * and, where regions that nobody taught at that moment recorded their activity on held-out samples, `labels` (frames), and the attributes `phase` and
 * `variable` of the file: which activity that is. Local. Errors: CAL_EINPUT (no checkpoint), CAL_EUSAGE (used.yml; no synapses), CAL_EIO. */
int cal_weights_write(const char *dir);

#endif
