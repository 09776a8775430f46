/* regions/predictive_cortex/predictive_cortex.h - columns that code what they see, in time, and predict their codes.
 *
 * A unit's code e of a frame is to be like its guess p, which a recurrent network made of what *all* units had in their caches `lead` frames
 * before, and unlike the codes of other sequences at that frame, which an attention weights (regions/objectives/nce.h). The cache entry of a frame is
 * e where the phase perceives, and p where it does not; where the phase is blind the encoder rests and p stands for e.
 * Method: Tao Liu, "BHN: A Brain-like Heterogeneous Network", arXiv:2005.12826, first version.
 *
 * Drives whose slice is called `cache` are what the guesses are made of, all other drives side by side are what is seen. A window begins with no
 * memory of the one before: for `lead` frames, the delay of the caches, there is no guess (p = 0), and the cache has what is seen.
 * Truncated back-propagation through time goes through a chunk of frames, and stays in the region: a column (column.h) does it all. */
#ifndef CAL_REGIONS_PREDICTIVE_CORTEX_PREDICTIVE_CORTEX_H
#define CAL_REGIONS_PREDICTIVE_CORTEX_PREDICTIVE_CORTEX_H

#include "regions/objectives/nce.h"
#include "regions/predictive_cortex/column.h"
#include "regions/region.h"

#define CAL_COLUMNS_MAX 64 /* in a region */

struct cal_predictive_params {
    long columns, units, width, hidden, encoder, recurrent;
    double guard;     /* largest |mean e| of a unit over a chunk */
    long guard_after; /* learning steps before the guard looks */
    struct cal_optim_params optimiser;
};

struct cal_predictive {
    struct cal_region base;
    int lead;  /* frames */
    int first; /* number of the first column among all that the attention answers for */
    int query; /* values of a query */
    struct cal_column_shape shape;
    struct cal_optim_params optimiser; /* a column's share: its gradient's norm is bounded apart */
    struct cal_column column[CAL_COLUMNS_MAX];
    float *memory;                                         /* (K,B,I) state: what the guesses of the chunk were made of */
    double *code_sum;                                      /* (U,d) state: of e, over the chunk so far, U = all units of the region */
    double *metrics;                                       /* state: as last reported */
    float *e, *p, *de, *dp, *queries, *temperature, *rows; /* (U d,P), (U Q,P), (U) scratch, as the loss has it */
    float *rows_de, *rows_dp;                              /* (B,U d) scratch of one column */
};

extern const struct cal_region_ops cal_predictive_cortex_ops;

#endif
