/* experiments/stimuli/dump.c - see dump.h. */
#include "experiments/stimuli/dump.h"

#include <stdio.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"

/* rows[slice] gets all batches, one after the other. */
static int collect(struct cal_stimulus *s, const struct cal_view *view, long batches, long every, float *const *rows)
{
    int err = CAL_OK;
    for (long t = 0; t < batches && !err; t++) {
        float *out[CAL_SLICES_MAX];
        for (int i = 0; i < s->spec.n; i++)
            out[i] = rows[i] + (size_t)t * (size_t)s->batch * (size_t)s->spec.slice[i].cols;
        err = s->ops->batch(s, view, t * every, out);
    }
    return err;
}

static int write_slice(struct cal_h5 *f, const struct cal_slice *slice, size_t n, const float *rows)
{
    const size_t map[4] = {n, (size_t)slice->c, (size_t)slice->h, (size_t)slice->w}, flat[2] = {n, (size_t)slice->cols};
    if (slice->c)
        return cal_h5_write(f, slice->name, CAL_F32, 4, map, rows);
    return cal_h5_write(f, slice->name, CAL_F32, slice->cols > 1 ? 2 : 1, flat, rows);
}

/* What says which rows belong together. */
static int write_windows(struct cal_h5 *f, const struct cal_stimulus *s, long every)
{
    int err = cal_h5_set_i64(f, "/", "window", s->window);
    if (!err)
        err = cal_h5_set_i64(f, "/", "rows", s->batch);
    return err ? err : cal_h5_set_i64(f, "/", "every", every);
}

static int write_file(const struct cal_stimulus *s, enum cal_split split, size_t n, long every, float *const *rows, const char *path)
{
    struct cal_h5 *f;
    int err = cal_h5_create(path, &f);
    if (err)
        return err;
    for (int i = 0; i < s->spec.n && !err; i++)
        err = write_slice(f, &s->spec.slice[i], n, rows[i]);
    if (!err)
        err = cal_h5_set_text(f, "/", "kind", s->ops->kind);
    if (!err)
        err = cal_h5_set_text(f, "/", "split", split == CAL_SPLIT_TRAIN ? "train" : "held-out");
    if (!err)
        err = cal_h5_set_i64(f, "/", "seed", s->seed);
    if (!err)
        err = cal_h5_set_i64(f, "/", "classes", s->classes);
    if (!err && s->window)
        err = write_windows(f, s, every);
    if (!err)
        err = cal_h5_close(f, false);
    else
        cal_h5_drop(f);
    if (err)
        remove(path);
    return err;
}

int cal_stimulus_dump(struct cal_stimulus *s, const struct cal_view *view, long batches, long every, const char *path)
{
    CAL_ASSERT(batches > 0 && every > 0);
    float *rows[CAL_SLICES_MAX];
    size_t n = (size_t)batches * (size_t)s->batch;
    for (int i = 0; i < s->spec.n; i++)
        rows[i] = cal_alloc(n * (size_t)s->spec.slice[i].cols * sizeof *rows[i]);
    int err = collect(s, view, batches, every, rows);
    if (!err)
        err = write_file(s, view->split, n, every, rows, path);
    for (int i = 0; i < s->spec.n; i++)
        cal_free(rows[i]);
    return err;
}
