/* analysis/adversary_forms.c - see adversary_forms.h. */
#include "analysis/adversary_forms.h"

#include "regions/objectives/contrast.h"
#include "regions/objectives/nce.h"

static bool contrast_weights(const void *rule)
{
    return ((const struct cal_contrast_rule *)rule)->negatives != CAL_UNIFORM;
}

static bool contrast_counts(const void *rule, const struct cal_step *s)
{
    (void)rule, (void)s;
    return true;
}

static long contrast_update(const void *rule)
{
    (void)rule;
    return 1;
}

static double contrast_gain(const void *rule, const struct cal_adversary_turn *t)
{
    struct cal_contrast_value value = {0};
    cal_contrast_evaluate(rule, t->a->seed, t->step, t->a->batch, t->units, t->own[0], t->own[1], t->sent, &value);
    return value.loss - value.control;
}

static bool nce_weights(const void *rule)
{
    return ((const struct cal_nce_rule *)rule)->negatives == CAL_NCE_WEIGHTED;
}

static bool nce_counts(const void *rule, const struct cal_step *s)
{
    return s->frame >= ((const struct cal_nce_rule *)rule)->begin;
}

static long nce_update(const void *rule)
{
    return ((const struct cal_nce_rule *)rule)->chunk;
}

static double nce_gain(const void *rule, const struct cal_adversary_turn *t)
{
    struct cal_nce_value value = {0};
    cal_nce_evaluate(rule, t->a->batch, t->units, t->width, t->own[0], t->own[1], t->sent, &value);
    return value.loss - value.control;
}

static const struct cal_adversary_form forms[] = {
    {cal_contrast_table, {"view1", "view2"}, contrast_weights, contrast_counts, contrast_update, contrast_gain},
    {cal_nce_table, {"e", "p"}, nce_weights, nce_counts, nce_update, nce_gain},
};

const struct cal_adversary_form *cal_adversary_form_of(const struct cal_region *a)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (a->ops->rule == forms[i].rule && a->n_targets > 0)
            return &forms[i];
    return NULL;
}
