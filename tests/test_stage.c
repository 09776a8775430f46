/* tests/test_stage.c - the stage: its gradients, what can be recorded, its parts, late learning, continuation, and that a chain learns. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "tests/net_reference.h"

enum { BODY = 1 << CAL_NET_BODY, HEAD = 1 << CAL_NET_HEAD, STATISTICS = 1 << CAL_NET_STATISTICS, B = 6, CLASSES = 3 };

static const char *const plain = "{channels: 3, pool: 2, classes: 3, optimiser: {kind: adam, rate: 0.01, schedule: cosine}}";

/* Every objective that a stage can have. */
static const char *const settings[] = {
    "{channels: 3, pool: 2, classes: 3}",
    "{channels: 2, pool: 1, classes: 3, boxes: true, beta: 0.7}",
    "{channels: 3, pool: 2, classes: 3, local: similarity, beta: 0.2, conditional: true}",
    "{channels: 3, pool: 2, classes: 3, beta: 0.7, alpha: 1.01}",
    "{channels: 3, pool: 2, classes: 3, head: 2, beta: 0.5}",
};
enum { SETTINGS = sizeof settings / sizeof *settings };

/* One stage over pictures of 2 x 8 x 8. */
static void one(struct net_chain *c, struct net_world *w, const char *parameters)
{
    net_world_init(w, B, 2, 8, CLASSES);
    assert_int_equal(net_create(c, w, &cal_stage_ops, 1, &parameters), CAL_OK);
    net_roughen(c->region[0]);
}

/* The loss and its gradients are those of the definition in float64. With rate 0 the weights stay where they were. */
static void test_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct net_chain c;
        struct net_world w;
        one(&c, &w, settings[i]);
        net_check_gradients(&c, i);
        assert_in_range((long)(1e6 * c.metric[0][2]), 1, 999999);
        net_done(&c, &w);
    }
}

static void assert_near(const float *got, const double *expected, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (fabs((double)got[i] - expected[i]) > 1e-5 * (1 + fabs(expected[i])))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, (double)got[i], expected[i]);
}

static const float *seen(const struct net_chain *c, const char *variable, size_t *n)
{
    struct cal_region *r = c->region[0];
    int i = cal_region_variable(r, variable);
    assert_true(i >= 0);
    *n = (size_t)(r->batch * r->variable[i].cols);
    return r->ops->observe(r, c->tape[0].kind, i);
}

/* The map and all variables are the definition's, with the batch's statistics where the body learns or they are gathered, and the running ones else. */
static void test_forward(void **state)
{
    (void)state;
    const unsigned parts[] = {~0u, BODY, STATISTICS, HEAD, 0};
    for (int i = 0; i < 5; i++) {
        struct net_chain c;
        struct net_world w;
        struct net_reference f;
        struct cal_step s = net_step(0, parts[i]);
        size_t n;
        one(&c, &w, settings[1]);
        net_reference_init(&f, &c, 0);
        f.running = i >= 3;
        assert_int_equal(net_forward(&c, &s), CAL_OK);
        net_reference_loss(&f);
        assert_near(c.out[0], f.map, B * 2 * 8 * 8, "map");
        const char *const name[] = {"logits", "pooled", "gap", "box"};
        const double *expected[] = {f.logits, f.pooled, f.gap[0], f.box};
        const size_t cols[] = {CLASSES, 32, 2, 4};
        for (int k = 0; k < 4; k++) {
            const float *got = seen(&c, name[k], &n);
            assert_int_equal(n, B * cols[k]);
            assert_near(got, expected[k], n, name[k]);
        }
        net_reference_finish(&f);
        net_done(&c, &w);
    }
}

/* Is the array one that a phase which learns `parts` may write? */
static bool may_change(const char *name, unsigned parts)
{
    if (!strcmp(name, "mean.head") || !strcmp(name, "variance.head"))
        return parts != 0;
    if (strstr(name, "head") || !strncmp(name, "box.", 4))
        return parts & HEAD;
    if (!strcmp(name, "mean") || !strcmp(name, "variance"))
        return parts & (STATISTICS | BODY);
    return parts & BODY;
}

