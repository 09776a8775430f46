/* analysis/information_gram.h - information in samples, by the eigenvalues of their Gram matrices; nothing here knows of files or regions.
 *
 * Sources: Giraldo, Rao, Principe 2015, "Measures of Entropy from Data Using Infinitely Divisible Kernels" (entropy, joint entropy);
 * Yu, Yu, Principe, "Deep Deterministic Information Bottleneck", arXiv:2102.00533 (mutual information of layers); Kornblith et al. 2019,
 * "Similarity of Neural Network Representations Revisited", arXiv:1905.00414 (alignment). Differs from the second in the kernel's width,
 * which here goes with the mean squared distance: theirs goes with a distance not squared and saturates.
 *
 * A Gram matrix is (n,n) float64, symmetric, its diagonal 1; row i of two such matrices is the same sample. The order of Renyi's entropy
 * is 1.01 throughout, values are bits, between 0 (all alike) and log2 n (none like any other). */
#ifndef CAL_ANALYSIS_INFORMATION_GRAM_H
#define CAL_ANALYSIS_INFORMATION_GRAM_H

#include <stddef.h>
#include <stdint.h>

#define CAL_INFORMATION_SHUFFLES 3

/* K_ij = exp(-d_ij^2 / (0.5 mean d^2)), d_ij the distance of rows i and j of x (n,cols), the mean over all n^2 pairs: blind to shift,
 * rotation and scale. All ones where all rows are alike. */
void cal_information_rows(const float *x, size_t n, int cols, double *gram);
/* K_ij = 1 where samples i and j have the same label, else 0. */
void cal_information_labels(const float *label, size_t n, double *gram);

/* H(A) = log2(sum_i lambda_i^a) / (1 - a), lambda the eigenvalues of A/n. Error: CAL_ENUMERICS (not finite). */
int cal_information_entropy(const double *gram, size_t n, double *bits);

/* I(A;B) = H(A) + H(B) - H(A o B). Most of it is bias, which grows with both entropies; so never without what it is when the samples of
 * B are given in another order, as a mean over orders. Their difference is what A and B share. */
struct cal_mutual {
    double bits, shuffled;
};
/*   h_a, h_b  H(A) and H(B)
 *   order     [CAL_INFORMATION_SHUFFLES] permutations of 0 ... n-1, one after the other
 * Error: CAL_ENUMERICS. */
int cal_information_mutual(const double *a, double h_a, const double *b, double h_b, size_t n, const uint32_t *order,
                           struct cal_mutual *mutual);

/* Centred kernel alignment <HAH,HBH> / (|HAH| |HBH|), H = I - 1/n: 1 when the samples lie alike in both; NaN when all are alike in one. */
double cal_information_alignment(const double *a, const double *b, size_t n);

#endif
