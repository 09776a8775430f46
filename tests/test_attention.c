/* tests/test_attention.c - the attention region: its gradients, what it reads, that both sides agree, and what it refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "regions/layers/layers.h"
#include "tests/attention_star.h"

static double leaky(double z)
{
    return z > 0 ? z : (double)CAL_LEAK * z;
}

/* Mixture number g of all codes but that of unit u, in float64. */
static double mixture(const struct cal_relay *k, int g, int u, const double *y1)
{
    double r = 0;
    for (int v = 0; v < k->inputs; v++)
        r += v == u ? 0 : (double)k->m[g * k->inputs + v] * y1[v];
    return r;
}

/* The predictor's guess of unit u, number `at` of the attention's own, from a row of codes, in float64. */
static double guess(const struct cal_attention *a, int u, int at, const double *y1)
{
    const long *read = a->sparse.read;
    const struct cal_bank *k = read ? &a->sparse.bank : &a->bank;
    double g = (double)k->b2[at];
    for (int h = at * k->hidden; h < (at + 1) * k->hidden; h++) {
        double z = (double)k->b1[h];
        for (int i = 0; i < k->inputs; i++) {
            int v = read ? (int)read[at * k->inputs + i] : i;
            double seen = v == u ? 0 : v >= U ? mixture(&a->relay, v - U, u, y1) : y1[v];
            z += (double)k->w1[h * k->inputs + i] * seen;
        }
        g += (double)k->w2[h] * leaky(z);
    }
    return g;
}

/* Output u of the masked form's network, in float64. */
static double key_of(const struct cal_mlp *k, int u, const double *y1)
{
    double out = (double)k->b2[u];
    for (int h = 0; h < k->hidden; h++) {
        double z = (double)k->b1[h];
        for (int v = 0; v < U; v++)
            z += (double)k->w1[h * U + v] * y1[v];
        out += (double)k->w2[u * k->hidden + h] * leaky(z);
    }
    return out;
}

/* The first unit that the attention answers for. */
static int first_own(const struct star *s)
{
    return s->context[s->setup.far].unit_offset;
}

/* Keys and queries of all samples for unit u, in float64, from the codes that were sent. */
static void weights_of(const struct star *s, int u, double (*y1)[U], const double *mask, double *key, double *query)
{
    const struct cal_attention *a = (const struct cal_attention *)s->attention;
    for (int q = 0; q < B; q++) {
        if (s->setup.rule.negatives == CAL_PREDICTOR) {
            key[q] = y1[q][u];
            query[q] = guess(a, u, u - first_own(s), y1[q]);
            continue;
        }
        double hidden[U];
        for (int v = 0; v < U; v++)
            hidden[v] = mask[v * B + q] != 0 ? 0 : y1[q][v] / (1 - s->setup.rule.mask);
        key[q] = key_of(&a->mlp, u, y1[q]);
        query[q] = key_of(&a->mlp, u, hidden);
    }
}

/* The loss of the attention's units over B U, in float64, as a function of its weights. */
static double loss(const struct star *s)
{
    const struct cal_attention *a = (const struct cal_attention *)s->attention;
    const struct cal_contrast_rule *rule = &s->setup.rule;
    struct cal_contrast shape = cal_contrast_of(rule, 1, B, 0);
    struct cal_step step = star_at(s, 0);
    double rows[B][U], mask[U * B], sum = 0;
    for (int u = 0; u < U; u++) {
        float bits[B];
        cal_contrast_mask(rule, s->setup.seed, &step, u, B, bits);
        for (int q = 0; q < B; q++) {
            mask[u * B + q] = (double)bits[q];
            rows[q][u] = (double)(u < 3 ? s->out[0][0][q * 3 + u] : s->out[1][0][q * 2 + u - 3]);
        }
    }
    for (int u = first_own(s); u < U; u++) {
        double y1[B], y2[B], key[B], query[B], scratch[4][B];
        weights_of(s, u, rows, mask, key, query);
        for (int q = 0; q < B; q++) {
            y1[q] = rows[q][u];
            y2[q] = (double)(u < 3 ? s->out[0][1][q * 3 + u] : s->out[1][1][q * 2 + u - 3]);
        }
        struct cal_contrast_twin t = {.batch = B,
                                      .groups = shape.groups,
                                      .exclude_self = shape.exclude_self,
                                      .clip = (double)shape.clip,
                                      .scale = 1,
                                      .tau = (double)a->w_tau[u - first_own(s)],
                                      .y1 = y1,
                                      .y2 = y2,
                                      .key = key,
                                      .query = query,
                                      .counted = rule->negatives == CAL_MASKED ? mask + u * B : NULL,
                                      .dy1 = scratch[0],
                                      .dy2 = scratch[1],
                                      .dkey = scratch[2],
                                      .dquery = scratch[3]};
        cal_contrast_twin(&t);
        sum += t.loss;
    }
    return sum / (B * U);
}

