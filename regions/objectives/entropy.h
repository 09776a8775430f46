/* regions/objectives/entropy.h - the matrix-based Renyi entropy of a batch of representations, and its gradient.
 *
 * With the cosines S of the rows p_i (gram.h) and a kernel of fixed width s = 0.5,
 *     K_ij = exp(-|z_i - z_j|^2 / s) = exp(-(2 / s) (1 - S_ij))        A = K / n, of trace 1, eigenvalues l
 *     H_a(P) = log2(sum l^a) / (1 - a)                                  0 (all alike) to log2 n (all apart)
 * a = 2 needs no eigenvalues: sum l^2 = sum K_ij^2 / n^2. The conditional form takes K_ij = 0 where labels differ, which makes it the joint
 * entropy H(P,Y): less of it is less spread within each class. Values are normalised, H / log2 n, in [0,1].
 *
 * Sources: Giraldo, Rao and Principe 2015, "Measures of Entropy from Data Using Infinitely Divisible Kernels"; as a penalty: Yu, Yu and
 * Principe, arXiv:2102.00533. We differ from the latter in that rows have unit length and the width is fixed: a width taken from each batch
 * either saturates, or spends the gradient on shrinking P. */
#ifndef CAL_REGIONS_OBJECTIVES_ENTROPY_H
#define CAL_REGIONS_OBJECTIVES_ENTROPY_H

#include "core/layout.h"
#include "regions/objectives/gram.h"

#define CAL_ENTROPY_WIDTH 0.5  /* s */
#define CAL_ENTROPY_LEAST 1e-9 /* below this eigenvalue, l^a goes on along its tangent: null eigenvalues have noise for signs */

struct cal_entropy {
    struct cal_gram *gram; /* [borrow] scratch */
    double alpha;          /* a > 0, not 1 */
    /* Only where a is not 2: */
    double *matrix; /* (n,n) A, then its eigenvectors as rows */
    double *values; /* (n) */
    double *work;   /* LAPACK's; then (n,n) dH/dA */
    long *iwork;    /* LAPACK's, which keeps ints in it */
};

/* Declare scratch for batches as `gram` has them. */
void cal_entropy_declare(struct cal_entropy *e, struct cal_gram *gram, double alpha, struct cal_layout *l);
/* *value: the normalised entropy of p (n,d), among all rows or, with label (n), within each label. dp (n,d) += weight times its gradient; weight
 * 0 saves making one. Error: CAL_ENUMERICS where there are no eigenvalues. */
int cal_entropy(struct cal_entropy *e, const float *p, const float *label, double weight, float *dp, double *value);

/* The strict twin: float64, any a by eigenvalues (Jacobi's rotations), every derivative written out. */
struct cal_entropy_twin {
    int rows, cols;
    double alpha;
    const double *p;     /* (n,d) */
    const double *label; /* (n); NULL: all rows count */
    double *dp;          /* (n,d), overwritten */
    double value;
};
void cal_entropy_twin(struct cal_entropy_twin *t);

#endif
