/* tests/test_populations.c - populations and their readout: structure, what never changes, release, several regions, bad wiring. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fixtures.h"
#include "tests/pair.h"

#define READOUT "{classes: 3, rate: 6}"
#define WINDOWS "{populations: 6, units: 5, window: 6, margin: 1, rate: 40}"

static struct cal_populations *populations_of(struct pair *w, int i)
{
    return (struct cal_populations *)w->region[i];
}

static void start(struct pair *w, int n, const char *populations)
{
    int error = pair_create(w, n, 20, 12, populations, READOUT);
    if (error)
        print_error("%s\n", cal_err_message());
    assert_int_equal(error, CAL_OK);
}

/* Every channel of a window has one synapse in its population, and no other has. */
static void channels_are_shared_out(void **state)
{
    (void)state;
    struct pair w;
    start(&w, 1, WINDOWS);
    const struct cal_populations *k = populations_of(&w, 0);
    bool several_places = false;
    long first_channel = -1;
    assert_int_equal(k->synapses, 6 * 2 * 36);
    for (int g = 0; g < 6; g++) {
        int owners[288] = {0}, n = 0;
        long least = 288;
        for (long s = k->row_start[5 * g]; s < k->row_start[5 * (g + 1)]; s++, n++)
            owners[k->channel[s]]++;
        assert_int_equal(n, 72);
        for (int j = 0; j < 144; j++)
            if (owners[j])
                least = j < least ? j : least;
        for (int j = 0; j < 144; j++) {
            int y = j / 12 - (int)least / 12, x = j % 12 - (int)least % 12, inside = y >= 0 && y < 6 && x >= 0 && x < 6;
            assert_int_equal(owners[j], inside);
            assert_int_equal(owners[144 + j], inside);
        }
        assert_in_range(least / 12, 1, 5);
        assert_in_range(least % 12, 1, 5);
        several_places = several_places || (first_channel >= 0 && first_channel != least);
        first_channel = least;
    }
    assert_true(several_places);
    pair_destroy(&w);
}

static void the_whole_picture_on_alone(void **state)
{
    (void)state;
    struct pair w;
    start(&w, 1, "{populations: 2, units: 30, channels: on}");
    const struct cal_populations *k = populations_of(&w, 0);
    assert_int_equal(k->synapses, 2 * 144);
    assert_int_equal(k->row_start[60], 2 * 144);
    for (size_t s = 0; s < k->synapses; s++)
        assert_in_range(k->channel[s], 0, 143);
    pair_destroy(&w);
}

/* ---- what never changes ---- */

/* At every step: the synapses there were and no others, all weights above 0; and what scaling keeps. */
static void no_synapse_appears_or_changes_sign(void **state)
{
    (void)state;
    const char *const scaling[] = {"geo", "row", "none"};
    for (int i = 0; i < 3; i++) {
        struct pair w;
        char text[160];
        snprintf(text, sizeof text, "{populations: 6, units: 5, window: 6, rate: 200, scaling: %s, release: %s}", scaling[i],
                 i ? "1" : "0.6");
        start(&w, 1, text);
        const struct cal_populations *k = populations_of(&w, 0);
        const struct cal_reader *reader = (const struct cal_reader *)w.readout;
        size_t starts = (size_t)(k->units + 1) * sizeof(long), channels = k->synapses * sizeof(long);
        long *row_start = memcpy(cal_alloc(starts), k->row_start, starts), *channel = memcpy(cal_alloc(channels), k->channel, channels);
        double spread = 0;
        for (long t = 0; t < 60; t++) {
            assert_int_equal(pair_train(&w, t), CAL_OK);
            assert_memory_equal(row_start, k->row_start, starts);
            assert_memory_equal(channel, k->channel, channels);
            for (int u = 0; u < k->units; u++) {
                double logs = 0, sum = 0;
                bool bound = false;
                for (long s = k->row_start[u]; s < k->row_start[u + 1]; s++) {
                    float weight = expf(k->log_w[s]);
                    assert_true(isfinite(weight) && weight > 0);
                    logs += (double)k->log_w[s];
                    sum += (double)weight;
                    spread = fmax(spread, fabs((double)k->log_w[s]));
                    bound = bound || k->log_w[s] <= -6 || k->log_w[s] >= 4;
                }
                if (i == 0 && !bound)
                    assert_true(fabs(logs) < 1e-3);
                if (i == 1 && k->row_start[u] < k->row_start[u + 1])
                    assert_true(fabs(sum - 1) < 1e-4);
            }
            for (int n = 0; n < k->units * w.classes; n++)
                assert_true(k->top[n] > 0 && reader->v[n] > 0);
        }
        assert_true(spread > 1);
        cal_free(row_start);
        cal_free(channel);
        pair_destroy(&w);
    }
}

