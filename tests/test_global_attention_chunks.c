/* tests/test_global_attention_chunks.c - equal bits of a global attention: however its units are spread over regions, whatever came in frames that
 * do not count, and from a state saved in the middle of a chunk. */
#include "tests/global_hub.h"

/* Equal bits, sent and learnt, however the units are spread. */
static void test_spread(void **state)
{
    static struct hub whole, parts;
    (void)state;
    for (int drives = 2; drives <= 8; drives *= 2) {
        hub_create(&whole, &weighted, params_of(CAL_ADAM, 1e-2, 3), 1);
        hub_create(&parts, &weighted, params_of(CAL_ADAM, 1e-2, 3), drives);
        for (int t = 0; t < 2 * K + 1; t++) {
            present(&whole, t);
            present(&parts, t);
            for (int i = 0; i < 3; i++)
                assert_memory_equal(whole.out[i], parts.out[i], (i == 1 ? U : i ? B * G : B * U * Q) * sizeof(float));
        }
        assert_true(state_equal(&whole, &parts));
        hub_destroy(&whole);
        hub_destroy(&parts);
    }
}

/* Frames before `begin` leave no trace: other codes and no predictions yet, the same state. */
static void test_early_frames(void **state)
{
    static struct hub a, b;
    (void)state;
    hub_create(&a, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    hub_create(&b, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    for (int t = 0; t < K; t++) {
        float e[B * COLS], p[B * COLS];
        present(&a, t);
        look(t < FROM ? t + 100 : t, e, p);
        if (t < FROM)
            memset(p, 0, sizeof p);
        present_codes(&b, t, e, p);
    }
    assert_true(state_equal(&a, &b));
    present(&a, K);
    present(&b, K + 1);
    assert_false(state_equal(&a, &b));
    hub_destroy(&a);
    hub_destroy(&b);
}

/* A state saved in the middle of a chunk goes on bit for bit. */
static void test_resumes(void **state)
{
    static struct hub a, b;
    (void)state;
    hub_create(&a, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    for (int t = 0; t < K + 5; t++)
        present(&a, t);
    hub_create(&b, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    copy_state(&a, &b);
    for (int t = K + 5; t < T + 2; t++) { /* the next frame that does not count included */
        present(&a, t);
        present(&b, t);
        assert_memory_equal(a.metric, b.metric, sizeof a.metric);
    }
    assert_true(state_equal(&a, &b));
    hub_destroy(&a);
    hub_destroy(&b);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_early_frames),
        cmocka_unit_test(test_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
