/* experiments/stimuli/pictures.c - see pictures.h. */
#include "experiments/stimuli/pictures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

#define SLAB_FLOATS ((size_t)1 << 20)
#define LABEL_MAX 65535 /* a label above is a mistake; float32 slices hold it exactly */
#define SIDE_MAX 65536

/* One dataset on its way in. */
struct source {
    struct cal_h5 *f;
    const char *path;
    char name[24];
};

static struct source source_of(struct cal_h5 *f, const char *path, const char *prefix, const char *name)
{
    struct source s = {.f = f, .path = path};
    snprintf(s.name, sizeof s.name, "%s%s", prefix, name);
    return s;
}

/* CAL_EINPUT, "path: dataset `name`: what". */
static int refuse(const struct source *s, const char *what)
{
    return cal_fail(CAL_EINPUT, "%s: dataset `%s`: %s", s->path, s->name, what);
}

static int check_shape(const struct source *s, int n_dims, const char *expected, size_t *dims)
{
    int got = 0;
    if (!cal_h5_has(s->f, s->name))
        return cal_fail(CAL_EINPUT, "%s: has no dataset `%s`, expected %s", s->path, s->name, expected);
    int err = cal_h5_shape(s->f, s->name, &got, dims);
    if (err)
        return err;
    if (got == n_dims)
        return CAL_OK;
    return cal_fail(CAL_EINPUT, "%s: dataset `%s`: %d dimension%s, expected %s", s->path, s->name, got, got == 1 ? "" : "s", expected);
}

int cal_pictures_shape(struct cal_h5 *f, const char *path, const char *prefix, struct cal_pictures *p)
{
    struct source s = source_of(f, path, prefix, "images");
    size_t dims[CAL_DIMS_MAX];
    int err = check_shape(&s, 4, "images as N x C x H x W", dims);
    if (err)
        return err;
    if (!dims[0] || !dims[1] || !dims[2] || !dims[3])
        return refuse(&s, "is empty, expected images as N x C x H x W");
    if (dims[0] > INT32_MAX || dims[1] > 1024 || dims[2] > SIDE_MAX || dims[3] > SIDE_MAX || dims[1] * dims[2] * dims[3] > INT32_MAX)
        return cal_fail(CAL_EINPUT,
                        "%s: dataset `%s`: is %zu x %zu x %zu x %zu, expected N x C x H x W with C at most 1024, H and W at most %d", path,
                        s.name, dims[0], dims[1], dims[2], dims[3], SIDE_MAX);
    *p = (struct cal_pictures){.n = (long)dims[0], .c = (int)dims[1], .h = (int)dims[2], .w = (int)dims[3]};
    return CAL_OK;
}

/* n values of a slab at `from` to place `at`. */
static int store_slab(const struct source *s, struct cal_pictures *p, const float *from, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p->floats) {
            if (!isfinite(from[i]))
                return refuse(s, "holds a value that is no number, expected finite ones");
            p->floats[at + i] = from[i];
        } else {
            if (!(from[i] >= 0 && from[i] <= 255))
                return cal_fail(CAL_EINPUT, "%s: dataset `%s`: holds %g, expected bytes 0 to 255 or floating point", s->path, s->name,
                                (double)from[i]);
            p->bytes[at + i] = (uint8_t)from[i];
        }
    }
    return CAL_OK;
}

static int read_images(const struct source *s, size_t first, struct cal_pictures *p)
{
    size_t n = (size_t)p->n, values = (size_t)p->c * (size_t)p->h * (size_t)p->w;
    size_t rows = values < SLAB_FLOATS ? SLAB_FLOATS / values : 1;
    rows = rows < n ? rows : n;
    if (cal_h5_is_integer(s->f, s->name))
        p->bytes = cal_alloc(n * values);
    else
        p->floats = cal_alloc(n * values * sizeof *p->floats);
    float *slab = cal_alloc(rows * values * sizeof *slab);
    int err = CAL_OK;
    for (size_t i = 0; i < n && !err; i += rows) {
        size_t count = n - i < rows ? n - i : rows;
        err = cal_h5_read_rows(s->f, s->name, CAL_F32, first + i, count, slab);
        if (err)
            err = cal_fail(err, "%s (expected uint8 or floating point)", cal_err_message());
        else
            err = store_slab(s, p, slab, i * values, count * values);
    }
    cal_free(slab);
    return err;
}

static int read_labels(const struct source *s, long all, size_t first, struct cal_pictures *p)
{
    size_t dims[CAL_DIMS_MAX], n = (size_t)p->n;
    int err = check_shape(s, 1, "one integer a picture", dims);
    if (err)
        return err;
    if (dims[0] != (size_t)all)
        return cal_fail(CAL_EINPUT, "%s: dataset `%s`: %zu labels, expected one for each of %ld pictures", s->path, s->name, dims[0], all);
    if (!cal_h5_is_integer(s->f, s->name))
        return refuse(s, "is not of an integer type, expected integers from 0");
    long *labels = cal_alloc(n * sizeof *labels);
    p->label = cal_alloc(n * sizeof *p->label);
    err = cal_h5_read_rows(s->f, s->name, CAL_I64, first, n, labels);
    for (size_t i = 0; i < n && !err; i++) {
        if (labels[i] < 0 || labels[i] > LABEL_MAX)
            err = cal_fail(CAL_EINPUT, "%s: dataset `%s`: label %ld of picture %zu, expected 0 to %d", s->path, s->name, labels[i],
                           first + i, LABEL_MAX);
        p->label[i] = (int32_t)labels[i];
    }
    cal_free(labels);
    return err;
}

