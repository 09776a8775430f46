/* tests/test_signs.c - the world of traffic signs, and the dump of a world. */
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
#include "experiments/stimuli/sign.h"
#include "tests/looker.h"

#define PATH "test_signs.h5"

enum { SIZE = 32, AREA = SIZE * SIZE };

static float image[3 * AREA], scratch[AREA];

enum { IMAGE, LABEL, BOX };

static void an_epoch_has_as_many_of_each_class(void **state)
{
    (void)state;
    struct looker l;
    look(&l, "{kind: traffic-signs, samples: 600, held_out: 200}", 1, 50);
    const struct cal_rep_spec *spec = &l.w.s->spec;
    assert_int_equal(l.w.s->classes, 20);
    assert_int_equal(cal_rep_find(spec, "image"), IMAGE);
    assert_int_equal(cal_rep_find(spec, "label"), LABEL);
    assert_int_equal(cal_rep_find(spec, "box"), BOX);
    assert_true(spec->slice[IMAGE].c == 3 && spec->slice[IMAGE].h == SIZE && spec->slice[IMAGE].w == SIZE);
    for (int split = 0; split < 2; split++) {
        int samples = split == CAL_SPLIT_TRAIN ? 600 : 200, count[20] = {0}, changes = 0;
        assert_int_equal(l.w.s->samples[split], samples);
        for (int t = 0; t < samples / 50; t++) {
            get(&l, 0, (enum cal_split)split, t);
            for (int b = 0; b < 50; b++) {
                count[(int)l.rep->data[LABEL][b]]++;
                changes += b && l.rep->data[LABEL][b] != fmodf(l.rep->data[LABEL][b - 1] + 1, 20);
            }
        }
        for (int k = 0; k < 20; k++)
            assert_int_equal(count[k], samples / 20);
        assert_true(changes > samples / 2); /* in no order */
    }
    look_away(&l);
}

/* What a batch shows is sample after sample as sign.h paints it, rounded to bytes and standardised over the training pictures. */
static void pictures_labels_and_boxes_belong_together(void **state)
{
    (void)state;
    struct looker l;
    double sum[3] = {0}, squares[3] = {0};
    int found = 0;
    look(&l, "{kind: traffic-signs, samples: 100, held_out: 40}", 3, 100);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    for (int i = 0; i < 100 * 3 * AREA; i++) {
        double x = l.rep->data[IMAGE][i];
        sum[i / AREA % 3] += x / (100 * AREA);
        squares[i / AREA % 3] += x * x / (100 * AREA);
    }
    for (int c = 0; c < 3; c++)
        assert_true(fabs(sum[c]) < 1e-3 && fabs(squares[c] - 1) < 1e-3);
    for (uint32_t k = 0; k < 100; k++) {
        struct cal_sign s = cal_sign_draw(3, CAL_SPLIT_TRAIN, k, SIZE);
        float box[4];
        cal_sign_paint(&s, image, scratch, box);
        for (int b = 0; b < 100; b++) {
            const float *shown = l.rep->data[IMAGE] + b * 3 * AREA;
            if (memcmp(box, l.rep->data[BOX] + 4 * b, sizeof box) || l.rep->data[LABEL][b] != (float)cal_sign_class(k))
                continue;
            double n = AREA, x = 0, y = 0, xx = 0, yy = 0, xy = 0; /* correlation of the green planes */
            for (int i = AREA; i < 2 * AREA; i++) {
                x += image[i];
                y += shown[i];
                xx += image[i] * image[i];
                yy += shown[i] * shown[i];
                xy += image[i] * shown[i];
            }
            found += (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y)) > 0.999;
        }
    }
    assert_int_equal(found, 100);
    look_away(&l);
}

/* Who looks at no picture sees the same labels and boxes, augmented or not. */
static void labels_and_boxes_do_without_pictures(void **state)
{
    (void)state;
    enum { B = 50 };
    struct looker l;
    look(&l, "{kind: traffic-signs, samples: 200, held_out: 60, crop: 4, flip: true}", 1, B);
    for (int split = 0; split < 2; split++)
        for (long t = 0; t < 4; t++) {
            struct cal_view view = {.phase = 1, .split = (enum cal_split)split, .noise = -1};
            float label[B], box[4 * B];
            assert_int_equal(cal_batches_get_some(l.b, &view, t, 1u << LABEL | 1u << BOX, &l.rep), CAL_OK);
            memcpy(label, l.rep->data[LABEL], sizeof label);
            memcpy(box, l.rep->data[BOX], sizeof box);
            get(&l, 1, (enum cal_split)split, t);
            assert_memory_equal(label, l.rep->data[LABEL], sizeof label);
            assert_memory_equal(box, l.rep->data[BOX], sizeof box);
        }
    look_away(&l);
}

static void copies_are_equal_and_seeds_differ(void **state)
{
    (void)state;
    struct looker l;
    uint64_t hash[4];
    for (int k = 0; k < 4; k++) {
        look(&l, "{kind: traffic-signs, samples: 64, held_out: 32, crop: 3, flip: true}", k == 3 ? 2 : 1, 32);
        if (k == 1)
            get(&l, 0, CAL_SPLIT_HELD_OUT, 0); /* what was asked for before does not matter */
        get(&l, k == 2 ? 1 : 0, CAL_SPLIT_TRAIN, 5);
        hash[k] = cal_rep_hash(l.rep, 0);
        look_away(&l);
    }
    assert_true(hash[0] == hash[1] && hash[0] != hash[2] && hash[0] != hash[3]);
}

