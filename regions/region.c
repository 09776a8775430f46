/* regions/region.c - what every kind would have to check, once; see region.h. */
#include "regions/region.h"

#include <math.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"

struct cal_region *cal_region_create(const struct cal_region_ops *ops)
{
    CAL_ASSERT(ops->size >= sizeof(struct cal_region));
    struct cal_region *r = cal_alloc(ops->size);
    r->ops = ops;
    cal_layout_init(&r->layout);
    return r;
}

void cal_region_destroy(struct cal_region *r)
{
    if (!r)
        return;
    if (r->ops->finish)
        r->ops->finish(r);
    cal_layout_finish(&r->layout);
    cal_free(r);
}

/* The error with the region's name before its message. */
static int in_region(const struct cal_region *r, int error)
{
    return error ? cal_fail_in(error, r->name) : CAL_OK;
}

int cal_region_outputs(struct cal_region *r)
{
    r->out.rows = r->batch;
    return in_region(r, r->ops->outputs(r));
}

int cal_region_declare(struct cal_region *r)
{
    return in_region(r, r->ops->declare(r));
}

void cal_region_init(struct cal_region *r)
{
    cal_layout_alloc(&r->layout);
    if (r->ops->init)
        r->ops->init(r);
}

static void declare_tape(struct cal_tape *t, struct cal_region *r)
{
    memset(t, 0, sizeof *t);
    cal_layout_init(&t->layout);
    if (!r->ops->tape_size)
        return;
    t->kind = cal_alloc(r->ops->tape_size);
    r->ops->declare_tape(r, t->kind, &t->layout);
}

void cal_tape_init(struct cal_tape *t, struct cal_region *r)
{
    declare_tape(t, r);
    cal_layout_alloc(&t->layout);
}

size_t cal_tape_bytes(struct cal_region *r)
{
    struct cal_tape t;
    declare_tape(&t, r);
    size_t bytes = r->ops->tape_size + cal_layout_bytes(&t.layout, CAL_TAPE);
    cal_tape_finish(&t);
    return bytes;
}

void cal_tape_finish(struct cal_tape *t)
{
    cal_layout_finish(&t->layout);
    cal_free(t->kind);
    t->kind = NULL;
}

int cal_region_forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, struct cal_tape *tape,
                       float *const *out)
{
    tape->step = *s;
    tape->live = s->learn;
    int error = r->ops->forward(r, s, drive, tape->kind, out);
    for (int i = 0; !error && i < r->out.n; i++) {
        size_t n = (size_t)cal_slice_rows(&r->out, i) * (size_t)r->out.slice[i].cols;
        if (!cal_all_finite(out[i], n))
            error = cal_fail(CAL_ENUMERICS, "`%s` of presentation %ld holds a number that is infinite or none", r->out.slice[i].name,
                             s->presentation);
    }
    return in_region(r, error);
}

int cal_region_learn(struct cal_region *r, const struct cal_rep *const *context, struct cal_tape *tape, double *metric)
{
    tape->live = false;
    if (!r->ops->learn)
        return CAL_OK;
    int error = r->ops->learn(r, &tape->step, context, tape->kind, metric);
    for (int i = 0; !error && i < cal_region_n_metrics(r); i++)
        if (!isfinite(metric[i]))
            error = cal_fail(CAL_ENUMERICS, "`%s` of presentation %ld is %g", r->ops->metrics[i], tape->step.presentation, metric[i]);
    return in_region(r, error);
}

int cal_region_n_metrics(const struct cal_region *r)
{
    int n = 0;
    while (r->ops->metrics && r->ops->metrics[n])
        n++;
    CAL_ASSERT(n <= CAL_METRICS_MAX);
    return n;
}

int cal_region_variable(const struct cal_region *r, const char *name)
{
    for (int i = 0; i < r->n_variables; i++)
        if (!strcmp(r->variable[i].name, name))
            return i;
    return -1;
}

void cal_region_add_variable(struct cal_region *r, const char *name, const char *unit, int cols)
{
    CAL_ASSERT(r->n_variables < CAL_VARIABLES_MAX && strlen(name) < sizeof r->variable->name && strlen(unit) < sizeof r->variable->unit);
    struct cal_variable *v = &r->variable[r->n_variables++];
    *v = (struct cal_variable){.cols = cols};
    memcpy(v->name, name, strlen(name));
    memcpy(v->unit, unit, strlen(unit));
}
