/* experiments/stimuli/signs.c - see signs.h. */
#include "experiments/stimuli/signs.h"

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/images.h"
#include "experiments/stimuli/sign.h"

struct signs_params {
    long size, samples, held_out;
    struct cal_images_params images;
};

struct signs {
    struct cal_pictures pictures[2]; /* [own] by split */
    struct cal_images images;
};

/* Pictures 0 ... n-1 of a split, rounded to bytes. [give] to be freed with cal_pictures_finish(). */
static struct cal_pictures paint(uint32_t seed, enum cal_split split, long n, int size)
{
    struct cal_pictures p = {.n = n, .c = 3, .h = size, .w = size};
    size_t area = (size_t)size * (size_t)size, values = 3 * area;
    float *image = cal_alloc(values * sizeof *image), *scratch = cal_alloc(area * sizeof *scratch);
    p.bytes = cal_alloc((size_t)n * values);
    p.label = cal_alloc((size_t)n * sizeof *p.label);
    p.box = cal_alloc(4 * (size_t)n * sizeof *p.box);
    for (size_t i = 0; i < (size_t)n; i++) {
        struct cal_sign sign = cal_sign_draw(seed, split, (uint32_t)i, size);
        cal_sign_paint(&sign, image, scratch, p.box + 4 * i);
        p.label[i] = cal_sign_class((uint32_t)i);
        for (size_t j = 0; j < values; j++)
            p.bytes[i * values + j] = (uint8_t)(255 * image[j] + 0.5f);
    }
    cal_free(image);
    cal_free(scratch);
    return p;
}

static void signs_close(struct cal_stimulus *s)
{
    struct signs *signs = s->state;
    cal_images_finish(&signs->images);
    cal_pictures_finish(&signs->pictures[CAL_SPLIT_TRAIN]);
    cal_pictures_finish(&signs->pictures[CAL_SPLIT_HELD_OUT]);
    cal_free(signs);
}

static int signs_open(struct cal_stimulus *s)
{
    const struct signs_params *p = s->params;
    struct cal_images_params how = p->images;
    how.standardise = true;
    struct signs *signs = s->state = cal_alloc(sizeof *signs);
    struct cal_pictures *train = &signs->pictures[CAL_SPLIT_TRAIN], *held_out = &signs->pictures[CAL_SPLIT_HELD_OUT];
    *train = paint(s->seed, CAL_SPLIT_TRAIN, p->samples, (int)p->size);
    *held_out = paint(s->seed, CAL_SPLIT_HELD_OUT, p->held_out, (int)p->size);
    int err = cal_images_init(&signs->images, &how, train, held_out);
    if (err) {
        signs_close(s);
        return err;
    }
    cal_images_offer(&signs->images, s, 0);
    s->classes = CAL_SIGN_CLASSES; /* in a world of fewer samples, too */
    return CAL_OK;
}

static int signs_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    const struct signs *signs = s->state;
    return cal_images_batch(&signs->images, s, view, presentation, out);
}

#define AT(field) offsetof(struct signs_params, field)
static const struct cal_param params[] = {
    {"size", CAL_INT, AT(size), "px", "32", 16, 256, NULL, NULL,
     "side of the pictures; what is in them scales with it, noise and blur do not"},
    {"samples", CAL_INT, AT(samples), "1", "6000", 1, 1e6, NULL, NULL, "how many pictures to train on, each kept as 3 size^2 bytes"},
    {"held_out", CAL_INT, AT(held_out), "1", "2000", 1, 1e6, NULL, NULL, "how many others are held out"},
    {"crop", CAL_INT, AT(images.crop), "px", "0", 0, 256, NULL, NULL,
     "training pictures are shifted at random by so much at most, both ways, over black; boxes follow"},
    {"flip", CAL_BOOL, AT(images.flip), NULL, "false", 0, 0, NULL, NULL,
     "half of the training pictures, at random, are mirrored left to right; boxes follow"},
    {.name = NULL},
};

const struct cal_stimulus_ops cal_signs_ops = {
    .kind = "traffic-signs",
    .help = "made pictures of traffic signs to name and to locate: 20 classes, each sign with its box",
    .params = params,
    .params_size = sizeof(struct signs_params),
    .open = signs_open,
    .batch = signs_batch,
    .spares = CAL_SPARES_MAPS,
    .close = signs_close,
};
