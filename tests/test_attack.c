/* tests/test_attack.c - a run as one function of pictures, its gradients, and what attacks may do: on a run directory written here by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/attack.h"
#include "core/err.h"
#include "core/files.h"
#include "core/h5.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "experiments/stimuli/stimuli.h"
#include "regions/populations/populations.h"
#include "regions/readout/readout.h"
#include "tests/fixtures.h"

enum { N = 21, B = 8, PIXELS = 3 * 16 * 16 }; /* the last batch is not full */

static const char stages[] = "experiment: signs\n"
                             "seed: 3\n"
                             "batch: 8\n"
                             "stimulus: {kind: traffic-signs, size: 16, samples: 40, held_out: 24}\n"
                             "regions:\n"
                             "  S1: {kind: stage, channels: 4, pool: 2, classes: 20}\n"
                             "  S2: {kind: stage, channels: 6, classes: 20}\n"
                             "projections:\n"
                             "  sight: {from: stimulus, to: S1}\n"
                             "  chain: {chain: [S1, S2], delay: 1}\n"
                             "  labels: {from: stimulus, to: S*, role: context, take: [label]}\n"
                             "phases:\n"
                             "  learn: {steps: 4, learn: all}\n";

static char dir[64];

/* The run's file, and a checkpoint of the weights that regions are born with. */
static void write_run(const char *text)
{
    char path[128];
    struct cal_experiment *e;
    struct cal_stimulus *s;
    struct cal_graph *g;
    snprintf(path, sizeof path, "%s/used.yml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    if (cal_experiment_read(path, &(struct cal_overrides){0}, &e) ||
        cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &s) || cal_graph_create(e, s, &g))
        fail_msg("%s", cal_err_message());
    snprintf(path, sizeof path, "%s/checkpoint/step-000000004", dir);
    assert_int_equal(cal_make_dirs(path), CAL_OK);
    for (int r = 0; r < g->n_regions; r++) {
        struct cal_h5 *h;
        cal_region_init(g->region[r]);
        snprintf(path, sizeof path, "%s/checkpoint/step-000000004/%s.h5", dir, g->region[r]->name);
        assert_int_equal(cal_h5_create(path, &h), CAL_OK);
        assert_int_equal(cal_h5_save_layout(h, "state", &g->region[r]->layout, CAL_STATE), CAL_OK);
        assert_int_equal(cal_h5_close(h, false), CAL_OK);
    }
    snprintf(path, sizeof path, "%s/checkpoint/step-000000004/MANIFEST.yml", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    cal_graph_destroy(g);
    cal_stimulus_destroy(s);
    cal_experiment_destroy(e);
}

static int begin(void **state)
{
    (void)state;
    return scratch_folder(dir, sizeof dir);
}

static int end(void **state)
{
    (void)state;
    cal_remove_tree(dir);
    return cal_mem_now_bytes() ? 1 : 0;
}

struct subject {
    struct cal_still *net;
    size_t n;
    float *picture, *label, *changed, *other;
    float margin[N];
    bool right[N];
};

static void subject_init(struct subject *q, const char *text)
{
    write_run(text);
    q->n = N;
    if (cal_still_open(dir, &q->net) || cal_still_pictures(q->net, &q->n, &q->picture, &q->label))
        fail_msg("%s", cal_err_message());
    assert_int_equal(q->n, N);
    assert_int_equal(q->net->pixels, PIXELS);
    q->changed = cal_alloc(N * PIXELS * sizeof *q->changed);
    q->other = cal_alloc(N * PIXELS * sizeof *q->other);
}

static void subject_finish(struct subject *q)
{
    cal_free(q->other);
    cal_free(q->changed);
    cal_free(q->label);
    cal_free(q->picture);
    cal_still_close(q->net);
}

static double reading(struct cal_still *s, int rows, const float *picture, const float *weight)
{
    float logits[B * 20];
    double sum = 0;
    assert_int_equal(cal_still_forward(s, rows, picture, logits), CAL_OK);
    for (int i = 0; i < rows * 20; i++)
        sum += (double)logits[i] * (double)weight[i];
    return sum;
}

