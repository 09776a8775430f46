/* tests/attention_star.h - a small star and what it sees, for the tests of the attention. */
#ifndef CAL_TESTS_ATTENTION_STAR_H
#define CAL_TESTS_ATTENTION_STAR_H

#include "tests/star.h"

enum { B = 32, D = 12, U = 5 };

static inline struct star_setup setup_of(const struct cal_contrast_rule *rule, double rate)
{
    return (struct star_setup){.cortices = 2,
                               .units = {3, 2},
                               .batch = B,
                               .inputs = D,
                               .hidden = 8,
                               .seed = 5,
                               .rate = rate,
                               .momentum = 0.9,
                               .decay = 1e-3,
                               .learn_total = 1000,
                               .rule = *rule};
}

/* Pictures of three hidden causes each, and two noisy views. */
static inline void look(float image[B * D], float view1[B * D], float view2[B * D], int which)
{
    float cause[B * 3], pattern[3 * D];
    star_draw(cause, B * 3, 100 + 4 * which, 0, 1);
    star_draw(pattern, 3 * D, 99, 0, 0.7f);
    star_draw(view1, B * D, 101 + 4 * which, 0, 0.2f);
    star_draw(view2, B * D, 102 + 4 * which, 0, 0.2f);
    for (int q = 0; q < B; q++)
        for (int d = 0; d < D; d++) {
            image[q * D + d] = 0;
            for (int i = 0; i < 3; i++)
                image[q * D + d] += cause[q * 3 + i] * pattern[i * D + d];
            view1[q * D + d] += image[q * D + d];
            view2[q * D + d] += image[q * D + d];
        }
}

#endif
