/* regions/attention/forms.c - the networks behind the weights: predictor, masked, and none; see attention.h. */
#include <string.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "regions/attention/attention.h"

/* Predictor: for each unit a small network of its own that guesses the unit's code from all the others'. It may not see the unit itself: that
 * entry of its weights is born 0 and its gradient is set to 0, and so it stays. */

static const char *const predictor_slices[] = {"guess", NULL};

static void blind_to_itself(const struct cal_attention *a, float *w1)
{
    const struct cal_bank *k = &a->bank;
    for (int u = 0; u < k->units; u++)
        for (int h = 0; h < k->hidden; h++)
            w1[((size_t)u * (size_t)k->hidden + (size_t)h) * (size_t)k->inputs + (size_t)(a->own + u)] = 0;
}

/* Number of my first unit among those of all shards. */
static int first_unit(const struct cal_attention *a)
{
    int i = 0;
    while (a->base.drive[i].far)
        i++;
    return a->base.drive[i].unit_offset;
}

static void predictor_declare(struct cal_attention *a)
{
    const struct cal_attention_params *p = a->base.params;
    cal_bank_declare(&a->bank, a->units, a->seen, (int)p->hidden, &a->base.layout, &a->optim);
}

static void predictor_declare_tape(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l)
{
    cal_bank_declare_tape(&a->bank, &t->bank, a->base.batch, l);
}

static void predictor_init(struct cal_attention *a)
{
    int n = 0;
    a->bank.block = a->block = cal_alloc((size_t)a->base.n_drives * sizeof *a->block);
    for (int i = 0; i < a->base.n_drives; i++)
        if (!a->base.drive[i].far)
            a->block[n++] = a->base.drive[i].units;
    cal_bank_init(&a->bank, a->base.seed, a->base.share.hub, first_unit(a));
    blind_to_itself(a, a->bank.w1);
}

static float *predictor_codes(struct cal_attention_tape *t)
{
    return t->bank.x;
}

static void predictor_forward(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t)
{
    (void)s;
    cal_bank_forward(&a->bank, &t->bank, a->base.batch, t->sent);
}

static void predictor_backward(struct cal_attention *a, struct cal_attention_tape *t)
{
    cal_bank_backward(&a->bank, &t->bank, a->base.batch, a->d_sent);
    blind_to_itself(a, a->bank.g_w1);
}

const struct cal_attention_form cal_attention_predictor = {
    .slices = predictor_slices,
    .declare = predictor_declare,
    .declare_tape = predictor_declare_tape,
    .init = predictor_init,
    .codes = predictor_codes,
    .forward = predictor_forward,
    .backward = predictor_backward,
};

/* The same with networks that read `fan_in` values each: units, all others where there are fewer, and mixtures. */

/* How many units each network reads. */
static int reads_of(const struct cal_attention *a)
{
    const struct cal_attention_params *p = a->base.params;
    int others = a->seen - 1, reads = (int)(p->fan_in - p->relay);
    return reads < others ? reads : others;
}

static void sparse_declare(struct cal_attention *a)
{
    const struct cal_attention_params *p = a->base.params;
    int pitch = cal_contrast_pitch(a->base.batch), relay = (int)p->relay;
    cal_sparse_declare(&a->sparse, a->units, reads_of(a) + (relay ? relay + 1 : 0), (int)p->hidden, &a->base.layout, &a->optim);
    if (relay)
        cal_relay_declare(&a->relay, relay, a->seen, a->own, pitch, &a->base.layout, &a->optim);
    cal_layout_f32(&a->base.layout, CAL_SCRATCH, "x", &a->x, (size_t[]){(size_t)(a->seen + relay), (size_t)pitch, 0});
}

static void sparse_declare_tape(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l)
{
    cal_layout_f32(l, CAL_TAPE, "x", &t->y1, (size_t[]){(size_t)a->base.batch, (size_t)a->seen, 0});
    cal_sparse_declare_tape(&a->sparse, &t->sparse, cal_contrast_pitch(a->base.batch), l);
    if (a->relay.values)
        cal_relay_declare_tape(&a->relay, &a->sparse, &t->relay, l);
}

static void sparse_init(struct cal_attention *a)
{
    const struct cal_attention_params *p = a->base.params;
    cal_attention_draw_reads(a, reads_of(a), a->sparse.read);
    cal_sparse_init(&a->sparse, a->base.seed, a->base.share.hub, first_unit(a), (int)p->fan_in + (p->relay > 0));
    if (a->relay.values)
        cal_relay_init(&a->relay, &a->sparse, a->base.seed, a->base.id);
}