/* Along itself the gradient is as steep as it is long, and along another direction as their product says. */
static void check_gradient(const char *text)
{
    struct subject q;
    enum { ROWS = 5 };
    float weight[B * 20], g[ROWS * PIXELS], way[ROWS * PIXELS], moved[ROWS * PIXELS];
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 0);
    subject_init(&q, text);
    cal_rng_normal_fill(&rng, 0, weight, B * 20);
    cal_rng_normal_fill(&rng, 1024, way, ROWS * PIXELS);
    reading(q.net, ROWS, q.picture, weight);
    cal_still_back(q.net, ROWS, false, weight, g);
    for (int turn = 0; turn < 2; turn++) {
        const float *along = turn ? way : g;
        double length = 0, expected = 0, h = 2e-3, sides[2];
        for (int i = 0; i < ROWS * PIXELS; i++)
            length += (double)along[i] * (double)along[i];
        for (int i = 0; i < ROWS * PIXELS; i++)
            expected += (double)along[i] * (double)g[i] / sqrt(length);
        for (int side = 0; side < 2; side++) {
            for (int i = 0; i < ROWS * PIXELS; i++)
                moved[i] = q.picture[i] + (float)((side ? h : -h) * (double)along[i] / sqrt(length));
            sides[side] = reading(q.net, ROWS, moved, weight);
        }
        double slope = (sides[1] - sides[0]) / (2 * h);
        if (fabs(slope - expected) > 0.03 * fabs(expected) || fabs(expected) < 1e-2)
            fail_msg("direction %d: slope %g, expected %g", turn, slope, expected);
    }
    subject_finish(&q);
}

static void test_gradient_of_stages(void **state)
{
    (void)state;
    check_gradient(stages);
}

static void test_gradient_of_perceptron(void **state)
{
    (void)state;
    for (int contrast = 0; contrast < 4; contrast += 3) {
        char text[512];
        snprintf(text, sizeof text,
                 "experiment: perceptron\n"
                 "seed: 3\n"
                 "batch: 8\n"
                 "stimulus: {kind: traffic-signs, size: 16, samples: 40, held_out: 24}\n"
                 "regions: {net: {kind: perceptron, hidden: 30, classes: 20, channels: on-off, contrast: %d}}\n"
                 "projections:\n"
                 "  sight: {from: stimulus, to: net}\n"
                 "  labels: {from: stimulus, to: net, role: context, take: [label]}\n"
                 "phases: {learn: {steps: 4, learn: all}}\n",
                 contrast);
        check_gradient(text);
    }
}

/* What is shown is the world's own batch, whichever way round, and a picture does not depend on those beside it. */
static void test_pictures(void **state)
{
    (void)state;
    struct subject q;
    float all[B * 20], one[20];
    subject_init(&q, stages);
    for (size_t i = 0; i < N * PIXELS; i++)
        assert_true(q.picture[i] >= 0 && q.picture[i] <= 1);
    struct cal_batches *batches = cal_batches_create(q.net->dump->stimulus, 1);
    const struct cal_rep *rep;
    assert_int_equal(cal_batches_get(batches, &(struct cal_view){.split = CAL_SPLIT_HELD_OUT}, 0, &rep), CAL_OK);
    assert_int_equal(cal_still_forward(q.net, B, q.picture, all), CAL_OK);
    for (int i = 0; i < B * PIXELS; i++)
        assert_true(fabsf(q.net->shown[i] - rep->data[0][i]) < 1e-5f);
    cal_batches_destroy(batches);
    assert_int_equal(cal_still_forward(q.net, 1, q.picture + 3 * PIXELS, one), CAL_OK);
    for (int c = 0; c < 20; c++)
        assert_true(fabsf(one[c] - all[3 * 20 + c]) < 1e-5f);
    subject_finish(&q);
}

static double mean_margin(struct subject *q, const float *picture)
{
    double sum = 0;
    assert_int_equal(cal_attack_judge(q->net, N, picture, q->label, q->right, q->margin), CAL_OK);
    for (int i = 0; i < N; i++)
        sum += (double)q->margin[i] / N;
    return sum;
}

