/* tests/test_stimulus_file.c - images from files, whole and in patches: splits, labels, boxes, padding. */
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
#include "core/rng.h"
#include "tests/looker.h"
#include "tests/picture_file.h"

#define PATH "test_stimulus_file.h5"
#define FILE_OF(rest) "{kind: file, path: " PATH rest "}"

/* n random bytes; [give], free with cal_free(). */
static uint8_t *random_bytes(size_t n)
{
    struct cal_rng key = cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, 0);
    uint8_t *x = cal_alloc(n);
    for (size_t i = 0; i < n; i++)
        x[i] = (uint8_t)cal_rng_below(&key, i, 256);
    return x;
}

/* N images of c x h x w random bytes; the first pixel and the label of image i are i. */
static uint8_t *write_numbered(int n, int c, int h, int w)
{
    size_t size = (size_t)(c * h * w);
    uint8_t *x = random_bytes((size_t)n * size);
    int *labels = cal_alloc((size_t)n * sizeof *labels);
    for (int i = 0; i < n; i++) {
        x[(size_t)i * size] = (uint8_t)i;
        labels[i] = i;
    }
    hid_t f = new_file(PATH);
    put_bytes(f, "images", (hsize_t)n, (hsize_t)c, (hsize_t)h, (hsize_t)w, x);
    put_labels(f, "labels", (hsize_t)n, labels);
    H5Fclose(f);
    cal_free(labels);
    return x;
}

static const float *row_of(const struct looker *l, const char *slice, int row)
{
    int i = cal_rep_find(l->rep->spec, slice);
    assert_true(i >= 0);
    return l->rep->data[i] + row * l->rep->ld[i];
}

/* --- whole images --- */

static void images_keep_their_labels_and_bytes_become_0_to_1(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(200, 2, 3, 4);
    int seen[200] = {0};
    look(&l, FILE_OF(", standardise: false"), 1, 10);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_TRAIN], 180);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 20);
    assert_int_equal(l.w.s->classes, 200);
    assert_int_equal(l.w.s->spec.slice[0].c, 2);
    assert_int_equal(l.w.s->spec.slice[0].h, 3);
    assert_int_equal(l.w.s->spec.slice[0].w, 4);
    for (int t = 0; t < 20; t++) {
        enum cal_split split = t < 18 ? CAL_SPLIT_TRAIN : CAL_SPLIT_HELD_OUT;
        get(&l, 0, split, t % 18);
        for (int b = 0; b < 10; b++) {
            int label = (int)row_of(&l, "label", b)[0];
            assert_true(split == CAL_SPLIT_TRAIN ? label < 180 : label >= 180); /* held-out: the last tenth */
            seen[label]++;
            for (int i = 0; i < 24; i++)
                assert_true(row_of(&l, "image", b)[i] == (float)x[label * 24 + i] / 255);
        }
    }
    for (int i = 0; i < 200; i++)
        assert_int_equal(seen[i], 1);
    look_away(&l);
    cal_free(x);
}

static void standardising_is_by_channel_over_the_training_images(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(100, 2, 4, 4);
    double sum[2] = {0}, squares[2] = {0}, n = 90 * 16;
    look(&l, FILE_OF(), 1, 90);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    for (int b = 0; b < 90; b++)
        for (int i = 0; i < 32; i++) {
            float value = row_of(&l, "image", b)[i];
            sum[i / 16] += value;
            squares[i / 16] += (double)value * value;
        }
    for (int c = 0; c < 2; c++) {
        assert_true(fabs(sum[c] / n) < 1e-5);
        assert_true(fabs(squares[c] / n - 1) < 1e-4);
    }
    look_away(&l);
    cal_free(x);
}

