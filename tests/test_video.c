/* tests/test_video.c - recorded frames, shown in windows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "tests/looker.h"
#include "tests/picture_file.h"

#define PATH "test_video.h5"
#define SMALL "{kind: video, path: " PATH ", window: 4, stack: 2, views: 0}"

enum { B = 2, FRAMES = 40, H = 2, W = 3, PIXELS = H * W };

/* Pixel p of frame i is 6 i + p: every one of the file is different. */
static void write_frames(const char *prefix, hid_t f, int n, int first)
{
    uint8_t bytes[FRAMES * PIXELS];
    char name[32] = "";
    for (int i = 0; i < n * PIXELS; i++)
        bytes[i] = (uint8_t)(first * PIXELS + i);
    put_bytes(f, strcat(strcat(name, prefix), "images"), (hsize_t)n, 1, H, W, bytes);
}

static void write_lengths(hid_t f, const char *name, int n, const int *length)
{
    put_labels(f, name, (hsize_t)n, length);
}

/* Which frame is shown in channel c of row b, by its first pixel; the others must follow. */
static int shown(const struct looker *l, int b, int c, double mean, double sd)
{
    const float *x = l->rep->data[0] + (b * 2 + c) * PIXELS;
    int grey = (int)lround((double)x[0] * sd + mean);
    assert_int_equal(grey % PIXELS, 0);
    for (int p = 0; p < PIXELS; p++)
        assert_true(fabs((double)x[p] * sd + mean - grey - p) < 1e-3);
    return grey / PIXELS;
}

/* Looks at many windows of a split: all frames of its sequences, [first, end), are seen, none else, and no window leaves its sequence. */
static void check_split(struct looker *l, enum cal_split split, int n, const int *first, double mean, double sd)
{
    int seen[FRAMES] = {0};
    for (long t = 0; t < 400; t++) {
        get(l, 0, split, t);
        for (int b = 0; b < B; b++) {
            int now = shown(l, b, 1, mean, sd), before = shown(l, b, 0, mean, sd), sequence = 0;
            while (sequence < n && now >= first[sequence + 1])
                sequence++;
            assert_true(sequence < n && before == now - 1 && before >= first[sequence]);
            assert_true(l->rep->data[1][b] == (float)sequence);
            seen[now] = seen[before] = 1;
        }
    }
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(seen[i], i >= first[0] && i < first[n]);
}

static void the_last_sequences_are_held_out(void **state)
{
    (void)state;
    struct looker l;
    double n = 34 * PIXELS, mean = (n - 1) / 2, sd = sqrt((n * n - 1) / 12); /* of 0 ... n-1 */
    hid_t f = new_file(PATH);
    write_frames("", f, FRAMES, 0);
    write_lengths(f, "lengths", 4, (const int[]){9, 20, 5, 6});
    H5Fclose(f);
    look(&l, SMALL, 1, B);
    assert_true(l.w.s->samples[CAL_SPLIT_TRAIN] == 34 && l.w.s->samples[CAL_SPLIT_HELD_OUT] == 6 && l.w.s->window == 4);
    assert_true(l.w.s->spec.n == 2 && l.w.s->spec.slice[0].c == 2 && l.w.s->spec.slice[0].h == H && l.w.s->spec.slice[0].w == W);
    check_split(&l, CAL_SPLIT_TRAIN, 3, (const int[]){0, 9, 29, 34}, mean, sd);
    check_split(&l, CAL_SPLIT_HELD_OUT, 1, (const int[]){34, 40}, mean, sd);
    look_away(&l);
}

static void a_test_split_of_its_own(void **state)
{
    (void)state;
    struct looker l;
    double n = 20 * PIXELS, mean = (n - 1) / 2, sd = sqrt((n * n - 1) / 12);
    hid_t f = new_file(PATH);
    write_frames("", f, 20, 0);
    write_frames("test_", f, 12, 25);
    write_lengths(f, "lengths", 1, (const int[]){20});
    write_lengths(f, "test_lengths", 2, (const int[]){5, 7});
    H5Fclose(f);
    look(&l, SMALL, 1, B);
    check_split(&l, CAL_SPLIT_TRAIN, 1, (const int[]){0, 20}, mean, sd);
    check_split(&l, CAL_SPLIT_HELD_OUT, 2, (const int[]){25, 30, 37}, mean, sd);
    look_away(&l);
}

static void a_single_sequence_holds_nothing_out(void **state)
{
    (void)state;
    struct looker l;
    const struct cal_view view = {.split = CAL_SPLIT_HELD_OUT};
    hid_t f = new_file(PATH);
    write_frames("", f, 20, 0);
    write_lengths(f, "lengths", 1, (const int[]){20});
    H5Fclose(f);
    look(&l, SMALL, 1, B);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 0);
    assert_int_equal(cal_batches_get(l.b, &view, 0, &l.rep), CAL_EUSAGE);
    look_away(&l);
}

static void refused(int code, const char *words)
{
    struct world w;
    size_t before = cal_mem_now_bytes();
    assert_int_equal(world_open(&w, SMALL, 1, B), code);
    assert_non_null(strstr(cal_err_message(), words));
    world_close(&w);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        int n, length[3];
        const char *words;
        int code;
    } cases[] = {
        {2, {20, 19}, "add up to the 40 frames", CAL_EINPUT},  {2, {20, 21}, "add up to the 40 frames", CAL_EINPUT},
        {3, {20, 0, 20}, "lengths of at least 1", CAL_EINPUT}, {3, {50, -30, 20}, "lengths of at least 1", CAL_EINPUT},
        {2, {4, 36}, "training sequence 0 has 4", CAL_EUSAGE}, {2, {36, 4}, "held-out sequence 0 has 4", CAL_EUSAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t f = new_file(PATH);
        write_frames("", f, FRAMES, 0);
        write_lengths(f, "lengths", cases[i].n, cases[i].length);
        H5Fclose(f);
        refused(cases[i].code, cases[i].words);
    }
    hid_t f = new_file(PATH);
    write_frames("", f, FRAMES, 0);
    H5Fclose(f);
    refused(CAL_EINPUT, "has no dataset `lengths`");
    f = new_file(PATH);
    put_bytes(f, "images", 8, 3, H, W, NULL);
    write_lengths(f, "lengths", 1, (const int[]){8});
    H5Fclose(f);
    refused(CAL_EINPUT, "has 3 channels, expected grey frames");
    f = new_file(PATH);
    put(f, "images", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, (const hsize_t[]){8, 1, H, W}, NULL);
    write_lengths(f, "lengths", 1, (const int[]){8});
    H5Fclose(f);
    refused(CAL_EINPUT, "expected frames as bytes");
    f = new_file(PATH);
    put_bytes(f, "images", 8, 1, H, W, NULL);
    write_lengths(f, "lengths", 1, (const int[]){8});
    H5Fclose(f);
    refused(CAL_EINPUT, "all pixels");
    unlink(PATH);
    refused(CAL_EINPUT, PATH);
}

static int remove_file(void **state)
{
    (void)state;
    unlink(PATH);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_sequences_are_held_out),
        cmocka_unit_test(a_test_split_of_its_own),
        cmocka_unit_test(a_single_sequence_holds_nothing_out),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
