/* regions/cortex/cortex.h - units that learn to say of two noisy views the same, and of other things something else.
 *
 * A bank of units y_u(x) over one picture x. What each must tell apart, and how hard, comes as a context from an attention; the objective
 * is regions/objectives/contrast.h, which cortex descends. Method: Tao Liu, arXiv:2005.12826. */
#ifndef CAL_REGIONS_CORTEX_CORTEX_H
#define CAL_REGIONS_CORTEX_CORTEX_H

#include "core/optim.h"
#include "regions/layers/bank.h"
#include "regions/region.h"

struct cal_cortex_params {
    long units, hidden;
    double guard;     /* least share of live units */
    double live_std;  /* live: the code's deviation over the batch is more than this */
    long guard_after; /* learning steps before the guard looks */
    struct cal_optim_params optimiser;
};

struct cal_cortex {
    struct cal_region base;
    struct cal_bank bank;
    struct cal_optim optim;
    bool has_image;                           /* the drive brings the picture as it is, so codes can be recorded */
    float *y1, *y2, *key, *query, *dy1, *dy2; /* (U,P) scratch: unit-major, as the contrast has it */
    float *counted, *tau, *rows;              /* (U,P), (U), scratch of the contrast */
    float *dy;                                /* (2B,U) */
};

extern const struct cal_region_ops cal_cortex_ops;

#endif