/* Every attack stays in its ball and in the range, and gets the same picture again; more steps do more harm than one, and one than none. */
static void test_attacks(void **state)
{
    (void)state;
    const float eps = 0.06f;
    struct subject q;
    double harm[CAL_ATTACKS], scale;
    subject_init(&q, stages);
    assert_int_equal(cal_attack_scale(q.net, N, q.picture, &scale), CAL_OK);
    for (int k = 0; k < CAL_ATTACKS; k++) {
        assert_int_equal(cal_attack_change(q.net, (enum cal_attack)k, (double)eps, scale, N, q.picture, q.label, q.changed), CAL_OK);
        assert_int_equal(cal_attack_change(q.net, (enum cal_attack)k, (double)eps, scale, N, q.picture, q.label, q.other), CAL_OK);
        assert_memory_equal(q.changed, q.other, N * PIXELS * sizeof *q.changed);
        for (size_t i = 0; i < N * PIXELS; i++)
            assert_true(fabsf(q.changed[i] - q.picture[i]) <= eps + 1e-6f && q.changed[i] >= 0 && q.changed[i] <= 1);
        harm[k] = mean_margin(&q, q.changed);
    }
    double clean = mean_margin(&q, q.picture);
    if (!(clean < harm[CAL_ATTACK_FGSM] && harm[CAL_ATTACK_FGSM] < harm[CAL_ATTACK_PGD] && harm[CAL_ATTACK_PGD] < harm[CAL_ATTACK_MARGIN]))
        fail_msg("margins: clean %g, fgsm %g, pgd %g, margin %g", clean, harm[CAL_ATTACK_FGSM], harm[CAL_ATTACK_PGD],
                 harm[CAL_ATTACK_MARGIN]);
    subject_finish(&q);
}

/* An eps of 0 changes nothing, in no attack. */
static void test_eps_zero(void **state)
{
    (void)state;
    struct subject q;
    subject_init(&q, stages);
    for (int k = 0; k < CAL_ATTACKS; k++) {
        assert_int_equal(cal_attack_change(q.net, (enum cal_attack)k, 0, 1, N, q.picture, q.label, q.changed), CAL_OK);
        assert_memory_equal(q.changed, q.picture, N * PIXELS * sizeof *q.changed);
    }
    subject_finish(&q);
}

/* The picture of a start does not depend on how many there are. */
static void test_keyed_by_picture(void **state)
{
    (void)state;
    struct subject q;
    subject_init(&q, stages);
    assert_int_equal(cal_attack_change(q.net, CAL_ATTACK_PGD, 0.1, 1, N, q.picture, q.label, q.changed), CAL_OK);
    assert_int_equal(cal_attack_change(q.net, CAL_ATTACK_PGD, 0.1, 1, B, q.picture, q.label, q.other), CAL_OK);
    assert_memory_equal(q.changed, q.other, B * PIXELS * sizeof *q.changed);
    subject_finish(&q);
}

/* ---- populations and their readout ---- */

static const char sparse[] = "experiment: sparse\n"
                             "seed: 4\n"
                             "batch: 8\n"
                             "stimulus: {kind: traffic-signs, size: 16, samples: 40, held_out: 24}\n"
                             "regions:\n"
                             "  readout: {kind: readout, classes: 20}\n"
                             "  P: {kind: populations, count: 2, populations: 3, units: 4, window: 6, contrast: %g}\n"
                             "projections:\n"
                             "  sight:  {from: stimulus, to: P.*}\n"
                             "  up:     {from: P.*, to: readout}\n"
                             "  answer: {from: readout, to: P.*, role: context}\n"
                             "  labels: {from: stimulus, to: '*', role: context, take: [label]}\n"
                             "phases:\n"
                             "  learn: {steps: 4, learn: all}\n";

/* weight x logits of what is shown, in float64, phi taking max(z, 0) or its smooth stand-in; the gradient, in what is shown, by differences. */
static double response(const struct cal_graph *g, const float *shown, bool smooth, const float *weight)
{
    const struct cal_reader *reader = (const struct cal_reader *)g->region[0];
    double sum = 0;
    for (int r = 1, first = 0; r < 3; first += ((const struct cal_populations *)g->region[r++])->units) {
        const struct cal_populations *k = (const struct cal_populations *)g->region[r];
        const struct cal_populations_params *p = k->base.params;
        for (int i = 0; i < k->units; i++) {
            double u = 0;
            for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++) {
                bool off = k->channel[s] >= k->inputs;
                double x = (double)shown[k->channel[s] - (off ? k->inputs : 0)];
                cal_sight_respond_twin((float)p->contrast, 1, &x);
                u += exp((double)k->log_w[s]) * (off ? 1 - x : x);
            }
            double z = p->slope * ((u - (double)k->mu[i]) / (double)k->sd[i] - p->threshold);
            double h = tanh((smooth ? log1p(exp(z)) : fmax(z, 0)) / 2);
            for (int c = 0; c < 20; c++)
                sum += (double)weight[c] * (double)reader->v[c * reader->units + first + i] * h;
        }
    }
    return sum;
}