static int read_boxes(const struct source *s, long all, size_t first, struct cal_pictures *p)
{
    size_t dims[CAL_DIMS_MAX], n = (size_t)p->n;
    int err = check_shape(s, 2, "N x 4 boxes", dims);
    if (err)
        return err;
    if (dims[0] != (size_t)all || dims[1] != 4)
        return cal_fail(CAL_EINPUT, "%s: dataset `%s`: is %zu x %zu, expected %ld x 4", s->path, s->name, dims[0], dims[1], all);
    p->box = cal_alloc(4 * n * sizeof *p->box);
    err = cal_h5_read_rows(s->f, s->name, CAL_F32, first, n, p->box);
    for (size_t i = 0; i < 4 * n && !err; i++)
        if (!(p->box[i] >= 0 && p->box[i] <= 1))
            err = cal_fail(CAL_EINPUT, "%s: dataset `%s`: holds %g, expected parts of the picture, 0 to 1", s->path, s->name,
                           (double)p->box[i]);
    return err;
}

int cal_pictures_read(struct cal_h5 *f, const char *path, const char *prefix, long first, struct cal_pictures *p)
{
    struct cal_pictures whole;
    struct source images = source_of(f, path, prefix, "images"), labels = source_of(f, path, prefix, "labels"),
                  boxes = source_of(f, path, prefix, "boxes");
    int err = cal_pictures_shape(f, path, prefix, &whole);
    if (!err)
        err = read_images(&images, (size_t)first, p);
    if (!err && cal_h5_has(f, labels.name))
        err = read_labels(&labels, whole.n, (size_t)first, p);
    if (!err && cal_h5_has(f, boxes.name))
        err = read_boxes(&boxes, whole.n, (size_t)first, p);
    return err;
}

void cal_pictures_finish(struct cal_pictures *p)
{
    cal_free(p->bytes);
    cal_free(p->floats);
    cal_free(p->label);
    cal_free(p->box);
    *p = (struct cal_pictures){.n = 0};
}

/* Element `first` of an array to place `at`, which is no later. */
static void move(void *array, size_t size, size_t at, size_t first)
{
    if (array && at != first)
        memcpy((char *)array + at * size, (char *)array + first * size, size);
}

void cal_pictures_keep(struct cal_pictures *p, const int32_t *classes, int n)
{
    size_t values = (size_t)p->c * (size_t)p->h * (size_t)p->w, kept = 0;
    for (size_t i = 0; i < (size_t)p->n; i++) {
        int k = 0;
        while (k < n && classes[k] != p->label[i])
            k++;
        if (k == n)
            continue;
        move(p->bytes, values, kept, i);
        move(p->floats, values * sizeof *p->floats, kept, i);
        move(p->box, 4 * sizeof *p->box, kept, i);
        p->label[kept++] = k;
    }
    p->n = (long)kept;
}

void cal_pictures_select(struct cal_pictures *p, const bool *keep)
{
    size_t values = (size_t)p->c * (size_t)p->h * (size_t)p->w, kept = 0;
    for (size_t i = 0; i < (size_t)p->n; i++) {
        if (!keep[i])
            continue;
        move(p->bytes, values, kept, i);
        move(p->floats, values * sizeof *p->floats, kept, i);
        move(p->label, sizeof *p->label, kept, i);
        move(p->box, 4 * sizeof *p->box, kept++, i);
    }
    p->n = (long)kept;
}

int cal_pictures_classes(const struct cal_pictures *train, const struct cal_pictures *held_out)
{
    const struct cal_pictures *const both[2] = {train, held_out};
    int32_t classes = 0;
    for (int k = 0; k < 2; k++)
        for (long i = 0; both[k]->label && i < both[k]->n; i++)
            classes = both[k]->label[i] >= classes ? both[k]->label[i] + 1 : classes;
    return classes;
}

static int clamp(int x, int size)
{
    return x < 0 ? 0 : x < size ? x : size - 1;
}

/* out += weight x the window of one plane. */
static void add_window(const struct cal_pictures *p, size_t plane, float weight, int y, int x, int h, int w, float *out)
{
    for (int i = 0; i < h; i++) {
        size_t row = (plane * (size_t)p->h + (size_t)clamp(y + i, p->h)) * (size_t)p->w;
        for (int j = 0; j < w; j++) {
            size_t at = row + (size_t)clamp(x + j, p->w);
            *out++ += weight * (p->bytes ? (float)p->bytes[at] / 255.0f : p->floats[at]);
        }
    }
}

void cal_pictures_window(const struct cal_pictures *p, long picture, int channel, int y, int x, int h, int w, float *out)
{
    static const float luma[3] = {0.299f, 0.587f, 0.114f};
    size_t plane = (size_t)picture * (size_t)p->c;
    for (int i = 0; i < h * w; i++)
        out[i] = 0;
    if (channel != CAL_PICTURES_GREY)
        add_window(p, plane + (size_t)channel, 1, y, x, h, w, out);
    else
        for (int c = 0; c < 3; c++)
            add_window(p, plane + (size_t)c, luma[c], y, x, h, w, out);
}