static void padding_is_black_and_boxes_follow_it(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = random_bytes(20 * 4 * 8);
    float boxes[20][4];
    for (int i = 0; i < 20; i++)
        memcpy(boxes[i], (float[]){0.5f, 0.25f, 0.25f, 0.5f}, sizeof boxes[i]); /* 4 px right, 1 px down; 2 x 2 px */
    hid_t f = new_file(PATH);
    put_bytes(f, "images", 20, 1, 4, 8, x);
    put(f, "boxes", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (const hsize_t[]){20, 4}, boxes);
    H5Fclose(f);
    double sum = 0, squares = 0, n = 18 * 32;
    for (int i = 0; i < 18 * 32; i++) {
        sum += x[i] / 255.0;
        squares += x[i] / 255.0 * (x[i] / 255.0);
    }
    double mean = sum / n, sd = sqrt(squares / n - mean * mean);

    look(&l, FILE_OF(", pad: 2"), 1, 1);
    assert_int_equal(l.w.s->spec.slice[0].h, 8);
    assert_int_equal(l.w.s->spec.slice[0].w, 12);
    assert_int_equal(l.w.s->classes, 0);
    assert_int_equal(cal_rep_find(&l.w.s->spec, "label"), -1);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    const float *image = row_of(&l, "image", 0), *box = row_of(&l, "box", 0);
    int match = -1;
    for (int k = 0; k < 18 && match < 0; k++) {
        match = k;
        for (int i = 0; i < 96; i++) {
            int y = i / 12 - 2, px = i % 12 - 2, inside = y >= 0 && y < 4 && px >= 0 && px < 8;
            double pixel = inside ? x[k * 32 + y * 8 + px] / 255.0 : 0;
            if (fabs(image[i] - (pixel - mean) / sd) > 1e-4)
                match = -1;
        }
    }
    assert_true(match >= 0); /* it is one of the images, with its border */
    const double expected[4] = {6.0 / 12, 3.0 / 8, 2.0 / 12, 2.0 / 8};
    for (int i = 0; i < 4; i++)
        assert_float_equal(box[i], expected[i], 1e-6);
    look_away(&l);
    cal_free(x);
}

/* Does pixel by pixel `shown` (side x side) equal the picture with its corner at (top,left), black around it, mirrored after that? */
static bool is_placed(const float *shown, int side, const uint8_t *x, int h, int w, int top, int left, bool mirrored)
{
    for (int i = 0; i < side * side; i++) {
        int y = i / side - top, column = (mirrored ? side - 1 - i % side : i % side) - left;
        float expected = y >= 0 && y < h && column >= 0 && column < w ? (float)x[y * w + column] / 255 : 0;
        if (shown[i] != expected)
            return false;
    }
    return true;
}

/* Pictures of 6 x 6 in a pad of 1, shifted by -2 ... 2: the one place and side at which each is found says where its box must be. */
static void augmented_images_take_their_boxes_along(void **state)
{
    (void)state;
    enum { N = 240, SIDE = 8 };
    struct looker l;
    uint8_t *x = random_bytes(N * 36);
    float boxes[N][4];
    int labels[N], mirrored = 0, shifts[5][5] = {{0}}, seen = 0;
    for (int i = 0; i < N; i++) {
        labels[i] = i;
        memcpy(boxes[i], (float[]){2.0f / 6, 1.5f / 6, 4.0f / 6, 1.0f / 6}, sizeof boxes[i]); /* x 0 to 4, y 1 to 2 */
    }
    hid_t f = new_file(PATH);
    put_bytes(f, "images", N, 1, 6, 6, x);
    put_labels(f, "labels", N, labels);
    put(f, "boxes", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (const hsize_t[]){N, 4}, boxes);
    H5Fclose(f);
    look(&l, FILE_OF(", pad: 1, crop: 2, flip: true, standardise: false"), 1, 24);
    for (int t = 0; t < 90; t++) {
        get(&l, 0, CAL_SPLIT_TRAIN, t);
        for (int b = 0; b < 24; b++) {
            const float *image = row_of(&l, "image", b), *box = row_of(&l, "box", b);
            const uint8_t *picture = x + (int)row_of(&l, "label", b)[0] * 36;
            for (int k = 0; k < 50; k++) {
                int down = k / 10 - 2, right = k / 2 % 5 - 2;
                if (!is_placed(image, SIDE, picture, 6, 6, 1 + down, 1 + right, k % 2))
                    continue;
                double low = fmax(1 + right, 0), high = 5 + right, top = 2 + down;
                seen++;
                mirrored += k % 2;
                shifts[down + 2][right + 2]++;
                assert_float_equal(box[0], (k % 2 ? SIDE - (low + high) / 2 : (low + high) / 2) / SIDE, 1e-6);
                assert_float_equal(box[2], (high - low) / SIDE, 1e-6); /* less what is over the edge */
                assert_float_equal(box[1], (top + 0.5) / SIDE, 1e-6);
                assert_float_equal(box[3], 1.0 / SIDE, 1e-6);
            }
        }
    }
    assert_int_equal(seen, 90 * 24);
    assert_true(abs(mirrored - seen / 2) < 4 * sqrt(seen * 0.25));
    for (int k = 0; k < 25; k++)
        assert_true(abs(shifts[k / 5][k % 5] - seen / 25) < 4 * sqrt(seen / 25.0));
    get(&l, 0, CAL_SPLIT_HELD_OUT, 0);
    for (int b = 0; b < 24; b++)
        assert_true(is_placed(row_of(&l, "image", b), SIDE, x + (int)row_of(&l, "label", b)[0] * 36, 6, 6, 1, 1, false));
    look_away(&l);
    cal_free(x);
}

