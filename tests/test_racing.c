/* tests/test_racing.c - windows of sequences side by side, and the world of car racing that is shown in them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/h5.h"
#include "experiments/stimuli/dump.h"
#include "experiments/stimuli/racing.h"
#include "experiments/stimuli/windows.h"
#include "tests/looker.h"

#define PATH "test_racing.h5"
#define SMALL "{kind: car-racing, size: 16, sequences: 6, held_out: 5, frames: 60, window: 20, stack: 3, views: 2, noise: 0.5}"

enum { B = 4, STACK = 3, PIXELS = 16 * 16, T = 20 };
enum { IMAGE, VIEW1, VIEW2, SEQUENCE, ROAD, CURVATURE, CAR };

/* --- windows --- */

static struct cal_view view_of(int phase, enum cal_split split)
{
    return (struct cal_view){.phase = phase, .split = split, .noise = -1};
}

static void sequences_are_shown_equally_often_and_side_by_side(void **state)
{
    (void)state;
    enum { SEQUENCES = 8, ROWS = 4, TURNS = 2000, LONG = 50 };
    struct cal_windows_params p = {.window = 10, .stack = 3};
    struct cal_windows w = {.p = &p, .split = {{.n = SEQUENCES, .each = LONG}, {.n = 3, .frames = (const long[]){12, 40, 13}}}};
    struct cal_stimulus s = {.seed = 1, .batch = ROWS};
    for (int split = 0; split < 2; split++) {
        struct cal_view view = view_of(0, (enum cal_split)split);
        int shown[SEQUENCES] = {0}, starts[LONG] = {0}, n = (int)w.split[split].n;
        for (long turn = 0; turn < TURNS; turn++)
            for (int b = 0; b < ROWS; b++) {
                struct cal_frame_place first = cal_windows_place(&w, &s, &view, 10 * turn, b),
                                       last = cal_windows_place(&w, &s, &view, 10 * turn + 9, b);
                long frames = split == CAL_SPLIT_TRAIN ? LONG : w.split[split].frames[first.sequence];
                assert_true(first.frame >= 2 && last.frame < frames);
                assert_true(last.sequence == first.sequence && last.frame == first.frame + 9);
                shown[first.sequence]++;
                starts[first.frame]++;
                for (int other = 0; other < b && split == CAL_SPLIT_TRAIN; other++)
                    assert_true(cal_windows_place(&w, &s, &view, 10 * turn, other).sequence != first.sequence);
            }
        for (int i = 0; i < n; i++)
            assert_true(shown[i] >= ROWS * TURNS / n && shown[i] <= ROWS * TURNS / n + 1);
        for (int i = 2; i <= LONG - 10 && split == CAL_SPLIT_TRAIN; i++) /* 8000 / 39, sd 14 */
            assert_true(starts[i] > 130 && starts[i] < 280);
    }
}

/* Rows where place x is one step of the car from where it was. */
static int rows_that_went_on(const float *was, const float *is)
{
    int rows = 0;
    for (int b = 0; b < B; b++) {
        const float *from = was + 5 * b, *to = is + 5 * b;
        rows += fabsf(to[0] - from[0] - 0.05f * from[3] * cosf(from[2])) < 1e-4f &&
                fabsf(to[1] - from[1] - 0.05f * from[3] * sinf(from[2])) < 1e-4f;
    }
    return rows;
}

