/* analysis/probes.h - the probe of each kind that has one. */
#ifndef CAL_ANALYSIS_PROBES_H
#define CAL_ANALYSIS_PROBES_H

#include "regions/probe.h"

/* NULL: none. */
const struct cal_probe *cal_probe_of(const struct cal_region_ops *kind);

#endif
