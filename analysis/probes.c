/* analysis/probes.c - see probes.h. */
#include "analysis/probes.h"

#include "regions/layers/probe.h"
#include "regions/perceptron/probe.h"
#include "regions/populations/probe.h"
#include "regions/readout/probe.h"

static const struct cal_probe *const probes[] = {&cal_stage_probe, &cal_backprop_probe, &cal_perceptron_probe, &cal_populations_probe,
                                                 &cal_readout_probe};

const struct cal_probe *cal_probe_of(const struct cal_region_ops *kind)
{
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        if (probes[i]->kind == kind)
            return probes[i];
    return NULL;
}
