/* regions/null/null.h - the identity: passes on what drives it, and counts what it got. The template for new kinds. */
#ifndef CAL_REGIONS_NULL_NULL_H
#define CAL_REGIONS_NULL_NULL_H

#include "regions/region.h"

extern const struct cal_region_ops cal_null_ops;

#endif
