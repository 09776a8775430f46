/* core/rep.c - see rep.h. */
#include "core/rep.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"

struct cal_slice *cal_rep_spec_add(struct cal_rep_spec *s, const char *name, int cols)
{
    CAL_ASSERT(s->n < CAL_SLICES_MAX && cols > 0 && strlen(name) < sizeof s->slice->name);
    struct cal_slice *slice = &s->slice[s->n++];
    memset(slice, 0, sizeof *slice);
    snprintf(slice->name, sizeof slice->name, "%s", name);
    slice->cols = cols;
    return slice;
}

int cal_rep_find(const struct cal_rep_spec *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->slice[i].name, name))
            return i;
    return -1;
}

int cal_slice_rows(const struct cal_rep_spec *s, int i)
{
    return s->slice[i].shared ? 1 : s->rows;
}

size_t cal_rep_spec_floats(const struct cal_rep_spec *s)
{
    size_t n = 0;
    for (int i = 0; i < s->n; i++)
        n += (size_t)cal_slice_rows(s, i) * (size_t)s->slice[i].cols;
    return n;
}

void cal_rep_pack(const struct cal_rep *r, int i, float *out)
{
    size_t cols = (size_t)r->spec->slice[i].cols;
    int rows = cal_slice_rows(r->spec, i);
    if ((size_t)r->ld[i] == cols) {
        memcpy(out, r->data[i], (size_t)rows * cols * sizeof *out);
        return;
    }
    for (int b = 0; b < rows; b++)
        memcpy(out + (size_t)b * cols, r->data[i] + (size_t)b * (size_t)r->ld[i], cols * sizeof *out);
}

static size_t slice_floats(const struct cal_rep_spec *s, int i)
{
    return (size_t)cal_slice_rows(s, i) * (size_t)s->slice[i].cols;
}

void cal_rep_pack_all(const struct cal_rep *r, float *out)
{
    for (int i = 0; i < r->spec->n; i++) {
        cal_rep_pack(r, i, out);
        out += slice_floats(r->spec, i);
    }
}

void cal_rep_point(struct cal_rep *r, const float *packed)
{
    for (int i = 0; i < r->spec->n; i++) {
        r->data[i] = packed;
        r->ld[i] = r->spec->slice[i].cols;
        packed += slice_floats(r->spec, i);
    }
}
