/* tests/test_sight.c - the contrast response of receptors: against its twin, its slope against differences, what stays where it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "regions/layers/sight.h"
#include "tests/fixtures.h"
#include "tests/twins.h"

enum { N = 101 }; /* 0, 0.01 ... 1 */

static const float contrasts[] = {0.5f, 4, 10, 20, (float)CAL_CONTRAST_MOST};

static void fast_as_slow(void **state)
{
    (void)state;
    for (int c = 0; c < 5; c++) {
        float *x = rubbish(N);
        double slow[N];
        for (int i = 0; i < N; i++)
            slow[i] = (double)(x[i] = (float)i / 100);
        cal_sight_respond(contrasts[c], N, x);
        cal_sight_respond_twin(contrasts[c], N, slow);
        expect_close(x, slow, N, 2e-6);
        cal_free(x);
    }
}

static void slope_is_that_of_the_response(void **state)
{
    (void)state;
    for (int c = 0; c < 5; c++)
        for (int i = 0; i <= 100; i++) {
            double x[3] = {i / 100.0 - 1e-5, i / 100.0, i / 100.0 + 1e-5};
            cal_sight_respond_twin(contrasts[c], 3, x);
            double expected = (x[2] - x[0]) / 2e-5, slope = (double)cal_sight_slope(contrasts[c], (float)x[1]);
            assert_true(slope > 0);
            assert_true(fabs(slope - expected) < 1e-4 * (1 + (double)contrasts[c]));
        }
}

static void ends_and_middle_stay(void **state)
{
    (void)state;
    for (int c = 0; c < 5; c++) {
        float x[] = {0, 0.5f, 1, 0.3f, 0.7f};
        cal_sight_respond(contrasts[c], 5, x);
        assert_true(x[0] == 0); /* exactly: it fills rows of which only a part is a batch */
        assert_true(fabsf(x[1] - 0.5f) < 1e-6f && fabsf(x[2] - 1) < 1e-6f);
        assert_true(fabsf(x[3] + x[4] - 1) < 1e-6f && x[3] < 0.3f && x[4] > 0.7f);
    }
    float same[] = {-1, 0.2f, 3}, kept[3];
    memcpy(kept, same, sizeof same);
    cal_sight_respond(0, 3, same);
    assert_memory_equal(same, kept, sizeof same);
    assert_true(cal_sight_slope(0, 0.2f) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_as_slow),
        cmocka_unit_test(slope_is_that_of_the_response),
        cmocka_unit_test(ends_and_middle_stay),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
