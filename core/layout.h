/* core/layout.h - the arrays of a region, declared once.
 *
 * A kind names each array it needs, with shape and role. From that one list come the allocation, the prediction of
 * memory (callosum check) and what a checkpoint saves and loads; so the three cannot drift apart. */
#ifndef CAL_CORE_LAYOUT_H
#define CAL_CORE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#define CAL_DIMS_MAX 4

enum cal_array_role {
    CAL_STATE,   /* what the region has learnt: saved in every checkpoint */
    CAL_TAPE,    /* one presentation's memory of its forward pass: saved when a presentation is in flight */
    CAL_SCRATCH, /* meaningless between two calls: never saved */
};

enum cal_array_type { CAL_F32, CAL_F64, CAL_I64 };

struct cal_array {
    char name[32];
    enum cal_array_role role;
    enum cal_array_type type;
    int n_dims;
    size_t dims[CAL_DIMS_MAX];
    void *where; /* address of the pointer to fill */
};

struct cal_layout {
    struct cal_array *arrays; /* [own] */
    int n, capacity;
    bool allocated;
};

void cal_layout_init(struct cal_layout *l);

/* Declare an array. `where` is filled by cal_layout_alloc(). 1 to 4 dims, ended by 0:
 *   cal_layout_f32(l, CAL_STATE, "weights", &c->weights, (size_t[]){units, hidden, 0}).
 * Names are unique within a layout (asserted). */
void cal_layout_f32(struct cal_layout *l, enum cal_array_role role, const char *name, float **where, const size_t *dims);
void cal_layout_f64(struct cal_layout *l, enum cal_array_role role, const char *name, double **where, const size_t *dims);
void cal_layout_i64(struct cal_layout *l, enum cal_array_role role, const char *name, long **where, const size_t *dims);

void *cal_array_data(const struct cal_array *a);   /* the block that `where` points at */
size_t cal_array_count(const struct cal_array *a); /* values */
size_t cal_array_bytes(const struct cal_array *a); /* rounded up to CAL_ALIGN, as allocated */
size_t cal_layout_bytes(const struct cal_layout *l, enum cal_array_role role);

/* Allocate every declared array, zeroed; free them all and forget the list. */
void cal_layout_alloc(struct cal_layout *l);
void cal_layout_finish(struct cal_layout *l);

#endif
