/* experiments/stimuli/sign.c - see sign.h. */
#include "experiments/stimuli/sign.h"

#include <math.h>

#include "core/err.h"

#define DRAWS 128 /* uniform draws kept for what is in a picture; the noise begins after them */
#define JITTER 0.12f
#define OCCLUDED 0.3f

static const float pi = 3.14159265f, root_half = 0.70710678f;

/* Colours before the jitter. */
static const struct {
    struct cal_rgb border, fill, mark;
} colours[CAL_SIGN_SHAPES] = {
    [CAL_SIGN_CIRCLE] = {{{0.80f, 0.08f, 0.10f}}, {{0.92f, 0.92f, 0.90f}}, {{0.08f, 0.08f, 0.08f}}},
    [CAL_SIGN_TRIANGLE] = {{{0.82f, 0.10f, 0.10f}}, {{0.95f, 0.78f, 0.15f}}, {{0.08f, 0.08f, 0.08f}}},
    [CAL_SIGN_DIAMOND] = {{{0.10f, 0.10f, 0.10f}}, {{0.95f, 0.70f, 0.12f}}, {{0.10f, 0.10f, 0.10f}}},
    [CAL_SIGN_OCTAGON] = {{{0.92f, 0.92f, 0.92f}}, {{0.80f, 0.10f, 0.14f}}, {{0.92f, 0.92f, 0.92f}}},
    [CAL_SIGN_SQUARE] = {{{0.90f, 0.90f, 0.92f}}, {{0.10f, 0.25f, 0.70f}}, {{0.92f, 0.92f, 0.92f}}},
};

/* Sizes as parts of the radius: the border's width, half a square's side, and the scale at which each glyph fits inside the border. */
static const float border_width = 0.16f, square_half = 0.8f;
static const float glyph_scale[CAL_SIGN_SHAPES] = {1.0f, 0.6f, 0.8f, 1.0f, 0.9f};

/* --- what is in it --- */

static float clip(float x) /* to 0 ... 1 */
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

struct draws {
    float u[DRAWS];
    int next;
};

static float between(struct draws *d, float low, float high)
{
    CAL_ASSERT(d->next < DRAWS);
    return low + (high - low) * d->u[d->next++];
}

/* One of 0 ... n-1. */
static int one_of(struct draws *d, int n)
{
    return (int)between(d, 0, (float)n);
}

static struct cal_rgb any_colour(struct draws *d)
{
    struct cal_rgb c;
    for (int i = 0; i < 3; i++)
        c.at[i] = between(d, 0, 1);
    return c;
}

static struct cal_rgb near_colour(struct draws *d, struct cal_rgb c)
{
    for (int i = 0; i < 3; i++)
        c.at[i] = clip(c.at[i] + between(d, -JITTER, JITTER));
    return c;
}

/* Around a place in the square of half side `reach` about (x,y), with sides between `least` and `most`. */
static struct cal_sign_rectangle any_rectangle(struct draws *d, float x, float y, float reach, float least, float most)
{
    struct cal_sign_rectangle r = {.x = x + between(d, -reach, reach), .y = y + between(d, -reach, reach)};
    r.half_width = between(d, least, most) / 2;
    r.half_height = between(d, least, most) / 2;
    r.colour = any_colour(d);
    return r;
}

int cal_sign_class(uint32_t index)
{
    return (int)(index % CAL_SIGN_CLASSES);
}

/* All is drawn, used or not, so that no draw's meaning depends on another. */
struct cal_sign cal_sign_draw(uint32_t seed, enum cal_split split, uint32_t index, int size)
{
    struct draws d = {.next = 0};
    int class = cal_sign_class(index);
    float side = (float)size, px = side / 32;
    struct cal_sign s = {.size = size,
                         .shape = (enum cal_sign_shape)(class / CAL_SIGN_GLYPHS),
                         .glyph = (enum cal_sign_glyph)(class % CAL_SIGN_GLYPHS),
                         .key = cal_rng_key(seed, CAL_STREAM_WORLD, CAL_OWNER_SHARED, (uint32_t)split, index)};
    cal_rng_uniform_fill(&s.key, 0, d.u, DRAWS);
    s.radius = between(&d, 6 * px, 13 * px);
    s.x = between(&d, 0.8f * s.radius, side - 0.8f * s.radius);
    s.y = between(&d, 0.8f * s.radius, side - 0.8f * s.radius);
    s.angle = between(&d, -pi / 12, pi / 12);
    s.aspect = between(&d, 0.85f, 1.18f);
    s.border = near_colour(&d, colours[s.shape].border);
    s.fill = near_colour(&d, colours[s.shape].fill);
    s.mark = near_colour(&d, colours[s.shape].mark);
    for (int i = 0; i < CAL_SIGN_GRID * CAL_SIGN_GRID; i++)
        s.ground[i] = any_colour(&d);
    s.rectangles = one_of(&d, CAL_SIGN_RECTANGLES + 1);
    for (int i = 0; i < CAL_SIGN_RECTANGLES; i++)
        s.rectangle[i] = any_rectangle(&d, side / 2, side / 2, side / 2, 4 * px, 20 * px);
    s.occluded = between(&d, 0, 1) < OCCLUDED;
    s.occluder = any_rectangle(&d, s.x, s.y, 0.7f * s.radius, 0.3f * s.radius, 0.9f * s.radius);
    s.contrast = between(&d, 0.4f, 1.1f);
    s.brightness = between(&d, -0.25f, 0.20f);
    s.blurs = one_of(&d, 3);
    s.noise = between(&d, 0, 0.10f);
    return s;
}

