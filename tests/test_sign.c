/* tests/test_sign.c - traffic signs: what is drawn, how it is painted, and where its box is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "experiments/stimuli/sign.h"

enum { SIZE = 32, AREA = SIZE * SIZE, LARGE = 256, LARGE_AREA = LARGE * LARGE };

static float image[3 * LARGE_AREA], other[3 * LARGE_AREA], scratch[LARGE_AREA];

/* --- what is drawn --- */

static void a_picture_depends_on_seed_split_and_index(void **state)
{
    (void)state;
    float box[4];
    struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, 40, SIZE);
    cal_sign_paint(&s, image, scratch, box);
    for (int k = 0; k < 4; k++) {
        struct cal_sign t = cal_sign_draw(k == 1 ? 2 : 1, k == 2 ? CAL_SPLIT_HELD_OUT : CAL_SPLIT_TRAIN, k == 3 ? 60 : 40, SIZE);
        int equal = 0;
        cal_sign_paint(&t, other, scratch, box);
        for (int i = 0; i < 3 * AREA; i++)
            equal += image[i] == other[i];
        assert_true(k == 0 ? equal == 3 * AREA : equal < 3 * AREA / 2);
    }
}

/* Every quantity stays in its range, fills it, and has the mean of its distribution. */
static void quantities_have_their_distributions(void **state)
{
    (void)state;
    enum { N = 6000, QUANTITIES = 9 };
    const double low[QUANTITIES] = {6, -3.14159265 / 12, 0.85, 0.4, -0.25, 0, 0, 0, 0.15},
                 high[QUANTITIES] = {13, 3.14159265 / 12, 1.18, 1.1, 0.2, 0.1, 1, 1, 0.45};
    double sum[QUANTITIES] = {0}, least[QUANTITIES], most[QUANTITIES];
    int occluded = 0, rectangles[4] = {0}, blurs[3] = {0};
    for (int q = 0; q < QUANTITIES; q++) {
        least[q] = INFINITY;
        most[q] = -INFINITY;
    }
    for (uint32_t i = 0; i < N; i++) {
        struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, i, SIZE);
        double r = s.radius, margin = 0.8 * r;
        const double value[QUANTITIES] = {r,
                                          s.angle,
                                          s.aspect,
                                          s.contrast,
                                          s.brightness,
                                          s.noise,
                                          (s.x - margin) / (SIZE - 2 * margin),
                                          (s.y - margin) / (SIZE - 2 * margin),
                                          s.occluder.half_width / r};
        for (int q = 0; q < QUANTITIES; q++) {
            sum[q] += value[q];
            least[q] = fmin(least[q], value[q]);
            most[q] = fmax(most[q], value[q]);
        }
        assert_true(fabsf(s.occluder.x - s.x) <= s.radius && fabsf(s.occluder.y - s.y) <= s.radius);
        occluded += s.occluded;
        rectangles[s.rectangles]++;
        blurs[s.blurs]++;
    }
    for (int q = 0; q < QUANTITIES; q++) {
        double width = high[q] - low[q];
        assert_true(least[q] >= low[q] - 1e-5 && most[q] <= high[q] + 1e-5);
        assert_true(least[q] < low[q] + 0.01 * width && most[q] > high[q] - 0.01 * width);
        assert_true(fabs(sum[q] / N - (low[q] + high[q]) / 2) < 4 * width / sqrt(12.0 * N));
    }
    assert_true(fabs((double)occluded / N - 0.3) < 4 * sqrt(0.3 * 0.7 / N));
    for (int k = 0; k < 4; k++)
        assert_true(fabs((double)rectangles[k] / N - 0.25) < 4 * sqrt(0.25 * 0.75 / N));
    for (int k = 0; k < 3; k++)
        assert_true(fabs((double)blurs[k] / N - 1.0 / 3) < 4 * sqrt(2.0 / 9 / N));
}