/* Who looks at no picture sees the same labels: of whole images, and of patches with views. */
static void labels_do_without_pictures(void **state)
{
    (void)state;
    const char *const worlds[] = {FILE_OF(", crop: 2, flip: true"), FILE_OF(", patch: 4, views: 2")};
    uint8_t *x = write_numbered(20, 3, 8, 8);
    for (int k = 0; k < 2; k++) {
        struct looker l;
        struct cal_view view = {.phase = 0, .split = CAL_SPLIT_TRAIN, .noise = -1};
        float label[9];
        look(&l, worlds[k], 1, 9);
        assert_int_equal(cal_batches_get_some(l.b, &view, 1, 1u << cal_rep_find(&l.w.s->spec, "label"), &l.rep), CAL_OK);
        for (int b = 0; b < 9; b++)
            label[b] = *row_of(&l, "label", b);
        get(&l, 0, CAL_SPLIT_TRAIN, 1);
        for (int b = 0; b < 9; b++)
            assert_true(label[b] == *row_of(&l, "label", b));
        look_away(&l);
    }
    cal_free(x);
}

/* Fresh ones each epoch and phase, the same again for the same presentation; and neither order nor labels know of them. */
static void augmentation_is_keyed_by_phase_and_presentation(void **state)
{
    (void)state;
    struct looker l, plain;
    uint8_t *x = write_numbered(20, 3, 8, 8);
    const struct cal_rep *rep;
    uint64_t hash[4], order[2] = {0};
    look(&l, FILE_OF(", crop: 2, flip: true"), 1, 18);
    look(&plain, FILE_OF(), 1, 18);
    for (int k = 0; k < 4; k++) {
        struct cal_view view = {.phase = k == 1, .split = CAL_SPLIT_TRAIN, .noise = -1};
        assert_int_equal(cal_batches_get(l.b, &view, k == 2 ? 4 : 3, &rep), CAL_OK);
        hash[k] = cal_rep_hash(rep, 0);
    }
    get(&l, 0, CAL_SPLIT_TRAIN, 3);
    get(&plain, 0, CAL_SPLIT_TRAIN, 3);
    for (int b = 0; b < 18; b++) {
        order[0] = order[0] * 31 + (uint64_t)row_of(&l, "label", b)[0];
        order[1] = order[1] * 31 + (uint64_t)row_of(&plain, "label", b)[0];
    }
    assert_true(hash[0] == hash[3] && hash[0] != hash[1] && hash[0] != hash[2]);
    assert_true(order[0] == order[1]);
    look_away(&l);
    look_away(&plain);
    assert_int_equal(world_open(&l.w, FILE_OF(", patch: 4, flip: true"), 1, 2), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "crop and flip are for whole images"));
    world_close(&l.w);
    cal_free(x);
}

