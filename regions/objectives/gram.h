/* regions/objectives/gram.h - how alike the rows of a batch are: their cosines, and the way back from a gradient in these.
 *
 *     z_i = p_i / (|p_i| + 1e-6)        S = Z Z^T
 * Scaling p changes nothing. A row is like itself, whatever the last bit of S_ii: the diagonal is constant and has no gradient, and those who
 * put an objective on S leave 0 there. */
#ifndef CAL_REGIONS_OBJECTIVES_GRAM_H
#define CAL_REGIONS_OBJECTIVES_GRAM_H

#include "core/layout.h"

#define CAL_GRAM_EPSILON 1e-6f /* added to the norm of a row */

struct cal_gram {
    int rows, cols; /* n, d */
    float *z;       /* (n,d) unit rows */
    float *norm;    /* (n) |p_i| */
    float *s;       /* (n,n) the cosines; an objective puts its gradient in them in their place */
    float *dz;      /* (n,d) */
};

/* Declare all of it as scratch. */
void cal_gram_declare(struct cal_gram *g, int rows, int cols, struct cal_layout *l);
/* z, norm and s of p (n,d). */
void cal_gram_cosines(struct cal_gram *g, const float *p);
/* dp (n,d) += weight times the gradient in p, where s holds the gradient in each cosine, symmetric, 0 on its diagonal. A row of zeros has no
 * direction, and gets none. */
void cal_gram_back(struct cal_gram *g, double weight, float *dp);

/* The loops (gram_fast.c): z and norm of p; dp += what dz means for p. */
void cal_gram_unit_rows(int rows, int cols, const float *p, float *z, float *norm);
void cal_gram_unit_rows_back(int rows, int cols, const float *z, const float *norm, const float *dz, float *dp);
void cal_gram_unit_rows_twin(int rows, int cols, const float *p, float *z, float *norm);
void cal_gram_unit_rows_back_twin(int rows, int cols, const float *z, const float *norm, const float *dz, float *dp);

#endif
