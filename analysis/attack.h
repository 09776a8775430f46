/* analysis/attack.h - pictures changed to mislead a finished run.
 *
 * Each value may change by at most eps, and stays between 0 and 1 (L-infinity). Attacks, by the network's own weights (white box):
 *   fgsm         one step of eps along the sign of the gradient of cross-entropy (Goodfellow, Shlens, Szegedy 2015)
 *   pgd          20 steps of 2.5 eps / 20 from a random start (Madry et al. 2018)
 *   margin       the same on the largest wrong logit less the right one (Carlini and Wagner 2017)
 *   bpda, bpda-margin   pgd and margin with the way back going through a smooth stand-in of the threshold, which else hides gradients
 *                (Athalye, Carlini, Wagner 2018); the same as those where no region has a threshold
 * Cross-entropy is that of logits over a scale, else a sure network has no gradient in float32. After the start, the picture with the largest
 * margin counts, of all steps. Random starts are keyed by seed, attack and number of the picture. */
#ifndef CAL_ANALYSIS_ATTACK_H
#define CAL_ANALYSIS_ATTACK_H

#include <stddef.h>

#include "analysis/still.h"

enum cal_attack { CAL_ATTACK_FGSM, CAL_ATTACK_PGD, CAL_ATTACK_MARGIN, CAL_ATTACK_BPDA, CAL_ATTACK_BPDA_MARGIN, CAL_ATTACKS };

/* Change `n` pictures (n,pixels) with labels: `changed` (n,pixels) gets them. `scale`: what logits are divided by. Error: CAL_ENUMERICS. */
int cal_attack_change(struct cal_still *s, enum cal_attack kind, double eps, double scale, size_t n, const float *picture,
                      const float *label, float *changed);
/* Which pictures are named rightly (the first of equal logits counts), and by which margin[n] not: the largest wrong logit less the right one.
 * Error: CAL_ENUMERICS. */
int cal_attack_judge(struct cal_still *s, size_t n, const float *picture, const float *label, bool *right, float *margin);
/* A scale for cross-entropy: the standard deviation of logits about their picture's mean; 1 where all are equal. Error: CAL_ENUMERICS. */
int cal_attack_scale(struct cal_still *s, size_t n, const float *picture, double *scale);

#endif
