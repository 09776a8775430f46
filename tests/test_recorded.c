/* tests/test_recorded.c - the world in a finished run's activity: every frame shown as recorded, and one clear line for whatever is wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/files.h"
#include "core/sonata.h"
#include "tests/world.h"
#include "tests/fixtures.h"

#define STEP 8 /* rows a step of the run that recorded */
#define B 4
#define CLASSES 7
#define RUN "run: %s, region: V.1"
#define BOTH RUN ", train: dump, held_out: probe"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    return scratch_folder(dir, sizeof dir);
}

static int teardown(void **state)
{
    (void)state;
    cal_remove_tree(dir);
    return access(dir, F_OK) == 0;
}

/* ---- a finished run ---- */

static float value_at(size_t frame, int unit)
{
    return (float)frame + (float)unit / 64;
}

static float label_at(size_t frame, int unit)
{
    (void)unit;
    return (float)(frame % CLASSES);
}

static float box_at(size_t frame, int unit)
{
    return (float)(frame % 16) / 16 + (float)unit;
}

static float other_at(size_t frame, int unit)
{
    return frame == 5 ? NAN : label_at(frame, unit) + 0.5f;
}

static char *report_of(const char *name)
{
    return cal_sprintf("%s/activity/%s.h5", dir, name);
}

static void note(const char *name, const char *what, int64_t value)
{
    char *path = report_of(name);
    assert_int_equal(cal_sonata_set_i64(path, "V.1", what, value), CAL_OK);
    cal_free(path);
}

/* activity/<name>.h5 of region V.1, as a phase that ran once leaves it. */
static void report(const char *name, int units, size_t frames, float (*value)(size_t frame, int unit))
{
    struct cal_sonata s;
    char *path = report_of(name);
    float *row = cal_alloc((size_t)units * sizeof *row);
    assert_int_equal(cal_sonata_init(&s, path, "V.1", "any", "1", units, STEP, STEP, 0), CAL_OK);
    for (size_t f = 0; f < frames; f++) {
        for (int u = 0; u < units; u++)
            row[u] = value(f, u);
        assert_int_equal(cal_sonata_append(&s, row, 1), CAL_OK);
    }
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    note(name, "repeats", 1);
    cal_free(row);
    cal_free(path);
}

static void map_report(const char *name, int64_t c, int64_t h, int64_t w, size_t frames)
{
    report(name, (int)(c * h * w), frames, value_at);
    note(name, "channels", c);
    note(name, "height", h);
    note(name, "width", w);
}

static void put_text(const char *name)
{
    char *path = cal_sprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{}\n", f);
    fclose(f);
    cal_free(path);
}

static void take_away(const char *name)
{
    char *path = cal_sprintf("%s/%s", dir, name);
    assert_int_equal(remove(path), 0);
    cal_free(path);
}

/* 48 frames to train, 16 held out: maps of 2 x 3 x 4, labels and boxes. */
static void good_run(void)
{
    char *activity = cal_sprintf("%s/activity", dir);
    cal_remove_tree(activity);
    assert_int_equal(cal_make_dirs(activity), CAL_OK);
    cal_free(activity);
    put_text("used.yml");
    put_text("summary.json");
    map_report("dump.V.1.map", 2, 3, 4, 48);
    report("dump.V.1.true_label", 1, 48, label_at);
    report("dump.V.1.true_box", 4, 48, box_at);
    map_report("probe.V.1.map", 2, 3, 4, 16);
    report("probe.V.1.true_label", 1, 16, label_at);
    report("probe.V.1.true_box", 4, 16, box_at);
}

/* ---- what is shown ---- */

struct looker {
    struct world w;
    struct cal_batches *b;
    const struct cal_rep *rep;
};

static int look(struct looker *l, const char *keys, const char *run, uint32_t seed)
{
    char *middle = cal_sprintf(keys, run), *text = cal_sprintf("{kind: recorded, %s}", middle);
    int err = world_open(&l->w, text, seed, B);
    l->b = err ? NULL : cal_batches_create(l->w.s, 2);
    cal_free(text);
    cal_free(middle);
    return err;
}

