/* tests/test_stimulus_bad.c - stimulus files that are missing, damaged or wrong: one clear line each. */
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
#include "tests/picture_file.h"
#include "tests/world.h"

#define PATH "test_stimulus_bad.h5"
#define FILE_OF(rest) "{kind: file, path: " PATH rest "}"

/* Opening `text` fails with `code`, one line that has `path` (always) and `words`, and nothing is held. */
static void refused(const char *text, int code, const char *words)
{
    struct world w;
    size_t before = cal_mem_now_bytes();
    int err = world_open(&w, text, 1, 2);
    const char *message = cal_err_message();
    if (err != code || !strstr(message, words) || strchr(message, '\n'))
        print_error("%s: got %d `%s`, expected %d `%s`\n", text, err, message, code, words);
    assert_int_equal(err, code);
    assert_non_null(strstr(message, words));
    assert_null(strchr(message, '\n'));
    if (code == CAL_EINPUT)
        assert_non_null(strstr(message, ".h5"));
    world_close(&w);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void missing_and_damaged_files(void **state)
{
    (void)state;
    refused("{kind: file}", CAL_EUSAGE, "path");
    refused("{kind: file, path: no-such-file.h5}", CAL_EINPUT, "No such file");
    FILE *text = fopen(PATH, "w");
    fputs("these are not pictures\n", text);
    fclose(text);
    refused(FILE_OF(), CAL_EINPUT, PATH);
    hid_t f = new_file(PATH);
    uint8_t *x = cal_alloc(100 * 2500);
    x[0] = 1;
    put_bytes(f, "images", 100, 1, 50, 50, x);
    H5Fclose(f);
    cal_free(x);
    refused(FILE_OF(", patch: 60"), CAL_EUSAGE, "patch 60");
    refused(FILE_OF(", patch: 8, pad: 2"), CAL_EUSAGE, "pad");
    refused(FILE_OF(", limit: 91"), CAL_EUSAGE, "90 training images");
    refused(FILE_OF(", classes: [1, 2]"), CAL_EUSAGE, "has no labels");
    assert_int_equal(truncate(PATH, 100000), 0);
    refused(FILE_OF(), CAL_EINPUT, PATH);
}

/* A file with 20 good pictures of 1 x 2 x 2; the rest is the test's. */
static hid_t begin_good(void)
{
    static const uint8_t x[20 * 4] = {1, 2, 3};
    hid_t f = new_file(PATH);
    put_bytes(f, "images", 20, 1, 2, 2, x);
    return f;
}

static void refused_after(hid_t f, const char *words)
{
    H5Fclose(f);
    refused(FILE_OF(), CAL_EINPUT, words);
}

static void images_of_a_wrong_shape_or_type(void **state)
{
    (void)state;
    const hsize_t three[3] = {20, 2, 2}, four[4] = {20, 1, 2, 2};
    short shorts[80] = {300};
    float floats[80] = {NAN};
    hid_t f = new_file(PATH);
    refused_after(f, "`images`");
    f = new_file(PATH);
    put(f, "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, 3, three, NULL);
    refused_after(f, "dataset `images`: 3 dimensions, expected images as N x C x H x W");
    f = new_file(PATH);
    put_bytes(f, "images", 0, 1, 2, 2, NULL);
    refused_after(f, "dataset `images`: is empty");
    f = new_file(PATH);
    put(f, "images", H5T_STD_I16LE, H5T_NATIVE_SHORT, 4, four, shorts);
    refused_after(f, "dataset `images`: holds 300, expected bytes");
    f = new_file(PATH);
    put(f, "images", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, four, floats);
    refused_after(f, "dataset `images`: holds a value that is no number");
    f = new_file(PATH);
    put(f, "images", H5T_C_S1, H5T_C_S1, 4, four, NULL);
    refused_after(f, "`images`: no appropriate function for conversion path (expected uint8 or floating point)");
    f = new_file(PATH);
    put_bytes(f, "images", 20, 1, 2, 2, (const uint8_t[80]){0});
    refused_after(f, "all pixels of channel 0 are equal");
    f = begin_good();
    put_bytes(f, "test_images", 20, 1, 2, 3, NULL);
    refused_after(f, "dataset `test_images`: images of 1 x 2 x 3, expected 1 x 2 x 2");
}

static void chosen_classes_that_are_wrong(void **state)
{
    (void)state;
    int labels[20] = {0};
    hid_t f = begin_good();
    put_labels(f, "labels", 20, labels);
    H5Fclose(f);
    refused(FILE_OF(", classes: [0, 0]"), CAL_EUSAGE, "`0`, expected whole numbers from 0 to 65535, each once");
    refused(FILE_OF(", classes: [0, one]"), CAL_EUSAGE, "`one`");
    refused(FILE_OF(", classes: [7]"), CAL_EUSAGE, "has no images of these classes");
    refused(FILE_OF(", classes: [0], limit: 19"), CAL_EUSAGE, "18 training images");
}

static void labels_and_boxes_that_are_wrong(void **state)
{
    (void)state;
    int labels[20] = {0};
    float boxes[80] = {0};
    hid_t f = begin_good();
    labels[7] = -1;
    put_labels(f, "labels", 20, labels);
    refused_after(f, "dataset `labels`: label -1 of picture 7");
    f = begin_good();
    labels[7] = 70000;
    put_labels(f, "labels", 20, labels);
    refused_after(f, "label 70000");
    f = begin_good();
    put_labels(f, "labels", 19, labels);
    refused_after(f, "dataset `labels`: 19 labels, expected one for each of 20 pictures");
    f = begin_good();
    put(f, "labels", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (const hsize_t[]){20}, boxes);
    refused_after(f, "dataset `labels`: is not of an integer type");
    f = begin_good();
    put(f, "labels", H5T_STD_I32LE, H5T_NATIVE_INT, 2, (const hsize_t[]){20, 1}, labels);
    refused_after(f, "dataset `labels`: 2 dimensions");
    f = begin_good();
    put(f, "boxes", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (const hsize_t[]){16, 5}, boxes);
    refused_after(f, "dataset `boxes`: is 16 x 5, expected 20 x 4");
    f = begin_good();
    boxes[5] = 1.5f;
    put(f, "boxes", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (const hsize_t[]){20, 4}, boxes);
    refused_after(f, "dataset `boxes`: holds 1.5");
    f = begin_good();
    put_bytes(f, "test_images", 5, 1, 2, 2, NULL);
    put_labels(f, "test_labels", 5, (const int[]){0, 0, 0, 0, 0});
    refused_after(f, "has `test_labels` but no `labels`");
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
        cmocka_unit_test(missing_and_damaged_files),
        cmocka_unit_test(images_of_a_wrong_shape_or_type),
        cmocka_unit_test(chosen_classes_that_are_wrong),
        cmocka_unit_test(labels_and_boxes_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
