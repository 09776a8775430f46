/* tests/test_shots.c - a few pictures of each class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "tests/picture_file.h"
#include "tests/world.h"

#define PATH "test_shots.h5"
#define FILE_OF(rest) "{kind: file, path: " PATH ", standardise: false" rest "}"

enum { N = 60, CLASSES = 3, HELD_OUT = 6 }; /* of class 0, 1 and 2: 9, 18 and 27 to train on */

/* Image i is i everywhere, so that it can be told apart. */
static void write_file(bool labelled)
{
    uint8_t x[N * 4];
    int label[N];
    for (int i = 0; i < N; i++) {
        memset(x + 4 * i, i, 4);
        label[i] = i % 6 == 0 ? 0 : i % 6 < 3 ? 1 : 2;
    }
    hid_t f = new_file(PATH);
    put_bytes(f, "images", N - HELD_OUT, 1, 2, 2, x);
    put_bytes(f, "test_images", HELD_OUT, 1, 2, 2, x + 4 * (N - HELD_OUT));
    if (labelled) {
        put_labels(f, "labels", N - HELD_OUT, label);
        put_labels(f, "test_labels", HELD_OUT, label + N - HELD_OUT);
    }
    H5Fclose(f);
}

/* How often each image is shown, of which class[], in `batches` batches from the first. */
static void look(const char *text, uint32_t seed, int batch, enum cal_split split, long batches, int *times, int *classes)
{
    struct world w;
    const struct cal_rep *rep;
    struct cal_view view = {.split = split};
    memset(times, 0, N * sizeof *times);
    memset(classes, 0, N * sizeof *classes);
    if (world_open(&w, text, seed, batch))
        fail_msg("%s", cal_err_message());
    struct cal_batches *b = cal_batches_create(w.s, 1);
    for (long p = 0; p < batches; p++) {
        assert_int_equal(cal_batches_get(b, &view, p, &rep), CAL_OK);
        for (int row = 0; row < batch; row++) {
            int image = (int)(255 * rep->data[0][4 * row] + 0.5f);
            times[image]++;
            classes[image] = (int)rep->data[1][row];
        }
    }
    cal_batches_destroy(b);
    world_close(&w);
}

/* Exactly k of each class, the same in every copy, others by another seed, and those of 2 among those of 5. */
static void exactly_k_of_each_class(void **state)
{
    (void)state;
    int few[N], again[N], more[N], other[N], classes[N], same = 0;
    look(FILE_OF(", shots: 2"), 1, 6, CAL_SPLIT_TRAIN, 10, few, classes);
    look(FILE_OF(", shots: 2"), 1, 6, CAL_SPLIT_TRAIN, 10, again, classes);
    look(FILE_OF(", shots: 2"), 2, 6, CAL_SPLIT_TRAIN, 10, other, classes);
    look(FILE_OF(", shots: 5"), 1, 15, CAL_SPLIT_TRAIN, 4, more, classes);
    assert_memory_equal(few, again, sizeof few);
    int of_few[CLASSES] = {0}, of_more[CLASSES] = {0};
    for (int i = 0; i < N; i++) {
        assert_true(few[i] == 0 || few[i] == 10);
        assert_true(more[i] == 0 || more[i] == 4);
        assert_true(!few[i] || more[i]);
        of_few[classes[i]] += few[i] > 0;
        of_more[classes[i]] += more[i] > 0;
        same += few[i] && other[i];
    }
    for (int c = 0; c < CLASSES; c++) {
        assert_int_equal(of_few[c], 2);
        assert_int_equal(of_more[c], 5);
    }
    assert_in_range(same, 0, 5);
}

/* Three images, a batch of seven: an epoch is one batch, of nine places. */
static void fewer_than_a_batch_come_again(void **state)
{
    (void)state;
    int times[N], classes[N], shown = 0;
    look(FILE_OF(", shots: 1"), 1, 7, CAL_SPLIT_TRAIN, 1, times, classes);
    for (int i = 0; i < N; i++) {
        assert_in_range(times[i], 0, 3);
        shown += times[i] > 0;
    }
    assert_int_equal(shown, 3);
    look(FILE_OF(", shots: 1"), 1, 3, CAL_SPLIT_TRAIN, 4, times, classes);
    for (int i = 0; i < N; i++)
        assert_true(times[i] == 0 || times[i] == 4);
}

static void held_out_images_are_all_there(void **state)
{
    (void)state;
    int times[N], classes[N];
    look(FILE_OF(", shots: 1"), 1, HELD_OUT, CAL_SPLIT_HELD_OUT, 1, times, classes);
    for (int i = 0; i < N; i++)
        assert_int_equal(times[i], i >= N - HELD_OUT);
}

static void of_some_classes_only(void **state)
{
    (void)state;
    int times[N], classes[N], of[2] = {0};
    look(FILE_OF(", shots: 4, classes: [2, 1]"), 1, 8, CAL_SPLIT_TRAIN, 1, times, classes);
    for (int i = 0; i < N; i++)
        if (times[i])
            of[classes[i]]++;
    assert_int_equal(of[0], 4);
    assert_int_equal(of[1], 4);
}

static void refused(const char *text, const char *words)
{
    struct world w;
    assert_int_equal(world_open(&w, text, 1, 2), CAL_EUSAGE);
    if (!strstr(cal_err_message(), words))
        fail_msg("`%s` does not say `%s`", cal_err_message(), words);
    world_close(&w);
}

static void what_cannot_be(void **state)
{
    (void)state;
    refused(FILE_OF(", shots: 10"), "9 training images of class 0");
    refused("{kind: file, path: " PATH ", patch: 2, shots: 1}", "shots are for whole images");
    write_file(false);
    refused(FILE_OF(", shots: 1"), "has no labels");
}

static int begin(void **state)
{
    (void)state;
    write_file(true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return unlink(PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exactly_k_of_each_class), cmocka_unit_test(fewer_than_a_batch_come_again),
                                       cmocka_unit_test(held_out_images_are_all_there), cmocka_unit_test(of_some_classes_only),
                                       cmocka_unit_test(what_cannot_be)};
    return cmocka_run_group_tests(tests, begin, end);
}
