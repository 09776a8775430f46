/* analysis/adversary_forms.h - the objectives in which one side weights the negatives of others, as adversary.c sees them. */
#ifndef CAL_ANALYSIS_ADVERSARY_FORMS_H
#define CAL_ANALYSIS_ADVERSARY_FORMS_H

#include <stdbool.h>

#include "regions/region.h"

/* Its own units' codes of a presentation, and what it sent. */
struct cal_adversary_turn {
    const struct cal_region *a;
    const struct cal_step *step;
    int units, width;    /* U, components of each */
    const float *own[2]; /* (B, U width), of both variables */
    const struct cal_rep *sent;
};

struct cal_adversary_form {
    const struct cal_param *rule;
    const char *code[2]; /* what it needs of those whose negatives it weights */
    bool (*weights)(const void *rule);
    bool (*counts)(const void *rule, const struct cal_step *s);
    long (*update)(const void *rule); /* presentations that make one */
    double (*gain)(const void *rule, const struct cal_adversary_turn *t);
};

/* Of the objective that the region shares with those that it sends contexts to. NULL: it weights nobody's negatives. */
const struct cal_adversary_form *cal_adversary_form_of(const struct cal_region *a);

#endif