/* crop and flip reach the pictures; test_stimulus_file.c has what they do. */
static void training_may_be_augmented(void **state)
{
    (void)state;
    struct looker plain, l;
    look(&plain, "{kind: traffic-signs, samples: 64, held_out: 32}", 1, 32);
    for (int k = 0; k < 2; k++) {
        look(&l,
             k ? "{kind: traffic-signs, samples: 64, held_out: 32, crop: 3}"
               : "{kind: traffic-signs, samples: 64, held_out: 32, flip: true}",
             1, 32);
        get(&plain, 0, CAL_SPLIT_HELD_OUT, 0);
        get(&l, 0, CAL_SPLIT_HELD_OUT, 0);
        assert_true(cal_rep_hash(plain.rep, 0) == cal_rep_hash(l.rep, 0));
        get(&plain, 0, CAL_SPLIT_TRAIN, 1);
        get(&l, 0, CAL_SPLIT_TRAIN, 1);
        assert_true(cal_rep_hash(plain.rep, 0) != cal_rep_hash(l.rep, 0));
        assert_memory_equal(plain.rep->data[LABEL], l.rep->data[LABEL], 32 * sizeof(float));
        look_away(&l);
    }
    look_away(&plain);
}

static void impossible_worlds_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{kind: traffic-signs, size: 15}", "{kind: traffic-signs, samples: 0}",
                                        "{kind: traffic-signs, samples: 31}", "{kind: traffic-signs, clases: 20}"};
    for (int k = 0; k < 4; k++) {
        struct world w;
        size_t before = cal_mem_now_bytes();
        assert_int_equal(world_open(&w, texts[k], 1, 32), CAL_EUSAGE);
        world_close(&w);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

/* --- the dump of a world --- */

static void a_dump_holds_the_first_batches(void **state)
{
    (void)state;
    struct looker l;
    struct cal_h5 *f;
    struct cal_view view = {.phase = 0, .split = CAL_SPLIT_HELD_OUT, .noise = -1};
    static float images[48 * 3 * AREA], labels[48], boxes[48 * 4];
    char text[32];
    int64_t number;
    look(&l, "{kind: traffic-signs, samples: 64, held_out: 64}", 7, 16);
    assert_int_equal(cal_stimulus_dump(l.w.s, &view, 3, 1, PATH), CAL_OK);
    assert_int_equal(cal_h5_open(PATH, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "image", CAL_F32, 4, (const size_t[]){48, 3, SIZE, SIZE}, images), CAL_OK);
    assert_int_equal(cal_h5_read(f, "label", CAL_F32, 1, (const size_t[]){48}, labels), CAL_OK);
    assert_int_equal(cal_h5_read(f, "box", CAL_F32, 2, (const size_t[]){48, 4}, boxes), CAL_OK);
    assert_int_equal(cal_h5_get_text(f, "/", "kind", text, sizeof text), CAL_OK);
    assert_string_equal(text, "traffic-signs");
    assert_int_equal(cal_h5_get_text(f, "/", "split", text, sizeof text), CAL_OK);
    assert_string_equal(text, "held-out");
    assert_int_equal(cal_h5_get_i64(f, "/", "seed", &number), CAL_OK);
    assert_int_equal(number, 7);
    cal_h5_drop(f);
    for (int t = 0; t < 3; t++) {
        get(&l, 0, CAL_SPLIT_HELD_OUT, t);
        assert_memory_equal(l.rep->data[IMAGE], images + t * 16 * 3 * AREA, 16 * 3 * AREA * sizeof(float));
        assert_memory_equal(l.rep->data[LABEL], labels + t * 16, 16 * sizeof(float));
        assert_memory_equal(l.rep->data[BOX], boxes + t * 16 * 4, 16 * 4 * sizeof(float));
    }
    assert_int_equal(cal_stimulus_dump(l.w.s, &view, 1, 1, "no-such-folder/x.h5"), CAL_EIO);
    look_away(&l);
}

/* No file is left of a dump whose batches cannot be had. */
static void a_dump_of_what_is_not_there_fails(void **state)
{
    (void)state;
    struct looker l;
    struct cal_view view = {.phase = 0, .split = CAL_SPLIT_HELD_OUT, .noise = -1};
    unlink(PATH);
    look(&l, "{kind: traffic-signs, samples: 64, held_out: 8}", 1, 16);
    assert_int_equal(cal_stimulus_dump(l.w.s, &view, 1, 1, PATH), CAL_EUSAGE);
    assert_int_equal(access(PATH, F_OK), -1);
    look_away(&l);
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
        cmocka_unit_test(an_epoch_has_as_many_of_each_class),
        cmocka_unit_test(pictures_labels_and_boxes_belong_together),
        cmocka_unit_test(labels_and_boxes_do_without_pictures),
        cmocka_unit_test(copies_are_equal_and_seeds_differ),
        cmocka_unit_test(training_may_be_augmented),
        cmocka_unit_test(impossible_worlds_are_refused),
        cmocka_unit_test(a_dump_holds_the_first_batches),
        cmocka_unit_test(a_dump_of_what_is_not_there_fails),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
