/* regions/predictive_cortex/column.c - see column.h. */
#include "regions/predictive_cortex/column.h"

#include <stdio.h>
#include <string.h>

#include "core/kernels.h"
#include "core/product.h"
#include "core/rng.h"
#include "regions/layers/bank.h"
#include "regions/layers/direction.h"
#include "regions/layers/layers.h"

enum { MATRICES = 8 }; /* numbers of matrices that a column may draw */

struct name {
    char text[sizeof((struct cal_array *)0)->name];
};

/* "w1.3", or "w1.3.g". */
static struct name name_of(const char *what, int number, const char *suffix)
{
    struct name n;
    snprintf(n.text, sizeof n.text, "%s.%d%s", what, number, suffix);
    return n;
}

void cal_column_declare(struct cal_column *c, const struct cal_column_shape *shape, int number, const struct cal_optim_params *optimiser,
                        struct cal_layout *l)
{
    size_t u = (size_t)shape->units, d = (size_t)shape->width, h = (size_t)shape->hidden, e = (size_t)shape->encoder;
    size_t r = (size_t)shape->recurrent, rows = (size_t)shape->rows;
    const struct {
        const char *name;
        float **w, **g;
        size_t dims[4];
    } part[] = {
        {"w1", &c->w1, &c->g_w1, {(size_t)shape->inputs, h}},
        {"b1", &c->b1, &c->g_b1, {h}},
        {"w2", &c->w2, &c->g_w2, {h, u, e}},
        {"b2", &c->b2, &c->g_b2, {u, e}},
        {"w3", &c->w3, &c->g_w3, {u, d, e}},
        {"b3", &c->b3, &c->g_b3, {u, d}},
        {"wo", &c->wo, &c->g_wo, {u, d, r}},
        {"bo", &c->bo, &c->g_bo, {u, d}},
    };
    c->shape = shape;
    cal_optim_init(&c->optim, optimiser);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        size_t n = 1;
        for (const size_t *dim = part[i].dims; *dim; dim++)
            n *= *dim;
        cal_layout_f32(l, CAL_STATE, name_of(part[i].name, number, "").text, part[i].w, part[i].dims);
        cal_layout_f32(l, CAL_STATE, name_of(part[i].name, number, ".g").text, part[i].g, part[i].dims);
        cal_optim_add(&c->optim, l, name_of(part[i].name, number, "").text, part[i].w, part[i].g, n);
    }
    cal_gru_declare(&c->gru, shape->units, shape->memory, shape->recurrent, shape->rows, shape->frames, name_of("", number, "").text, l,
                    &c->optim);
    cal_layout_f32(l, CAL_SCRATCH, name_of("hidden", number, ".d").text, &c->d_hidden, (size_t[]){rows, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, name_of("encoder", number, ".d").text, &c->d_encoder, (size_t[]){rows, u * e, 0});
    cal_layout_f32(l, CAL_SCRATCH, name_of("w2", number, ".turned").text, &c->turned, (size_t[]){u * e, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, name_of("bias", number, ".g").text, &c->g_bias, (size_t[]){h > u * e ? h : u * e, 0});
}

void cal_column_declare_tape(const struct cal_column_shape *shape, struct cal_column_tape *t, int number, struct cal_layout *l)
{
    size_t u = (size_t)shape->units, rows = (size_t)shape->rows;
    size_t codes = u * (size_t)shape->width;
    cal_layout_f32(l, CAL_TAPE, name_of("hidden", number, "").text, &t->hidden, (size_t[]){rows, (size_t)shape->hidden, 0});
    cal_layout_f32(l, CAL_TAPE, name_of("encoder", number, "").text, &t->encoder, (size_t[]){rows, u * (size_t)shape->encoder, 0});
    cal_layout_f32(l, CAL_TAPE, name_of("e", number, "").text, &t->e, (size_t[]){rows, codes, 0});
    cal_layout_f32(l, CAL_TAPE, name_of("p", number, "").text, &t->p, (size_t[]){rows, codes, 0});
    cal_layout_f32(l, CAL_TAPE, name_of("e", number, ".inverse").text, &t->e_inverse, (size_t[]){rows, u, 0});
    cal_layout_f32(l, CAL_TAPE, name_of("p", number, ".inverse").text, &t->p_inverse, (size_t[]){rows, u, 0});
}

void cal_column_init(struct cal_column *c, uint32_t seed, int number_of_all)
{
    const struct cal_column_shape *s = c->shape;
    const struct {
        float *w;
        int of, in, out; /* so many matrices, each of them from `in` to `out` values */
    } part[] = {
        {c->w1, 1, s->inputs, s->hidden},
        {c->w2, s->units, s->hidden, s->encoder},
        {c->w3, s->units, s->encoder, s->width},
        {c->gru.wx, s->units, s->memory, 3 * s->recurrent},
        {c->gru.wh, s->units, s->recurrent, 3 * s->recurrent},
        {c->wo, s->units, s->recurrent, s->width},
    };
    for (int i = 0; i < (int)(sizeof part / sizeof *part); i++)
        cal_xavier(seed, CAL_OWNER_SHARED, number_of_all * MATRICES + i, part[i].in, part[i].out, 0, part[i].w,
                   (size_t)part[i].of * (size_t)part[i].in * (size_t)part[i].out);
}

void cal_column_encode(struct cal_column *c, struct cal_column_tape *t, const float *x)
{
    const struct cal_column_shape *s = c->shape;
    int ue = s->units * s->encoder;
    cal_panels_read(s->rows, s->inputs, s->hidden, x, c->w1, t->hidden);
    cal_leaky_read(s->rows, s->hidden, t->hidden, c->b1);
    cal_product(false, s->rows, ue, s->hidden, t->hidden, s->hidden, c->w2, ue, false, t->encoder, ue);
    cal_leaky_read(s->rows, ue, t->encoder, c->b2);
    cal_direction_read(s->rows, s->units, s->width, s->encoder, t->encoder, c->w3, c->b3, t->e, t->e_inverse);
}

void cal_column_predict(struct cal_column *c, struct cal_column_tape *t, int k, const float *memory)
{
    const struct cal_column_shape *s = c->shape;
    const float *h = cal_gru_step(&c->gru, k, memory);
    cal_direction_read(s->rows, s->units, s->width, s->recurrent, h, c->wo, c->bo, t->p, t->p_inverse);
}

void cal_column_clear(struct cal_column *c)
{
    size_t states = (size_t)c->shape->frames * (size_t)c->shape->rows * (size_t)c->shape->units * (size_t)c->shape->recurrent;
    float *const summed[] = {c->g_w1, c->g_b1, c->g_w2, c->g_b2, c->g_w3, c->g_b3, c->g_wo, c->g_bo};
    for (size_t i = 0; i < sizeof summed / sizeof *summed; i++)
        memset(summed[i], 0, c->optim.part[i].n * sizeof(float));
    memset(c->gru.dh, 0, states * sizeof(float));
}

/* Back through LeakyReLU as cal_leaky_back does it, but the bias's gradient is added to. */
static void leaky_back(const struct cal_column *c, int n, float *activity, const float *d, float *g_bias)
{
    cal_leaky_back(c->shape->rows, n, activity, d, c->g_bias);
    cal_axpy((size_t)n, 1, c->g_bias, g_bias);
}

void cal_column_gather(struct cal_column *c, struct cal_column_tape *t, int k, const float *x, float *de, float *dp)
{
    const struct cal_column_shape *s = c->shape;
    size_t state = (size_t)s->rows * (size_t)s->units * (size_t)s->recurrent;
    int ue = s->units * s->encoder;
    cal_direction_back(s->rows, s->units, s->width, s->recurrent, c->gru.h + (size_t)(k + 1) * state, c->wo, t->p, t->p_inverse, dp,
                       c->gru.dh + (size_t)k * state, c->g_wo, c->g_bo);
    cal_direction_back(s->rows, s->units, s->width, s->encoder, t->encoder, c->w3, t->e, t->e_inverse, de, c->d_encoder, c->g_w3, c->g_b3);
    leaky_back(c, ue, t->encoder, c->d_encoder, c->g_b2);
    cal_product(true, s->hidden, ue, s->rows, t->hidden, s->hidden, t->encoder, ue, true, c->g_w2, ue);
    cal_transpose(s->hidden, ue, c->w2, ue, c->turned, s->hidden);
    cal_product(false, s->rows, s->hidden, ue, t->encoder, ue, c->turned, s->hidden, false, c->d_hidden, s->hidden);
    leaky_back(c, s->hidden, t->hidden, c->d_hidden, c->g_b1);
    cal_panels_back(s->rows, s->inputs, s->hidden, x, t->hidden, c->g_w1);
}

void cal_column_update(struct cal_column *c, int first, const float *memory, const struct cal_step *s)
{
    cal_gru_back(&c->gru, first, c->shape->frames - 1, memory);
    cal_optim_update(&c->optim, s);
}
