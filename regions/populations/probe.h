/* regions/populations/probe.h - the way back through populations, for the experimenter alone (regions/probe.h).
 *
 * Exact, it is 0 wherever a unit is silent, which hides from attacks what would wake it. The smooth stand-in is phi(log(1 + exp(z))) in place of
 * phi(max(z, 0)): of nine that were tried on trained networks the one that misled them most. */
#ifndef CAL_REGIONS_POPULATIONS_PROBE_H
#define CAL_REGIONS_POPULATIONS_PROBE_H

#include "regions/probe.h"

extern const struct cal_probe cal_populations_probe;

#endif