/* --- ground and rectangles --- */

/* Where pixel i of n is among the cells' centres: between number *first and the next, so far along. Flat beyond the outer ones. */
static float among_cells(int i, int n, int *first)
{
    float place = ((float)i + 0.5f) * CAL_SIGN_GRID / (float)n - 0.5f;
    *first = place < 0 ? 0 : place > CAL_SIGN_GRID - 2 ? CAL_SIGN_GRID - 2 : (int)place;
    return clip(place - (float)*first);
}

/* 4 x 4 cells, bilinear between the colours of their centres: along x into four lines, then between two of them. */
static void paint_ground(const struct cal_sign *s, float *image, float *lines)
{
    int n = s->size, first;
    for (int c = 0; c < 3; c++) {
        for (int x = 0; x < n; x++) {
            float share = among_cells(x, n, &first);
            for (int g = 0; g < CAL_SIGN_GRID; g++) {
                const struct cal_rgb *cell = s->ground + g * CAL_SIGN_GRID + first;
                lines[g * n + x] = cell[0].at[c] + share * (cell[1].at[c] - cell[0].at[c]);
            }
        }
        for (int y = 0; y < n; y++, image += n) {
            float share = among_cells(y, n, &first);
            const float *above = lines + first * n, *below = above + n;
            for (int x = 0; x < n; x++)
                image[x] = above[x] + share * (below[x] - above[x]);
        }
    }
}

/* The first pixel whose centre is at `edge` or after it, in 0 ... n. */
static int first_pixel(float edge, int n)
{
    return (int)fminf(fmaxf(ceilf(edge - 0.5f), 0), (float)n);
}

static void paint_rectangle(const struct cal_sign_rectangle *r, int n, float *image)
{
    int left = first_pixel(r->x - r->half_width, n), right = first_pixel(r->x + r->half_width, n);
    int top = first_pixel(r->y - r->half_height, n), bottom = first_pixel(r->y + r->half_height, n);
    for (int c = 0; c < 3; c++)
        for (int y = top; y < bottom; y++)
            for (int x = left; x < right; x++)
                image[(c * n + y) * n + x] = r->colour.at[c];
}

/* --- the sign --- */

/* Signed distance to the shape's edge, in its own frame: how far beyond the farthest of its sides (less than the true distance outside a
 * corner, which no pixel's coverage shows). */
static float shape_distance(enum cal_sign_shape shape, float radius, float x, float y)
{
    float ax = fabsf(x), ay = fabsf(y), diagonal = (ax + ay) * root_half;
    switch (shape) {
    case CAL_SIGN_TRIANGLE: /* on its base: inner radius 1/2, sides at 60 degrees */
        return fmaxf(y, 0.8660254f * ax - 0.5f * y) - 0.5f * radius;
    case CAL_SIGN_DIAMOND:
        return diagonal - root_half * radius;
    case CAL_SIGN_OCTAGON: /* cos(pi/8) */
        return fmaxf(fmaxf(ax, ay), diagonal) - 0.92387953f * radius;
    case CAL_SIGN_SQUARE:
        return fmaxf(ax, ay) - square_half * radius;
    default:
        return sqrtf(x * x + y * y) - radius;
    }
}

static float bar_distance(float along, float across, float half_length, float half_width)
{
    return fmaxf(fabsf(along) - half_length, fabsf(across) - half_width);
}

/* Signed distance to the glyph, as part of its scale. */
static float glyph_distance(enum cal_sign_glyph glyph, float x, float y)
{
    float down = (x + y) * root_half, up = (x - y) * root_half;
    switch (glyph) {
    case CAL_SIGN_BAR:
        return bar_distance(x, y, 0.50f, 0.15f);
    case CAL_SIGN_POST:
        return bar_distance(y, x, 0.50f, 0.15f);
    case CAL_SIGN_CROSS:
        return fminf(bar_distance(down, up, 0.55f, 0.14f), bar_distance(up, down, 0.55f, 0.14f));
    default:
        return fabsf(sqrtf(x * x + y * y) - 0.33f) - 0.11f;
    }
}

