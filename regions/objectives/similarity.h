/* regions/objectives/similarity.h - similarity matching: samples of one class should be alike, of different classes not.
 *
 *     L = mean_ij (c_ij - y_ij)^2
 * with c the cosines of the representations less their mean over the batch, and y those of the one-hot labels less theirs. A local objective
 * that asks for no classifier of its own.
 * Source: Nokland and Eidnes, "Training Neural Networks with Local Error Signals", arXiv:1901.06656. */
#ifndef CAL_REGIONS_OBJECTIVES_SIMILARITY_H
#define CAL_REGIONS_OBJECTIVES_SIMILARITY_H

#include "core/layout.h"
#include "regions/objectives/gram.h"

struct cal_similarity {
    struct cal_gram *gram; /* [borrow] scratch */
    float *centred;        /* (n,d) p less its mean; then the gradient in it */
    double *mean;          /* (d) */
    double *share;         /* (n) of the batch that has i's label */
};

/* Declare scratch for batches as `gram` has them. */
void cal_similarity_declare(struct cal_similarity *m, struct cal_gram *gram, struct cal_layout *l);
/* L of p (n,d) and label (n); dp (n,d) += weight times its gradient. */
double cal_similarity(struct cal_similarity *m, const float *p, const float *label, double weight, float *dp);

/* The strict twin: float64, one-hot rows written out. */
struct cal_similarity_twin {
    int rows, cols, classes;
    const double *p, *label; /* (n,d), (n) */
    double *dp;              /* (n,d), overwritten */
    double value;
};
void cal_similarity_twin(struct cal_similarity_twin *t);

#endif
