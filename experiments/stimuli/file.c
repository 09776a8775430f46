/* experiments/stimuli/file.c - images from an HDF5 file (format: pictures.h), whole or cut in patches.
 *
 * Held-out is the file's own test split, or else the last tenth (rounded up) of its images, never of their tiles; of both, if so wished, some
 * classes alone. */
#include "experiments/stimuli/file.h"

#include <stdlib.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/images.h"
#include "experiments/stimuli/patches.h"
#include "experiments/stimuli/pictures.h"
#include "experiments/stimuli/samples.h"
#include "experiments/stimuli/shots.h"

struct file_params {
    char *path;
    long patch, views, limit, shots;
    struct cal_strings classes;
    double noise, min_sd;
    bool blur, grey;
    struct cal_images_params images;
};

/* One split. */
struct part {
    const struct file_params *p;  /* [borrow] */
    struct cal_pictures pictures; /* [own] */
    uint32_t *tiles;              /* [own] patches: those that are not too flat */
    float *window, *row;          /* [own] scratch: a patch with its border, a row of that for the blur */
};

struct file {
    struct part part[2];      /* by split */
    struct cal_images images; /* whole images */
};

static int channels(const struct file_params *p, const struct cal_pictures *pictures)
{
    return p->patch && p->grey ? 1 : pictures->c;
}

/* --- patches --- */

static bool cut(const void *who, uint32_t tile, float *out)
{
    const struct part *part = who;
    const struct cal_pictures *pictures = &part->pictures;
    int side = (int)part->p->patch, border = part->p->blur ? 1 : 0, edge = side + 2 * border, n = channels(part->p, pictures);
    size_t area = (size_t)side * (size_t)side;
    uint32_t across = (uint32_t)(pictures->w / side), per_picture = across * (uint32_t)(pictures->h / side), place = tile % per_picture;
    int y = (int)(place / across) * side, x = (int)(place % across) * side;
    for (int c = 0; c < n; c++) {
        int channel = n < pictures->c ? CAL_PICTURES_GREY : c;
        float *plane = out + (size_t)c * area;
        cal_pictures_window(pictures, tile / per_picture, channel, y - border, x - border, edge, edge, border ? part->window : plane);
        if (border)
            cal_patches_blur(part->window, (size_t)side, (size_t)side, part->row, plane);
    }
    return cal_patches_standardise(out, (size_t)n * area, part->p->min_sd);
}

static int open_patches(struct cal_stimulus *s, struct file *file)
{
    const struct file_params *p = s->params;
    const struct cal_pictures *train = &file->part[CAL_SPLIT_TRAIN].pictures, *test = &file->part[CAL_SPLIT_HELD_OUT].pictures;
    size_t side = (size_t)p->patch, edge = side + 2;
    if (p->patch > train->h || p->patch > train->w)
        return cal_fail(CAL_EUSAGE, "stimulus file: patch %ld is larger than the %d x %d images of %s", p->patch, train->w, train->h,
                        p->path);
    if (p->grey && train->c != 1 && train->c != 3)
        return cal_fail(CAL_EUSAGE, "stimulus file: %s has %d channels, expected 1 or 3 (or `grey: false`)", p->path, train->c);
    size_t per_picture = ((size_t)train->h / side) * ((size_t)train->w / side);
    long most = train->n > test->n ? train->n : test->n;
    if ((size_t)most > INT32_MAX / per_picture)
        return cal_fail(CAL_EUSAGE, "stimulus file: over 2^31 tiles of %ld px in %s; set `limit`", p->patch, p->path);
    int n = channels(p, train);
    float *scratch = cal_alloc((size_t)n * side * side * sizeof *scratch);
    for (int split = 0; split < 2; split++) {
        struct part *part = &file->part[split];
        part->window = cal_alloc(edge * edge * sizeof *part->window);
        part->row = cal_alloc(edge * sizeof *part->row);
        part->tiles = cal_patches_keep(cut, part, (uint32_t)((size_t)part->pictures.n * per_picture), scratch, &s->samples[split]);
    }
    cal_free(scratch);
    cal_samples_offer(&s->spec, (int)p->views, n, (int)p->patch, (int)p->patch);
    if (train->label)
        cal_rep_spec_add(&s->spec, "label", 1);
    s->classes = cal_pictures_classes(train, test);
    return CAL_OK;
}

/* --- whole images --- */

static int open_images(struct cal_stimulus *s, struct file *file)
{
    const struct file_params *p = s->params;
    const struct cal_pictures *train = &file->part[CAL_SPLIT_TRAIN].pictures;
    long pad = p->images.pad;
    if (train->c * (train->h + 2 * pad) * (train->w + 2 * pad) > INT32_MAX)
        return cal_fail(CAL_EUSAGE, "stimulus file: images of %d x %ld x %ld values with their padding are too large", train->c,
                        train->h + 2 * pad, train->w + 2 * pad);
    int err = cal_images_init(&file->images, &p->images, train, &file->part[CAL_SPLIT_HELD_OUT].pictures);
    if (err) {
        char *dataset = cal_sprintf("%s: dataset `images`", p->path);
        cal_fail_in(err, dataset);
        cal_free(dataset);
        return err;
    }
    cal_images_offer(&file->images, s, (int)p->views);
    if (p->shots) /* few as they are, an epoch shows each as often as fills a batch */
        s->samples[CAL_SPLIT_TRAIN] *= (s->batch + train->n - 1) / train->n;
    return CAL_OK;
}