static void frames_follow_within_a_window(void **state)
{
    (void)state;
    struct looker l;
    look(&l, SMALL, 1, B);
    assert_int_equal(l.w.s->window, T);
    float car[5 * B], image[B * STACK * PIXELS], view[B * STACK * PIXELS];
    for (long t = 0; t < 4 * T; t++) {
        get(&l, 0, CAL_SPLIT_TRAIN, t);
        int went_on = t ? rows_that_went_on(car, l.rep->data[CAR]) : 0;
        assert_int_equal(went_on, t % T ? B : 0);
        for (int b = 0; b < B && t % T; b++) { /* what was channel c is c - 1, noise and all */
            size_t bytes = (STACK - 1) * PIXELS * sizeof(float), at = (size_t)b * STACK * PIXELS;
            assert_memory_equal(l.rep->data[IMAGE] + at, image + at + PIXELS, bytes);
            assert_memory_equal(l.rep->data[VIEW2] + at, view + at + PIXELS, bytes);
        }
        memcpy(car, l.rep->data[CAR], sizeof car);
        memcpy(image, l.rep->data[IMAGE], sizeof image);
        memcpy(view, l.rep->data[VIEW2], sizeof view);
    }
    look_away(&l);
}

static void a_presentation_needs_none_before_it(void **state)
{
    (void)state;
    static const long order[] = {3, 41, 20, 0, 19, 60, 21, 59, 3};
    struct looker l, fresh;
    uint64_t hash[61];
    look(&l, SMALL, 1, B);
    for (long t = 0; t <= 60; t++) {
        get(&l, 1, CAL_SPLIT_HELD_OUT, t);
        get(&l, 1, CAL_SPLIT_TRAIN, t);
        hash[t] = cal_rep_hash(l.rep, 0);
    }
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        look(&fresh, SMALL, 1, B);
        get(&l, 1, CAL_SPLIT_TRAIN, order[i]);
        get(&fresh, 1, CAL_SPLIT_TRAIN, order[i]);
        assert_true(cal_rep_hash(l.rep, 0) == hash[order[i]]);
        assert_true(cal_rep_hash(fresh.rep, 0) == hash[order[i]]);
        look_away(&fresh);
    }
    look_away(&l);
}

static void noise_is_that_of_the_view_and_fresh(void **state)
{
    (void)state;
    struct looker l;
    struct cal_view quiet = {.phase = 0, .split = CAL_SPLIT_TRAIN, .noise = 0};
    double squares = 0, across = 0, n = 0, previous = 0;
    float before[PIXELS] = {0};
    look(&l, SMALL, 1, B);
    for (long t = 0; t < 3 * T; t++) {
        get(&l, 0, CAL_SPLIT_TRAIN, t);
        for (int i = 0; i < B * STACK * PIXELS; i++) {
            double a = (double)l.rep->data[VIEW1][i] - (double)l.rep->data[IMAGE][i],
                   b = (double)l.rep->data[VIEW2][i] - (double)l.rep->data[IMAGE][i];
            squares += a * a;
            across += a * b;
            n++;
        }
        for (int i = 0; i < PIXELS; i++) { /* the first channel of a window's first image against the last of the image before */
            if (t % T == 0)
                previous += (double)before[i] * ((double)l.rep->data[VIEW1][i] - (double)l.rep->data[IMAGE][i]);
            before[i] = l.rep->data[VIEW1][2 * PIXELS + i] - l.rep->data[IMAGE][2 * PIXELS + i];
        }
    }
    assert_true(fabs(sqrt(squares / n) - 0.5) < 0.01);
    assert_true(fabs(across / n) < 0.01);
    assert_true(fabs(previous / (2 * PIXELS)) < 0.05);
    assert_int_equal(cal_batches_get(l.b, &quiet, 5, &l.rep), CAL_OK);
    assert_memory_equal(l.rep->data[VIEW1], l.rep->data[IMAGE], B * STACK * PIXELS * sizeof(float));
    look_away(&l);
}

/* --- the world --- */

static void training_and_held_out_tracks_are_apart(void **state)
{
    (void)state;
    enum { SHOWN = 4 * T };
    static float car[2][SHOWN * B][5];
    struct looker l;
    look(&l, SMALL, 1, B);
    assert_true(l.w.s->samples[CAL_SPLIT_TRAIN] == 360 && l.w.s->samples[CAL_SPLIT_HELD_OUT] == 300);
    for (int split = 0; split < 2; split++)
        for (long t = 0; t < SHOWN; t++) {
            get(&l, 0, (enum cal_split)split, t);
            memcpy(car[split][t * B], l.rep->data[CAR], sizeof(float) * 5 * B);
        }
    for (int i = 0; i < SHOWN * B; i++)
        for (int j = 0; j < SHOWN * B; j++)
            assert_true(memcmp(car[0][i], car[1][j], sizeof car[0][i]) != 0);
    look_away(&l);
}

