/* experiments/stimuli/video.c - see video.h. */
#include "experiments/stimuli/video.h"

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/images.h"
#include "experiments/stimuli/pictures.h"
#include "experiments/stimuli/windows.h"

struct video_params {
    char *path;
    struct cal_windows_params windows;
};

/* One split. */
struct part {
    struct cal_pictures frames; /* [own] */
    long sequences;
    long *length; /* [own] (sequences) frames */
    long *first;  /* [own] (sequences) the frame that each begins with */
};

struct video {
    struct part part[2]; /* by split */
    struct cal_windows windows;
};

/* Dataset <prefix>lengths: [give] *length (*n), which add up to `frames`. */
static int read_lengths(struct cal_h5 *f, const char *path, const char *name, long frames, long *n, long **length)
{
    size_t dims[CAL_DIMS_MAX];
    int n_dims = 0;
    if (!cal_h5_has(f, name))
        return cal_fail(CAL_EINPUT, "%s: has no dataset `%s`, expected the number of frames of each sequence", path, name);
    int err = cal_h5_shape(f, name, &n_dims, dims);
    if (err)
        return err;
    if (n_dims != 1 || !dims[0] || dims[0] > (size_t)frames || !cal_h5_is_integer(f, name))
        return cal_fail(CAL_EINPUT, "%s: dataset `%s`: expected integers, the number of frames of each sequence", path, name);
    *n = (long)dims[0];
    *length = cal_alloc(dims[0] * sizeof **length);
    err = cal_h5_read_rows(f, name, CAL_I64, 0, dims[0], *length);
    long left = frames;
    for (long i = 0; i < *n && !err && left >= 0; i++)
        left = (*length)[i] > 0 && (*length)[i] <= left ? left - (*length)[i] : -1;
    if (!err && left)
        err = cal_fail(CAL_EINPUT, "%s: dataset `%s`: expected lengths of at least 1 that add up to the %ld frames", path, name, frames);
    return err;
}

/* The part gets `n` of the sequences. */
static void give(struct part *part, const long *length, long n)
{
    size_t size = (size_t)n * sizeof *length;
    part->sequences = n;
    part->length = cal_alloc(size);
    part->first = cal_alloc(size);
    part->frames.n = 0;
    for (long i = 0; i < n; i++) {
        part->length[i] = length[i];
        part->first[i] = part->frames.n;
        part->frames.n += length[i];
    }
}

/* Decide which sequences are whose; shapes and numbers only. */
static int share(struct cal_h5 *f, const char *path, struct part *train, struct part *test)
{
    bool own = cal_h5_has(f, "test_images");
    long n = 0, n_test = 0, *length = NULL, *test_length = NULL;
    int err = cal_pictures_shape(f, path, "", &train->frames);
    if (!err)
        err = cal_pictures_shape(f, path, own ? "test_" : "", &test->frames);
    if (!err)
        err = read_lengths(f, path, "lengths", train->frames.n, &n, &length);
    if (!err && own)
        err = read_lengths(f, path, "test_lengths", test->frames.n, &n_test, &test_length);
    if (!err && !own)
        n_test = n > 1 ? (n + 9) / 10 : 0;
    if (!err) {
        give(train, length, own ? n : n - n_test);
        give(test, own ? test_length : length + n - n_test, n_test);
    }
    cal_free(length);
    cal_free(test_length);
    return err;
}

static int check_shapes(const char *path, const struct cal_pictures *train, const struct cal_pictures *test)
{
    if (train->c != 1)
        return cal_fail(CAL_EINPUT, "%s: dataset `images`: has %d channels, expected grey frames: 1", path, train->c);
    if (test->c != train->c || test->h != train->h || test->w != train->w)
        return cal_fail(CAL_EINPUT, "%s: dataset `test_images`: frames of %d x %d x %d, expected %d x %d x %d as in `images`", path,
                        test->c, test->h, test->w, train->c, train->h, train->w);
    return CAL_OK;
}