static void frozen_weights_stay_and_the_rest_learns(void **state)
{
    (void)state;
    struct pair w;
    start(&w, 1, "{populations: 6, units: 5, window: 6, rate: 0}");
    const struct cal_populations *k = populations_of(&w, 0);
    double first = 0, last = 0;
    for (long t = 0; t < 100; t++) {
        assert_int_equal(pair_train(&w, t), CAL_OK);
        first += t < 10 ? w.readout_metric[0] : 0;
        last += t >= 90 ? w.readout_metric[0] : 0;
    }
    for (size_t s = 0; s < k->synapses; s++)
        assert_true(k->log_w[s] == 0);
    assert_true(last < 0.7 * first);
    pair_destroy(&w);
}

/* A phase that learns nothing leaves no trace, homeostasis included; and releases everything. */
static void looking_changes_nothing(void **state)
{
    (void)state;
    struct pair w, other;
    start(&w, 1, "{populations: 6, units: 5, window: 6, release: 0.5}");
    start(&other, 1, "{populations: 6, units: 5, window: 6}");
    const struct cal_populations *k = populations_of(&w, 0);
    struct cal_step s = pair_step(0, false);
    pair_show(&w, 7);
    pair_show(&other, 7);
    assert_int_equal(pair_forward(&w, &s), CAL_OK);
    assert_int_equal(pair_forward(&other, &s), CAL_OK);
    assert_memory_equal(w.h[0], other.h[0], (size_t)(20 * 30) * sizeof(float));
    for (int i = 0; i < k->units; i++)
        assert_true(k->mu[i] == 0 && k->sd[i] == 1);
    pair_destroy(&w);
    pair_destroy(&other);
}

/* ---- release ---- */

static void release_keeps_the_mean_and_is_keyed_by_the_presentation(void **state)
{
    (void)state;
    struct pair w, again;
    start(&w, 1, "{populations: 6, units: 5, window: 6, release: 0.25}");
    start(&again, 1, "{populations: 6, units: 5, window: 6, release: 0.25}");
    const struct cal_populations *k = populations_of(&w, 0);
    const struct cal_populations_tape *t = w.tape[0].kind, *t_again = again.tape[0].kind;
    double passed = 0, sum = 0, whole = 0, all = (double)k->synapses * w.batch;
    pair_show(&w, 3);
    pair_show(&again, 3);
    struct cal_step s = pair_step(12, true), later = pair_step(13, true);
    assert_int_equal(pair_forward(&again, &later), CAL_OK);
    assert_int_equal(pair_forward(&w, &s), CAL_OK);
    for (size_t i = 0; i < k->synapses; i++)
        for (int b = 0; b < w.batch; b++) {
            float contact = t->contact[i * (size_t)k->pitch + (size_t)b], a = t->input[k->channel[i] * k->pitch + b];
            assert_true(contact == 0 || fabsf(contact - 4 * a) < 1e-6f * contact);
            passed += contact > 0;
            sum += (double)contact;
            whole += (double)a;
        }
    assert_true(fabs(passed / all - 0.25) < 4 * sqrt(0.25 * 0.75 / all));
    assert_true(fabs(sum / whole - 1) < 0.1);
    size_t bytes = k->synapses * (size_t)k->pitch * sizeof(float);
    assert_memory_not_equal(t->contact, t_again->contact, bytes);
    assert_int_equal(pair_forward(&again, &s), CAL_OK);
    assert_memory_equal(t->contact, t_again->contact, bytes);
    pair_destroy(&w);
    pair_destroy(&again);
}

/* ---- chance ---- */

/* With nothing learnt, log weights come to be normal with the deviation asked for; the next step is not the same, the same step is. */
static void fluctuation_is_of_the_size_asked_for(void **state)
{
    (void)state;
    struct pair w, again;
    const char *text = "{populations: 40, units: 5, window: 6, rate: 0, scaling: none, fluctuation: 0.5, restoring: 0.2}";
    start(&w, 1, text);
    start(&again, 1, text);
    const struct cal_populations *k = populations_of(&w, 0), *k_again = populations_of(&again, 0);
    size_t n = k->synapses;
    for (long t = 0; t < 30; t++) {
        assert_int_equal(pair_train(&w, t), CAL_OK);
        assert_int_equal(pair_train(&again, t), CAL_OK);
    }
    assert_memory_equal(k->log_w, k_again->log_w, n * sizeof *k->log_w);
    double mean = 0, square = 0, fourth = 0, changed = 0, before = (double)k->log_w[0];
    for (size_t i = 0; i < n; i++) {
        double x = (double)k->log_w[i];
        mean += x / (double)n;
        square += x * x / (double)n;
        fourth += x * x * x * x / (double)n;
    }
    assert_true(fabs(mean) < 4 * 0.5 / sqrt((double)n));
    assert_true(fabs(sqrt(square) / 0.5 - 1) < 4 / sqrt(2 * (double)n));
    assert_true(fabs(fourth / (square * square) - 3) < 4 * sqrt(24 / (double)n));
    assert_int_equal(pair_train(&w, 30), CAL_OK);
    assert_int_equal(pair_train(&again, 31), CAL_OK);
    for (size_t i = 0; i < n; i++)
        changed += k->log_w[i] != k_again->log_w[i];
    assert_true(changed > 0.99 * (double)n && (double)k->log_w[0] != before);
    pair_destroy(&w);
    pair_destroy(&again);
}

