/* tests/test_perceptron.c - the control of sparse rules: its gradients against finite differences, weights that stay at 0 or above, noise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "regions/perceptron/perceptron.h"
#include "tests/fixtures.h"
#include "tests/net.h"
#include "tests/twins.h"

enum { BATCH = 8, SIDE = 4, CLASSES = 3 };

static struct net_world world;

/* A chain of one, with the parameters in YAML's flow style. */
static struct cal_perceptron *start(struct net_chain *c, const char *parameters)
{
    net_world_init(&world, BATCH, 1, SIDE, CLASSES);
    int error = net_create(c, &world, &cal_perceptron_ops, 1, &parameters);
    if (error)
        print_error("%s\n", cal_err_message());
    assert_int_equal(error, CAL_OK);
    return (struct cal_perceptron *)c->region[0];
}

static void stop(struct net_chain *c)
{
    net_destroy(c);
    net_world_finish(&world);
}

/* The loss in float64, from copies of the weights. */
static double loss_of(const struct cal_perceptron *k, const float *x, double *const w[4])
{
    int n = k->net.inputs, hidden = k->net.hidden;
    double loss = 0;
    for (int b = 0; b < BATCH; b++) {
        double logits[CLASSES], h[16], sum = 0;
        assert_true(hidden <= 16);
        for (int i = 0; i < hidden; i++) {
            h[i] = w[1][i];
            for (int j = 0; j < n; j++)
                h[i] += w[0][i * n + j] * (double)x[b * n + j];
            h[i] = h[i] > 0 ? h[i] : 0.01 * h[i];
        }
        for (int c = 0; c < CLASSES; c++) {
            logits[c] = w[3][c];
            for (int i = 0; i < hidden; i++)
                logits[c] += w[2][c * hidden + i] * h[i];
            sum += exp(logits[c]);
        }
        loss += (log(sum) - logits[(int)world.label[b]]) / BATCH;
    }
    return loss;
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    struct net_chain c;
    struct cal_perceptron *k = start(&c, "{hidden: 6, classes: 3, channels: on-off, optimiser: {rate: 0, momentum: 0, weight_decay: 0}}");
    const struct cal_perceptron_tape *t = c.tape[0].kind;
    struct cal_step s = net_step(0, 1);
    net_draw(k->net.b1, 6, 21, 0, 0.3f);
    net_draw(k->net.b2, CLASSES, 22, 0, 0.3f);
    assert_int_equal(net_forward(&c, &s), CAL_OK);
    for (int b = 0; b < BATCH; b++)
        for (int j = 0; j < 16; j++) {
            assert_true(t->net.x[32 * b + j] == world.image[16 * b + j]);
            assert_true(t->net.x[32 * b + 16 + j] == 1 - world.image[16 * b + j]);
        }
    assert_int_equal(net_learn(&c), CAL_OK);
    const size_t sizes[4] = {6 * 32, 6, 6 * CLASSES, CLASSES};
    const float *gradient[4] = {k->net.g_w1, k->net.g_b1, k->net.g_w2, k->net.g_b2};
    double *w[4] = {exact(k->net.w1, sizes[0]), exact(k->net.b1, sizes[1]), exact(k->net.w2, sizes[2]), exact(k->net.b2, sizes[3])};
    assert_true(fabs(c.metric[0][0] - loss_of(k, t->net.x, w)) < 1e-5);
    for (int a = 0; a < 4; a++)
        for (size_t i = 0; i < sizes[a]; i++) {
            double was = w[a][i], up, down;
            w[a][i] = was + 1e-6;
            up = loss_of(k, t->net.x, w);
            w[a][i] = was - 1e-6;
            down = loss_of(k, t->net.x, w);
            w[a][i] = was;
            assert_true(fabs((up - down) / 2e-6 - (double)gradient[a][i]) < 1e-5);
        }
    for (int a = 0; a < 4; a++)
        cal_free(w[a]);
    stop(&c);
}

static void weights_stay_at_0_or_above(void **state)
{
    (void)state;
    struct net_chain c;
    struct cal_perceptron *k =
        start(&c, "{hidden: 12, classes: 3, nonnegative: true, optimiser: {kind: adam, rate: 0.02, weight_decay: 0, schedule: constant}}");
    int zeros = 0;
    double first = 0;
    for (long t = 0; t < 60; t++) {
        assert_int_equal(net_train(&c, t, 1), CAL_OK);
        first = t ? first : c.metric[0][0];
        for (int i = 0; i < 12 * 16; i++)
            assert_true(k->net.w1[i] >= 0);
        for (int i = 0; i < 12 * CLASSES; i++)
            assert_true(k->net.w2[i] >= 0);
    }
    for (int i = 0; i < 12 * 16; i++)
        zeros += k->net.w1[i] == 0;
    assert_in_range(zeros, 1, 12 * 16 - 1);
    assert_true(c.metric[0][0] < 0.8 * first);
    stop(&c);
}

static void noise_of_the_inputs_is_for_learning_alone(void **state)
{
    (void)state;
    struct net_chain c;
    start(&c, "{hidden: 6, classes: 3, release: 0.25}");
    const struct cal_perceptron_tape *t = c.tape[0].kind;
    struct cal_step learns = net_step(2, 1), looks = net_step(2, 0);
    float kept[BATCH * 16];
    int passed = 0;
    assert_int_equal(net_forward(&c, &looks), CAL_OK);
    assert_memory_equal(t->net.x, world.image, sizeof kept);
    assert_int_equal(net_forward(&c, &learns), CAL_OK);
    memcpy(kept, t->net.x, sizeof kept);
    for (int i = 0; i < BATCH * 16; i++) {
        assert_true(kept[i] == 0 || kept[i] == world.image[i] / 0.25f);
        passed += kept[i] != 0;
    }
    assert_in_range(passed, 16, 48); /* 32 by chance */
    assert_int_equal(net_forward(&c, &learns), CAL_OK);
    assert_memory_equal(t->net.x, kept, sizeof kept);
    learns.presentation = 3;
    assert_int_equal(net_forward(&c, &learns), CAL_OK);
    assert_memory_not_equal(t->net.x, kept, sizeof kept);
    stop(&c);
}

static void bad_ports_are_told(void **state)
{
    (void)state;
    struct net_chain c;
    start(&c, "{hidden: 6, classes: 3}");
    struct cal_region *r = c.region[0];
    c.drive[0].spec.n = 0;
    assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "brings no `image` and no `map`"));
    r->n_drives = 0;
    assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "needs exactly one drive"));
    r->n_drives = 1;
    stop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(weights_stay_at_0_or_above),
        cmocka_unit_test(noise_of_the_inputs_is_for_learning_alone),
        cmocka_unit_test(bad_ports_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
