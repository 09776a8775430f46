/* analysis/footage.c - see footage.h. */
#include "analysis/footage.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/stimuli.h"

int cal_footage_init(struct cal_footage *f, struct cal_dump *d, int phase, struct cal_frames_chosen which)
{
    *f = (struct cal_footage){.dump = d, .phase = phase};
    int err = cal_dump_turn(d, phase);
    if (err)
        return err;
    f->moment = cal_alloc((size_t)d->n_shown * sizeof *f->moment);
    f->recorded = cal_alloc((size_t)d->n_shown * sizeof *f->recorded);
    for (long i = 0; i < d->n_shown; i++) {
        long frame = d->shown[i] % d->stimulus->window;
        if (frame < which.first || frame > which.last || (frame - which.first) % which.step)
            continue;
        f->moment[f->n] = d->shown[i];
        f->recorded[f->n++] = i;
    }
    f->rows = (size_t)f->n * (size_t)d->experiment->batch;
    return CAL_OK;
}

void cal_footage_finish(struct cal_footage *f)
{
    cal_free(f->moment);
    cal_free(f->recorded);
}

int cal_footage_read(const struct cal_footage *f, const char *variable, int *cols, float **data)
{
    float *all;
    size_t batch = (size_t)f->dump->experiment->batch;
    *data = NULL;
    int err = cal_dump_turn(f->dump, f->phase);
    if (!err)
        err = cal_dump_read_all(f->dump, variable, cols, &all);
    if (err || !*cols)
        return err;
    size_t one = batch * (size_t)*cols;
    *data = cal_alloc(((size_t)f->n * one + 1) * sizeof **data);
    for (size_t i = 0; i < (size_t)f->n; i++)
        memcpy(*data + i * one, all + (size_t)f->recorded[i] * one, one * sizeof **data);
    cal_free(all);
    return CAL_OK;
}

/* The last channel of slice s of a batch, to out (B, its pixels). */
static void take_last(const struct cal_rep *rep, int s, float *out)
{
    const struct cal_slice *slice = &rep->spec->slice[s];
    size_t cols = (size_t)(slice->c ? slice->h * slice->w : slice->cols), skip = (size_t)slice->cols - cols;
    for (size_t b = 0; b < (size_t)rep->spec->rows; b++)
        memcpy(out + b * cols, rep->data[s] + b * (size_t)rep->ld[s] + skip, cols * sizeof *out);
}

int cal_footage_show(const struct cal_footage *f, int n, const char *const *slice, long at, int *cols, float **data)
{
    const struct cal_stimulus *s = f->dump->stimulus;
    const struct cal_rep_spec *spec = &s->spec;
    struct cal_batches *batches = cal_batches_create(f->dump->stimulus, 1);
    struct cal_view view = cal_graph_view(f->dump->graph, f->phase);
    unsigned wanted = 0;
    int err = CAL_OK;
    for (int k = 0; k < n; k++) {
        int number = cal_rep_find(spec, slice[k]);
        const struct cal_slice *one = number < 0 ? NULL : &spec->slice[number];
        cols[k] = !one ? 0 : one->c ? one->h * one->w : one->cols;
        data[k] = one ? cal_alloc((f->rows * (size_t)cols[k] + 1) * sizeof **data) : NULL;
        wanted |= one ? 1u << number : 0;
    }
    for (long i = 0; !err && i < f->n; i++) {
        long p = at < 0 ? f->moment[i] : f->moment[i] - f->moment[i] % s->window + at;
        const struct cal_rep *rep;
        err = cal_batches_get_some(batches, &view, p, wanted, &rep);
        for (int k = 0; !err && k < n; k++)
            if (data[k])
                take_last(rep, cal_rep_find(spec, slice[k]), data[k] + (size_t)(i * s->batch) * (size_t)cols[k]);
    }
    cal_batches_destroy(batches);
    for (int k = 0; err && k < n; k++) {
        cal_free(data[k]);
        data[k] = NULL;
    }
    return err;
}
