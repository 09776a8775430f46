/* regions/layers/sparse.c - see sparse.h; the loops are in sparse_fast.c. */
#include "regions/layers/sparse.h"

#include <string.h>

void cal_sparse_declare(struct cal_sparse *k, int units, int reads, int hidden, struct cal_layout *l, struct cal_optim *o)
{
    cal_layout_i64(l, CAL_STATE, "read", &k->read, (size_t[]){(size_t)units, (size_t)reads, 0});
    cal_bank_declare(&k->bank, units, reads, hidden, l, o);
}

void cal_sparse_declare_tape(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, struct cal_layout *l)
{
    size_t u = (size_t)k->bank.units, h = (size_t)k->bank.hidden;
    cal_layout_f32(l, CAL_TAPE, "hidden", &t->hidden, (size_t[]){u, h, (size_t)pitch, 0});
    cal_layout_f32(l, CAL_TAPE, "w2", &t->w2, (size_t[]){u, h, 0});
}

void cal_sparse_init(struct cal_sparse *k, uint32_t seed, int owner, int first, int room)
{
    size_t h = (size_t)k->bank.hidden, n = h * (size_t)k->bank.inputs;
    for (size_t u = 0; u < (size_t)k->bank.units; u++)
        cal_xavier(seed, owner, 0, k->bank.inputs, k->bank.hidden, ((size_t)first + u) * h * (size_t)room, k->bank.w1 + u * n, n);
    cal_xavier(seed, owner, 1, k->bank.hidden, 1, (size_t)first * h, k->bank.w2, (size_t)k->bank.units * h);
}

void cal_sparse_forward(const struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, float *y)
{
    cal_sparse_read(k, pitch, x, t->hidden, y);
    memcpy(t->w2, k->bank.w2, (size_t)k->bank.units * (size_t)k->bank.hidden * sizeof *t->w2);
}

void cal_sparse_backward(struct cal_sparse *k, struct cal_sparse_tape *t, int pitch, const float *x, const float *dy)
{
    cal_sparse_back(k, pitch, x, t->w2, dy, t->hidden);
}
