/* core/layout.c - see layout.h. */
#include "core/layout.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

void cal_layout_init(struct cal_layout *l)
{
    memset(l, 0, sizeof *l);
}

static void add(struct cal_layout *l, enum cal_array_role role, enum cal_array_type type, const char *name, void *where, const size_t *dims)
{
    CAL_ASSERT(!l->allocated && strlen(name) < sizeof l->arrays->name);
    for (int i = 0; i < l->n; i++)
        CAL_ASSERT(strcmp(l->arrays[i].name, name) != 0);
    if (l->n == l->capacity) {
        int capacity = l->capacity ? 2 * l->capacity : 16;
        struct cal_array *more = cal_alloc((size_t)capacity * sizeof *more);
        if (l->n)
            memcpy(more, l->arrays, (size_t)l->n * sizeof *more);
        cal_free(l->arrays);
        l->arrays = more;
        l->capacity = capacity;
    }
    struct cal_array *a = &l->arrays[l->n++];
    snprintf(a->name, sizeof a->name, "%s", name);
    a->role = role;
    a->type = type;
    a->where = where;
    while (dims[a->n_dims]) {
        CAL_ASSERT(a->n_dims < CAL_DIMS_MAX);
        a->dims[a->n_dims] = dims[a->n_dims];
        a->n_dims++;
    }
    CAL_ASSERT(a->n_dims > 0);
}

void cal_layout_f32(struct cal_layout *l, enum cal_array_role role, const char *name, float **where, const size_t *dims)
{
    add(l, role, CAL_F32, name, where, dims);
}

void cal_layout_f64(struct cal_layout *l, enum cal_array_role role, const char *name, double **where, const size_t *dims)
{
    add(l, role, CAL_F64, name, where, dims);
}

void cal_layout_i64(struct cal_layout *l, enum cal_array_role role, const char *name, long **where, const size_t *dims)
{
    add(l, role, CAL_I64, name, where, dims);
}

void *cal_array_data(const struct cal_array *a)
{
    void *block;
    memcpy(&block, a->where, sizeof block);
    return block;
}

size_t cal_array_count(const struct cal_array *a)
{
    size_t n = 1;
    for (int d = 0; d < a->n_dims; d++)
        n *= a->dims[d];
    return n;
}

size_t cal_array_bytes(const struct cal_array *a)
{
    size_t bytes = cal_array_count(a) * (a->type == CAL_F32 ? sizeof(float) : sizeof(double));
    return (bytes + CAL_ALIGN - 1) / CAL_ALIGN * CAL_ALIGN;
}

size_t cal_layout_bytes(const struct cal_layout *l, enum cal_array_role role)
{
    size_t bytes = 0;
    for (int i = 0; i < l->n; i++)
        if (l->arrays[i].role == role)
            bytes += cal_array_bytes(&l->arrays[i]);
    return bytes;
}

void cal_layout_alloc(struct cal_layout *l)
{
    CAL_ASSERT(!l->allocated);
    for (int i = 0; i < l->n; i++) {
        void *block = cal_alloc(cal_array_bytes(&l->arrays[i]));
        memcpy(l->arrays[i].where, &block, sizeof block);
    }
    l->allocated = true;
}

void cal_layout_finish(struct cal_layout *l)
{
    for (int i = 0; l->allocated && i < l->n; i++) {
        cal_free(cal_array_data(&l->arrays[i]));
        memset(l->arrays[i].where, 0, sizeof(void *));
    }
    cal_free(l->arrays);
    cal_layout_init(l);
}