/* What learns moves, all of it; what does not stays as it was, to the last bit. Nobody: nothing moves. */
static void test_parts(void **state)
{
    (void)state;
    const unsigned parts[] = {0, HEAD, STATISTICS, BODY, HEAD | STATISTICS, BODY | HEAD, ~0u};
    for (int i = 0; i < 14; i++) {
        struct net_chain c;
        struct net_world w;
        one(&c, &w,
            i < 7 ? "{channels: 3, pool: 2, classes: 3, boxes: true, optimiser: {kind: adam, rate: 0.01}}"
                  : "{channels: 3, pool: 2, classes: 3, boxes: true, head: 2, optimiser: {kind: adam, rate: 0.01}}");
        const struct cal_layout *l = &c.region[0]->layout;
        size_t bytes;
        char *before = net_state(c.region[0], &bytes), *at = before;
        struct cal_step s = net_step(0, parts[i % 7]);
        assert_int_equal(net_forward(&c, &s), CAL_OK);
        if (parts[i % 7])
            assert_int_equal(net_learn(&c), CAL_OK);
        for (int k = 0; k < l->n; k++) {
            const struct cal_array *a = &l->arrays[k];
            if (a->role != CAL_STATE)
                continue;
            bool moved = memcmp(at, cal_array_data(a), cal_array_bytes(a)) != 0;
            if (moved != may_change(a->name, parts[i % 7]))
                fail_msg("parts %x: `%s` has %s", parts[i % 7], a->name, moved ? "moved" : "not moved");
            at += cal_array_bytes(a);
        }
        assert_int_equal(at - before, bytes);
        cal_free(before);
        net_done(&c, &w);
    }
}

/* The running statistics go a tenth of the way to the batch's. */
static void test_statistics(void **state)
{
    (void)state;
    struct net_chain c;
    struct net_world w;
    one(&c, &w, plain);
    const struct cal_net *net = (const struct cal_net *)c.region[0];
    const struct cal_net_tape *t = c.tape[0].kind;
    float was[3], variance_was[3];
    memcpy(was, net->block[0].run_mean, sizeof was);
    memcpy(variance_was, net->block[0].run_variance, sizeof was);
    assert_int_equal(net_train(&c, 0, STATISTICS), CAL_OK);
    double n = B * 8 * 8;
    for (int i = 0; i < 3; i++) {
        double mean = 0.9 * (double)was[i] + 0.1 * (double)t->block[0].mean[i];
        double variance = 0.9 * (double)variance_was[i] + 0.1 * (double)t->block[0].variance[i] * n / (n - 1);
        assert_true(fabs((double)net->block[0].run_mean[i] - mean) < 1e-6);
        assert_true(fabs((double)net->block[0].run_variance[i] - variance) < 1e-5);
        assert_true(fabsf(t->block[0].variance[i] - 1) > 1e-2f); /* or the check above says nothing */
    }
    net_done(&c, &w);
}

/* A presentation learnt late, after others have been seen and all weights have moved, has the gradient of the weights that it was seen with. */
static void test_late_gradient(void **state)
{
    (void)state;
    float *kept = NULL;
    for (int late = 0; late < 2; late++) {
        struct net_chain c;
        struct net_world w;
        struct cal_step s = net_step(0, ~0u);
        one(&c, &w, "{channels: 3, pool: 2, classes: 3, head: 2, boxes: true, beta: 0.5}");
        assert_int_equal(net_forward(&c, &s), CAL_OK);
        if (late) {
            struct cal_tape first = c.tape[0];
            cal_tape_init(&c.tape[0], c.region[0]);
            net_draw(w.image, B * 2 * 8 * 8, 77, 0, 2);
            for (long p = 1; p < 3; p++) {
                s = net_step(p, ~0u);
                assert_int_equal(net_forward(&c, &s), CAL_OK);
            }
            net_disturb(c.region[0]);
            cal_tape_finish(&c.tape[0]);
            c.tape[0] = first;
        }
        assert_int_equal(net_learn(&c), CAL_OK);
        net_same_gradients(c.region[0], &kept);
        net_destroy(&c);
        net_world_finish(&w);
    }
    assert_int_equal(cal_mem_now_bytes(), 0);
}

