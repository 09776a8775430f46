/* tests/test_backprop.c - the net in one region: its gradients through all stages, late learning, parts, and that it is the honest control. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "tests/net_reference.h"

enum { BODY = 1 << CAL_NET_BODY, HEAD = 1 << CAL_NET_HEAD, STATISTICS = 1 << CAL_NET_STATISTICS, B = 6, CLASSES = 3, SIDE = 8 };

static void one(struct net_chain *c, struct net_world *w, const char *parameters)
{
    net_world_init(w, B, 2, SIDE, CLASSES);
    assert_int_equal(net_create(c, w, &cal_backprop_ops, 1, &parameters), CAL_OK);
    net_roughen(c->region[0]);
}

/* Loss and gradients are those of the definition in float64, down to the first stage's. */
static void test_gradients(void **state)
{
    (void)state;
    const char *const settings[] = {
        "{stages: [3p, 4], classes: 3, boxes: true, beta: 0.5}",
        "{stages: [3, 2p], classes: 3}",
        "{stages: [2, 4, 3p], classes: 3, beta: 0.5, alpha: 1.01, conditional: true}",
    };
    for (int i = 0; i < 3; i++) {
        struct net_chain c;
        struct net_world w;
        one(&c, &w, settings[i]);
        net_check_gradients(&c, i);
        net_done(&c, &w);
    }
}

/* Each stage's averages, and what the head makes of the last. */
static void test_variables(void **state)
{
    (void)state;
    struct net_chain c;
    struct net_world w;
    struct net_reference f;
    struct cal_step s = net_step(0, 0);
    one(&c, &w, "{stages: [3p, 4, 5], classes: 3}");
    struct cal_region *r = c.region[0];
    net_reference_init(&f, &c, 0);
    f.running = true;
    assert_int_equal(net_forward(&c, &s), CAL_OK);
    net_reference_loss(&f);
    const char *const name[] = {"logits", "pooled", "gap1", "gap2", "gap3"};
    const double *expected[] = {f.logits, f.pooled, f.gap[0], f.gap[1], f.gap[2]};
    const int cols[] = {CLASSES, 80, 3, 4, 5};
    assert_int_equal(r->n_variables, 5);
    for (int k = 0; k < 5; k++) {
        int i = cal_region_variable(r, name[k]);
        assert_true(i >= 0 && r->variable[i].cols == cols[k]);
        const float *got = r->ops->observe(r, c.tape[0].kind, i);
        for (int j = 0; j < B * cols[k]; j++)
            if (fabs((double)got[j] - expected[k][j]) > 1e-5 * (1 + fabs(expected[k][j])))
                fail_msg("%s[%d]: %.9g, expected %.9g", name[k], j, (double)got[j], expected[k][j]);
    }
    net_reference_finish(&f);
    net_done(&c, &w);
}

/* A presentation learnt after the weights have moved has the gradient of the weights that it was seen with, through every stage. */
static void test_late_gradient(void **state)
{
    (void)state;
    float *kept = NULL;
    for (int late = 0; late < 2; late++) {
        struct net_chain c;
        struct net_world w;
        struct cal_step s = net_step(0, ~0u);
        one(&c, &w, "{stages: [3p, 4], classes: 3, beta: 0.5}");
        assert_int_equal(net_forward(&c, &s), CAL_OK);
        if (late)
            net_disturb(c.region[0]);
        assert_int_equal(net_learn(&c), CAL_OK);
        net_same_gradients(c.region[0], &kept);
        net_destroy(&c);
        net_world_finish(&w);
    }
    assert_int_equal(cal_mem_now_bytes(), 0);
}

/* What does not learn stays as it was, to the last bit: the body of all stages, the head, the statistics. */
static void test_parts(void **state)
{
    (void)state;
    const unsigned parts[] = {0, HEAD, STATISTICS, BODY};
    for (int i = 0; i < 4; i++) {
        struct net_chain c;
        struct net_world w;
        size_t bytes;
        one(&c, &w, "{stages: [3p, 4], classes: 3, optimiser: {kind: adam, rate: 0.01}}");
        const struct cal_layout *l = &c.region[0]->layout;
        char *before = net_state(c.region[0], &bytes), *at = before;
        struct cal_step s = net_step(0, parts[i]);
        assert_int_equal(net_forward(&c, &s), CAL_OK);
        if (parts[i])
            assert_int_equal(net_learn(&c), CAL_OK);
        for (int k = 0; k < l->n; k++) {
            const struct cal_array *a = &l->arrays[k];
            if (a->role != CAL_STATE)
                continue;
            bool head = !strncmp(a->name, "head.", 5), statistics = !strncmp(a->name, "mean", 4) || !strncmp(a->name, "variance", 8);
            unsigned by = head ? (unsigned)HEAD : statistics ? (unsigned)(STATISTICS | BODY) : (unsigned)BODY;
            bool moved = memcmp(at, cal_array_data(a), cal_array_bytes(a)) != 0;
            if (moved != ((by & parts[i]) != 0))
                fail_msg("parts %x: `%s` has %s", parts[i], a->name, moved ? "moved" : "not moved");
            at += cal_array_bytes(a);
        }
        cal_free(before);
        net_done(&c, &w);
    }
}