/* Exact and smooth, over two regions that share the units. */
static void check_populations(double contrast)
{
    enum { SEEN = 3 * 16 * 16 };
    char text[768];
    float *picture, *label, logits[20], weight[20], g[SEEN];
    struct cal_still *s;
    size_t n = 1;
    snprintf(text, sizeof text, sparse, contrast);
    write_run(text);
    if (cal_still_open(dir, &s) || cal_still_pictures(s, &n, &picture, &label))
        fail_msg("%s", cal_err_message());
    assert_true(s->threshold);
    struct cal_reader *reader = (struct cal_reader *)s->dump->graph->region[0];
    struct cal_rng rng = cal_rng_key(2, CAL_STREAM_TEST, 0, 0, 0);
    cal_rng_normal_fill(&rng, 0, weight, 20);
    cal_rng_normal_fill(&rng, 64, reader->v, (size_t)(20 * reader->units));
    for (int r = 1; r < 3; r++) { /* some units silent, some active */
        struct cal_populations *k = (struct cal_populations *)s->dump->graph->region[r];
        cal_rng_normal_fill(&rng, 4096, k->mu, (size_t)k->units);
        for (int i = 0; i < k->units; i++) {
            k->mu[i] *= 5;
            k->sd[i] = 5;
        }
    }
    for (int smooth = 0; smooth < 2; smooth++) {
        assert_int_equal(cal_still_forward(s, 1, picture, logits), CAL_OK);
        cal_still_back(s, 1, smooth, weight, g);
        double worst = 0, largest = 0;
        for (int i = 0; i < SEEN; i++) {
            const float h = 1.0f / 65536, was = s->shown[i];
            s->shown[i] = was + h;
            double above = response(s->dump->graph, s->shown, smooth, weight), step = (double)s->shown[i];
            s->shown[i] = was - h;
            step -= (double)s->shown[i];
            double slope =
                (above - response(s->dump->graph, s->shown, smooth, weight)) / step / (double)s->dump->stimulus->pixels.sd[i / 256];
            s->shown[i] = was;
            worst = fmax(worst, fabs(slope - (double)g[i]));
            largest = fmax(largest, fabs(slope));
        }
        if (worst > 1e-3 * largest || largest < 1e-3)
            fail_msg("smooth %d: off by %g of %g", smooth, worst, largest);
    }
    cal_free(label);
    cal_free(picture);
    cal_still_close(s);
}

static void test_populations(void **state)
{
    (void)state;
    check_populations(0);
    check_populations(2.5);
}

/* ---- what cannot be attacked ---- */

static void refuses(const char *text, const char *words)
{
    struct cal_still *s;
    write_run(text);
    assert_int_equal(cal_still_open(dir, &s), CAL_EUSAGE);
    if (!strstr(cal_err_message(), words))
        fail_msg("`%s` does not say `%s`", cal_err_message(), words);
}

static void test_refusals(void **state)
{
    (void)state;
    refuses("experiment: a\nbatch: 8\nstimulus: {kind: traffic-signs, size: 16, samples: 40, held_out: 24}\n"
            "regions: {N: {kind: null}}\nprojections: {sight: {from: stimulus, to: N}}\nphases: {learn: {steps: 1, learn: none}}\n",
            "no region reads out classes");
    refuses("experiment: b\nbatch: 8\nstimulus: {kind: traffic-signs, size: 16, samples: 40, held_out: 24}\n"
            "regions: {N: {kind: null}, S: {kind: stage, channels: 4, classes: 20}}\n"
            "projections: {sight: {from: stimulus, to: N, take: [image]}, up: {from: N, to: S},\n"
            "              labels: {from: stimulus, to: S, role: context, take: [label]}}\nphases: {learn: {steps: 1, learn: none}}\n",
            "N is of the kind null");
}

int main(void)
{
    cal_kernels_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_populations), TEST(test_gradient_of_stages), TEST(test_gradient_of_perceptron), TEST(test_pictures),
        TEST(test_attacks),     TEST(test_eps_zero),           TEST(test_keyed_by_picture),       TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