/* --- both --- */

static int check_test(const struct file_params *p, const struct cal_pictures *train, const struct cal_pictures *test)
{
    if (test->c == train->c && test->h == train->h && test->w == train->w)
        return CAL_OK;
    return cal_fail(CAL_EINPUT, "%s: dataset `test_images`: images of %d x %d x %d, expected %d x %d x %d as in `images`", p->path, test->c,
                    test->h, test->w, train->c, train->h, train->w);
}

static int check_both(const struct file_params *p, const char *what, const void *train, const void *test)
{
    if (!train == !test)
        return CAL_OK;
    return cal_fail(CAL_EINPUT, "%s: has `%s%s` but no `%s%s`, expected both or neither", p->path, train ? "" : "test_", what,
                    train ? "test_" : "", what);
}

/* `classes` as numbers, each once. [give] *classes */
static int read_classes(const struct file_params *p, int32_t **classes)
{
    *classes = cal_alloc((size_t)p->classes.n * sizeof **classes);
    for (int i = 0; i < p->classes.n; i++) {
        char *end;
        long label = strtol(p->classes.item[i], &end, 10);
        bool fits = end != p->classes.item[i] && !*end && label >= 0 && label <= 65535;
        for (int k = 0; k < i; k++)
            fits = fits && (*classes)[k] != label;
        if (!fits)
            return cal_fail(CAL_EUSAGE, "stimulus file: `classes`: `%s`, expected whole numbers from 0 to 65535, each once",
                            p->classes.item[i]);
        (*classes)[i] = (int32_t)label;
    }
    return CAL_OK;
}

static int check_limit(const struct file_params *p, const struct cal_pictures *train)
{
    if (p->limit <= train->n)
        return CAL_OK;
    return cal_fail(CAL_EUSAGE, "stimulus file: limit is %ld, but %s has %ld training images%s", p->limit, p->path, train->n,
                    p->classes.n ? " of these classes" : "");
}

/* Of both splits the pictures of some classes only. */
static int keep_classes(const struct file_params *p, struct cal_pictures *train, struct cal_pictures *test)
{
    int32_t *classes = NULL;
    if (!train->label)
        return cal_fail(CAL_EUSAGE, "stimulus file: classes are chosen, but %s has no labels", p->path);
    int err = read_classes(p, &classes);
    if (!err) {
        cal_pictures_keep(train, classes, p->classes.n);
        if (test->n)
            cal_pictures_keep(test, classes, p->classes.n);
        err = train->n ? check_limit(p, train) : cal_fail(CAL_EUSAGE, "stimulus file: %s has no images of these classes", p->path);
    }
    if (!err && p->limit)
        train->n = p->limit;
    cal_free(classes);
    return err;
}

/* Decide which pictures are whose, and read them. */
static int read_parts(struct cal_h5 *f, const struct file_params *p, uint32_t seed, struct cal_pictures *train, struct cal_pictures *test)
{
    const char *prefix = cal_h5_has(f, "test_images") ? "test_" : "";
    int err = cal_pictures_shape(f, p->path, "", train);
    if (!err)
        err = cal_pictures_shape(f, p->path, prefix, test);
    if (!err)
        err = check_test(p, train, test);
    if (err)
        return err;
    if (!*prefix) {
        test->n = train->n > 1 ? (train->n + 9) / 10 : 0;
        train->n -= test->n;
    }
    long first_test = *prefix ? 0 : train->n;
    err = check_limit(p, train);
    if (err)
        return err;
    if (p->limit && !p->classes.n)
        train->n = p->limit;
    err = cal_pictures_read(f, p->path, "", 0, train);
    if (!err && test->n)
        err = cal_pictures_read(f, p->path, prefix, first_test, test);
    if (!err && test->n)
        err = check_both(p, "labels", train->label, test->label);
    if (!err && test->n)
        err = check_both(p, "boxes", train->box, test->box);
    if (!err && p->classes.n)
        err = keep_classes(p, train, test);
    return err || !p->shots ? err : cal_shots_draw(train, p->shots, seed, p->path);
}

static void file_close(struct cal_stimulus *s)
{
    struct file *file = s->state;
    for (int split = 0; split < 2; split++) {
        cal_pictures_finish(&file->part[split].pictures);
        cal_free(file->part[split].tiles);
        cal_free(file->part[split].window);
        cal_free(file->part[split].row);
    }
    cal_images_finish(&file->images);
    cal_free(file);
}