/* Every gradient array, which is of -L, against the slope of the float64 loss. */
static void check_gradients(const struct cal_contrast_rule *rule, long fan_in, long relay, int far)
{
    struct star s;
    struct star_setup setup = setup_of(rule, 0);
    setup.fan_in = fan_in;
    setup.relay = relay;
    setup.far = far;
    float image[B * D], view1[B * D], view2[B * D];
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    look(image, view1, view2, 1);
    size_t n, n_gradient;
    float *b1 = star_array(s.attention, "b1", &n), *tau = star_array(s.attention, "tau", &n_gradient);
    star_draw(b1, (int)n, 60, 0.1f, 0.3f);
    star_draw(tau, (int)n_gradient, 61, 1, 0.2f);
    assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
    assert_int_equal(star_learn(&s), CAL_OK);
    assert_true(fabs(s.attention_metric[0] * s.attention->out.units / U - loss(&s)) < 1e-5);
    const char *const names[][2] = {{"w1", "w1.g"}, {"b1", "b1.g"}, {"w2", "w2.g"}, {"b2", "b2.g"}, {"tau", "tau.g"}, {"relay", "relay.g"}};
    double largest = 0, worst = 0;
    for (int i = 0; i < (relay ? 6 : 5); i++) {
        float *w = star_array(s.attention, names[i][0], &n), *g = star_array(s.attention, names[i][1], &n_gradient);
        assert_int_equal(n, n_gradient);
        for (size_t k = 0; k < n; k++) {
            float was = w[k], up = was + 1e-5f, down = was - 1e-5f;
            w[k] = up;
            double above = loss(&s);
            w[k] = down;
            double below = loss(&s);
            w[k] = was;
            double slope = (above - below) / ((double)up - (double)down);
            largest = fmax(largest, fabs(slope));
            worst = fmax(worst, fabs(slope + (double)g[k]));
        }
    }
    assert_true(largest > 1e-3);
    if (worst > 3e-4 * largest)
        fail_msg("gradient off by %g, the largest is %g", worst, largest);
    star_destroy(&s);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients(&star_predictor, 0, 0, 0);
    check_gradients(&star_masked, 0, 0, 0);
    check_gradients(&star_predictor, 3, 0, 0);
    check_gradients(&star_predictor, 100, 0, 0); /* all there are */
    check_gradients(&star_predictor, 0, 0, 1);   /* a shard */
    check_gradients(&star_predictor, 3, 0, 1);
    check_gradients(&star_predictor, 3, 2, 0); /* one unit and two mixtures */
    check_gradients(&star_predictor, 2, 2, 1); /* mixtures alone */
}

/* Each unit reads so many others, each once, ascending, never itself: those of its region before any else. */
static void test_reads(void **state)
{
    (void)state;
    for (long fan_in = 1; fan_in <= 12; fan_in++) {
        struct star s;
        struct star_setup setup = setup_of(&star_predictor, 0.1);
        setup.cortices = 4;
        for (int i = 0; i < 4; i++)
            setup.units[i] = 2 + i % 2; /* 2, 3, 2, 3 */
        setup.fan_in = fan_in;
        setup.far = 1;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        const struct cal_sparse *k = &((const struct cal_attention *)s.attention)->sparse;
        int reads = fan_in < 9 ? (int)fan_in : 9, region = 1;
        assert_int_equal(k->bank.units, 8);
        assert_int_equal(k->bank.inputs, reads);
        for (int at = 0; at < 8; at++) {
            int u = at + 2, neighbours = 0;
            while (u >= s.codes[region].unit_offset + setup.units[region])
                region++;
            for (int i = 0; i < reads; i++) {
                long v = k->read[at * reads + i], in_region = v - s.codes[region].unit_offset;
                assert_true(v >= 0 && v < 10 && v != u && (i == 0 || v > k->read[at * reads + i - 1]));
                neighbours += in_region >= 0 && in_region < setup.units[region];
            }
            assert_int_equal(neighbours, setup.units[region] - 1 < reads ? setup.units[region] - 1 : reads);
        }
        star_destroy(&s);
    }
}

