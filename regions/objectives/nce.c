/* regions/objectives/nce.c - the rule that both ends share, and an evaluation for onlookers; see nce.h. */
#include "regions/objectives/nce.h"

#include <stddef.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "regions/objectives/contrast.h"

#define AT(field) offsetof(struct cal_nce_rule, field)

static const char *const negatives[] = {"weighted", "uniform", NULL};

const struct cal_param cal_nce_table[] = {
    {.name = "negatives",
     .type = CAL_CHOICE,
     .offset = AT(negatives),
     .value = "weighted",
     .choices = negatives,
     .help = "how negatives are weighted: by how alike the queries of two sequences are, or not at all"},
    {.name = "groups",
     .type = CAL_INT,
     .offset = AT(groups),
     .unit = "1",
     .value = "8",
     .min = 1,
     .max = 16, /* lanes of one vector, nce_fast.c */
     .help = "weighted: sequences are dealt into so many groups that share the weight evenly; a power of two"},
    {.name = "tau",
     .type = CAL_FLOAT,
     .offset = AT(tau),
     .unit = "1",
     .value = "10",
     .min = 0.01,
     .max = 40, /* exp(-2 tau) stays a normal float32 */
     .help = "sharpness: how fast exp(tau e.e') falls with the angle of two codes"},
    {.name = "begin",
     .type = CAL_INT,
     .offset = AT(begin),
     .unit = "frames",
     .value = "4",
     .min = 0,
     .max = 1e9,
     .help = "first frame of a window with a loss: from there on there are predictions"},
    {.name = "chunk",
     .type = CAL_INT,
     .offset = AT(chunk),
     .unit = "frames",
     .value = "8",
     .min = 1,
     .max = 65536,
     .help = "frames that make one update, and so far back-propagation goes"},
    {.name = NULL},
};

bool cal_nce_rule_same(const struct cal_nce_rule *a, const struct cal_nce_rule *b)
{
    return a->negatives == b->negatives && a->groups == b->groups && a->tau == b->tau && a->begin == b->begin && a->chunk == b->chunk;
}

int cal_nce_rule_check(const struct cal_nce_rule *rule, int batch, long window)
{
    if (batch < 2)
        return cal_fail(CAL_EUSAGE, "a contrast needs a batch of at least 2, got %d", batch);
    if (rule->groups & (rule->groups - 1))
        return cal_fail(CAL_EUSAGE, "`groups` has to be a power of two, got %ld", rule->groups);
    if (batch < 2 * rule->groups)
        return cal_fail(CAL_EUSAGE, "`groups`: negatives in %ld groups need a batch of at least %ld, got %d", rule->groups,
                        2 * rule->groups, batch);
    if (!window)
        return cal_fail(CAL_EUSAGE, "codes are predicted in time: expected a stimulus of windows, got one whose samples stand alone");
    if (window % rule->chunk)
        return cal_fail(CAL_EUSAGE, "`chunk`: expected a divisor of the window of %ld frames, got %ld", window, rule->chunk);
    if (rule->begin >= window)
        return cal_fail(CAL_EUSAGE, "`begin`: expected a frame of the window, 0 to %ld, got %ld", window - 1, rule->begin);
    return CAL_OK;
}

int cal_nce_rule_counted(const struct cal_nce_rule *rule, long frame)
{
    long first = frame - frame % rule->chunk, end = first + rule->chunk;
    return (int)(rule->begin <= first ? rule->chunk : rule->begin < end ? end - rule->begin : 0);
}

bool cal_nce_rule_due(const struct cal_nce_rule *rule, long frame)
{
    return frame % rule->chunk == rule->chunk - 1;
}

struct cal_step cal_nce_rule_step(const struct cal_nce_rule *rule, const struct cal_step *s)
{
    struct cal_step update = *s;
    update.learnt = s->learnt / rule->chunk;
    update.learn_total = (s->learn_total + rule->chunk - 1) / rule->chunk;
    return update;
}

struct cal_nce cal_nce_of(const struct cal_nce_rule *rule, int units, int width, int query_width, int batch, float scale)
{
    bool uniform = rule->negatives == CAL_NCE_UNIFORM;
    return (struct cal_nce){.units = units,
                            .width = width,
                            .query_width = uniform ? 0 : query_width,
                            .batch = batch,
                            .pitch = cal_contrast_pitch(batch),
                            .groups = uniform ? 0 : (int)rule->groups,
                            .tau = (float)rule->tau,
                            .scale = scale};
}

/* (B,cols) as (cols,P). [give] */
static float *unit_major(int batch, int cols, const float *rows, int ld, int pitch)
{
    float *out = cal_alloc((size_t)cols * (size_t)pitch * sizeof *out);
    cal_transpose(batch, cols, rows, ld, out, pitch);
    return out;
}

void cal_nce_evaluate(const struct cal_nce_rule *rule, int batch, int units, int width, const float *e, const float *p,
                      const struct cal_rep *sent, struct cal_nce_value *mean)
{
    struct cal_nce c = cal_nce_of(rule, units, width, 0, batch, 0.0f);
    int cols = units * width;
    float *code = unit_major(batch, cols, e, cols, c.pitch), *prediction = unit_major(batch, cols, p, cols, c.pitch);
    float *query = NULL, *temperature = NULL, *rows = cal_alloc(CAL_NCE_ROWS * (size_t)c.pitch * sizeof *rows);
    if (rule->negatives == CAL_NCE_WEIGHTED) {
        int at = cal_rep_find(sent->spec, "query");
        c.query_width = sent->spec->slice[at].cols / units;
        query = unit_major(batch, sent->spec->slice[at].cols, sent->data[at], sent->ld[at], c.pitch);
        temperature = cal_alloc((size_t)units * sizeof *temperature);
        cal_rep_pack(sent, cal_rep_find(sent->spec, "temperature"), temperature);
    }
    c.e = code;
    c.p = prediction;
    c.query = query;
    c.temperature = temperature;
    c.rows = rows;
    cal_nce_measure(&c, mean);
    mean->loss /= (double)batch * units;
    mean->control /= (double)batch * units;
    float *mine[] = {code, prediction, query, temperature, rows};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}
