/* regions/layers/probe.h - the way back through a convolutional net, for the experimenter alone (regions/probe.h). */
#ifndef CAL_REGIONS_LAYERS_PROBE_H
#define CAL_REGIONS_LAYERS_PROBE_H

#include "regions/probe.h"

/* Of the kinds `stage` and `backprop`: exact, ReLU's slope being 0 at 0, and of equal maxima the first in scan order. */
extern const struct cal_probe cal_stage_probe, cal_backprop_probe;

#endif