static void look_well(struct looker *l, const char *keys)
{
    if (look(l, keys, dir, 1))
        fail_msg("%s", cal_err_message());
}

static void stop_looking(struct looker *l)
{
    cal_batches_destroy(l->b);
    world_close(&l->w);
}

static void get(struct looker *l, enum cal_split split, int phase, long presentation)
{
    const struct cal_view view = {.phase = phase, .split = split, .noise = -1};
    assert_int_equal(cal_batches_get(l->b, &view, presentation, &l->rep), CAL_OK);
}

/* Row b is a recorded frame, label and box are the same frame's; -> its number. */
static size_t frame_of(const struct looker *l, int b)
{
    const struct cal_rep_spec *spec = &l->w.s->spec;
    int cols = spec->slice[0].cols, label = cal_rep_find(spec, "label"), box = cal_rep_find(spec, "box");
    const float *x = l->rep->data[0] + (size_t)b * (size_t)cols;
    size_t frame = (size_t)x[0];
    for (int u = 0; u < cols; u++)
        assert_true(x[u] == value_at(frame, u));
    if (label >= 0)
        assert_true(l->rep->data[label][b] == label_at(frame, 0));
    for (int u = 0; box >= 0 && u < 4; u++)
        assert_true(l->rep->data[box][4 * b + u] == box_at(frame, u));
    return frame;
}

/* An epoch of the split shows each of its n frames once; -> were they in an order of their own? */
static bool check_epoch(struct looker *l, enum cal_split split, int phase, long epoch, size_t n)
{
    int *seen = cal_alloc(n * sizeof *seen);
    bool moved = false;
    long batches = (long)n / B;
    for (long t = 0; t < batches; t++) {
        get(l, split, phase, epoch * batches + t);
        for (int b = 0; b < B; b++) {
            size_t frame = frame_of(l, b);
            assert_true(frame < n);
            seen[frame]++;
            moved = moved || frame != (size_t)t * B + (size_t)b;
        }
    }
    for (size_t f = 0; f < n; f++)
        assert_int_equal(seen[f], 1);
    cal_free(seen);
    return moved;
}

static void every_frame_is_shown_once_an_epoch(void **state)
{
    (void)state;
    good_run();
    struct looker l;
    look_well(&l, BOTH);
    const struct cal_stimulus *s = l.w.s;
    assert_int_equal(s->spec.n, 3);
    assert_string_equal(s->spec.slice[0].name, "image");
    assert_true(s->spec.slice[0].c == 2 && s->spec.slice[0].h == 3 && s->spec.slice[0].w == 4);
    assert_int_equal(s->samples[CAL_SPLIT_TRAIN], 48);
    assert_int_equal(s->samples[CAL_SPLIT_HELD_OUT], 16);
    assert_int_equal(s->classes, CLASSES);
    assert_true(check_epoch(&l, CAL_SPLIT_TRAIN, 0, 0, 48));
    assert_true(check_epoch(&l, CAL_SPLIT_TRAIN, 0, 1, 48));
    assert_true(check_epoch(&l, CAL_SPLIT_HELD_OUT, 1, 0, 16));
    stop_looking(&l);
}

static void two_processes_read_one_file(void **state)
{
    (void)state;
    good_run();
    struct looker one, two;
    look_well(&one, BOTH);
    look_well(&two, BOTH);
    for (long t = 0; t < 20; t++) {
        get(&one, CAL_SPLIT_TRAIN, 3, t);
        get(&two, CAL_SPLIT_TRAIN, 3, t);
        assert_true(cal_rep_hash(one.rep, 0) == cal_rep_hash(two.rep, 0));
    }
    stop_looking(&one);
    stop_looking(&two);
}

