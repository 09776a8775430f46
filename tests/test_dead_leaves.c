/* tests/test_dead_leaves.c - blur and standardising of patches, and the world of fallen discs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "experiments/stimuli/dead_leaves.h"
#include "experiments/stimuli/patches.h"
#include "tests/world.h"

#define SMALL "{kind: dead-leaves, size: 256, patch: 8, discs: 400, radius_max: 60}"
#define B 32

static struct cal_view view_of(int phase, enum cal_split split, double noise)
{
    return (struct cal_view){.phase = phase, .split = split, .noise = noise};
}

/* --- patches --- */

static void blur_weights(void **state)
{
    (void)state;
    float in[5 * 5] = {0}, out[9], row[5];
    in[2 * 5 + 2] = 1;
    cal_patches_blur(in, 3, 3, row, out);
    const double side[3] = {0.24, 0.52, 0.24};
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            assert_float_equal(out[y * 3 + x], side[y] * side[x], 1e-7);
}

static void blur_in_place_is_the_same(void **state)
{
    (void)state;
    float in[12 * 9], out[10 * 7], row[9];
    struct cal_rng key = cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, 0);
    cal_rng_uniform_fill(&key, 0, in, 12 * 9);
    cal_patches_blur(in, 10, 7, row, out);
    cal_patches_blur(in, 10, 7, row, in);
    assert_memory_equal(in, out, sizeof out);
}

static void mean_and_sd(const float *x, size_t n, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *sd = sqrt(squares / (double)n);
}

static void flat_patches_are_refused_and_left_alone(void **state)
{
    (void)state;
    float flat[4] = {0.5f, 0.51f, 0.5f, 0.51f}, was[4]; /* sd 0.005 */
    memcpy(was, flat, sizeof was);
    assert_false(cal_patches_standardise(flat, 4, 0.006));
    assert_memory_equal(flat, was, sizeof was);
    assert_true(cal_patches_standardise(flat, 4, 0.004));
    assert_float_equal(flat[0], -1, 1e-5);
    assert_float_equal(flat[1], 1, 1e-5);
}

static void patches_are_standardised(void **state)
{
    (void)state;
    struct world w;
    const struct cal_rep *rep;
    assert_int_equal(world_open(&w, SMALL, 3, B), CAL_OK);
    struct cal_batches *b = cal_batches_create(w.s, 1);
    for (int split = 0; split < 2; split++) {
        struct cal_view view = view_of(0, (enum cal_split)split, -1);
        for (long t = 0; t < w.s->samples[split] / B; t++) {
            assert_int_equal(cal_batches_get(b, &view, t, &rep), CAL_OK);
            for (int row = 0; row < B; row++) {
                double mean, sd;
                mean_and_sd(rep->data[0] + row * rep->ld[0], 64, &mean, &sd);
                assert_true(fabs(mean) < 1e-5 && fabs(sd - 1) < 1e-5);
            }
        }
    }
    cal_batches_destroy(b);
    world_close(&w);
}

/* --- dead leaves --- */

static struct cal_dead_leaves_params small_params(void)
{
    return (struct cal_dead_leaves_params){.size = 64, .patch = 8, .discs = 80, .radius_min = 2, .radius_max = 20, .min_sd = 0.01};
}

/* The same picture, pixel by pixel: the last disc that covers it, on a torus. */
static float slow_pixel(const struct cal_dead_leaves_params *p, const struct cal_rng *key, long x, long y)
{
    for (long i = p->discs - 1; i >= 0; i--) {
        struct cal_disc d = cal_dead_leaves_disc(p, key, i);
        double dx = fabs((double)x - d.x), dy = fabs((double)y - d.y);
        dx = fmin(dx, (double)p->size - dx);
        dy = fmin(dy, (double)p->size - dy);
        if (dx * dx + dy * dy <= d.radius * d.radius)
            return d.grey;
    }
    return 0.5f;
}

