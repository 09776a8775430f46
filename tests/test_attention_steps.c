/* tests/test_attention_steps.c - the attention region over steps: it climbs, the star learns, and goes on where it was stopped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "tests/attention_star.h"

/* On codes that stay, a learning attention makes the loss larger, and its gain positive. */
static void test_climbs(void **state)
{
    (void)state;
    const struct cal_contrast_rule *const rules[] = {&star_predictor, &star_masked};
    float image[B * D], view1[B * D], view2[B * D];
    look(image, view1, view2, 1);
    for (int i = 0; i < 2; i++) {
        struct star s;
        struct star_setup setup = setup_of(rules[i], 0.3);
        double first = 0, last = 0;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        for (long t = 0; t < 60; t++) {
            assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK); /* one presentation: the same mask */
            s.attention_tape.step.learnt = t;
            assert_int_equal(cal_region_learn(s.attention, NULL, &s.attention_tape, s.attention_metric), CAL_OK);
            if (t == 0)
                first = s.attention_metric[1];
            last = s.attention_metric[1];
        }
        assert_true(last > first + 0.01 && last > 0);
        star_destroy(&s);
    }
}

/* tau decays, moves, and is kept from going below 0. */
static void test_tau_stays_positive(void **state)
{
    (void)state;
    struct star s;
    struct star_setup setup = setup_of(&star_predictor, 0.1);
    float image[B * D], view1[B * D], view2[B * D];
    size_t n;
    look(image, view1, view2, 1);
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    float *tau = star_array(s.attention, "tau", &n), *velocity = star_array(s.attention, "tau.m", &n);
    for (int u = 0; u < U; u++)
        assert_true(tau[u] == 1);
    velocity[2] = 100; /* pushed hard downwards */
    assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
    assert_int_equal(star_learn(&s), CAL_OK);
    for (int u = 0; u < U; u++)
        assert_true(u == 2 ? tau[u] == 0 : tau[u] > 0.9f && tau[u] != 1);
    assert_true(s.attention_metric[2] == 1); /* what was sent, not what it became */
    star_destroy(&s);
}

/* 30 steps of everybody: the loss falls, in each form. */
static void test_learns(void **state)
{
    (void)state;
    const struct cal_contrast_rule *const rules[] = {&star_predictor, &star_masked, &star_uniform};
    float image[B * D], view1[B * D], view2[B * D];
    for (int i = 0; i < 3; i++) {
        struct star s;
        struct star_setup setup = setup_of(rules[i], 0.1);
        double first = 0, last = 0;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        for (int t = 0; t < 30; t++) {
            look(image, view1, view2, t % 8);
            assert_int_equal(star_forward(&s, t, image, view1, view2), CAL_OK);
            assert_int_equal(star_learn(&s), CAL_OK);
            first += t < 5 ? s.attention_metric[0] / 5 : 0;
            last += t >= 25 ? s.attention_metric[0] / 5 : 0;
        }
        assert_true(last < first - 0.1 * (i == 1 ? 0.4 : 1)); /* masked: a share of 0.4 counts */
        star_destroy(&s);
    }
}

/* All state arrays of a star, in order, copied out of it or into it. */
static void copy_state(struct star *s, float *store, bool out)
{
    struct cal_region *all[] = {s->cortex[0], s->cortex[1], s->attention};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < all[i]->layout.n; k++) {
            const struct cal_array *a = &all[i]->layout.arrays[k];
            if (a->role != CAL_STATE)
                continue;
            memcpy(out ? (void *)store : cal_array_data(a), out ? cal_array_data(a) : (void *)store, cal_array_bytes(a));
            store += cal_array_bytes(a) / sizeof *store;
        }
}

static void steps(struct star *s, long from, long to)
{
    float image[B * D], view1[B * D], view2[B * D];
    for (long t = from; t < to; t++) {
        look(image, view1, view2, (int)t);
        assert_int_equal(star_forward(s, t, image, view1, view2), CAL_OK);
        assert_int_equal(star_learn(s), CAL_OK);
    }
}

/* Twice the same run gives the same bits, and so does one that is stopped and continued by other regions from the saved state. */
static void test_repeats_and_resumes(void **state)
{
    (void)state;
    const struct cal_contrast_rule *const rules[] = {&star_predictor, &star_masked, &star_predictor, &star_predictor};
    for (int i = 0; i < 4; i++) {
        struct star_setup setup = setup_of(rules[i], 0.1);
        setup.fan_in = i >= 2 ? 3 : 0;
        setup.relay = i == 3 ? 2 : 0;
        struct star straight, again, resumed;
        struct star *all[] = {&straight, &again, &resumed};
        size_t bytes = 0;
        for (int k = 0; k < 3; k++)
            assert_int_equal(star_create(all[k], &setup), CAL_OK);
        struct cal_region *regions[] = {straight.cortex[0], straight.cortex[1], straight.attention};
        for (int k = 0; k < 3; k++)
            bytes += cal_layout_bytes(&regions[k]->layout, CAL_STATE);
        float *one = cal_alloc(bytes), *two = cal_alloc(bytes);
        steps(&straight, 0, 6);
        steps(&again, 0, 3);
        copy_state(&again, one, true);
        copy_state(&resumed, one, false);
        steps(&resumed, 3, 6);
        steps(&again, 3, 6);
        copy_state(&straight, one, true);
        copy_state(&again, two, true);
        assert_memory_equal(one, two, bytes);
        copy_state(&resumed, two, true);
        assert_memory_equal(one, two, bytes);
        cal_free(one);
        cal_free(two);
        for (int k = 0; k < 3; k++)
            star_destroy(all[k]);
    }
    assert_int_equal(cal_mem_now_bytes(), 0);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_climbs),
        cmocka_unit_test(test_tau_stays_positive),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_repeats_and_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
