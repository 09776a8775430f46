/* regions/backprop/backprop.h - a whole convolutional net in one region, trained end to end: what local learning is compared with.
 *
 * The same blocks, the same readout at the end and the same code as a chain of stages (regions/stage); only here the gradient goes through. */
#ifndef CAL_REGIONS_BACKPROP_BACKPROP_H
#define CAL_REGIONS_BACKPROP_BACKPROP_H

#include "regions/layers/net.h"

struct cal_backprop_params {
    struct cal_net_params net;
    struct cal_strings stages; /* channels of each, followed by p where it pools */
};

extern const struct cal_region_ops cal_backprop_ops;

#endif
