/* regions/layers/labels.h - the labels of a context, for the kinds that learn from them. */
#ifndef CAL_REGIONS_LAYERS_LABELS_H
#define CAL_REGIONS_LAYERS_LABELS_H

#include "regions/region.h"

/* label (B), from the context's slice `label`: whole numbers from 0 to classes - 1. Error: CAL_EUSAGE, when one is not. */
int cal_labels_take(const struct cal_rep *context, int classes, float *label);

/* For ops->declare: the region has one context, and it brings a label for each sample. Error: CAL_EUSAGE. */
int cal_labels_check(const struct cal_region *r);

#endif