static float *plain_codes(struct cal_attention_tape *t)
{
    return t->y1;
}

static void sparse_forward(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t)
{
    (void)s;
    int pitch = cal_contrast_pitch(a->base.batch);
    cal_transpose(a->base.batch, a->seen, t->y1, a->seen, a->x, pitch);
    if (a->relay.values)
        cal_relay_forward(&a->relay, &a->sparse, &t->relay, pitch, a->x);
    cal_sparse_forward(&a->sparse, &t->sparse, pitch, a->x, a->query);
    cal_transpose(a->units, a->base.batch, a->query, pitch, t->sent, a->units);
}

static void sparse_backward(struct cal_attention *a, struct cal_attention_tape *t)
{
    int pitch = cal_contrast_pitch(a->base.batch);
    cal_transpose(a->base.batch, a->seen, t->y1, a->seen, a->x, pitch);
    if (a->relay.values)
        cal_relay_again(&a->relay, &t->relay, pitch, a->x);
    cal_sparse_backward(&a->sparse, &t->sparse, pitch, a->x, a->dquery);
    if (a->relay.values)
        cal_relay_backward(&a->relay, &a->sparse, &t->relay, pitch, a->x, t->sparse.hidden);
}

const struct cal_attention_form cal_attention_sparse = {
    .slices = predictor_slices,
    .declare = sparse_declare,
    .declare_tape = sparse_declare_tape,
    .init = sparse_init,
    .codes = plain_codes,
    .forward = sparse_forward,
    .backward = sparse_backward,
};

/* Masked: one network f for keys, f(y1), and queries, f(y1 with the masked units hidden): 2B rows. */

static const char *const masked_slices[] = {"key", "query", NULL};

static void masked_declare(struct cal_attention *a)
{
    const struct cal_attention_params *p = a->base.params;
    cal_mlp_declare(&a->mlp, a->units, (int)p->widen * a->units, a->units, 2 * a->base.batch, &a->base.layout, &a->optim);
}

static void masked_declare_tape(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l)
{
    cal_mlp_declare_tape(&a->mlp, &t->mlp, 2 * a->base.batch, l);
}

static void masked_init(struct cal_attention *a)
{
    cal_mlp_init(&a->mlp, a->base.seed, a->base.id);
}

static float *masked_codes(struct cal_attention_tape *t)
{
    return t->mlp.x;
}

/* The lower half of x: the codes without what the mask hides, the rest raised by 1 / (1 - its probability). */
static void masked_forward(struct cal_attention *a, const struct cal_step *s, struct cal_attention_tape *t)
{
    const struct cal_contrast_rule *rule = a->base.target[0].rule;
    size_t units = (size_t)a->units, batch = (size_t)a->base.batch, pitch = (size_t)cal_contrast_pitch(a->base.batch);
    const float *y1 = t->mlp.x;
    float *hidden = t->mlp.x + batch * units, raise = 1.0f / (1.0f - (float)rule->mask);
    for (size_t u = 0; u < units; u++)
        cal_contrast_mask(rule, a->base.seed, s, (int)u, a->base.batch, a->counted + u * pitch);
    for (size_t q = 0; q < batch; q++)
        for (size_t u = 0; u < units; u++)
            hidden[q * units + u] = a->counted[u * pitch + q] == 1.0f ? 0.0f : raise * y1[q * units + u];
    cal_mlp_forward(&a->mlp, &t->mlp, 2 * a->base.batch, t->sent);
}

static void masked_backward(struct cal_attention *a, struct cal_attention_tape *t)
{
    cal_mlp_backward(&a->mlp, &t->mlp, 2 * a->base.batch, a->d_sent);
}

const struct cal_attention_form cal_attention_masked = {
    .slices = masked_slices,
    .declare = masked_declare,
    .declare_tape = masked_declare_tape,
    .init = masked_init,
    .codes = masked_codes,
    .forward = masked_forward,
    .backward = masked_backward,
};

/* Uniform: nothing is weighted, sent or learnt. */

static const char *const uniform_slices[] = {NULL};

static void uniform_declare_tape(struct cal_attention *a, struct cal_attention_tape *t, struct cal_layout *l)
{
    cal_layout_f32(l, CAL_TAPE, "y1", &t->y1, (size_t[]){(size_t)a->base.batch, (size_t)a->seen, 0});
}

const struct cal_attention_form cal_attention_uniform = {
    .slices = uniform_slices,
    .declare_tape = uniform_declare_tape,
    .codes = plain_codes,
};
