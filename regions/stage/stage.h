/* regions/stage/stage.h - one block of a convolutional net that learns from a loss of its own.
 *
 * T = f(map below), learnt by a readout on T itself: cross-entropy (or similarity matching) and, if wanted, a penalty on the entropy of T. No
 * gradient comes from above and none goes below, so stages learn at the same time, one after the other, or each on what the one below sent some
 * steps ago. With `head` the readout looks at T through a convolutional block of its own, so that T need not be linearly separable yet: what helps
 * greedy learning most (Belilovsky et al.). A stage whose phase learns only its head, after one that learns only its statistics, is a random one: the control.
 * Method: Lyu, Wu and Du, arXiv:2510.27651; greedy layer-wise training on auxiliary classifiers: Belilovsky, Eickenberg and Oyallon 2019. */
#ifndef CAL_REGIONS_STAGE_STAGE_H
#define CAL_REGIONS_STAGE_STAGE_H

#include "regions/layers/net.h"

struct cal_stage_params {
    struct cal_net_params net;
    long channels, pool, head;
};

extern const struct cal_region_ops cal_stage_ops;

#endif