static void a_row_of_values_and_views_and_no_held_out(void **state)
{
    (void)state;
    good_run();
    report("dump.V.1.code", 5, 24, value_at);
    take_away("activity/dump.V.1.true_label.h5");
    take_away("activity/dump.V.1.true_box.h5");
    struct looker l;
    look_well(&l, RUN ", train: dump, variable: code, views: 2, noise: 0.5");
    const struct cal_slice *image = &l.w.s->spec.slice[0];
    assert_true(image->c == 1 && image->h == 1 && image->w == 5);
    assert_int_equal(l.w.s->spec.n, 3); /* and two views */
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 0);
    assert_int_equal(l.w.s->classes, 0);
    assert_true(check_epoch(&l, CAL_SPLIT_TRAIN, 0, 0, 24));
    double square = 0;
    for (int i = 0; i < 5 * B; i++)
        square += pow((double)l.rep->data[1][i] - (double)l.rep->data[0][i], 2);
    assert_true(square > 0.05 * 5 * B && square < 0.6 * 5 * B); /* 0.25 of each expected */
    stop_looking(&l);
}

static void the_run_of_the_same_seed(void **state)
{
    (void)state;
    good_run();
    char *inside = cal_sprintf("%s/seed-3", dir), *activity = cal_sprintf("%s/seed-3/activity", dir);
    char *from = cal_sprintf("%s/activity", dir), *name = strrchr(dir, '/') + 1;
    assert_int_equal(cal_make_dirs(inside), CAL_OK);
    assert_int_equal(rename(from, activity), 0);
    put_text("seed-3/used.yml");
    struct looker l;
    assert_int_equal(look(&l, BOTH, dir, 3), CAL_EINPUT);
    assert_non_null(strstr(cal_err_message(), "seed-3: is not finished"));
    stop_looking(&l);
    put_text("seed-3/summary.json");
    take_away("used.yml");
    take_away("summary.json");
    assert_int_equal(look(&l, BOTH, dir, 3), CAL_OK);
    assert_true(check_epoch(&l, CAL_SPLIT_TRAIN, 0, 0, 48));
    stop_looking(&l);
    assert_int_equal(look(&l, BOTH, dir, 4), CAL_EINPUT);
    assert_non_null(strstr(cal_err_message(), name));
    stop_looking(&l);
    cal_free(inside);
    cal_free(activity);
    cal_free(from);
}

/* ---- what is wrong ---- */

