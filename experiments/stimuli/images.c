/* experiments/stimuli/images.c - see images.h. */
#include "experiments/stimuli/images.h"

#include <math.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "experiments/stimuli/samples.h"

/* How one row of a batch is shown. */
struct glance {
    int right, down; /* px */
    bool flip;       /* after the shift */
};

static float pixel(const struct cal_pictures *p, size_t at)
{
    return p->bytes ? (float)p->bytes[at] / 255.0f : p->floats[at];
}

/* Mean and standard deviation of each channel over the training images, without the padding. */
static int measure(struct cal_images *m)
{
    const struct cal_pictures *train = m->pictures[CAL_SPLIT_TRAIN];
    size_t plane = (size_t)train->h * (size_t)train->w;
    for (int c = 0; c < train->c; c++) {
        double sum = 0, squares = 0, n = (double)train->n * (double)plane;
        for (size_t i = 0; i < (size_t)train->n; i++) {
            size_t at = (i * (size_t)train->c + (size_t)c) * plane;
            for (size_t j = 0; j < plane; j++) {
                double x = pixel(train, at + j);
                sum += x;
                squares += x * x;
            }
        }
        m->mean[c] = (float)(sum / n);
        m->sd[c] = (float)sqrt(fmax(squares / n - sum / n * (sum / n), 0));
        if (m->sd[c] < 1e-6f)
            return cal_fail(CAL_EINPUT, "all pixels of channel %d are equal, cannot standardise them", c);
    }
    return CAL_OK;
}

int cal_images_init(struct cal_images *m, const struct cal_images_params *p, const struct cal_pictures *train,
                    const struct cal_pictures *held_out)
{
    size_t channels = (size_t)train->c;
    *m = (struct cal_images){.p = *p, .pictures = {[CAL_SPLIT_TRAIN] = train, [CAL_SPLIT_HELD_OUT] = held_out}};
    m->mean = cal_alloc(channels * sizeof *m->mean);
    m->sd = cal_alloc(channels * sizeof *m->sd);
    for (size_t c = 0; c < channels; c++)
        m->sd[c] = 1;
    cal_optics_init(&m->optics, p->optics, (train->h > train->w ? train->h : train->w) + 2 * (int)p->pad);
    return p->standardise ? measure(m) : CAL_OK;
}

void cal_images_finish(struct cal_images *m)
{
    cal_free(m->mean);
    cal_free(m->sd);
    cal_optics_finish(&m->optics);
    *m = (struct cal_images){.mean = NULL};
}

void cal_images_offer(const struct cal_images *m, struct cal_stimulus *s, int views)
{
    const struct cal_pictures *train = m->pictures[CAL_SPLIT_TRAIN], *held_out = m->pictures[CAL_SPLIT_HELD_OUT];
    cal_samples_offer(&s->spec, views, train->c, train->h + 2 * (int)m->p.pad, train->w + 2 * (int)m->p.pad);
    s->samples[CAL_SPLIT_TRAIN] = train->n;
    s->samples[CAL_SPLIT_HELD_OUT] = held_out->n;
    s->classes = cal_pictures_classes(train, held_out);
    /* a blur reaches into the frame, which then is not black but part of the picture */
    s->pixels = (struct cal_pixels){.mean = m->mean, .sd = m->sd, .pad = m->p.optics > 0 ? 0 : (int)m->p.pad};
    if (train->label)
        cal_rep_spec_add(&s->spec, "label", 1);
    if (train->box)
        cal_rep_spec_add(&s->spec, "box", 4);
}

/* The draws are elements of a sequence of which the order of the samples, a permutation, uses none (core/rng.h). */
static struct glance glance_at(const struct cal_images *m, const struct cal_rng *key, int row)
{
    uint64_t first = 4 * (uint64_t)row;
    uint32_t places = 2 * (uint32_t)m->p.crop + 1;
    return (struct glance){
        .right = (int)cal_rng_below(key, first, places) - (int)m->p.crop,
        .down = (int)cal_rng_below(key, first + 1, places) - (int)m->p.crop,
        .flip = m->p.flip && cal_rng_below(key, first + 2, 2),
    };
}

static void mirror(float *row, int n)
{
    for (int i = 0; i < n / 2; i++) {
        float x = row[i];
        row[i] = row[n - 1 - i];
        row[n - 1 - i] = x;
    }
}

