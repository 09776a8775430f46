/* tests/test_optics.c - the blur of an eye's optics: against the sum over both directions at once, and as the kind `file` shows it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "experiments/stimuli/optics.h"
#include "experiments/stimuli/stimuli.h"
#include "tests/fixtures.h"
#include "tests/picture_file.h"
#include "tests/twins.h"
#include "tests/world.h"

enum { H = 5, W = 9 };

/* Of a point spread with weights from -reach to reach that sum to 1, each way. */
static double slow(const float *x, double sd, double black, int y, int x0)
{
    int reach = (int)ceil(3 * sd);
    double sum = 0, weights = 0;
    for (int down = -reach; down <= reach; down++)
        for (int right = -reach; right <= reach; right++) {
            double weight = exp(-(down * down + right * right) / (2 * sd * sd));
            bool inside = y + down >= 0 && y + down < H && x0 + right >= 0 && x0 + right < W;
            weights += weight;
            sum += weight * (inside ? (double)x[(y + down) * W + x0 + right] : black);
        }
    return sum / weights;
}

static void blurs_as_a_sum_over_both_directions(void **state)
{
    (void)state;
    const double sds[] = {0.4, 1, 2.5}; /* the last reaches over the whole picture */
    for (int i = 0; i < 3; i++) {
        struct cal_optics o;
        float *x = normals(1, H * W), *was = normals(1, H * W);
        cal_optics_init(&o, sds[i], W);
        cal_optics_blur(&o, H, W, -0.5f, x);
        for (int at = 0; at < H * W; at++)
            assert_true(fabs((double)x[at] - slow(was, sds[i], -0.5, at / W, at % W)) < 1e-5);
        cal_optics_finish(&o);
        cal_free(was);
        cal_free(x);
    }
}

static void none_changes_nothing(void **state)
{
    (void)state;
    struct cal_optics o;
    float *x = normals(2, H * W), *was = normals(2, H * W);
    cal_optics_init(&o, 0, W);
    cal_optics_blur(&o, H, W, 0, x);
    assert_memory_equal(x, was, H * W * sizeof *x);
    cal_optics_finish(&o);
    cal_free(was);
    cal_free(x);
}

/* Both splits, whatever else is done to pictures. */
static void the_file_shows_it(void **state)
{
    (void)state;
    enum { N = 40, B = 4 };
    struct world plain, soft;
    struct cal_batches *batches[2];
    uint8_t x[N * H * W];
    for (int i = 0; i < N * H * W; i++)
        x[i] = (uint8_t)(i * 37 % 251);
    hid_t f = new_file("test_optics.h5");
    put_bytes(f, "images", N, 1, H, W, x);
    H5Fclose(f);
    assert_int_equal(world_open(&plain, "{kind: file, path: test_optics.h5, standardise: false, crop: 1}", 1, B), CAL_OK);
    assert_int_equal(world_open(&soft, "{kind: file, path: test_optics.h5, standardise: false, crop: 1, optics: 0.8}", 1, B), CAL_OK);
    batches[0] = cal_batches_create(plain.s, 1);
    batches[1] = cal_batches_create(soft.s, 1);
    for (int split = 0; split < 2; split++) {
        const struct cal_view view = {.split = (enum cal_split)split};
        const struct cal_rep *rep[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(cal_batches_get(batches[i], &view, 0, &rep[i]), CAL_OK);
        for (int at = 0; at < B * H * W; at++) {
            int b = at / (H * W), pixel = at % (H * W);
            double expected = slow(rep[0]->data[0] + b * rep[0]->ld[0], 0.8, 0, pixel / W, pixel % W);
            assert_true(fabs((double)rep[1]->data[0][b * rep[1]->ld[0] + pixel] - expected) < 1e-5);
        }
    }
    cal_batches_destroy(batches[0]);
    cal_batches_destroy(batches[1]);
    world_close(&plain);
    world_close(&soft);
    remove("test_optics.h5");
    assert_int_equal(world_open(&soft, "{kind: file, path: test_optics.h5, patch: 3, optics: 0.8}", 1, B), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "optics"));
    world_close(&soft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blurs_as_a_sum_over_both_directions),
        cmocka_unit_test(none_changes_nothing),
        cmocka_unit_test(the_file_shows_it),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