/* What shards read: their own block, and `far` of the others, no region of which is read much more often than another. */
static void test_shards_read_a_small_world(void **state)
{
    (void)state;
    enum { MOST = 200 };
    const int sizes[][3] = {{200, 25, 4}, {200, 25, 30}, {64, 2, 5}, {50, 7, 3},
                            {13, 5, 9},   {7, 7, 2},     {9, 1, 4}}; /* afferents, shards, far */
    for (int c = 0; c < 7; c++) {
        struct cal_attention_params p = {.fan_in = 16, .far = sizes[c][2]};
        int read[MOST], n_readers[MOST] = {0}, most = 0;
        struct cal_share share = {.shards = sizes[c][1], .afferents = sizes[c][0]};
        for (share.shard = 0; share.shard < share.shards; share.shard++) {
            int first = cal_share_first(&share, share.shard), last = cal_share_first(&share, share.shard + 1), own = 0;
            int n = cal_attention_reads(&p, 5, &share, read);
            for (int i = 0; i < n; i++) {
                assert_true(read[i] >= 0 && read[i] < share.afferents && (i == 0 || read[i] > read[i - 1]));
                bool mine = read[i] >= first && read[i] < last;
                own += mine;
                most = !mine && ++n_readers[read[i]] > most ? n_readers[read[i]] : most;
            }
            assert_int_equal(own, last - first);
            int others = share.afferents - own;
            assert_int_equal(n - own, p.far < others ? p.far : others);
        }
        int blocks = share.afferents / share.shards, even = (int)p.far / blocks + 1;
        assert_true(most <= even + 1);
        p.fan_in = 0;
        share.shard = 0;
        assert_int_equal(cal_attention_reads(&p, 5, &share, read), share.afferents);
    }
}

/* The loss that the attention climbs is the one that the cortices descend. */
static void test_both_sides_agree(void **state)
{
    (void)state;
    const struct cal_contrast_rule *const rules[] = {&star_predictor, &star_masked, &star_uniform, &star_predictor};
    float image[B * D], view1[B * D], view2[B * D];
    for (int i = 0; i < 4; i++) {
        struct star s;
        struct star_setup setup = setup_of(rules[i], 0.1);
        setup.fan_in = i == 3 ? 3 : 0;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        for (int t = 0; t < 4; t++) {
            look(image, view1, view2, t);
            assert_int_equal(star_forward(&s, t, image, view1, view2), CAL_OK);
            assert_int_equal(star_learn(&s), CAL_OK);
            for (int m = 0; m < 2; m++) {
                double mine = (3 * s.metric[0][m] + 2 * s.metric[1][m]) / U;
                assert_true(fabs(mine - s.attention_metric[m]) < 1e-6);
            }
            if (rules[i] == &star_uniform)
                assert_true(fabs(s.attention_metric[1]) < 1e-6);
        }
        star_destroy(&s);
    }
}

/* Guess u of row 0 as it is sent, where unit v of a cortex says something else. */
static float guess_after(struct star *s, int u, int v, float code)
{
    float *y = v < 3 ? &s->out[0][0][v] : &s->out[1][0][v - 3], was = *y;
    *y = code;
    assert_int_equal(star_attend(s, 9), CAL_OK);
    *y = was;
    return s->attention_out[0][u];
}

