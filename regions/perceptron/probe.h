/* regions/perceptron/probe.h - the way back through a network with one hidden layer, for the experimenter alone (regions/probe.h). */
#ifndef CAL_REGIONS_PERCEPTRON_PROBE_H
#define CAL_REGIONS_PERCEPTRON_PROBE_H

#include "regions/probe.h"

extern const struct cal_probe cal_perceptron_probe;

#endif
