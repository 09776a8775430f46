/* regions/objectives/gram.h - how alike the rows of a batch are: their cosines, and the way back from a gradient in these.
 *
 *     z_i = p_i / (|p_i| + 1e-6)        S = Z Z^T
 * Scaling p changes nothing. A row is like itself, whatever the last bit of S_ii: the diagonal is constant and has no gradient, and those who
 * put an objective on S leave 0 there. S is symmetric: only its lower triangle is made and read.
 *
 * In float64, though p is not. Rows that are nearly alike, a spread u apart, have cosines within u^2 of 1, and a float32 cosine is wrong by 1e-7:
 * with u = 0.005 the gradient of the entropy of order 1.01, which asks for small eigenvalues, was off by a thousandth; and what the rows have in
 * common, 1 / u times what they have not, has to cancel in the way back. */
#ifndef CAL_REGIONS_OBJECTIVES_GRAM_H
#define CAL_REGIONS_OBJECTIVES_GRAM_H

#include "core/layout.h"

#define CAL_GRAM_EPSILON 1e-6 /* added to the norm of a row */

struct cal_gram {
    int rows, cols; /* n, d */
    double *z;      /* (n,d) unit rows */
    double *norm;   /* (n) |p_i| */
    double *s;      /* (n,n) the cosines below the diagonal; an objective puts its gradient in them in their place */
    double *dz;     /* (n,d) */
};

/* Declare all of it as scratch. */
void cal_gram_declare(struct cal_gram *g, int rows, int cols, struct cal_layout *l);
/* z, norm and s of p (n,d). */
void cal_gram_cosines(struct cal_gram *g, const float *p);
/* dp (n,d) += weight times the gradient in p, where s holds the gradient in each cosine S_ij, j < i, as one of a symmetric pair, and 0 on its
 * diagonal. A row of zeros has no direction, and gets none. */
void cal_gram_back(struct cal_gram *g, double weight, float *dp);

/* The loops (gram_fast.c): z and norm of p; dp += what dz means for p. */
void cal_gram_unit_rows(int rows, int cols, const float *p, double *z, double *norm);
void cal_gram_unit_rows_back(int rows, int cols, const double *z, const double *norm, const double *dz, float *dp);
void cal_gram_unit_rows_twin(int rows, int cols, const float *p, double *z, double *norm);
void cal_gram_unit_rows_back_twin(int rows, int cols, const double *z, const double *norm, const double *dz, float *dp);

#endif