static void held_out_windows_are_the_same_in_all_phases(void **state)
{
    (void)state;
    struct looker l;
    look(&l, "{kind: car-racing, size: 16, sequences: 6, held_out: 5, frames: 60, window: 20, views: 0}", 1, B);
    for (int split = 0; split < 2; split++) {
        get(&l, 0, (enum cal_split)split, 33);
        uint64_t first = cal_rep_hash(l.rep, 0);
        get(&l, 2, (enum cal_split)split, 33);
        assert_int_equal(cal_rep_hash(l.rep, 0) == first, split == CAL_SPLIT_HELD_OUT);
    }
    look_away(&l);
}

static void bytes_are_shaded_as_by_the_twin(void **state)
{
    (void)state;
    enum { MOST = 101 };
    uint8_t from[MOST];
    float noise[MOST], fast[MOST], twin[MOST];
    struct cal_rng key = cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, 0);
    cal_rng_normal_fill(&key, 0, noise, MOST);
    for (int i = 0; i < MOST; i++)
        from[i] = (uint8_t)(7 * i);
    for (size_t n = 0; n <= MOST; n++)
        for (int noisy = 0; noisy <= 1; noisy++) {
            cal_windows_shade(n, from, 0.02f, -1.5f, 0.2f, noisy ? noise : NULL, fast);
            cal_windows_shade_twin(n, from, 0.02f, -1.5f, 0.2f, noisy ? noise : NULL, twin);
            for (size_t i = 0; i < n; i++)
                assert_float_equal(fast[i], twin[i], 1e-6);
        }
}

static void seeds_give_other_worlds(void **state)
{
    (void)state;
    struct looker l;
    uint64_t hash[2];
    for (uint32_t seed = 1; seed <= 2; seed++) {
        look(&l, SMALL, seed, B);
        get(&l, 0, CAL_SPLIT_HELD_OUT, 7);
        hash[seed - 1] = cal_rep_hash(l.rep, 0);
        look_away(&l);
    }
    assert_true(hash[0] != hash[1]);
}

/* The fixed mean and standard deviation fit the frames of the usual size. */
static void frames_are_standardised(void **state)
{
    (void)state;
    struct looker l;
    double sum = 0, squares = 0, n = 0, road = 0, curvature = 0;
    look(&l, "{kind: car-racing, sequences: 20, held_out: 1, frames: 200, window: 2}", 3, 20);
    const struct cal_rep_spec *spec = &l.w.s->spec;
    assert_true(cal_rep_find(spec, "image") == 0 && cal_rep_find(spec, "view1") == 1 && cal_rep_find(spec, "road") == 3);
    assert_true(spec->slice[3].c == 1 && spec->slice[3].h == 32 && spec->slice[3].w == 32 && spec->slice[3].cols == 32 * 32);
    for (long t = 0; t < 60; t += 2) {
        get(&l, 0, CAL_SPLIT_TRAIN, t);
        for (int i = 0; i < 20 * 32 * 32; i++) {
            double x = (double)l.rep->data[0][i];
            sum += x;
            squares += x * x;
            n++;
            assert_true(l.rep->data[3][i] == 0 || l.rep->data[3][i] == 1);
            road += (double)l.rep->data[3][i];
        }
        for (int b = 0; b < 20; b++) {
            curvature += fabs((double)l.rep->data[4][b]);
            assert_true(fabsf(l.rep->data[4][b]) < 1 / 9.0f && l.rep->data[3][b * 32 * 32 + 24 * 32 + 16] == 1);
        }
    }
    double mean = sum / n;
    assert_true(fabs(mean) < 0.05);
    assert_true(fabs(sqrt(squares / n - mean * mean) - 1) < 0.05);
    assert_true(road / n > 0.2 && road / n < 0.4);
    assert_true(curvature / 600 > 0.01 && curvature / 600 < 0.04);
    look_away(&l);
}