static int read_file(const char *path, struct part *train, struct part *test)
{
    struct cal_h5 *f;
    int err = cal_h5_open(path, false, &f);
    if (err)
        return err;
    bool own = cal_h5_has(f, "test_images");
    err = share(f, path, train, test);
    if (!err)
        err = check_shapes(path, &train->frames, &test->frames);
    if (!err && !cal_h5_is_integer(f, "images"))
        err = cal_fail(CAL_EINPUT, "%s: dataset `images`: expected frames as bytes", path);
    if (!err)
        err = cal_pictures_read(f, path, "", 0, &train->frames);
    if (!err && test->sequences)
        err = cal_pictures_read(f, path, own ? "test_" : "", own ? 0 : train->frames.n, &test->frames);
    if (!err && test->frames.floats)
        err = cal_fail(CAL_EINPUT, "%s: dataset `test_images`: expected frames as bytes", path);
    cal_h5_drop(f);
    return err;
}

/* Mean and standard deviation of the training frames, in bytes. */
static int measure(const char *path, const struct part *part, struct cal_windows *w)
{
    const struct cal_images_params how = {.standardise = true};
    struct cal_images images;
    int err = cal_images_init(&images, &how, &part[CAL_SPLIT_TRAIN].frames, &part[CAL_SPLIT_HELD_OUT].frames);
    w->mean = 255 * images.mean[0];
    w->sd = 255 * images.sd[0];
    cal_images_finish(&images);
    if (err)
        cal_fail_in(err, path);
    return err;
}

static void video_close(struct cal_stimulus *s)
{
    struct video *v = s->state;
    for (int split = 0; split < 2; split++) {
        cal_pictures_finish(&v->part[split].frames);
        cal_free(v->part[split].length);
        cal_free(v->part[split].first);
    }
    cal_windows_finish(&v->windows);
    cal_free(v);
}

static int video_open(struct cal_stimulus *s)
{
    const struct video_params *p = s->params;
    struct video *v = s->state = cal_alloc(sizeof *v);
    struct cal_pictures *train = &v->part[CAL_SPLIT_TRAIN].frames;
    v->windows.p = &p->windows;
    int err = read_file(p->path, &v->part[CAL_SPLIT_TRAIN], &v->part[CAL_SPLIT_HELD_OUT]);
    if (!err)
        err = measure(p->path, v->part, &v->windows);
    for (int split = 0; split < 2 && !err; split++)
        v->windows.split[split] = (struct cal_sequences){.n = v->part[split].sequences, .frames = v->part[split].length};
    if (!err)
        err = cal_windows_init(&v->windows, s, train->h, train->w);
    if (err)
        video_close(s);
    return err;
}

static const uint8_t *frame(void *who, enum cal_split split, struct cal_frame_place place)
{
    const struct part *part = &((struct video *)who)->part[split];
    size_t pixels = (size_t)part->frames.h * (size_t)part->frames.w;
    return part->frames.bytes + (size_t)(part->first[place.sequence] + place.frame) * pixels;
}

static int video_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    const struct video_params *p = s->params;
    struct video *v = s->state;
    if (!v->part[view->split].sequences)
        return cal_fail(CAL_EUSAGE, "stimulus video: %s has a single sequence, none to hold out", p->path);
    cal_windows_show(&v->windows, s, view, presentation, frame, v, out);
    return CAL_OK;
}

static const float *video_lend(struct cal_stimulus *s, const struct cal_view *view, long presentation, int slice, int *ld)
{
    struct video *v = s->state;
    return cal_windows_lend(&v->windows, s, view, presentation, frame, v, slice, ld);
}

#define AT(field) offsetof(struct video_params, field)
static const struct cal_param params[] = {
    {"path", CAL_STRING, AT(path), NULL, NULL, 0, 0, NULL, NULL,
     "HDF5 file with `images`, grey frames in order, `lengths`, the frames of each sequence, and, if you like, a test split"},
    CAL_WINDOWS_PARAMS(struct video_params, windows),
    {.name = NULL},
};

const struct cal_stimulus_ops cal_video_ops = {
    .kind = "video",
    .help = "windows of recorded frames from an HDF5 file, row by row and frame by frame",
    .params = params,
    .params_size = sizeof(struct video_params),
    .open = video_open,
    .batch = video_batch,
    .lend = video_lend,
    .spares = CAL_SPARES_SLICES,
    .close = video_close,
};
