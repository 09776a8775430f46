/* experiments/stimuli/dead_leaves.c - see dead_leaves.h. */
#include "experiments/stimuli/dead_leaves.h"

#include <math.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/patches.h"
#include "experiments/stimuli/samples.h"

#define GROUND 0.5f

struct dead_leaves {
    const struct cal_dead_leaves_params *p; /* [borrow] */
    uint32_t seed;
    float *picture;       /* one picture is kept, the one last asked for: 16 MiB at 2048 x 2048 */
    enum cal_split shown; /* which */
    uint32_t *tiles[2];   /* of each split, those that are not too flat */
};

/* Radii by inversion of their distribution: r^-2 is uniform between radius_min^-2 and radius_max^-2. */
struct cal_disc cal_dead_leaves_disc(const struct cal_dead_leaves_params *p, const struct cal_rng *r, long i)
{
    uint64_t first = 4 * (uint64_t)i;
    double small = 1 / (p->radius_min * p->radius_min), large = 1 / (p->radius_max * p->radius_max);
    return (struct cal_disc){.x = (double)cal_rng_uniform(r, first) * (double)p->size,
                             .y = (double)cal_rng_uniform(r, first + 1) * (double)p->size,
                             .radius = 1 / sqrt(small - (double)cal_rng_uniform(r, first + 2) * (small - large)),
                             .grey = cal_rng_uniform(r, first + 3)};
}

static long wrap(long x, long size)
{
    return (x % size + size) % size;
}

/* Pixel (x,y) belongs to the disc when its place is at most `radius` from the centre. n <= size, as 2 radius_max < size. */
static void paint_disc(const struct cal_disc *d, long size, size_t stride, float *corner)
{
    for (long y = (long)ceil(d->y - d->radius); (double)y <= d->y + d->radius; y++) {
        double dy = (double)y - d->y;
        double half = sqrt(fmax(d->radius * d->radius - dy * dy, 0));
        long left = (long)ceil(d->x - half), n = (long)floor(d->x + half) - left + 1;
        float *row = corner + (size_t)wrap(y, size) * stride;
        long x = wrap(left, size);
        for (; n > 0 && x < size; n--)
            row[x++] = d->grey;
        for (x = 0; n > 0; n--)
            row[x++] = d->grey;
    }
}

/* Copy the opposite edges into the border of one pixel. */
static void wrap_border(float *picture, size_t size)
{
    size_t stride = size + 2;
    for (size_t y = 1; y <= size; y++) {
        float *row = picture + y * stride;
        row[0] = row[size];
        row[size + 1] = row[1];
    }
    memcpy(picture, picture + size * stride, stride * sizeof *picture);
    memcpy(picture + (size + 1) * stride, picture + stride, stride * sizeof *picture);
}

void cal_dead_leaves_paint(const struct cal_dead_leaves_params *p, uint32_t seed, enum cal_split split, float *picture)
{
    struct cal_rng key = cal_rng_key(seed, CAL_STREAM_WORLD, CAL_OWNER_SHARED, (uint32_t)split, 0);
    size_t size = (size_t)p->size, stride = p->blur ? size + 2 : size;
    float *corner = p->blur ? picture + stride + 1 : picture;
    for (size_t i = 0; i < stride * stride; i++)
        picture[i] = GROUND;
    for (long i = 0; i < p->discs; i++) {
        struct cal_disc disc = cal_dead_leaves_disc(p, &key, i);
        paint_disc(&disc, p->size, stride, corner);
    }
    if (p->blur) {
        float *row = cal_alloc(stride * sizeof *row);
        wrap_border(picture, size);
        cal_patches_blur(picture, size, size, row, picture);
        cal_free(row);
    }
}

static void show(struct dead_leaves *d, enum cal_split split)
{
    if (d->shown == split)
        return;
    cal_dead_leaves_paint(d->p, d->seed, split, d->picture);
    d->shown = split;
}

static bool cut(const void *who, uint32_t tile, float *out)
{
    const struct dead_leaves *d = who;
    size_t side = (size_t)d->p->patch, size = (size_t)d->p->size, across = size / side;
    const float *from = d->picture + tile / across * side * size + tile % across * side;
    for (size_t y = 0; y < side; y++)
        memcpy(out + y * side, from + y * size, side * sizeof *out);
    return cal_patches_standardise(out, side * side, d->p->min_sd);
}