static float coverage(float distance)
{
    return clip(0.5f - distance);
}

/* Put the sign's part in pixel `p` of each plane over what is there. x, y: the pixel's centre in the sign's frame. */
static void paint_pixel(const struct cal_sign *s, float distance, float x, float y, float *p)
{
    float scale = glyph_scale[s->shape] * s->radius;
    float cover = coverage(distance), inner = coverage(distance + border_width * s->radius);
    float mark = coverage(scale * glyph_distance(s->glyph, x / scale, y / scale));
    for (int c = 0; c < 3; c++, p += s->size * s->size) {
        float colour = s->border.at[c] + inner * (s->fill.at[c] - s->border.at[c]);
        colour += mark * (s->mark.at[c] - colour);
        *p += cover * (colour - *p);
    }
}

static void paint_sign(const struct cal_sign *s, float *image, float box[4])
{
    int n = s->size, left = n, right = 0, top = n, bottom = 0;
    float cosine = cosf(s->angle), sine = sinf(s->angle);
    float reach = 1.4f * s->radius + 1; /* over sqrt(2) 0.8 x 1.18, a square's corner, and half a pixel */
    for (int i = first_pixel(s->y - reach, n); i < first_pixel(s->y + reach, n); i++)
        for (int j = first_pixel(s->x - reach, n); j < first_pixel(s->x + reach, n); j++) {
            float dx = (float)j + 0.5f - s->x, dy = (float)i + 0.5f - s->y;
            float x = (cosine * dx + sine * dy) / s->aspect, y = (cosine * dy - sine * dx) * s->aspect;
            float distance = shape_distance(s->shape, s->radius, x, y);
            if (distance < 0.5f)
                paint_pixel(s, distance, x, y, image + i * n + j);
            if (distance < 0) {
                left = j < left ? j : left;
                right = j + 1 > right ? j + 1 : right;
                top = i < top ? i : top;
                bottom = i + 1;
            }
        }
    CAL_ASSERT(left < right);
    const int edges[2][2] = {{left, right}, {top, bottom}};
    for (int k = 0; k < 2; k++) {
        box[k] = (float)(edges[k][0] + edges[k][1]) / (2 * (float)n);
        box[k + 2] = (float)(edges[k][1] - edges[k][0]) / (float)n;
    }
}

/* --- light, blur, noise --- */

/* (1 2 1)/4 along x into `between`, then along y; edges repeat. */
static void blur(float *plane, int n, float *between_passes)
{
    for (int y = 0; y < n; y++) {
        const float *in = plane + y * n;
        float *out = between_passes + y * n;
        out[0] = 0.75f * in[0] + 0.25f * in[1];
        for (int x = 1; x < n - 1; x++)
            out[x] = 0.25f * (in[x - 1] + in[x + 1]) + 0.5f * in[x];
        out[n - 1] = 0.75f * in[n - 1] + 0.25f * in[n - 2];
    }
    for (int y = 0; y < n; y++) {
        const float *in = between_passes + y * n, *above = y > 0 ? in - n : in, *below = y < n - 1 ? in + n : in;
        for (int x = 0; x < n; x++)
            plane[y * n + x] = 0.25f * (above[x] + below[x]) + 0.5f * in[x];
    }
}

static void expose(const struct cal_sign *s, float *image, float *scratch)
{
    int area = s->size * s->size;
    float offset = 0.5f + s->brightness - 0.5f * s->contrast;
    for (int c = 0; c < 3; c++, image += area) {
        for (int i = 0; i < area; i++)
            image[i] = s->contrast * image[i] + offset;
        for (int b = 0; b < s->blurs; b++)
            blur(image, s->size, scratch);
        uint64_t first = DRAWS + (uint64_t)c * (uint64_t)((area + 63) / 64 * 64);
        cal_rng_normal_fill(&s->key, first, scratch, (size_t)area);
        for (int i = 0; i < area; i++)
            image[i] = clip(image[i] + s->noise * scratch[i]);
    }
}

void cal_sign_paint(const struct cal_sign *s, float *image, float *scratch, float box[4])
{
    paint_ground(s, image, scratch);
    for (int i = 0; i < s->rectangles; i++)
        paint_rectangle(&s->rectangle[i], s->size, image);
    paint_sign(s, image, box);
    if (s->occluded)
        paint_rectangle(&s->occluder, s->size, image);
    expose(s, image, scratch);
}
