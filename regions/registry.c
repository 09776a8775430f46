/* regions/registry.c - every kind of region there is; see README.md for how to add one. */
#include <string.h>

#include "regions/attention/attention.h"
#include "regions/backprop/backprop.h"
#include "regions/cortex/cortex.h"
#include "regions/global_attention/global_attention.h"
#include "regions/null/null.h"
#include "regions/perceptron/perceptron.h"
#include "regions/predictive_cortex/predictive_cortex.h"
#include "regions/populations/populations.h"
#include "regions/readout/readout.h"
#include "regions/region.h"
#include "regions/stage/stage.h"

const struct cal_region_ops *const cal_region_kinds[] = {
    &cal_null_ops,
    &cal_cortex_ops,
    &cal_attention_ops,
    &cal_stage_ops,
    &cal_backprop_ops,
    &cal_populations_ops,
    &cal_readout_ops,
    &cal_perceptron_ops,
    &cal_global_attention_ops,
    &cal_predictive_cortex_ops,
    NULL,
};

const struct cal_region_ops *cal_region_kind(const char *name)
{
    for (int i = 0; cal_region_kinds[i]; i++)
        if (!strcmp(cal_region_kinds[i]->kind, name))
            return cal_region_kinds[i];
    return NULL;
}
