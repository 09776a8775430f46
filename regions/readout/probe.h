/* regions/readout/probe.h - the way back through a readout of classes, for the experimenter alone (regions/probe.h). */
#ifndef CAL_REGIONS_READOUT_PROBE_H
#define CAL_REGIONS_READOUT_PROBE_H

#include "regions/probe.h"

extern const struct cal_probe cal_readout_probe;

#endif
