/* regions/null/null.c - the identity; see null.h. Copy this folder to begin a new kind: every part of a kind is here, in its least form.
 *
 * What it is for besides: the state is a count of what was learnt and a checksum over all that came, drives and contexts, in order. So two
 * runs of null regions end with equal states only if every message arrived, once, in its step, with every bit. */
#include "regions/null/null.h"

#include <stddef.h>

#include "core/err.h"

/* 1. Parameters: a struct, and the table that reads, checks, echoes and documents it. */
struct null_params {
    double gain;
};

static const struct cal_param params[] = {
    {.name = "gain",
     .type = CAL_FLOAT,
     .offset = offsetof(struct null_params, gain),
     .unit = "1",
     .value = "1",
     .min = -1e6,
     .max = 1e6,
     .help = "factor on what is passed on"},
    {.name = NULL},
};

/* 2. The region: the base comes first. Pointers are filled from the layout. */
struct null_region {
    struct cal_region base;
    long *learnt;     /* (1) presentations learnt from */
    double *checksum; /* (1) over what they brought */
};

/* 3. The tape: what one presentation leaves for learning and for recording. */
struct null_tape {
    double *brought; /* (1) checksum of the drives */
    float *state;    /* (B,2) variable 0: learnt and checksum, as they were at the forward pass; the same in each row */
};

/* 4. What it sends: the slices of the first drive whose shape is known. What can be recorded: its state. */
static int outputs(struct cal_region *r)
{
    for (int i = 0; i < r->n_drives && !r->out.n; i++)
        if (r->drive[i].spec.n)
            r->out = r->drive[i].spec;
    if (!r->out.n)
        return cal_fail(CAL_EUSAGE, "passes on its drive, but has none that is known beforehand: it needs one without delay");
    cal_region_add_variable(r, "state", "1", 2);
    return CAL_OK;
}

/* 5. The arrays. State is saved, tapes are saved while in flight, scratch never. */
static int declare(struct cal_region *r)
{
    struct null_region *null = (struct null_region *)r;
    cal_layout_i64(&r->layout, CAL_STATE, "learnt", &null->learnt, (size_t[]){1, 0});
    cal_layout_f64(&r->layout, CAL_STATE, "checksum", &null->checksum, (size_t[]){1, 0});
    return CAL_OK;
}

static void declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    struct null_tape *t = tape;
    cal_layout_f64(l, CAL_TAPE, "brought", &t->brought, (size_t[]){1, 0});
    cal_layout_f32(l, CAL_TAPE, "state", &t->state, (size_t[]){(size_t)r->batch, 2, 0});
}

/* Old sum and all values of the representation; which value stood where counts, by weights between 1 and 2. */
static double add(double sum, const struct cal_rep *rep)
{
    sum = 0.75 * sum + (double)(rep->presentation % 1024);
    for (int i = 0; i < rep->spec->n; i++)
        for (int b = 0; b < cal_slice_rows(rep->spec, i); b++)
            for (int c = 0; c < rep->spec->slice[i].cols; c++)
                sum += (1 + (31 * b + 7 * c + i) % 64 / 64.0) * (double)rep->data[i][(ptrdiff_t)b * rep->ld[i] + c];
    return sum;
}

static bool same_shape(const struct cal_rep_spec *a, const struct cal_rep_spec *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same = a->slice[i].cols == b->slice[i].cols && cal_slice_rows(a, i) == cal_slice_rows(b, i);
    return same;
}

/* 6. The forward pass: from the drives that are due to what is sent, and to the tape. */
static int forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    const struct null_region *null = (const struct null_region *)r;
    const struct null_params *p = r->params;
    struct null_tape *t = tape;
    const struct cal_rep *first = NULL;
    (void)s;
    *t->brought = 0;
    for (int i = 0; i < r->n_drives; i++)
        if (drive[i]) {
            *t->brought = add(*t->brought, drive[i]);
            if (!first && same_shape(drive[i]->spec, &r->out))
                first = drive[i];
        }
    for (int i = 0; i < r->out.n; i++)
        for (int b = 0; b < cal_slice_rows(&r->out, i); b++)
            for (int c = 0, cols = r->out.slice[i].cols; c < cols; c++)
                out[i][(ptrdiff_t)b * cols + c] = first ? (float)p->gain * first->data[i][(ptrdiff_t)b * first->ld[i] + c] : 0.0f;
    for (int b = 0; b < r->batch; b++) {
        t->state[2 * b] = (float)*null->learnt;
        t->state[2 * b + 1] = (float)*null->checksum;
    }
    return CAL_OK;
}

/* 7. Learning, from the tape and the contexts; the metrics' names, the loss first. */
static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct null_region *null = (struct null_region *)r;
    const struct null_tape *t = tape;
    (void)s;
    *null->checksum = 0.5 * *null->checksum + *t->brought;
    for (int i = 0; i < r->n_contexts; i++)
        if (context[i])
            *null->checksum = add(*null->checksum, context[i]);
    ++*null->learnt;
    metric[0] = 0;
    return CAL_OK;
}

static const char *const metrics[] = {"loss", NULL};

/* 8. What is recorded, from the tape. */
static const float *observe(struct cal_region *r, void *tape, int i)
{
    (void)r;
    CAL_ASSERT(i == 0);
    return ((const struct null_tape *)tape)->state;
}

/* 9. The table. takes_drive and takes_context are NULL: whatever comes. No init: all state begins at 0. */
const struct cal_region_ops cal_null_ops = {
    .kind = "null",
    .help = "passes on its first drive; learns nothing, but counts and sums up what it got",
    .params = params,
    .params_size = sizeof(struct null_params),
    .size = sizeof(struct null_region),
    .tape_size = sizeof(struct null_tape),
    .imagines = true, /* where the stimulus is off, what it passes on is another drive */
    .metrics = metrics,
    .outputs = outputs,
    .declare = declare,
    .declare_tape = declare_tape,
    .forward = forward,
    .learn = learn,
    .observe = observe,
};