static int check(const struct cal_dead_leaves_params *p)
{
    if (p->patch > p->size)
        return cal_fail(CAL_EUSAGE, "stimulus dead-leaves: patch %ld is larger than size %ld", p->patch, p->size);
    if (p->radius_min > p->radius_max)
        return cal_fail(CAL_EUSAGE, "stimulus dead-leaves: radius_min %g is larger than radius_max %g", p->radius_min, p->radius_max);
    if (2 * p->radius_max >= (double)p->size - 1)
        return cal_fail(CAL_EUSAGE, "stimulus dead-leaves: radius_max %g is too large for size %ld, expected under %g", p->radius_max,
                        p->size, ((double)p->size - 1) / 2);
    return CAL_OK;
}

static void dead_leaves_close(struct cal_stimulus *s)
{
    struct dead_leaves *d = s->state;
    cal_free(d->tiles[CAL_SPLIT_TRAIN]);
    cal_free(d->tiles[CAL_SPLIT_HELD_OUT]);
    cal_free(d->picture);
    cal_free(d);
}

/* How many tiles a picture keeps is known only from the picture, so both are made here: the held-out one first and, over it, the training
 * one, which is wanted next. A later change of split paints again (a fraction of a second). */
static int dead_leaves_open(struct cal_stimulus *s)
{
    const struct cal_dead_leaves_params *p = s->params;
    int err = check(p);
    if (err)
        return err;
    struct dead_leaves *d = s->state = cal_alloc(sizeof *d);
    size_t side = (size_t)p->size + 2;
    uint32_t across = (uint32_t)(p->size / p->patch);
    float *scratch = cal_alloc((size_t)(p->patch * p->patch) * sizeof *scratch);
    d->p = p;
    d->seed = s->seed;
    d->picture = cal_alloc(side * side * sizeof *d->picture);
    d->shown = CAL_SPLIT_TRAIN;
    for (int split = CAL_SPLIT_HELD_OUT; split >= CAL_SPLIT_TRAIN; split--) {
        show(d, (enum cal_split)split);
        d->tiles[split] = cal_patches_keep(cut, d, across * across, scratch, &s->samples[split]);
    }
    cal_free(scratch);
    cal_samples_offer(&s->spec, (int)p->views, 1, (int)p->patch, (int)p->patch);
    return CAL_OK;
}

static int dead_leaves_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    struct dead_leaves *d = s->state;
    struct cal_samples samples;
    int err = cal_samples_init(&samples, s, view, presentation);
    if (err)
        return err;
    show(d, view->split);
    size_t cols = (size_t)s->spec.slice[0].cols;
    for (int b = 0; b < s->batch; b++)
        cut(d, d->tiles[view->split][cal_samples_row(&samples, b)], out[0] + (size_t)b * cols);
    cal_samples_views(s, view, presentation, (int)d->p->views, d->p->noise, out);
    return CAL_OK;
}

#define AT(field) offsetof(struct cal_dead_leaves_params, field)
static const struct cal_param params[] = {
    {"size", CAL_INT, AT(size), "px", "2048", 16, 16384, NULL, NULL, "side of the picture"},
    {"patch", CAL_INT, AT(patch), "px", "16", 2, 1024, NULL, NULL, "side of the tiles that are shown"},
    {"views", CAL_INT, AT(views), "1", "2", 0, CAL_VIEWS_MAX, NULL, NULL, "how many noisy views of each tile"},
    {"noise", CAL_FLOAT, AT(noise), "sd of the tile", "0.1", 0, 100, NULL, NULL, "standard deviation of the views' noise"},
    {"discs", CAL_INT, AT(discs), "1", "24000", 1, 1e8, NULL, NULL, "how many discs fall; keep discs / size^2 when changing the size"},
    {"radius_min", CAL_FLOAT, AT(radius_min), "px", "4", 0.5, 8192, NULL, NULL, "smallest disc"},
    {"radius_max", CAL_FLOAT, AT(radius_max), "px", "120", 0.5, 8192, NULL, NULL, "largest disc; the density of radii is r^-3 in between"},
    {"blur", CAL_BOOL, AT(blur), NULL, "true", 0, 0, NULL, NULL, "3 x 3 blur before cutting"},
    {"min_sd", CAL_FLOAT, AT(min_sd), "grey, 0 to 1", "0.01", 1e-6, 1, NULL, NULL,
     "tiles whose standard deviation is smaller are left out"},
    {.name = NULL},
};

const struct cal_stimulus_ops cal_dead_leaves_ops = {
    .kind = "dead-leaves",
    .help = "tiles of a made picture with the statistics of natural scenes: opaque discs that hide one another",
    .params = params,
    .params_size = sizeof(struct cal_dead_leaves_params),
    .open = dead_leaves_open,
    .batch = dead_leaves_batch,
    .close = dead_leaves_close,
};
