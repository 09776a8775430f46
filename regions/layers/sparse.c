/* regions/layers/sparse.c - see sparse.h; the loops are in sparse_fast.c. */
#include "regions/layers/sparse.h"

#include <string.h>

#include "regions/layers/bank.h"

void cal_sparse_declare(struct cal_sparse *k, int units, int reads, int hidden, struct cal_layout *l, struct cal_optim *o)
{
    size_t u = (size_t)units, h = (size_t)hidden, d = (size_t)reads;
    k->units = units;
    k->reads = reads;
    k->hidden = hidden;
    cal_layout_i64(l, CAL_STATE, "read", &k->read, (size_t[]){u, d, 0});
    cal_layout_f32(l, CAL_STATE, "w1", &k->w1, (size_t[]){u, h, d, 0});
    cal_layout_f32(l, CAL_STATE, "b1", &k->b1, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_STATE, "w2", &k->w2, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_STATE, "b2", &k->b2, (size_t[]){u, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w1.g", &k->g_w1, (size_t[]){u, h, d, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b1.g", &k->g_b1, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "w2.g", &k->g_w2, (size_t[]){u, h, 0});
    cal_layout_f32(l, CAL_SCRATCH, "b2.g", &k->g_b2, (size_t[]){u, 0});
    cal_optim_add(o, l, "w1", &k->w1, &k->g_w1, u * h * d);
    cal_optim_add(o, l, "b1", &k->b1, &k->g_b1, u * h);
    cal_optim_add(o, l, "w2", &k->w2, &k->g_w2, u * h);
    cal_optim_add(o, l, "b2", &k->b2, &k->g_b2, u);
}

void cal_sparse_declare_tape(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, struct cal_layout *l)
{
    size_t u = (size_t)k->units, h = (size_t)k->hidden;
    cal_layout_f32(l, CAL_TAPE, "hidden", &t->hidden, (size_t[]){u, h, (size_t)pitch, 0});
    cal_layout_f32(l, CAL_TAPE, "w2", &t->w2, (size_t[]){u, h, 0});
}

void cal_sparse_init(struct cal_sparse *k, uint32_t seed, int owner, int first, int room)
{
    size_t h = (size_t)k->hidden, n = h * (size_t)k->reads;
    for (size_t u = 0; u < (size_t)k->units; u++)
        cal_xavier(seed, owner, 0, k->reads, k->hidden, ((size_t)first + u) * h * (size_t)room, k->w1 + u * n, n);
    cal_xavier(seed, owner, 1, k->hidden, 1, (size_t)first * h, k->w2, (size_t)k->units * h);
}

void cal_sparse_forward(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, float *y)
{
    cal_sparse_read(k, pitch, x, t->hidden, y);
    memcpy(t->w2, k->w2, (size_t)k->units * (size_t)k->hidden * sizeof *t->w2);
}

void cal_sparse_backward(struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, const float *dy)
{
    cal_sparse_back(k, pitch, x, t->w2, dy, t->hidden);
}