/* Which is where its window is from. */
static void rows_tell_their_sequence(void **state)
{
    (void)state;
    struct looker l;
    const struct cal_windows_params p = {.window = T, .stack = STACK};
    const struct cal_windows w = {.p = &p, .split = {{.n = 6, .each = 60}, {.n = 5, .each = 60}}};
    look(&l, SMALL, 1, B);
    for (int split = 0; split < 2; split++)
        for (long t = 0; t < 6 * T; t++) {
            struct cal_view view = view_of(0, (enum cal_split)split);
            get(&l, 0, (enum cal_split)split, t);
            for (int b = 0; b < B; b++)
                assert_true(l.rep->data[SEQUENCE][b] == (float)cal_windows_place(&w, l.w.s, &view, t, b).sequence);
        }
    look_away(&l);
    look(&l, "{kind: car-racing, size: 8, sequences: 1, held_out: 1, frames: 20, window: 20, views: 4}", 1,
         1); /* as many slices as can be */
    look_away(&l);
}

/* A slice is the same whoever wants which others. */
static void slices_do_without_the_others(void **state)
{
    (void)state;
    struct looker all, some;
    struct cal_view view = view_of(0, CAL_SPLIT_TRAIN);
    look(&all, SMALL, 1, B);
    for (int slice = IMAGE; slice <= CAR; slice++) {
        look(&some, SMALL, 1, B);
        for (long t = 18; t < 24; t++) {
            get(&all, 0, CAL_SPLIT_TRAIN, t);
            assert_int_equal(cal_batches_get_some(some.b, &view, t, 1u << slice, &some.rep), CAL_OK);
            assert_memory_equal(some.rep->data[slice], all.rep->data[slice], sizeof(float) * B * (size_t)all.w.s->spec.slice[slice].cols);
            for (int other = IMAGE; other <= CAR; other++) /* nobody wrote there */
                assert_true(other == slice || (some.rep->data[other][0] == 0 && some.rep->data[other][1] == 0));
        }
        look_away(&some);
    }
    look_away(&all);
}

/* A view that is lent is the one that is copied: on into the next window, with frames left out, seen twice or again, with other noise and in other phases. */
static void views_are_lent_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        long presentation;
        int phase;
        double noise;
    } jump[] = {{3, 0, -1}, {4, 0, -1}, {4, 0, 0}, {5, 0, 0}, {6, 1, 0}, {7, 1, -1}, {9, 1, -1}, {9, 1, -1}, {8, 1, -1}, {9, 1, -1}};
    const long straight = T + 5, n = straight + (long)(sizeof jump / sizeof *jump);
    struct looker copied, lent, fresh;
    look(&copied, SMALL, 1, B);
    look(&lent, SMALL, 1, B);
    cal_batches_borrow(lent.b);
    for (long i = 0; i < n; i++) {
        struct cal_view view = view_of(0, CAL_SPLIT_TRAIN);
        long t = i < straight ? i : jump[i - straight].presentation;
        if (i >= straight) {
            view.phase = jump[i - straight].phase;
            view.noise = jump[i - straight].noise;
        }
        look(&fresh, SMALL, 1, B); /* has shown nothing before */
        assert_int_equal(cal_batches_get(fresh.b, &view, t, &fresh.rep), CAL_OK);
        assert_int_equal(cal_batches_get(copied.b, &view, t, &copied.rep), CAL_OK);
        assert_int_equal(cal_batches_get(lent.b, &view, t, &lent.rep), CAL_OK);
        assert_true(cal_rep_hash(lent.rep, 0) == cal_rep_hash(fresh.rep, 0));
        assert_true(cal_rep_hash(copied.rep, 0) == cal_rep_hash(fresh.rep, 0));
        assert_true(lent.rep->ld[VIEW1] > STACK * PIXELS && lent.rep->ld[VIEW2] > STACK * PIXELS && lent.rep->ld[IMAGE] == STACK * PIXELS);
        look_away(&fresh);
    }
    look_away(&lent);
    look_away(&copied);
}