static void colours_stay_near_those_of_the_shape(void **state)
{
    (void)state;
    for (int shape = 0; shape < CAL_SIGN_SHAPES; shape++) {
        float least[3] = {1, 1, 1}, most[3] = {0, 0, 0};
        for (uint32_t i = 0; i < 6000; i++) {
            struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, i, SIZE);
            for (int c = 0; c < 3 && (int)s.shape == shape; c++) {
                least[c] = fminf(least[c], s.fill.at[c]);
                most[c] = fmaxf(most[c], s.fill.at[c]);
            }
        }
        for (int c = 0; c < 3; c++) /* +-0.12, less where it would leave 0 ... 1 */
            assert_true(most[c] - least[c] < 0.2401f && (most[c] - least[c] > 0.23f || least[c] == 0 || most[c] == 1));
    }
}

static void lengths_scale_with_the_size(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, i, 32), t = cal_sign_draw(1, CAL_SPLIT_TRAIN, i, 64);
        assert_float_equal(t.radius, 2 * s.radius, 1e-4);
        assert_float_equal(t.x, 2 * s.x, 1e-4);
        assert_float_equal(t.occluder.half_width, 2 * s.occluder.half_width, 1e-4);
        assert_float_equal(t.rectangle[0].y, 2 * s.rectangle[0].y, 1e-4);
        assert_true(t.angle == s.angle && t.noise == s.noise && t.shape == s.shape && t.glyph == s.glyph);
    }
}

/* --- how it is painted --- */

static struct cal_rgb grey(float x)
{
    return (struct cal_rgb){{x, x, x}};
}

/* The sign alone in one colour each, no light, blur or noise: a stencil. */
static struct cal_sign stencil(uint32_t index, int size, float border, float fill, float mark)
{
    struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, index, size);
    for (int i = 0; i < CAL_SIGN_GRID * CAL_SIGN_GRID; i++)
        s.ground[i] = grey(0);
    s.border = grey(border);
    s.fill = grey(fill);
    s.mark = grey(mark);
    s.rectangles = s.blurs = 0;
    s.occluded = false;
    s.contrast = 1;
    s.brightness = s.noise = 0;
    return s;
}

/* The slow twin: corners of the shape in the picture, and whether a place is on the same side of all edges. Returns the least distance
 * to an edge's line, positive inside. */
static double depth(const struct cal_sign *s, double px, double py)
{
    static const int corners[CAL_SIGN_SHAPES] = {720, 3, 4, 8, 4};
    static const double turn[CAL_SIGN_SHAPES] = {0, -0.25, 0, 0.0625, 0.125}, around[CAL_SIGN_SHAPES] = {1, 1, 1, 1, 1.131370850};
    double pi = acos(-1), least = INFINITY, x[2] = {0}, y[2] = {0};
    int n = corners[s->shape];
    for (int k = 0; k <= n; k++) {
        double a = 2 * pi * (turn[s->shape] + (double)k / n), r = around[s->shape] * s->radius;
        double u = r * cos(a) * s->aspect, v = r * sin(a) / s->aspect;
        x[k % 2] = s->x + cos(s->angle) * u - sin(s->angle) * v;
        y[k % 2] = s->y + sin(s->angle) * u + cos(s->angle) * v;
        int from = (k + 1) % 2, to = k % 2;
        double ex = x[to] - x[from], ey = y[to] - y[from];
        if (k)
            least = fmin(least, (ex * (py - y[from]) - ey * (px - x[from])) / hypot(ex, ey));
    }
    return least;
}

static void boxes_are_the_tight_boxes_of_the_shapes(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 400; k++) {
        struct cal_sign s = stencil(k, SIZE, 1, 1, 1);
        float box[4];
        int left = SIZE, right = 0, top = SIZE, bottom = 0;
        cal_sign_paint(&s, image, scratch, box);
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++) {
                double inside = depth(&s, x + 0.5, y + 0.5);
                bool white = image[y * SIZE + x] > 0.5f;
                if (fabs(inside) > 2e-3) /* the circle has 720 corners here */
                    assert_true(white == (inside > 0));
                if (white) {
                    left = x < left ? x : left;
                    right = x >= right ? x + 1 : right;
                    top = y < top ? y : top;
                    bottom = y + 1;
                }
            }
        assert_float_equal(box[0], (left + right) / 2.0 / SIZE, 1e-6);
        assert_float_equal(box[1], (top + bottom) / 2.0 / SIZE, 1e-6);
        assert_float_equal(box[2], (double)(right - left) / SIZE, 1e-6);
        assert_float_equal(box[3], (double)(bottom - top) / SIZE, 1e-6);
    }
}