static void a_test_split_of_the_file_is_held_out(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = random_bytes(30 * 4);
    int labels[20] = {0}, test_labels[10];
    for (int i = 0; i < 10; i++)
        test_labels[i] = 5;
    hid_t f = new_file(PATH);
    put_bytes(f, "images", 20, 1, 2, 2, x);
    put_labels(f, "labels", 20, labels);
    put_bytes(f, "test_images", 10, 1, 2, 2, x + 80);
    put_labels(f, "test_labels", 10, test_labels);
    H5Fclose(f);
    look(&l, FILE_OF(", limit: 12"), 1, 4);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_TRAIN], 12);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 10);
    assert_int_equal(l.w.s->classes, 6);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    assert_true(row_of(&l, "label", 3)[0] == 0);
    get(&l, 0, CAL_SPLIT_HELD_OUT, 0);
    assert_true(row_of(&l, "label", 3)[0] == 5);
    look_away(&l);
    cal_free(x);
}

static void chosen_classes_are_shown_and_numbered_anew(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = random_bytes(60 * 4);
    int labels[40], test_labels[20];
    for (int i = 0; i < 40; i++)
        labels[i] = i % 4;
    for (int i = 0; i < 20; i++)
        test_labels[i] = i % 5;
    hid_t f = new_file(PATH);
    put_bytes(f, "images", 40, 1, 2, 2, x);
    put_labels(f, "labels", 40, labels);
    put_bytes(f, "test_images", 20, 1, 2, 2, x + 160);
    put_labels(f, "test_labels", 20, test_labels);
    H5Fclose(f);
    look(&l, FILE_OF(", standardise: false, classes: [3, 1], limit: 15"), 1, 5);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_TRAIN], 15); /* of 20 */
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 8);
    assert_int_equal(l.w.s->classes, 2);
    bool shown[40] = {false};
    for (int p = 0; p < 3; p++) {
        get(&l, 0, CAL_SPLIT_TRAIN, p);
        for (int b = 0; b < 5; b++) {
            int image = 0;
            while (image < 40 && (labels[image] % 2 == 0 || row_of(&l, "image", b)[0] != (float)x[4 * image] / 255.0f ||
                                  row_of(&l, "image", b)[1] != (float)x[4 * image + 1] / 255.0f))
                image++;
            assert_true(image < 30 && !shown[image]); /* the first 15 of 3 and 1 */
            shown[image] = true;
            assert_true(row_of(&l, "label", b)[0] == (labels[image] == 3 ? 0 : 1));
        }
    }
    look_away(&l);
    cal_free(x);
}

/* --- patches --- */

/* The patch at (ty,tx) of a picture of 3 x 20 x 20 bytes, the slow way: grey, blur with repeated edges, cut, standardise. */
static void slow_patch(const uint8_t *x, int ty, int tx, double out[64])
{
    const double luma[3] = {0.299, 0.587, 0.114}, weight[3] = {0.24, 0.52, 0.24};
    double mean = 0, variance = 0;
    for (int i = 0; i < 64; i++) {
        out[i] = 0;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                int row = ty * 8 + i / 8 + dy, column = tx * 8 + i % 8 + dx;
                row = row < 0 ? 0 : row > 19 ? 19 : row;
                column = column < 0 ? 0 : column > 19 ? 19 : column;
                for (int c = 0; c < 3; c++)
                    out[i] += weight[dy + 1] * weight[dx + 1] * luma[c] * x[c * 400 + row * 20 + column] / 255;
            }
        mean += out[i] / 64;
    }
    for (int i = 0; i < 64; i++)
        variance += (out[i] - mean) * (out[i] - mean) / 64;
    for (int i = 0; i < 64; i++)
        out[i] = (out[i] - mean) / sqrt(variance);
}

static void patches_equal_their_slow_twin(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(10, 3, 20, 20);
    int found[40] = {0};
    look(&l, FILE_OF(", patch: 8"), 1, 4);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_TRAIN], 9 * 4);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 4);
    assert_int_equal(l.w.s->spec.slice[0].cols, 64);
    for (int t = 0; t < 10; t++) {
        get(&l, 0, t < 9 ? CAL_SPLIT_TRAIN : CAL_SPLIT_HELD_OUT, t % 9);
        for (int b = 0; b < 4; b++) {
            int picture = (int)row_of(&l, "label", b)[0];
            assert_true((t == 9) == (picture == 9));
            for (int tile = 0; tile < 4; tile++) {
                double expected[64], worst = 0;
                slow_patch(x + picture * 1200, tile / 2, tile % 2, expected);
                for (int i = 0; i < 64; i++)
                    worst = fmax(worst, fabs(expected[i] - row_of(&l, "image", b)[i]));
                found[picture * 4 + tile] += worst < 1e-4;
            }
        }
    }
    for (int i = 0; i < 40; i++) /* every tile of every picture, once, in its picture's split */
        assert_int_equal(found[i], 1);
    look_away(&l);
    cal_free(x);
}