/* What `check` says beforehand is what is needed. */
static void memory_is_had_at_the_start(void **state)
{
    (void)state;
    struct looker l;
    look(&l, SMALL, 1, B);
    size_t before = cal_mem_now_bytes();
    for (long t = 0; t < 100; t++)
        get(&l, 0, t % 2 ? CAL_SPLIT_TRAIN : CAL_SPLIT_HELD_OUT, t);
    assert_int_equal(cal_mem_now_bytes(), before);
    look_away(&l);
}

static void impossible_worlds_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        int code;
    } cases[] = {
        {"{kind: car-racing, size: 7}", "size", CAL_EUSAGE},
        {"{kind: car-racing, stack: 9}", "stack", CAL_EUSAGE},
        {"{kind: car-racing, frames: 95}", "training sequence 0 has 95 frames, expected at least 96: window + stack - 1", CAL_EUSAGE},
        {"{kind: car-racing, frames: 99, window: 97, stack: 4}", "at least 100", CAL_EUSAGE},
        {"{kind: car-racing, windows: 3}", "window", CAL_EUSAGE},
        {"{kind: car-racing, size: 256, sequences: 100000, frames: 1000000}", "this machine has", CAL_EUSAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        size_t before = cal_mem_now_bytes();
        assert_int_equal(world_open(&w, cases[i].text, 1, B), cases[i].code);
        assert_non_null(strstr(cal_err_message(), cases[i].words));
        world_close(&w);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

/* --- the dump --- */

static void a_dump_has_moments_of_a_window(void **state)
{
    (void)state;
    struct looker l;
    struct cal_h5 *f;
    struct cal_view view = view_of(0, CAL_SPLIT_TRAIN);
    static float images[3 * B * STACK * PIXELS];
    int64_t window, rows, every;
    look(&l, SMALL, 1, B);
    assert_int_equal(cal_stimulus_dump(l.w.s, &view, 3, 6, PATH), CAL_OK);
    assert_int_equal(cal_h5_open(PATH, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "image", CAL_F32, 4, (const size_t[]){3 * B, STACK, 16, 16}, images), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "/", "window", &window), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "/", "rows", &rows), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "/", "every", &every), CAL_OK);
    assert_true(window == T && rows == B && every == 6);
    cal_h5_drop(f);
    for (long t = 0; t < 3; t++) {
        get(&l, 0, CAL_SPLIT_TRAIN, 6 * t);
        assert_memory_equal(l.rep->data[IMAGE], images + t * B * STACK * PIXELS, B * STACK * PIXELS * sizeof(float));
    }
    look_away(&l);
    unlink(PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_shown_equally_often_and_side_by_side),
        cmocka_unit_test(frames_follow_within_a_window),
        cmocka_unit_test(a_presentation_needs_none_before_it),
        cmocka_unit_test(noise_is_that_of_the_view_and_fresh),
        cmocka_unit_test(training_and_held_out_tracks_are_apart),
        cmocka_unit_test(held_out_windows_are_the_same_in_all_phases),
        cmocka_unit_test(bytes_are_shaded_as_by_the_twin),
        cmocka_unit_test(seeds_give_other_worlds),
        cmocka_unit_test(frames_are_standardised),
        cmocka_unit_test(rows_tell_their_sequence),
        cmocka_unit_test(slices_do_without_the_others),
        cmocka_unit_test(views_are_lent_as_they_are_written),
        cmocka_unit_test(memory_is_had_at_the_start),
        cmocka_unit_test(impossible_worlds_are_refused),
        cmocka_unit_test(a_dump_has_moments_of_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