/* State is all there is: put into a region of another seed, it goes on with the same bits. */
static void test_continuation(void **state)
{
    (void)state;
    struct net_chain c, other;
    struct net_world w, unused;
    size_t bytes;
    one(&c, &w, plain);
    one(&other, &unused, plain);
    other.region[0]->seed = 99;
    other.region[0]->ops->init(other.region[0]);
    for (long p = 0; p < 5; p++) {
        if (p == 2) {
            char *saved = net_state(c.region[0], &bytes);
            net_restore(other.region[0], saved);
            cal_free(saved);
        }
        assert_int_equal(net_train(&c, p, ~0u), CAL_OK);
        if (p >= 2)
            assert_int_equal(net_train(&other, p, ~0u), CAL_OK);
    }
    char *a = net_state(c.region[0], &bytes), *b = net_state(other.region[0], &bytes);
    assert_memory_equal(a, b, bytes);
    assert_memory_equal(c.out[0], other.out[0], cal_rep_spec_floats(&c.region[0]->out) * sizeof(float));
    cal_free(a);
    cal_free(b);
    net_destroy(&other);
    net_world_finish(&unused);
    net_done(&c, &w);
}

/* Weights as He et al. draw them, the head's within its bounds, boxes guessed near the middle; other numbers for each region and seed. */
static void test_first_weights(void **state)
{
    (void)state;
    struct net_chain c;
    struct net_world w;
    const char *const parameters[] = {"{channels: 64, pool: 2, classes: 3, boxes: true}", "{channels: 64, classes: 3}"};
    net_world_init(&w, B, 2, 8, CLASSES);
    assert_int_equal(net_create(&c, &w, &cal_stage_ops, 2, parameters), CAL_OK);
    size_t n, n_other;
    float *filters = net_array(c.region[1], "w", &n);
    double deviation = sqrt(cal_sum_squares(filters, n) / (double)n), bound = 1 / sqrt(16.0 * 64);
    assert_true(fabs(deviation / sqrt(2 / (9.0 * 64)) - 1) < 0.02 && fabs(cal_sum(filters, n) / (double)n) < 0.002);
    const float *head = net_array(c.region[0], "head.w", &n), *box = net_array(c.region[0], "box.w", &n_other);
    double most = 0, most_box = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)head[i]));
    for (size_t i = 0; i < n_other; i++)
        most_box = fmax(most_box, fabs((double)box[i]));
    assert_true(most <= bound && most > 0.99 * bound && most_box <= 0.1 * bound && most_box > 0.099 * bound);
    const float *middle = net_array(c.region[0], "box.b", &n), *gamma = net_array(c.region[0], "gamma", &n_other);
    assert_true(middle[0] == 0.5f && middle[3] == 0.5f && gamma[0] == 1 && gamma[63] == 1);
    assert_true(memcmp(head, net_array(c.region[1], "head.w", &n), n * sizeof *head) != 0);
    net_done(&c, &w);
}

/* Pictures that anybody could tell apart: in one quarter of the field, noise is louder. */
static void quarters(struct net_world *w, long presentation)
{
    int batch = w->sight.rows, side = w->sight.slice[0].h;
    net_draw(w->image, (size_t)(batch * side * side), 1000 + (unsigned)presentation, 0, 0.3f);
    for (int b = 0; b < batch; b++) {
        int label = (b + (int)presentation) % 4;
        w->label[b] = (float)label;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                if (2 * y / side == label / 2 && 2 * x / side == label % 2)
                    w->image[(b * side + y) * side + x] *= 4;
    }
}

/* Accuracy of region i on pictures never seen, as a share. */
static double accuracy(struct net_chain *c, struct net_world *w, int i)
{
    struct cal_step s = net_step(500, 0);
    int right = 0, batch = w->sight.rows;
    quarters(w, 500);
    assert_int_equal(net_forward(c, &s), CAL_OK);
    const float *logits = c->region[i]->ops->observe(c->region[i], c->tape[i].kind, 0);
    for (int b = 0; b < batch; b++) {
        int best = 0;
        for (int k = 1; k < 4; k++)
            if (logits[4 * b + k] > logits[4 * b + best])
                best = k;
        right += best == (int)w->label[b];
    }
    return (double)right / batch;
}

