/* regions/layers/mlp.c - see mlp.h. */
#include "regions/layers/mlp.h"

#include <string.h>

#include "core/kernels.h"
#include "regions/layers/bank.h"
#include "regions/layers/layers.h"

void cal_mlp_declare(struct cal_mlp *k, int inputs, int hidden, int outputs, int rows, struct cal_layout *l, struct cal_optim *o)
{
    size_t d = (size_t)inputs, h = (size_t)hidden, n = (size_t)outputs;
    k->inputs = inputs;
    k->hidden = hidden;
    k->outputs = outputs;
    cal_layout_f32(l, CAL_STATE, "w1", &k->w1, (size_t[]){h, d, 0});
    cal_layout_f32(l, CAL_STATE, "b1", &k->b1, (size_t[]){h, 0});
    cal_layout_f32(l, CAL_STATE, "w2", &k->w2, (size_t[]){n, h, 0});
    cal_layout_f32(l, CAL_STATE, "b2", &k->b2, (size_t[]){n, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w1.g", &k->g_w1, (size_t[]){h, d, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b1.g", &k->g_b1, (size_t[]){h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w2.g", &k->g_w2, (size_t[]){n, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b2.g", &k->g_b2, (size_t[]){n, 0});
    cal_layout_f32(l, CAL_SCRATCH, "hidden.d", &k->d_hidden, (size_t[]){(size_t)rows, h, 0});
    cal_optim_add(o, l, "w1", &k->w1, &k->g_w1, h * d);
    cal_optim_add(o, l, "b1", &k->b1, &k->g_b1, h);
    cal_optim_add(o, l, "w2", &k->w2, &k->g_w2, n * h);
    cal_optim_add(o, l, "b2", &k->b2, &k->g_b2, n);
}

void cal_mlp_declare_tape(const struct cal_mlp *k, struct cal_mlp_tape *t, int rows, struct cal_layout *l)
{
    size_t n = (size_t)rows, h = (size_t)k->hidden;
    cal_layout_f32(l, CAL_TAPE, "x", &t->x, (size_t[]){n, (size_t)k->inputs, 0});
    cal_layout_f32(l, CAL_TAPE, "hidden", &t->hidden, (size_t[]){n, h, 0});
    cal_layout_f32(l, CAL_TAPE, "w2", &t->w2, (size_t[]){(size_t)k->outputs, h, 0});
}

void cal_mlp_init(struct cal_mlp *k, uint32_t seed, int owner)
{
    size_t h = (size_t)k->hidden;
    cal_xavier(seed, owner, 0, k->inputs, k->hidden, 0, k->w1, h * (size_t)k->inputs);
    cal_xavier(seed, owner, 1, k->hidden, k->outputs, 0, k->w2, h * (size_t)k->outputs);
}

void cal_mlp_forward(const struct cal_mlp *k, struct cal_mlp_tape *t, int rows, float *y)
{
    cal_gemm(false, true, rows, k->hidden, k->inputs, 1, t->x, k->inputs, k->w1, k->inputs, 0, t->hidden, k->hidden);
    cal_leaky_read(rows, k->hidden, t->hidden, k->b1);
    cal_gemm(false, true, rows, k->outputs, k->hidden, 1, t->hidden, k->hidden, k->w2, k->hidden, 0, y, k->outputs);
    cal_bias_add(rows, k->outputs, y, k->b2);
    memcpy(t->w2, k->w2, (size_t)k->outputs * (size_t)k->hidden * sizeof *t->w2);
}

void cal_mlp_backward(struct cal_mlp *k, struct cal_mlp_tape *t, int rows, const float *dy)
{
    cal_gemm(true, false, k->outputs, k->hidden, rows, 1, dy, k->outputs, t->hidden, k->hidden, 0, k->g_w2, k->hidden);
    cal_bias_back(rows, k->outputs, dy, k->g_b2);
    cal_gemm(false, false, rows, k->hidden, k->outputs, 1, dy, k->outputs, t->w2, k->hidden, 0, k->d_hidden, k->hidden);
    cal_leaky_back(rows, k->hidden, t->hidden, k->d_hidden, k->g_b1);
    cal_gemm(true, false, k->hidden, k->inputs, rows, 1, t->hidden, k->hidden, t->x, k->inputs, 0, k->g_w1, k->inputs);
}