static void colour_patches_have_three_planes_and_views(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(10, 3, 16, 16);
    look(&l, FILE_OF(", patch: 8, grey: false, views: 2, noise: 0"), 1, 4);
    assert_int_equal(l.w.s->spec.slice[0].c, 3);
    assert_int_equal(l.w.s->spec.slice[0].cols, 192);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < 192; i++) {
        float value = row_of(&l, "image", 0)[i];
        assert_true(row_of(&l, "view2", 0)[i] == value);
        sum += value;
        squares += value * value;
    }
    assert_true(fabs(sum) < 1e-3 && fabs(squares / 192 - 1) < 1e-4);
    look_away(&l);
    cal_free(x);
}

static void flat_tiles_are_left_out(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = random_bytes(10 * 8 * 16);
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 128; j++)
            if (j % 16 >= 7)
                x[i * 128 + j] = 100; /* the right tile and the column before it, which the blur reaches */
    hid_t f = new_file(PATH);
    put_bytes(f, "images", 10, 1, 8, 16, x);
    H5Fclose(f);
    look(&l, FILE_OF(", patch: 8"), 1, 1);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_TRAIN], 9);
    assert_int_equal(l.w.s->samples[CAL_SPLIT_HELD_OUT], 1);
    look_away(&l);
    cal_free(x);
}

static void bytes_and_floats_show_the_same(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(40, 1, 8, 8);
    uint64_t hash[2];
    float floats[40 * 64];
    int labels[40];
    for (int i = 0; i < 40 * 64; i++)
        floats[i] = (float)x[i] / 255;
    for (int i = 0; i < 40; i++)
        labels[i] = i;
    for (int k = 0; k < 2; k++) {
        look(&l, FILE_OF(", patch: 4"), 1, 8);
        get(&l, 0, CAL_SPLIT_TRAIN, 1);
        hash[k] = cal_rep_hash(l.rep, 0);
        look_away(&l);
        hid_t f = new_file(PATH);
        put(f, "images", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, (const hsize_t[]){40, 1, 8, 8}, floats);
        put_labels(f, "labels", 40, labels);
        H5Fclose(f);
    }
    assert_true(hash[0] == hash[1]);
    cal_free(x);
}

/* Several slabs: more than 2^20 values. */
static void large_files_are_read_in_slabs(void **state)
{
    (void)state;
    struct looker l;
    uint8_t *x = write_numbered(250, 1, 100, 100);
    look(&l, FILE_OF(", standardise: false"), 1, 225);
    get(&l, 0, CAL_SPLIT_TRAIN, 0);
    for (int b = 0; b < 225; b++) {
        int label = (int)row_of(&l, "label", b)[0];
        for (int i = 0; i < 10000; i += 37)
            assert_true(row_of(&l, "image", b)[i] == (float)x[label * 10000 + i] / 255);
    }
    look_away(&l);
    cal_free(x);
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
        cmocka_unit_test(images_keep_their_labels_and_bytes_become_0_to_1),
        cmocka_unit_test(standardising_is_by_channel_over_the_training_images),
        cmocka_unit_test(padding_is_black_and_boxes_follow_it),
        cmocka_unit_test(augmented_images_take_their_boxes_along),
        cmocka_unit_test(labels_do_without_pictures),
        cmocka_unit_test(augmentation_is_keyed_by_phase_and_presentation),
        cmocka_unit_test(a_test_split_of_the_file_is_held_out),
        cmocka_unit_test(chosen_classes_are_shown_and_numbered_anew),
        cmocka_unit_test(patches_equal_their_slow_twin),
        cmocka_unit_test(colour_patches_have_three_planes_and_views),
        cmocka_unit_test(flat_tiles_are_left_out),
        cmocka_unit_test(bytes_and_floats_show_the_same),
        cmocka_unit_test(large_files_are_read_in_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