static int file_open(struct cal_stimulus *s)
{
    const struct file_params *p = s->params;
    if (p->patch && (p->images.pad || p->images.crop || p->images.flip || p->images.optics > 0 || p->shots))
        return cal_fail(CAL_EUSAGE, "stimulus file: %s for whole images, expected none with patches",
                        p->images.pad          ? "pad is"
                        : p->shots             ? "shots are"
                        : p->images.optics > 0 ? "optics are"
                                               : "crop and flip are");
    struct cal_h5 *f;
    int err = cal_h5_open(p->path, false, &f);
    if (err)
        return err;
    struct file *file = s->state = cal_alloc(sizeof *file);
    file->part[CAL_SPLIT_TRAIN].p = file->part[CAL_SPLIT_HELD_OUT].p = p;
    err = read_parts(f, p, s->seed, &file->part[CAL_SPLIT_TRAIN].pictures, &file->part[CAL_SPLIT_HELD_OUT].pictures);
    cal_h5_drop(f);
    if (!err)
        err = p->patch ? open_patches(s, file) : open_images(s, file);
    if (err)
        file_close(s);
    return err;
}

static int patches_batch(const struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    const struct file *file = s->state;
    const struct part *part = &file->part[view->split];
    const struct cal_pictures *pictures = &part->pictures;
    struct cal_samples samples;
    int err = cal_samples_init(&samples, s, view, presentation);
    if (err)
        return err;
    int label = cal_rep_find(&s->spec, "label"), side = (int)part->p->patch;
    uint32_t per_picture = (uint32_t)((pictures->h / side) * (pictures->w / side));
    size_t cols = (size_t)s->spec.slice[0].cols;
    for (int b = 0; b < s->batch; b++) {
        uint32_t tile = part->tiles[cal_samples_row(&samples, b)];
        if (out[0])
            cut(part, tile, out[0] + (size_t)b * cols);
        if (label >= 0)
            out[label][b] = (float)pictures->label[tile / per_picture];
    }
    return CAL_OK;
}

static int file_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    const struct file_params *p = s->params;
    const struct file *file = s->state;
    int err = p->patch ? patches_batch(s, view, presentation, out) : cal_images_batch(&file->images, s, view, presentation, out);
    if (!err && out[0])
        cal_samples_views(s, view, presentation, (int)p->views, p->noise, out);
    return err;
}

#define AT(field) offsetof(struct file_params, field)
static const struct cal_param params[] = {
    {"path", CAL_STRING, AT(path), NULL, NULL, 0, 0, NULL, NULL,
     "HDF5 file with `images` and, if you like, `labels`, `boxes` and a test split"},
    {"patch", CAL_INT, AT(patch), "px", "0", 0, 1024, NULL, NULL, "side of the tiles to cut; 0 shows whole images"},
    {"views", CAL_INT, AT(views), "1", "0", 0, CAL_VIEWS_MAX, NULL, NULL, "how many noisy views of each sample"},
    {"noise", CAL_FLOAT, AT(noise), "as shown", "0.1", 0, 100, NULL, NULL, "standard deviation of the views' noise"},
    {"pad", CAL_INT, AT(images.pad), "px", "0", 0, 1024, NULL, NULL, "black pixels added on each side of whole images"},
    {"standardise", CAL_BOOL, AT(images.standardise), NULL, "true", 0, 0, NULL, NULL,
     "whole images: by mean and sd of each channel over the training images (patches are always standardised, each by its own)"},
    {"crop", CAL_INT, AT(images.crop), "px", "0", 0, 1024, NULL, NULL,
     "whole images of the training split are shifted at random by so much at most, both ways, over black; boxes follow"},
    {"flip", CAL_BOOL, AT(images.flip), NULL, "false", 0, 0, NULL, NULL,
     "half of the whole images of the training split, at random, are mirrored left to right; boxes follow"},
    {"optics", CAL_FLOAT, AT(images.optics), "px", "0", 0, 100, NULL, NULL,
     "whole images are blurred, as by an eye, with a Gaussian of this standard deviation; 0: not"},
    {"blur", CAL_BOOL, AT(blur), NULL, "true", 0, 0, NULL, NULL, "patches: 3 x 3 blur before cutting"},
    {"grey", CAL_BOOL, AT(grey), NULL, "true", 0, 0, NULL, NULL, "patches: turn colour into grey"},
    {"min_sd", CAL_FLOAT, AT(min_sd), "pixel value", "0.01", 1e-6, 1, NULL, NULL,
     "patches: those whose standard deviation is smaller are left out"},
    {"classes", CAL_STRINGS, AT(classes), NULL, "", 0, 0, NULL, NULL,
     "show the images with these labels only, which become 0, 1 ... in this order: [1, 2, 6]; none: all"},
    {"limit", CAL_INT, AT(limit), "images", "0", 0, INT32_MAX, NULL, NULL, "use the first so many training images of those; 0: all"},
    {"shots", CAL_INT, AT(shots), "images", "0", 0, 1e6, NULL, NULL,
     "train on so many images of each class only, drawn by the seed; an epoch shows them as often as fills a batch; 0: all"},
    {.name = NULL},
};

const struct cal_stimulus_ops cal_file_ops = {
    .kind = "file",
    .help = "images from an HDF5 file, whole or cut in patches",
    .params = params,
    .params_size = sizeof(struct file_params),
    .open = file_open,
    .batch = file_batch,
    .spares = CAL_SPARES_MAPS,
    .close = file_close,
};