/* A chain of two learns at once, stage by stage and with random bodies, each without any gradient from outside; chance is 1/4. */
static void test_chain_learns(void **state)
{
    (void)state;
    const char *const parameters[] = {"{channels: 4, pool: 2, classes: 4, beta: 0.1, optimiser: {kind: adam, rate: 0.01, weight_decay: 0}}",
                                      "{channels: 6, classes: 4, optimiser: {kind: adam, rate: 0.01, weight_decay: 0}}"};
    for (int random = 0; random < 2; random++) {
        struct net_chain c;
        struct net_world w;
        net_world_init(&w, 32, 1, 8, 4);
        assert_int_equal(net_create(&c, &w, &cal_stage_ops, 2, parameters), CAL_OK);
        double before[2] = {accuracy(&c, &w, 0), accuracy(&c, &w, 1)};
        for (long p = 0; p < 100; p++) {
            quarters(&w, p);
            assert_int_equal(net_train(&c, p, !random ? ~0u : p < 40 ? (unsigned)STATISTICS : (unsigned)HEAD), CAL_OK);
        }
        for (int i = 0; i < 2; i++) {
            double after = accuracy(&c, &w, i);
            if (before[i] > 0.6 || after < 0.9)
                fail_msg("%s: stage %d gets %g right, %g before", random ? "random" : "all", i, after, before[i]);
        }
        net_done(&c, &w);
    }
}

/* What a stage cannot work with is named. */
static void test_refusals(void **state)
{
    (void)state;
    struct net_chain c;
    struct net_world w;
    net_world_init(&w, B, 2, 8, CLASSES);
    const struct net_world sound = w;
    for (int i = 0; i < 8; i++) {
        static const char *const words[] = {
            "exactly one drive", "no map",    "cannot pool a map of 7 x 8", "multiples of 4", "exactly one context", "no `label`",
            "no `box`",          "at least 2"};
        const char *parameters = i == 6 ? "{boxes: true}" : i == 3 ? "{pool: 1}" : "{pool: 2}";
        w = sound;
        struct cal_slice *image = &w.sight.slice[0];
        if (i == 1)
            image->c = image->h = image->w = 0;
        if (i == 2)
            image->h = 7;
        if (i == 3)
            image->w = 6;
        if (i == 5)
            w.truth.slice[0].cols = 2;
        if (i == 6)
            w.truth.n = 1;
        if (i == 7)
            w.sight.rows = 1;
        c = (struct net_chain){.world = &w, .n = 1};
        net_region(&c, 0, &cal_stage_ops, parameters);
        c.region[0]->n_drives = i != 0;
        c.region[0]->n_contexts = i != 4;
        int error = cal_region_outputs(c.region[0]);
        error = error ? error : cal_region_declare(c.region[0]);
        assert_int_equal(error, CAL_EUSAGE);
        if (!strstr(cal_err_message(), words[i]) || strncmp(cal_err_message(), "S.0: ", 5))
            fail_msg("expected `%s` in: %s", words[i], cal_err_message());
        cal_region_destroy(c.region[0]);
    }
    net_done(&(struct net_chain){.n = 0}, (w = sound, &w));
}

/* A label that is no class ends the run with its number. */
static void test_bad_label(void **state)
{
    (void)state;
    const float bad[] = {3, -1, 0.5f, NAN};
    for (int i = 0; i < 4; i++) {
        struct net_chain c;
        struct net_world w;
        one(&c, &w, plain);
        w.label[4] = bad[i];
        assert_int_equal(net_train(&c, 0, ~0u), CAL_EUSAGE);
        assert_non_null(strstr(cal_err_message(), "expected 0 to 2: `classes` is 3"));
        net_done(&c, &w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),     cmocka_unit_test(test_forward),       cmocka_unit_test(test_parts),
        cmocka_unit_test(test_statistics),    cmocka_unit_test(test_late_gradient), cmocka_unit_test(test_continuation),
        cmocka_unit_test(test_first_weights), cmocka_unit_test(test_chain_learns),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bad_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