static void painting_equals_its_slow_twin(void **state)
{
    (void)state;
    struct cal_dead_leaves_params p = small_params();
    float *picture = cal_alloc(66 * 66 * sizeof *picture), *blurred = cal_alloc(66 * 66 * sizeof *blurred);
    for (uint32_t seed = 1; seed <= 3; seed++) {
        struct cal_rng key = cal_rng_key(seed, CAL_STREAM_WORLD, CAL_OWNER_SHARED, CAL_SPLIT_HELD_OUT, 0);
        p.blur = false;
        cal_dead_leaves_paint(&p, seed, CAL_SPLIT_HELD_OUT, picture);
        for (long i = 0; i < 64 * 64; i++)
            assert_true(picture[i] == slow_pixel(&p, &key, i % 64, i / 64));
        p.blur = true;
        cal_dead_leaves_paint(&p, seed, CAL_SPLIT_HELD_OUT, blurred);
        const double weight[3] = {0.24, 0.52, 0.24};
        for (int i = 0; i < 64 * 64; i++) {
            double sum = 0;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    sum += weight[dy + 1] * weight[dx + 1] * (double)picture[(i / 64 + dy + 64) % 64 * 64 + (i % 64 + dx + 64) % 64];
            assert_float_equal(blurred[i], sum, 1e-6);
        }
    }
    cal_free(picture);
    cal_free(blurred);
}

static void discs_have_the_densities_of_the_model(void **state)
{
    (void)state;
    enum { N = 200000, BINS = 8 };
    struct cal_dead_leaves_params p = {.size = 2048, .radius_min = 4, .radius_max = 120};
    struct cal_rng key = cal_rng_key(11, CAL_STREAM_WORLD, CAL_OWNER_SHARED, 0, 0);
    double radius[BINS] = {0}, grey[BINS] = {0}, x[BINS] = {0}, y[BINS] = {0}, top = log(32.0 / 4);
    for (long i = 0; i < N; i++) {
        struct cal_disc d = cal_dead_leaves_disc(&p, &key, i);
        assert_true(d.radius >= 4 * (1 - 1e-12) && d.radius <= 120);
        int bin = (int)(log(d.radius / 4) / top * BINS); /* equal steps of log r, up to 32 */
        if (bin < BINS)
            radius[bin]++;
        grey[(int)(d.grey * BINS)]++;
        x[(int)(d.x / 2048 * BINS)]++;
        y[(int)(d.y / 2048 * BINS)]++;
    }
    /* Density ~ r^-3: the count in a step of log r falls as r^-2. Regression of log count on log r. */
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (int i = 0; i < BINS; i++) {
        double log_r = top * i / BINS, log_count = log(radius[i]);
        sum_x += log_r;
        sum_y += log_count;
        sum_xx += log_r * log_r;
        sum_xy += log_r * log_count;
        for (int k = 0; k < 3; k++) /* uniform: N / 8 each, sd 148 */
            assert_true(fabs((k == 0 ? grey : k == 1 ? x : y)[i] - N / BINS) < 700);
    }
    double slope = (BINS * sum_xy - sum_x * sum_y) / (BINS * sum_xx - sum_x * sum_x);
    assert_true(fabs(slope + 2) < 0.05);
}

/* Power of the picture (size,size) at the spatial frequency (u,v), in cycles a picture. */
static double power_at(const float *picture, int size, int u, int v)
{
    double re = 0, im = 0, turn = 2 * acos(-1) / size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double angle = turn * ((u * x + v * y) % size);
            re += picture[y * size + x] * cos(angle);
            im += picture[y * size + x] * sin(angle);
        }
    return re * re + im * im;
}

/* A slope near -2 on log-log axes. White noise has 0, and a few large discs alone have -3. */
static void the_spectrum_is_that_of_natural_scenes(void **state)
{
    (void)state;
    enum { SIZE = 256 };
    struct cal_dead_leaves_params p = {.size = SIZE, .patch = 16, .discs = 375, .radius_min = 4, .radius_max = 120};
    float *picture = cal_alloc((SIZE + 2) * (SIZE + 2) * sizeof *picture);
    double low = 0, high = 0;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        cal_dead_leaves_paint(&p, seed, CAL_SPLIT_TRAIN, picture);
        for (int k = 0; k < 8; k++) {
            double angle = acos(-1) * k / 8;
            low += power_at(picture, SIZE, (int)lround(4 * cos(angle)), (int)lround(4 * sin(angle)));
            high += power_at(picture, SIZE, (int)lround(32 * cos(angle)), (int)lround(32 * sin(angle)));
        }
    }
    double slope = log(high / low) / log(32.0 / 4);
    assert_true(slope > -2.9 && slope < -1.4);
    cal_free(picture);
}