/* What lies before, behind or over the whole changes nothing but pixels. */
static void boxes_ignore_everything_but_the_sign(void **state)
{
    (void)state;
    int occluded = 0;
    for (uint32_t k = 0; k < 200; k++) {
        struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_HELD_OUT, k, SIZE), t = s;
        float box[4], free_box[4];
        t.occluded = false;
        s.blurs = t.blurs = 0;
        cal_sign_paint(&s, image, scratch, box);
        cal_sign_paint(&t, other, scratch, free_box);
        assert_memory_equal(box, free_box, sizeof box);
        int changed = 0;
        for (int i = 0; i < 3 * AREA; i++) {
            float x = (float)(i % SIZE) + 0.5f, y = (float)(i / SIZE % SIZE) + 0.5f;
            bool hidden = fabsf(x - s.occluder.x) <= s.occluder.half_width && fabsf(y - s.occluder.y) <= s.occluder.half_height;
            changed += image[i] != other[i];
            assert_true(image[i] == other[i] || (s.occluded && hidden));
        }
        assert_true((changed > 0) == s.occluded);
        occluded += s.occluded;
    }
    assert_true(occluded > 30);
}

/* Smooth edges: what is covered adds up to the area of the shape, far better than whole pixels would. */
static void coverage_adds_up_to_the_area(void **state)
{
    (void)state;
    static const double area[CAL_SIGN_SHAPES] = {3.14159265, 1.29903811, 2, 2.82842712, 2.56};
    for (uint32_t k = 0; k < 100; k++) {
        struct cal_sign s = stencil(k, SIZE, 1, 1, 1);
        double sum = 0, expected = area[s.shape] * s.radius * s.radius;
        float box[4];
        int partly = 0;
        s.radius *= 0.8f;
        s.x = s.y = SIZE / 2.0f; /* all of it in the picture */
        cal_sign_paint(&s, image, scratch, box);
        for (int i = 0; i < AREA; i++) {
            sum += image[i];
            partly += image[i] > 0 && image[i] < 1;
        }
        assert_true(fabs(sum / (0.64 * expected) - 1) < 0.02);
        assert_true(partly > 10);
    }
}

/* Of a large upright sign: how many pixels are the glyph's, and how far it goes each way; how many are the border's. */
static void glyphs_look_as_they_are_called_and_fit_inside(void **state)
{
    (void)state;
    for (int shape = 0; shape < CAL_SIGN_SHAPES; shape++) {
        long border[CAL_SIGN_GLYPHS] = {0}, ink[CAL_SIGN_GLYPHS] = {0}, wide[CAL_SIGN_GLYPHS] = {0}, tall[CAL_SIGN_GLYPHS] = {0};
        for (int glyph = 0; glyph < CAL_SIGN_GLYPHS; glyph++) {
            struct cal_sign s = stencil((uint32_t)(shape * CAL_SIGN_GLYPHS + glyph), LARGE, 0.5f, 0.75f, 1);
            float box[4];
            assert_int_equal(s.shape, shape);
            assert_int_equal(s.glyph, glyph);
            s.radius = 100;
            s.x = s.y = LARGE / 2.0f;
            s.angle = 0;
            s.aspect = 1;
            cal_sign_paint(&s, image, scratch, box);
            for (int i = 0; i < LARGE_AREA; i++) {
                long x = labs(2 * (i % LARGE) + 1 - LARGE), y = labs(2 * (i / LARGE) + 1 - LARGE);
                bool marked = image[i] > 0.9f;
                border[glyph] += fabsf(image[i] - 0.5f) < 1e-3f;
                ink[glyph] += marked;
                wide[glyph] = marked && x > wide[glyph] ? x : wide[glyph];
                tall[glyph] = marked && y > tall[glyph] ? y : tall[glyph];
            }
            assert_int_equal(border[glyph], border[0]); /* the glyph takes nothing of it */
        }
        assert_true(border[0] > 5000);
        assert_true(wide[CAL_SIGN_BAR] > 3 * tall[CAL_SIGN_BAR]);
        assert_int_equal(tall[CAL_SIGN_POST], wide[CAL_SIGN_BAR]);
        assert_int_equal(wide[CAL_SIGN_POST], tall[CAL_SIGN_BAR]);
        assert_int_equal(ink[CAL_SIGN_POST], ink[CAL_SIGN_BAR]);
        assert_int_equal(wide[CAL_SIGN_CROSS], tall[CAL_SIGN_CROSS]);
        assert_int_equal(wide[CAL_SIGN_RING], tall[CAL_SIGN_RING]);
        assert_true(ink[CAL_SIGN_CROSS] > ink[CAL_SIGN_BAR] && ink[CAL_SIGN_RING] > ink[CAL_SIGN_BAR]);
    }
}

