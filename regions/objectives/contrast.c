/* regions/objectives/contrast.c - the shared rule, the masks that both ends draw, and an evaluation for onlookers; see contrast.h. */
#include "regions/objectives/contrast.h"

#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"

#define LANES 16         /* of one vector; contrast_fast.c has the same */
#define NO_CLIP 1e30f    /* no two codes are that far apart */
#define MASKED_CLIP 5.0f /* the masked form's own */

static const char *const negatives[] = {"predictor", "masked", "uniform", NULL};

const struct cal_param cal_contrast_table[] = {
    {.name = "negatives",
     .type = CAL_CHOICE,
     .offset = offsetof(struct cal_contrast_rule, negatives),
     .value = "predictor",
     .choices = negatives,
     .help =
         "how negatives are weighted: by a guess of each unit's code from the others', by keys and queries of masked codes, or not at all"},
    {.name = "mask",
     .type = CAL_FLOAT,
     .offset = offsetof(struct cal_contrast_rule, mask),
     .unit = "1",
     .value = "0.2",
     .min = 0.01,
     .max = 0.9,
     .help = "masked: probability that a unit is hidden in a sample; only hidden ones count"},
    {.name = "groups",
     .type = CAL_INT,
     .offset = offsetof(struct cal_contrast_rule, groups),
     .unit = "1",
     .value = "8",
     .min = 1,
     .max = LANES,
     .help = "masked: samples are dealt into so many groups that share the weight evenly; a power of two"},
    {.name = "clip",
     .type = CAL_FLOAT,
     .offset = offsetof(struct cal_contrast_rule, clip),
     .unit = "1",
     .value = "-1",
     .min = -1,
     .max = 1e6,
     .help = "bound on the distance of two codes; 0: none, below 0: the form's own (5 for masked, none for the others)"},
    {.name = NULL},
};

bool cal_contrast_rule_same(const struct cal_contrast_rule *a, const struct cal_contrast_rule *b)
{
    return a->negatives == b->negatives && a->mask == b->mask && a->groups == b->groups && a->clip == b->clip;
}

int cal_contrast_rule_check(const struct cal_contrast_rule *rule, int batch)
{
    if (batch < 2)
        return cal_fail(CAL_EUSAGE, "a contrast needs a batch of at least 2, got %d", batch);
    if (rule->negatives != CAL_MASKED)
        return CAL_OK;
    if (rule->groups & (rule->groups - 1))
        return cal_fail(CAL_EUSAGE, "`groups` has to be a power of two, got %ld", rule->groups);
    if (batch % rule->groups || batch < 2 * rule->groups)
        return cal_fail(CAL_EUSAGE, "masked negatives in %ld groups need a batch that is a multiple of %ld and at least %ld, got %d",
                        rule->groups, rule->groups, 2 * rule->groups, batch);
    return CAL_OK;
}

int cal_contrast_pitch(int batch)
{
    return (batch + LANES - 1) / LANES * LANES;
}

struct cal_contrast cal_contrast_of(const struct cal_contrast_rule *rule, int units, int batch, float scale)
{
    bool masked = rule->negatives == CAL_MASKED;
    float own = masked ? MASKED_CLIP : NO_CLIP;
    return (struct cal_contrast){.units = units,
                                 .batch = batch,
                                 .pitch = cal_contrast_pitch(batch),
                                 .groups = masked ? (int)rule->groups : 1,
                                 .exclude_self = masked,
                                 .clip = rule->clip < 0   ? own
                                         : rule->clip > 0 ? (float)rule->clip
                                                          : NO_CLIP,
                                 .scale = scale};
}

void cal_contrast_mask(const struct cal_contrast_rule *rule, uint32_t seed, const struct cal_step *s, int unit, int batch, float *out)
{
    struct cal_rng rng = cal_rng_key(seed, CAL_STREAM_MASK, (uint32_t)unit, (uint32_t)s->phase, (uint64_t)s->presentation);
    cal_rng_uniform_fill(&rng, 0, out, (size_t)batch);
    for (int q = 0; q < batch; q++)
        out[q] = out[q] < (float)rule->mask ? 1.0f : 0.0f;
}

/* Slice `name` of the representation, (B,U) or one row, as (U,P); NULL when it has none. [give] */
static float *unit_major(const struct cal_rep *rep, const char *name, int units, int pitch)
{
    int i = cal_rep_find(rep->spec, name);
    if (i < 0)
        return NULL;
    CAL_ASSERT(rep->spec->slice[i].cols == units);
    float *out = cal_alloc((size_t)units * (size_t)pitch * sizeof *out);
    cal_transpose(cal_slice_rows(rep->spec, i), units, rep->data[i], rep->ld[i], out, pitch);
    return out;
}

void cal_contrast_evaluate(const struct cal_contrast_rule *rule, uint32_t seed, const struct cal_step *s, int batch, int units,
                           const float *y1, const float *y2, const struct cal_rep *sent, struct cal_contrast_value *mean)
{
    struct cal_contrast c = cal_contrast_of(rule, units, batch, 0.0f);
    size_t row_bytes = (size_t)c.pitch * sizeof(float), bytes = (size_t)units * row_bytes;
    float *code1 = cal_alloc(bytes), *code2 = cal_alloc(bytes), *counted = NULL;
    cal_transpose(batch, units, y1, units, code1, c.pitch);
    cal_transpose(batch, units, y2, units, code2, c.pitch);
    float *key = unit_major(sent, "key", units, c.pitch), *query = unit_major(sent, "query", units, c.pitch);
    float *guess = unit_major(sent, "guess", units, c.pitch), *tau = cal_alloc((size_t)units * sizeof *tau);
    if (rule->negatives != CAL_UNIFORM)
        cal_rep_pack(sent, cal_rep_find(sent->spec, "tau"), tau);
    if (rule->negatives == CAL_MASKED) {
        counted = cal_alloc(bytes);
        for (int u = 0; u < units; u++)
            cal_contrast_mask(rule, seed, s, u, batch, counted + (size_t)u * (size_t)c.pitch);
    }
    c.y1 = code1;
    c.y2 = code2;
    c.key = key ? key : code1;
    c.query = query ? query : guess ? guess : code1; /* uniform: tau is 0, any will do */
    c.tau = tau;
    c.counted = counted;
    c.rows = cal_alloc(CAL_CONTRAST_ROWS * row_bytes);
    cal_contrast_measure(&c, mean);
    mean->loss /= (double)batch * units;
    mean->control /= (double)batch * units;
    float *mine[] = {code1, code2, key, query, guess, tau, counted, c.rows};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}
