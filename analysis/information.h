/* analysis/information.h - what the layers of a run share with the world, with the labels and with one another, over training.
 *
 * From the first 256 samples of the recorded layers (analysis/information_moments.h), by analysis/information_gram.h. Nodes are X (what
 * was shown), the layers T_1 ... T_L, and Y (the labels, where there are any). Each mutual information I stands beside the mean over three
 * keyed orders of one side's samples; the difference dI is "debiased". It is not free of bias: it shrinks as the entropies near log2 n.
 *
 * Measures, of the last moment, in bits:
 *   entropy.<layer>                       H(T); entropy.image H(X)
 *   information.<layer>.y                 I(T;Y); .y_shuffled, .y_debiased beside it; information.image.y the same for I(X;Y)
 *   information.<layer>.x                 I(X;T); .x_shuffled, .x_debiased beside it
 *   markov.violation                      the most by which dI(X;T) rises from a layer to the next: 0 in a Markov chain. Only where layers
 *                                         follow one another
 * and, where there are several moments:
 *   cka.<layer>.first                     alignment of the layer at the first moment with itself at the last
 *   cka.<layer>.steps                     steps of learning until nine tenths of the way from there to 1 are done, read between moments
 *   cka.order                             of the pairs of layers that still move, over all moments but the last, the share in which the
 *                                         shallower is nearer to its end
 *
 * DIR/figures/information.h5, for the report; M moments, L layers, N = L + 1 or L + 2 nodes, all float64 but `steps`:
 *   steps (M) int64                       steps of learning before the moment
 *   entropy (M,N)                         H of each node
 *   mutual, shuffled, debiased (M,N,N)    I between nodes, its baseline, dI; the diagonal is I of a node with itself
 *   cka (M,L)                             alignment of each layer with itself at the last moment
 *   progress (M,L)                        share of the way done, (cka - first) / (1 - first); NaN for a layer that does not move
 *   markov (M)                            the violation, as above; NaN where layers do not follow one another
 * Attributes of `mutual`: `nodes` (their names, a blank between; the first is "image", the last "label" where there are labels), `samples`,
 * `shuffles`, `seed`. */
#ifndef CAL_ANALYSIS_INFORMATION_H
#define CAL_ANALYSIS_INFORMATION_H

#include "analysis/dump.h"
#include "analysis/measures.h"

/* Add the measures and write the file; neither where the run recorded no layers. The dump is turned to some other phase. Local.
 * Errors: CAL_EINPUT (activity missing, damaged, or of another stimulus), CAL_ENUMERICS (activity not finite), CAL_EIO. */
int cal_information_measure(struct cal_dump *d, struct cal_measures *measures);

#endif