/* The binomial blur in two dimensions at once, edges repeated. */
static float blurred(const float *plane, int y, int x)
{
    const float weight[3] = {0.25f, 0.5f, 0.25f};
    float sum = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int row = y + dy < 0 ? 0 : y + dy >= SIZE ? SIZE - 1 : y + dy, column = x + dx < 0 ? 0 : x + dx >= SIZE ? SIZE - 1 : x + dx;
            sum += weight[dy + 1] * weight[dx + 1] * plane[row * SIZE + column];
        }
    return sum;
}

static void blur_and_light_equal_their_slow_twins(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 20; k++) {
        struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, k, SIZE), t;
        float box[4];
        s.contrast = 1;
        s.brightness = s.noise = 0;
        s.blurs = 0;
        t = s;
        t.blurs = 1;
        cal_sign_paint(&s, image, scratch, box);
        cal_sign_paint(&t, other, scratch, box);
        for (int i = 0; i < 3 * AREA; i++)
            assert_float_equal(other[i], blurred(image + i / AREA * AREA, i % AREA / SIZE, i % SIZE), 1e-5);
        t = s;
        t.contrast = 0.6f;
        t.brightness = 0.3f;
        cal_sign_paint(&t, other, scratch, box);
        for (int i = 0; i < 3 * AREA; i++)
            assert_float_equal(other[i], fminf(0.6f * (image[i] - 0.5f) + 0.8f, 1), 1e-5);
    }
}

static void noise_has_its_sd_in_every_channel(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 20; k++) {
        struct cal_sign s = cal_sign_draw(1, CAL_SPLIT_TRAIN, k, SIZE), quiet;
        float box[4];
        double product[3][3] = {{0}};
        s.contrast = 0.1f; /* far from black and white */
        s.brightness = 0;
        s.noise = 0.05f;
        quiet = s;
        quiet.noise = 0;
        cal_sign_paint(&s, image, scratch, box);
        cal_sign_paint(&quiet, other, scratch, box);
        for (int i = 0; i < AREA; i++)
            for (int c = 0; c < 3; c++)
                for (int d = 0; d < 3; d++)
                    product[c][d] += (double)(image[c * AREA + i] - other[c * AREA + i]) * (image[d * AREA + i] - other[d * AREA + i]);
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 3; d++) /* 5 sd of what 1,024 draws give */
                assert_true(fabs(product[c][d] / AREA / 0.0025 - (c == d)) < (c == d ? 0.22 : 0.16));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_depends_on_seed_split_and_index),
        cmocka_unit_test(quantities_have_their_distributions),
        cmocka_unit_test(colours_stay_near_those_of_the_shape),
        cmocka_unit_test(lengths_scale_with_the_size),
        cmocka_unit_test(boxes_are_the_tight_boxes_of_the_shapes),
        cmocka_unit_test(boxes_ignore_everything_but_the_sign),
        cmocka_unit_test(coverage_adds_up_to_the_area),
        cmocka_unit_test(glyphs_look_as_they_are_called_and_fit_inside),
        cmocka_unit_test(blur_and_light_equal_their_slow_twins),
        cmocka_unit_test(noise_has_its_sd_in_every_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
