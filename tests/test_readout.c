/* tests/test_readout.c - the readout of populations: what it reads, both rules against scalar ones, bad wiring. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fixtures.h"
#include "tests/pair.h"

#define POPULATIONS "{populations: 3, units: 5, window: 6}"

static struct cal_reader *reader_of(struct pair *w)
{
    return (struct cal_reader *)w->readout;
}

static void start(struct pair *w, const char *readout)
{
    int error = pair_create(w, 2, 20, 12, POPULATIONS, readout);
    if (error)
        print_error("%s\n", cal_err_message());
    assert_int_equal(error, CAL_OK);
}

/* Activity of unit i of all, for sample b. */
static double activity(const struct pair *w, int b, int i)
{
    return (double)w->h[i / 15][b * 15 + i % 15];
}

/* p (B,C) by weights v (C,H); the mean of -log p of the labels. */
static double answer(const struct pair *w, const double *v, double *p)
{
    double loss = 0;
    for (int b = 0; b < w->batch; b++) {
        double sum = 0;
        for (int c = 0; c < w->classes; c++) {
            double logit = 0;
            for (int i = 0; i < 30; i++)
                logit += v[c * 30 + i] * activity(w, b, i);
            sum += p[b * w->classes + c] = exp(logit);
        }
        for (int c = 0; c < w->classes; c++)
            p[b * w->classes + c] /= sum;
        loss -= log(p[b * w->classes + (int)w->label[b]]) / w->batch;
    }
    return loss;
}

static void weights(struct pair *w, double *v)
{
    for (int i = 0; i < 30 * w->classes; i++)
        v[i] = (double)reader_of(w)->v[i];
}

static void the_answer_is_a_softmax_over_all_that_drives_it(void **state)
{
    (void)state;
    struct pair w;
    double v[90], p[60];
    start(&w, "{classes: 3, rate: 6}");
    for (long t = 0; t < 4; t++)
        assert_int_equal(pair_train(&w, t), CAL_OK);
    struct cal_step s = pair_step(4, true);
    pair_show(&w, 4);
    assert_int_equal(pair_forward(&w, &s), CAL_OK);
    weights(&w, v);
    double loss = answer(&w, v, p), spread = 0;
    for (int i = 0; i < 60; i++) {
        assert_true(fabs((double)w.p[i] - p[i]) < 1e-5);
        spread = fmax(spread, fabs(p[i] - 1.0 / 3));
    }
    assert_true(spread > 0.01);
    const float *logits = w.readout->ops->observe(w.readout, w.readout_tape.kind, 0);
    for (int b = 0; b < 20; b++)
        assert_true(fabs(exp((double)(logits[3 * b] - logits[3 * b + 1])) - p[3 * b] / p[3 * b + 1]) < 1e-4);
    assert_int_equal(pair_learn(&w), CAL_OK);
    assert_true(fabs(w.readout_metric[0] - loss) < 1e-5);
    pair_destroy(&w);
}

static void the_delta_rule(void **state)
{
    (void)state;
    struct pair w;
    double v[90], p[60], moved = 0;
    start(&w, "{classes: 3, rate: 8, last: 0.2}");
    for (long t = 0; t < 5; t++) {
        weights(&w, v);
        assert_int_equal(pair_train(&w, 300 + t), CAL_OK);
        answer(&w, v, p);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 30; i++) {
                double change = 0;
                for (int b = 0; b < 20; b++)
                    change += ((c == (int)w.label[b]) - p[3 * b + c]) * activity(&w, b, i) / 20;
                double step = fmin(fmax(8 * (1 - 0.8 * (double)(300 + t) / 1000) * change, -1), 1);
                assert_true(fabs((double)reader_of(&w)->v[c * 30 + i] - v[c * 30 + i] * exp(step)) < 1e-6);
                moved = fmax(moved, fabs(step));
            }
    }
    assert_true(moved > 0.1);
    pair_destroy(&w);
}

/* log V += rate (loss(V e^-noise) - loss(V e^noise)) / (2 spread) x noise / spread, with noise of deviation `spread`. */
static void perturbation_is_one_number_times_the_noise(void **state)
{
    (void)state;
    struct pair w;
    double v[90], less[90], more[90], p[60];
    start(&w, "{classes: 3, rule: perturbation, rate: 0.5, spread: 0.1, last: 1}");
    for (long t = 0; t < 5; t++) {
        struct cal_rng rng = cal_rng_key(5, CAL_STREAM_PERTURBATION, 0, 0, (uint64_t)t);
        float noise[90];
        weights(&w, v);
        assert_int_equal(pair_train(&w, t), CAL_OK);
        cal_rng_normal_fill(&rng, 0, noise, 90);
        for (int i = 0; i < 90; i++) {
            less[i] = v[i] * exp(-0.1 * (double)noise[i]);
            more[i] = v[i] * exp(0.1 * (double)noise[i]);
        }
        double way = (answer(&w, less, p) - answer(&w, more, p)) / 0.2;
        assert_true(fabs(way) > 1e-4);
        for (int i = 0; i < 90; i++) {
            double expected = v[i] * exp(fmin(fmax(0.5 * way * (double)noise[i], -1), 1));
            assert_true(fabs((double)reader_of(&w)->v[i] - expected) < 1e-4 * expected);
        }
    }
    pair_destroy(&w);
}

/* Both rules get better at it, and no weight leaves the positive. */
static void both_rules_learn(void **state)
{
    (void)state;
    const char *const readouts[] = {"{classes: 3, rate: 3}", "{classes: 3, rule: perturbation, rate: 0.2}"};
    for (int i = 0; i < 2; i++) {
        struct pair w;
        double first = 0, last = 0;
        start(&w, readouts[i]);
        for (long t = 0; t < 200; t++) {
            assert_int_equal(pair_train(&w, t), CAL_OK);
            first += t < 20 ? w.readout_metric[0] : 0;
            last += t >= 180 ? w.readout_metric[0] : 0;
            for (int k = 0; k < 90; k++)
                assert_true(reader_of(&w)->v[k] > 0);
        }
        assert_true(last < 0.9 * first);
        pair_destroy(&w);
    }
}

static void bad_ports_are_told(void **state)
{
    (void)state;
    struct pair w;
    start(&w, "{classes: 3}");
    struct cal_region *r = w.readout;
    struct cal_rep_spec two = w.up[1].spec, label = w.truth_port.spec;
    cal_rep_spec_add(&w.up[1].spec, "other", 3);
    assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "`up` from P.1 brings 2 slices, expected one"));
    w.up[1].spec = two;
    w.truth_port.spec.n = 0;
    assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "`truth` from stimulus brings no `label`"));
    w.truth_port.spec = label;
    r->n_contexts = 0;
    assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "needs exactly one context"));
    r->n_drives = 0;
    assert_int_equal(r->ops->outputs(r), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "needs regions to read"));
    pair_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_a_softmax_over_all_that_drives_it),
        cmocka_unit_test(the_delta_rule),
        cmocka_unit_test(perturbation_is_one_number_times_the_noise),
        cmocka_unit_test(both_rules_learn),
        cmocka_unit_test(bad_ports_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