/* Whether x is one of the standardised 8 x 8 tiles of a picture of 256 x 256. */
static bool is_tile_of(const float *picture, const float *x)
{
    for (int tile = 0; tile < 32 * 32; tile++) {
        float patch[64];
        for (int i = 0; i < 64; i++)
            patch[i] = picture[(tile / 32 * 8 + i / 8) * 256 + tile % 32 * 8 + i % 8];
        if (cal_patches_standardise(patch, 64, 0.01) && !memcmp(patch, x, sizeof patch))
            return true;
    }
    return false;
}

static void each_split_shows_tiles_of_its_own_picture(void **state)
{
    (void)state;
    struct world w;
    const struct cal_rep *rep;
    assert_int_equal(world_open(&w, SMALL, 3, B), CAL_OK);
    struct cal_batches *b = cal_batches_create(w.s, 1);
    float *picture = cal_alloc(258 * 258 * sizeof *picture);
    for (int i = 0; i < 4; i++) {
        struct cal_view view = view_of(0, i % 2 ? CAL_SPLIT_HELD_OUT : CAL_SPLIT_TRAIN, -1);
        assert_int_equal(cal_batches_get(b, &view, 1, &rep), CAL_OK);
        for (int split = 0; split < 2; split++) {
            cal_dead_leaves_paint(w.params, 3, (enum cal_split)split, picture);
            for (int row = 0; row < B; row++)
                assert_int_equal(is_tile_of(picture, rep->data[0] + row * rep->ld[0]), split == (int)view.split);
        }
    }
    cal_free(picture);
    cal_batches_destroy(b);
    world_close(&w);
}

static void changing_the_split_and_back_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    const struct cal_rep *rep;
    assert_int_equal(world_open(&w, SMALL, 3, B), CAL_OK);
    struct cal_batches *b = cal_batches_create(w.s, 1);
    struct cal_view view[2] = {view_of(0, CAL_SPLIT_TRAIN, -1), view_of(0, CAL_SPLIT_HELD_OUT, -1)};
    uint64_t first[2];
    size_t before = cal_mem_now_bytes();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cal_batches_get(b, &view[i % 2], 0, &rep), CAL_OK);
        uint64_t hash = cal_rep_hash(rep, 0);
        if (i < 2)
            first[i] = hash;
        assert_true(hash == first[i % 2]);
    }
    assert_true(first[0] != first[1]);
    assert_int_equal(cal_mem_now_bytes(), before); /* one picture at a time */
    cal_batches_destroy(b);
    world_close(&w);
}

static void impossible_settings_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{kind: dead-leaves, size: 64, patch: 65, radius_max: 20}", "patch 65"},
        {"{kind: dead-leaves, size: 64, radius_min: 10, radius_max: 5}", "radius_min 10"},
        {"{kind: dead-leaves, size: 64, radius_max: 40}", "radius_max 40"},
        {"{kind: dead-leaves, views: 9}", "views"},
        {"{kind: dead-leaves, pacth: 16}", "patch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        size_t before = cal_mem_now_bytes();
        assert_int_equal(world_open(&w, cases[i][0], 1, B), CAL_EUSAGE);
        assert_non_null(strstr(cal_err_message(), cases[i][1]));
        world_close(&w);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blur_weights),
        cmocka_unit_test(blur_in_place_is_the_same),
        cmocka_unit_test(flat_patches_are_refused_and_left_alone),
        cmocka_unit_test(patches_are_standardised),
        cmocka_unit_test(painting_equals_its_slow_twin),
        cmocka_unit_test(discs_have_the_densities_of_the_model),
        cmocka_unit_test(the_spectrum_is_that_of_natural_scenes),
        cmocka_unit_test(each_split_shows_tiles_of_its_own_picture),
        cmocka_unit_test(changing_the_split_and_back_changes_nothing),
        cmocka_unit_test(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