/* ---- several regions ---- */

/* Six populations in one, two and three regions: the same bits. */
static void regions_share_populations(void **state)
{
    (void)state;
    const char *const parameters[] = {"{populations: 6, units: 5, window: 6, release: 0.7, fluctuation: 0.2}",
                                      "{populations: 3, units: 5, window: 6, release: 0.7, fluctuation: 0.2}",
                                      "{populations: 2, units: 5, window: 6, release: 0.7, fluctuation: 0.2}"};
    struct pair w[3];
    for (int i = 0; i < 3; i++) {
        start(&w[i], i + 1, parameters[i]);
        for (long t = 0; t < 20; t++)
            assert_int_equal(pair_train(&w[i], t), CAL_OK);
    }
    const struct cal_populations *all = populations_of(&w[0], 0);
    for (int i = 1; i < 3; i++) {
        size_t first = 0, units = 0, n = (size_t)w[0].classes;
        assert_memory_equal(((struct cal_reader *)w[0].readout)->v, ((struct cal_reader *)w[i].readout)->v, 30 * n * sizeof(float));
        for (int r = 0; r <= i; r++) {
            const struct cal_populations *k = populations_of(&w[i], r);
            assert_memory_equal(all->channel + first, k->channel, k->synapses * sizeof(long));
            assert_memory_equal(all->log_w + first, k->log_w, k->synapses * sizeof(float));
            assert_memory_equal(all->top + units * n, k->top, (size_t)k->units * n * sizeof(float));
            assert_memory_equal(all->mu + units, k->mu, (size_t)k->units * sizeof(float));
            assert_memory_equal(all->sd + units, k->sd, (size_t)k->units * sizeof(float));
            first += k->synapses;
            units += (size_t)k->units;
        }
        assert_int_equal(units, 30);
    }
    for (int i = 0; i < 3; i++)
        pair_destroy(&w[i]);
}

/* ---- bad input ---- */

static void refused(const char *populations, const char *words)
{
    struct pair w;
    assert_int_equal(pair_create(&w, 1, 20, 12, populations, READOUT), CAL_EUSAGE);
    if (!strstr(cal_err_message(), words))
        fail_msg("%s: expected %s", cal_err_message(), words);
    pair_destroy(&w);
}

static void bad_parameters_are_told(void **state)
{
    (void)state;
    refused("{window: 11, margin: 1}", "a window of 11 px and margins of 1 px do not fit in a picture of 12 x 12");
    refused("{populations: 65536, units: 65536}", "expected at most 1048576 units");
}

static void bad_ports_are_told(void **state)
{
    (void)state;
    struct pair w;
    start(&w, 1, WINDOWS);
    struct cal_region *r = w.region[0];
    const struct {
        int drives, contexts, offset;
        const char *words;
    } cases[] = {
        {2, 2, 0, "needs exactly one drive"},
        {1, 1, 0, "needs two contexts"},
        {1, 2, -1, "nothing projects from here to readout"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r->n_drives = cases[i].drives;
        r->n_contexts = cases[i].contexts;
        w.context[0][1].unit_offset = cases[i].offset;
        assert_int_equal(r->ops->declare(r), CAL_EUSAGE);
        assert_non_null(strstr(cal_err_message(), cases[i].words));
    }
    pair_destroy(&w);
}

static void a_label_beyond_the_classes_is_told(void **state)
{
    (void)state;
    struct pair w;
    struct cal_step s = pair_step(0, true);
    start(&w, 1, WINDOWS);
    pair_show(&w, 0);
    w.label[3] = 3;
    assert_int_equal(pair_forward(&w, &s), CAL_OK);
    assert_int_equal(pair_learn(&w), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "label 3 in presentation 0, expected 0 to 2"));
    pair_destroy(&w);
}

/* A unit that hears infinitely much would be silent, as h of what is no number is 0: it is told. */
static void what_is_no_number_is_told(void **state)
{
    (void)state;
    struct pair w;
    start(&w, 1, "{populations: 3, units: 5, window: 6, rate: 20}");
    for (size_t i = 0; i < populations_of(&w, 0)->synapses; i++)
        populations_of(&w, 0)->log_w[i] = 200;
    struct cal_step s = pair_step(0, true);
    pair_show(&w, 0);
    assert_int_equal(pair_forward(&w, &s), CAL_ENUMERICS);
    assert_non_null(strstr(cal_err_message(), "presentation 0"));
    pair_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_shared_out),
        cmocka_unit_test(the_whole_picture_on_alone),
        cmocka_unit_test(no_synapse_appears_or_changes_sign),
        cmocka_unit_test(frozen_weights_stay_and_the_rest_learns),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(release_keeps_the_mean_and_is_keyed_by_the_presentation),
        cmocka_unit_test(fluctuation_is_of_the_size_asked_for),
        cmocka_unit_test(regions_share_populations),
        cmocka_unit_test(bad_parameters_are_told),
        cmocka_unit_test(bad_ports_are_told),
        cmocka_unit_test(a_label_beyond_the_classes_is_told),
        cmocka_unit_test(what_is_no_number_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