/* The guess of a unit does not depend on that unit's code, and does on the others'; also after learning. */
static void test_blind_to_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct star s;
        struct star_setup setup = setup_of(&star_predictor, 0.1);
        float image[B * D], view1[B * D], view2[B * D];
        setup.fan_in = i == 1 ? 100 : i == 2 ? 2 : 0;
        setup.relay = i == 2 ? 2 : 0;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        for (int t = 0; t < 3; t++) {
            look(image, view1, view2, t);
            assert_int_equal(star_forward(&s, t, image, view1, view2), CAL_OK);
            assert_int_equal(star_learn(&s), CAL_OK);
        }
        for (int u = 0; u < U; u++)
            for (int v = 0; v < U; v++) {
                double change = fabs((double)(guess_after(&s, u, v, -3) - guess_after(&s, u, v, 3)));
                assert_true(u == v ? change < 1e-5 : change > 1e-3);
            }
        star_destroy(&s);
    }
}

/* What the onlooker computes from codes and context is what the regions reported. */
static void test_evaluate(void **state)
{
    (void)state;
    const struct cal_contrast_rule *const rules[] = {&star_predictor, &star_masked, &star_uniform};
    float image[B * D], view1[B * D], view2[B * D], y[2][B * U];
    look(image, view1, view2, 1);
    for (int i = 0; i < 3; i++) {
        struct star s;
        struct star_setup setup = setup_of(rules[i], 0.1);
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        assert_int_equal(star_forward(&s, 7, image, view1, view2), CAL_OK);
        for (int view = 0; view < 2; view++)
            for (int k = 0; k < B * U; k++)
                y[view][k] = k % U < 3 ? s.out[0][view][k / U * 3 + k % U] : s.out[1][view][k / U * 2 + k % U - 3];
        struct cal_rep sent = {.spec = &s.attention->out};
        for (int k = 0; k < s.attention->out.n; k++) {
            sent.data[k] = s.attention_out[k];
            sent.ld[k] = U;
        }
        struct cal_contrast_value mean;
        struct cal_step step = star_at(&s, 7);
        cal_contrast_evaluate(rules[i], setup.seed, &step, B, U, y[0], y[1], &sent, &mean);
        assert_int_equal(star_learn(&s), CAL_OK);
        assert_true(fabs(mean.loss - s.attention_metric[0]) < 1e-9);
        assert_true(fabs(mean.loss - mean.control - s.attention_metric[1]) < 1e-9);
        star_destroy(&s);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const words[] = {"has none",      "different rules",          "multiple of 4",  "as drives", "takes no context",
                                        "without delay", "one network of all units", "at most as many"};
    for (int i = 0; i < 8; i++) {
        struct star s = {.setup = setup_of(i == 2 || i == 6 ? &star_masked : &star_predictor, 0.1), .units = U};
        struct cal_contrast_rule other = star_masked;
        struct cal_attention_params params = {.hidden = 4, .widen = 4, .fan_in = i == 6 ? 4 : 0, .relay = i == 7 ? 4 : 0};
        star_ports(&s);
        struct cal_region *r = star_region(&cal_attention_ops, "attention", 2, &s, &params);
        for (int k = 0; k < 2; k++) {
            cal_rep_spec_add(&s.codes[k].spec, "view1", s.setup.units[k]);
            cal_rep_spec_add(&s.codes[k].spec, "view2", s.setup.units[k]);
        }
        r->drive = s.codes;
        r->n_drives = i == 3 ? 0 : 2;
        r->target = r->context = s.context;
        r->n_targets = i == 0 ? 0 : 2;
        r->n_contexts = i == 4;
        if (i == 1)
            s.context[1].rule = &other;
        if (i == 2)
            r->batch = 30;
        if (i == 5)
            s.codes[0].units = s.codes[1].units = 0;
        int error = cal_region_outputs(r);
        if (!error)
            error = cal_region_declare(r);
        assert_int_equal(error, CAL_EUSAGE);
        if (!strstr(cal_err_message(), words[i]) || strncmp(cal_err_message(), "attention: ", 11))
            fail_msg("expected `%s` in: %s", words[i], cal_err_message());
        cal_region_destroy(r);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),        cmocka_unit_test(test_reads),           cmocka_unit_test(test_shards_read_a_small_world),
        cmocka_unit_test(test_both_sides_agree), cmocka_unit_test(test_blind_to_itself), cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