/* n pixels of a row, standardised. */
static void show_pixels(const struct cal_pictures *p, size_t at, size_t n, float mean, float sd, float *restrict out)
{
    const uint8_t *bytes = p->bytes; /* in registers, so that the loops are plain ones */
    const float *floats = p->floats;
    if (bytes)
        for (size_t i = 0; i < n; i++)
            out[i] = ((float)bytes[at + i] / 255.0f - mean) / sd;
    else
        for (size_t i = 0; i < n; i++)
            out[i] = (floats[at + i] - mean) / sd;
}

/* To out (c, h + 2 pad, w + 2 pad). What lies around the image is black, so it is standardised like the rest. */
static void show_image(const struct cal_images *m, const struct cal_pictures *p, uint32_t image, const struct glance *g, float *out)
{
    int pad = (int)m->p.pad, height = p->h + 2 * pad, width = p->w + 2 * pad;
    int left = pad + g->right, top = pad + g->down;
    int first = left > 0 ? left : 0, end = left + p->w < width ? left + p->w : width;
    for (int c = 0; c < p->c; c++) {
        float mean = m->mean[c], sd = m->sd[c], black = -mean / sd, *start = out;
        size_t plane = ((size_t)image * (size_t)p->c + (size_t)c) * (size_t)p->h;
        for (int y = 0; y < height; y++, out += width) {
            bool inside = y >= top && y < top + p->h;
            int from = inside ? first : width, to = inside ? end : width;
            size_t row = inside ? (plane + (size_t)(y - top)) * (size_t)p->w : 0;
            for (int x = 0; x < from; x++)
                out[x] = black;
            if (from < to)
                show_pixels(p, row + (size_t)(from - left), (size_t)(to - from), mean, sd, out + from);
            for (int x = to; x < width; x++)
                out[x] = black;
            if (g->flip)
                mirror(out, width);
        }
        cal_optics_blur(&m->optics, height, width, black, start);
    }
}

/* The box as parts of what is shown; of one that the shift has pushed over the edge, what is left (a width of 0 where nothing is). */
static void show_box(const struct cal_images *m, const struct cal_pictures *p, uint32_t image, const struct glance *g, float *out)
{
    const float *box = p->box + (size_t)4 * image;
    const float size[2] = {(float)p->w, (float)p->h}, shift[2] = {(float)g->right, (float)g->down};
    float pad = (float)m->p.pad;
    for (int i = 0; i < 2; i++) {
        float whole = size[i] + 2 * pad, centre = box[i] * size[i] + pad, extent = box[i + 2] * size[i];
        if (shift[i] != 0) {
            float low = fminf(fmaxf(centre + shift[i] - extent / 2, 0), whole);
            float high = fminf(fmaxf(centre + shift[i] + extent / 2, 0), whole);
            centre = (low + high) / 2;
            extent = high - low;
        }
        if (i == 0 && g->flip)
            centre = whole - centre;
        out[i] = centre / whole;
        out[i + 2] = extent / whole;
    }
}

int cal_images_batch(const struct cal_images *m, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                     float *const *out)
{
    const struct cal_pictures *p = m->pictures[view->split];
    struct cal_samples samples;
    int err = cal_samples_init(&samples, s, view, presentation);
    if (err)
        return err;
    int label = cal_rep_find(&s->spec, "label"), box = cal_rep_find(&s->spec, "box");
    bool augment = view->split == CAL_SPLIT_TRAIN && (m->p.crop || m->p.flip);
    struct cal_rng key = cal_rng_key(s->seed, CAL_STREAM_ORDER, CAL_OWNER_SHARED, (uint32_t)view->phase, (uint64_t)presentation);
    size_t cols = (size_t)s->spec.slice[0].cols;
    for (int b = 0; b < s->batch; b++) {
        uint32_t image = cal_samples_row(&samples, b) % (uint32_t)p->n; /* an epoch may show it several times */
        struct glance g = augment ? glance_at(m, &key, b) : (struct glance){.flip = false};
        if (out[0])
            show_image(m, p, image, &g, out[0] + (size_t)b * cols);
        if (label >= 0)
            out[label][b] = (float)p->label[image];
        if (box >= 0)
            show_box(m, p, image, &g, out[box] + (size_t)4 * (size_t)b);
    }
    return CAL_OK;
}