/* Opening fails with `code`, in one line with these words, and nothing is held. */
static void refused(const char *keys, int code, const char *words)
{
    struct looker l;
    size_t before = cal_mem_now_bytes();
    int err = look(&l, keys, dir, 1);
    const char *message = cal_err_message();
    if (err != code || !strstr(message, words) || strchr(message, '\n'))
        print_error("%s: got %d `%s`, expected %d `%s`\n", keys, err, message, code, words);
    assert_int_equal(err, code);
    assert_non_null(strstr(message, words));
    assert_null(strchr(message, '\n'));
    stop_looking(&l);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void names_that_are_not_there(void **state)
{
    (void)state;
    good_run();
    put_text("activity/dump.map.h5"); /* a master is no region */
    refused("run: %s/no, region: V.1, train: dump", CAL_EINPUT, "/no: there is no run");
    refused(RUN ", train: dmp", CAL_EUSAGE, "train: no phase `dmp`");
    refused(RUN ", train: dmp", CAL_EUSAGE, "there is: dump, probe, did you mean `dump`?");
    refused(RUN ", train: dump, held_out: watch", CAL_EUSAGE, "held_out: no phase `watch`");
    refused("run: %s, region: V.2, train: dump", CAL_EUSAGE, "recorded no region `V.2`; there is: V.1, did you mean `V.1`?");
    refused(RUN ", train: dump, variable: mpa", CAL_EUSAGE,
            "recorded no `mpa` of V.1; there is: map, true_box, true_label, did you mean `map`?");
    refused(RUN ", train: ''", CAL_EUSAGE, "no phase ``");
    refused("region: V.1, train: '%s'", CAL_EUSAGE, "run");
    take_away("summary.json");
    refused(BOTH, CAL_EINPUT, "is not finished: it has no summary.json");
}

static void reports_that_are_not_whole(void **state)
{
    (void)state;
    good_run();
    note("dump.V.1.map", "repeats", 3);
    refused(BOTH, CAL_EUSAGE, "train: phase `dump` ran 3 times");
    report("dump.V.1.map", 24, 20, value_at);
    refused(BOTH, CAL_EINPUT, "dump.V.1.map.h5: has 20 frames, expected a multiple of 8");
    report("dump.V.1.map", 24, 0, value_at);
    refused(BOTH, CAL_EINPUT, "dump.V.1.map.h5: has 0 frames");
    struct cal_sonata s;
    char *path = report_of("dump.V.1.map");
    assert_int_equal(cal_sonata_init(&s, path, "V.1", "map", "1", 24, STEP, STEP, 0), CAL_OK);
    assert_int_equal(cal_sonata_append(&s, (const float[STEP * 24]){0}, STEP), CAL_OK);
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    refused(BOTH, CAL_EINPUT, "has no `repeats`, expected a report of a phase that came to its end");
    map_report("dump.V.1.map", 2, 3, 4, 48);
    assert_int_equal(truncate(path, 3000), 0);
    refused(BOTH, CAL_EINPUT, "dump.V.1.map.h5: cannot open");
    put_text("activity/dump.V.1.map.h5");
    refused(BOTH, CAL_EINPUT, "dump.V.1.map.h5: cannot open");
    char *other = cal_sprintf("%s/activity/dump.V.2.map.h5", dir);
    map_report("dump.V.1.map", 2, 3, 4, 48);
    assert_int_equal(rename(path, other), 0);
    refused("run: %s, region: V.2, train: dump", CAL_EINPUT, "dump.V.2.map.h5: there is no dataset `/report/V.2/data`");
    cal_free(other);
    cal_free(path);
}

static void shapes_that_do_not_fit(void **state)
{
    (void)state;
    good_run();
    map_report("probe.V.1.map", 2, 4, 3, 16);
    refused(BOTH, CAL_EINPUT, "is 2 x 4 x 3, expected 2 x 3 x 4 as in phase `dump`");
    note("probe.V.1.map", "width", 5);
    refused(BOTH, CAL_EINPUT, "24 units are no maps of 2 x 4 x 5");
    note("probe.V.1.map", "width", -3);
    refused(BOTH, CAL_EINPUT, "no maps of");
    map_report("probe.V.1.map", 2, 3, 4, 0);
    refused(BOTH, CAL_EINPUT, "has 0 frames");
    map_report("dump.V.1.few", 1, 1, 4, 8);
    refused(RUN ", train: dump, variable: few", CAL_EINPUT, "true_label.h5: has 48 frames of 1 units, expected 8 of 1");
}

static void labels_that_do_not_fit(void **state)
{
    (void)state;
    good_run();
    take_away("activity/probe.V.1.true_label.h5");
    refused(BOTH, CAL_EINPUT, "phase `dump` recorded `true_label` of V.1, phase `probe` did not");
    report("probe.V.1.true_label", 1, 8, label_at);
    refused(BOTH, CAL_EINPUT, "probe.V.1.true_label.h5: has 8 frames of 1 units, expected 16 of 1");
    report("probe.V.1.true_label", 1, 16, other_at);
    refused(BOTH, CAL_EINPUT, "probe.V.1.true_label.h5: frame 0 holds 0.5, expected a label");
    report("probe.V.1.true_label", 1, 16, label_at);
    report("probe.V.1.true_box", 3, 16, box_at);
    refused(BOTH, CAL_EINPUT, "probe.V.1.true_box.h5: has 16 frames of 3 units, expected 16 of 4");
    report("probe.V.1.true_box", 4, 16, other_at);
    refused(BOTH, CAL_EINPUT, "probe.V.1.true_box.h5: frame 5 holds nan, expected a number");
    take_away("activity/probe.V.1.true_box.h5");
    refused(BOTH, CAL_EINPUT, "phase `dump` recorded `true_box` of V.1, phase `probe` did not");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_frame_is_shown_once_an_epoch),
        TEST(two_processes_read_one_file),
        TEST(a_row_of_values_and_views_and_no_held_out),
        TEST(the_run_of_the_same_seed),
        TEST(names_that_are_not_there),
        TEST(reports_that_are_not_whole),
        TEST(shapes_that_do_not_fit),
        TEST(labels_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