/* A net of one stage is that stage, to the last bit: what is compared differs in nothing but where the gradient comes from. */
static void test_one_stage_is_a_stage(void **state)
{
    (void)state;
    const char *const stage = "{channels: 4, pool: 2, classes: 3, boxes: true, beta: 0.1, optimiser: {kind: adam, rate: 0.01}}";
    const char *const net = "{stages: 4p, classes: 3, boxes: true, beta: 0.1, optimiser: {kind: adam, rate: 0.01}}";
    struct net_chain local, whole;
    struct net_world w;
    size_t bytes, bytes_whole;
    net_world_init(&w, B, 2, SIDE, CLASSES);
    assert_int_equal(net_create(&local, &w, &cal_stage_ops, 1, &stage), CAL_OK);
    assert_int_equal(net_create(&whole, &w, &cal_backprop_ops, 1, &net), CAL_OK);
    for (long p = 0; p < 4; p++) {
        assert_int_equal(net_train(&local, p, ~0u), CAL_OK);
        assert_int_equal(net_train(&whole, p, ~0u), CAL_OK);
        assert_memory_equal(local.metric[0], whole.metric[0], 3 * sizeof(double));
    }
    char *a = net_state(local.region[0], &bytes), *b = net_state(whole.region[0], &bytes_whole);
    assert_int_equal(bytes, bytes_whole);
    assert_memory_equal(a, b, bytes);
    cal_free(a);
    cal_free(b);
    net_destroy(&local);
    net_done(&whole, &w);
}

/* It fits what it sees, and better than its head does on a body that is left at random. */
static void test_learns(void **state)
{
    (void)state;
    double loss[2];
    for (int whole = 0; whole < 2; whole++) {
        struct net_chain c;
        struct net_world w;
        one(&c, &w, "{stages: [6, 6p], classes: 3, optimiser: {kind: adam, rate: 0.003, weight_decay: 0}}");
        for (long p = 0; p < 30; p++)
            assert_int_equal(net_train(&c, p, whole ? ~0u : (unsigned)(HEAD | STATISTICS)), CAL_OK);
        loss[whole] = c.metric[0][0];
        assert_true(!whole || c.metric[0][1] == 1);
        net_done(&c, &w);
    }
    assert_true(loss[1] < 0.5 * loss[0] && loss[1] < 0.2 * log(CLASSES));
}

/* Lists of stages that are none. */
static void test_refusals(void **state)
{
    (void)state;
    const char *const bad[][2] = {{"{stages: [8, 16q]}", "`16q`"},
                                  {"{stages: [0p]}", "`0p`"},
                                  {"{stages: [p]}", "`p`"},
                                  {"{stages: [-4]}", "`-4`"},
                                  {"{stages: [5000]}", "`5000`"},
                                  {"{stages: [1, 2, 3, 4, 5, 6, 7, 8, 9]}", "9 of them"},
                                  {"{stages: []}", "0 of them"},
                                  {"{stages: [8p, 8p, 8p, 8p]}", "cannot pool a map of 1 x 1"},
                                  {"{stages: [8p, 8p]}", "multiples of 4"}};
    struct net_world w;
    net_world_init(&w, B, 2, SIDE, CLASSES);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct net_chain c = {.world = &w};
        net_region(&c, 0, &cal_backprop_ops, bad[i][0]);
        assert_int_equal(cal_region_outputs(c.region[0]), CAL_EUSAGE);
        if (!strstr(cal_err_message(), bad[i][1]) || strncmp(cal_err_message(), "S.0: ", 5))
            fail_msg("expected `%s` in: %s", bad[i][1], cal_err_message());
        cal_params_finish(cal_backprop_ops.params, &c.params[0]);
        cal_region_destroy(c.region[0]);
    }
    net_done(&(struct net_chain){.n = 0}, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_late_gradient),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_one_stage_is_a_stage),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
