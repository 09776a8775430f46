/* tests/test_measure.c - the measures and the sheet of a run, from a run directory written here by hand: activity whose measures are
 * known, and a checkpoint of an attention whose gain the strict twin computes. Needs no project folder. */
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

#include "analysis/dump.h"
#include "analysis/linear.h"
#include "analysis/measure.h"
#include "analysis/sheet.h"
#include "core/err.h"
#include "core/files.h"
#include "core/h5.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/sonata.h"
#include "experiments/stimuli/stimuli.h"
#include "regions/cortex/probe.h"
#include "regions/objectives/contrast.h"
#include "tests/fixtures.h"

#define B 16
#define PIXELS 64
#define R 3
#define UNITS 2 /* of each region */
#define U (R * UNITS)

static const char experiment[] = "experiment: past\n"
                                 "seed: 3\n"
                                 "batch: 16\n"
                                 "stimulus: {kind: dead-leaves, size: 128, discs: 200, patch: 8, radius_max: 40, views: 2, noise: 0.1}\n"
                                 "regions:\n"
                                 "  V: {kind: cortex, count: 3, units: 2, hidden: 4}\n"
                                 "  attention: {kind: attention}\n"
                                 "projections:\n"
                                 "  sight: {from: stimulus, to: V.*}\n"
                                 "  codes: {from: V.*, to: attention}\n"
                                 "  context: {from: attention, to: V.*, role: context, negatives: predictor}\n"
                                 "phases:\n"
                                 "  train: {steps: 4, learn: all, record: {V.*: [code]}}\n"
                                 "  probe: {steps: 8, every: 2, learn: none, stimulus: held-out, record: {V.*: [code, view1, view2]}}\n"
                                 "variants:\n"
                                 "  predictor: {}\n"
                                 "  masked: {projections.context.negatives: masked}\n"
                                 "  control: {projections.context.negatives: uniform}\n"
                                 "  codes-only: {phases.probe.record: {V.*: [code]}}\n"
                                 "  watched: {phases.watch: {within: train, every: 2, steps: 1, learn: none, record: {V.0: [code]}}}\n"
                                 "  blank: {phases.probe.record: {}}\n"
                                 "  recurring: {phases.probe.within: train}\n"; /* every second step of four: twice, 8 steps each */

static char dir[64];

/* A run as it was, with what it said kept here for comparison. */
struct past {
    struct cal_experiment *e;
    struct cal_stimulus *s;
    struct cal_graph *g;
    int phase;
    long n;                        /* batches recorded each time */
    float *code, *view[2], *image; /* (n B, U) and (n B, PIXELS), of the last time */
};

/* ---- writing a run ---- */

static void write_used(const char *variant, struct past *p)
{
    char path[96];
    snprintf(path, sizeof path, "%s/past.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(experiment, f);
    fclose(f);
    struct cal_overrides o = {.variant = variant};
    if (cal_experiment_read(path, &o, &p->e))
        fail_msg("%s", cal_err_message());
    remove(path);
    snprintf(path, sizeof path, "%s/used.yml", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(cal_experiment_write(p->e, NULL, f), CAL_OK);
    fclose(f);
}

/* Unit u's code of a picture: a pixel of its own, so that the picture can be read from the codes in part. `shift` tells repeats apart. */
static float code_of(const float *image, int u, int shift)
{
    return image[(u * 11 + shift * 5) % PIXELS] + 0.25f * image[(u * 7 + 3) % PIXELS];
}

static void fill_batch(struct past *p, const float *image, long batch, int repeat)
{
    for (size_t b = 0; b < B; b++) {
        size_t row = (size_t)batch * B + b;
        memcpy(p->image + row * PIXELS, image + b * PIXELS, PIXELS * sizeof *image);
        for (int u = 0; u < U; u++) {
            size_t at = row * U + (size_t)u;
            p->code[at] = code_of(image + b * PIXELS, u, repeat);
            p->view[0][at] = p->code[at] + 0.1f * sinf((float)(at * 7));
            p->view[1][at] = p->code[at] + 0.1f * sinf((float)(at * 5 + 1));
        }
    }
}

/* One region's columns of one batch. */
static void append(struct cal_sonata *s, const float *all, long batch, int region)
{
    float rows[B * UNITS];
    for (size_t b = 0; b < B; b++)
        memcpy(rows + b * UNITS, all + ((size_t)batch * B + b) * U + (size_t)region * UNITS, UNITS * sizeof *rows);
    assert_int_equal(cal_sonata_append(s, rows, B), CAL_OK);
}

static char *report_path(const struct past *p, int region, const char *variable)
{
    return cal_sprintf("%s/activity/probe.%s.%s.h5", dir, p->g->region[region]->name, variable);
}

static const char *const variables[3] = {"code", "view1", "view2"};

static void write_activity(struct past *p, int n_variables, int n_repeats, bool strided)
{
    struct cal_sonata report[3][R];
    struct cal_batches *batches = cal_batches_create(p->s, 1);
    struct cal_view view = cal_graph_view(p->g, p->phase);
    uint64_t hash = 0;
    const float *const source[3] = {p->code, p->view[0], p->view[1]};
    for (int v = 0; v < n_variables; v++)
        for (int r = 0; r < R; r++) {
            char *path = report_path(p, r, variables[v]);
            assert_int_equal(cal_sonata_init(&report[v][r], path, p->g->region[r]->name, variables[v], "1", UNITS, B, 24, 0), CAL_OK);
            cal_free(path);
        }
    for (int repeat = 0; repeat < n_repeats; repeat++)
        for (long t = 0, batch = 0; t < 8; t++) {
            const struct cal_rep *rep;
            assert_int_equal(cal_batches_get(batches, &view, t, &rep), CAL_OK);
            hash = cal_rep_hash(rep, hash);
            if (strided && t % 2)
                continue;
            fill_batch(p, rep->data[cal_rep_find(rep->spec, "image")], batch, repeat);
            for (int k = 0; k < n_variables * R; k++)
                append(&report[k / R][k % R], source[k / R], batch, k % R);
            p->n = ++batch;
        }
    for (int k = 0; k < n_variables * R; k++) {
        char *path = report_path(p, k % R, variables[k / R]);
        assert_int_equal(cal_sonata_finish(&report[k / R][k % R]), CAL_OK);
        assert_int_equal(cal_sonata_set_i64(path, p->g->region[k % R]->name, "stimulus_hash", (int64_t)hash), CAL_OK);
        cal_free(path);
    }
    cal_batches_destroy(batches);
}

/* As after some learning: weights unlike those it was born with. */
static void change_state(struct cal_region *r)
{
    for (int i = 0; i < r->layout.n; i++) {
        const struct cal_array *a = &r->layout.arrays[i];
        float *x = cal_array_data(a);
        for (size_t k = 0; a->role == CAL_STATE && a->type == CAL_F32 && k < cal_array_count(a); k++)
            x[k] = 1.5f * x[k] + (x[k] == 1.0f ? 1.0f : 0.0f); /* tau, born 1, becomes 2.5 */
    }
}

/* One set: without its manifest it does not count. */
static void write_set(struct past *p, int step, bool whole)
{
    char *folder = cal_sprintf("%s/checkpoint/step-%09d", dir, step), *manifest = cal_sprintf("%s/MANIFEST.yml", folder);
    assert_int_equal(cal_make_dirs(folder), CAL_OK);
    for (int r = 0; r < p->g->n_regions; r++) {
        char *path = cal_sprintf("%s/%s.h5", folder, p->g->region[r]->name);
        struct cal_h5 *f;
        assert_int_equal(cal_h5_create(path, &f), CAL_OK);
        if (whole)
            assert_int_equal(cal_h5_save_layout(f, "state", &p->g->region[r]->layout, CAL_STATE), CAL_OK);
        assert_int_equal(cal_h5_close(f, false), CAL_OK);
        cal_free(path);
    }
    FILE *f = whole ? fopen(manifest, "w") : NULL;
    if (f)
        fclose(f);
    cal_free(manifest);
    cal_free(folder);
}

/* The last whole set, an older one, and one that a kill cut short. */
static void write_checkpoints(struct past *p)
{
    for (int r = 0; r < p->g->n_regions; r++)
        cal_region_init(p->g->region[r]);
    write_set(p, 5, true);
    for (int r = 0; r < p->g->n_regions; r++)
        change_state(p->g->region[r]);
    write_set(p, 10, true);
    write_set(p, 15, false);
}

static struct past past_run(const char *variant, int n_variables)
{
    struct past p = {.phase = 1};
    assert_int_equal(scratch_folder(dir, sizeof dir), 0);
    write_used(variant, &p);
    bool recurs = !strcmp(variant, "recurring");
    if (cal_stimulus_create(p.e->stimulus, p.e->stimulus_params, p.e->seed, B, &p.s) || cal_graph_create(p.e, p.s, &p.g))
        fail_msg("%s", cal_err_message());
    p.code = cal_alloc(8 * B * U * sizeof *p.code);
    p.view[0] = cal_alloc(8 * B * U * sizeof *p.code);
    p.view[1] = cal_alloc(8 * B * U * sizeof *p.code);
    p.image = cal_alloc(8 * B * PIXELS * sizeof *p.image);
    char *activity = cal_sprintf("%s/activity", dir);
    assert_int_equal(cal_make_dirs(activity), CAL_OK);
    cal_free(activity);
    write_activity(&p, n_variables, recurs ? 2 : 1, !recurs);
    write_checkpoints(&p);
    return p;
}

static void past_forget(struct past *p)
{
    cal_remove_tree(dir);
    cal_graph_destroy(p->g);
    cal_stimulus_destroy(p->s);
    cal_experiment_destroy(p->e);
    cal_free(p->code);
    cal_free(p->view[0]);
    cal_free(p->view[1]);
    cal_free(p->image);
}

/* ---- what it should be ---- */

static double measured(const struct cal_measures *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->item[i].name, name))
            return m->item[i].value;
    return NAN;
}

static void measure_well(struct cal_measures *m)
{
    if (cal_measure_run(dir, m))
        fail_msg("%s", cal_err_message());
}

static void check_linear(const struct past *p, const struct cal_measures *m)
{
    size_t frames = (size_t)p->n * B;
    double mse;
    float *components = malloc(frames * U * sizeof *components);
    assert_int_equal(cal_ridge_error(p->code, p->image, frames, U, PIXELS, 1e-3, &mse), CAL_OK);
    assert_true(measured(m, "decode_mse") == mse);
    assert_true(mse > 0.1 && mse < 0.9); /* six pixels of 64 say something about the rest */
    assert_int_equal(cal_pca(p->image, frames, PIXELS, U, components), CAL_OK);
    assert_int_equal(cal_ridge_error(components, p->image, frames, U, PIXELS, 1e-3, &mse), CAL_OK);
    assert_true(measured(m, "decode_mse_pca") == mse);
    assert_true(mse < measured(m, "decode_mse"));
    assert_true(measured(m, "unit_correlation") == cal_mean_correlation(p->code, frames, U));
    assert_true(measured(m, "live_units") == 1.0);
    free(components);
}

/* The gain of p's attention by the twin, its weights as they stand in p->g. */
static double gain_by_twin(const struct past *p)
{
    struct cal_region *a = p->g->region[R];
    const struct cal_contrast_rule *rule = a->target[0].rule;
    bool masked = rule->negatives == CAL_MASKED;
    struct cal_tape tape;
    float out[3][B * U] = {{0}}, y[2][B * U], counted[B];
    double sum = 0;
    cal_tape_init(&tape, a);
    for (long i = 0; i < p->n; i++) {
        struct cal_rep part[R];
        const struct cal_rep *drive[R];
        for (int v = 0; v < 2; v++)
            memcpy(y[v], p->view[v] + (size_t)i * B * U, sizeof y[v]);
        for (int r = 0; r < R; r++) {
            part[r] = (struct cal_rep){.spec = &a->drive[r].spec, .presentation = 2 * i};
            for (int k = 0; k < 2; k++) {
                part[r].data[k] = y[!strcmp(part[r].spec->slice[k].name, "view2")] + r * UNITS;
                part[r].ld[k] = U;
            }
            drive[r] = &part[r];
        }
        struct cal_step s = cal_graph_step(p->g, R, p->phase, 2 * i);
        assert_int_equal(cal_region_forward(a, &s, drive, &tape, (float *const[]){out[0], out[1], out[2]}), CAL_OK);
        for (int u = 0; u < U; u++) {
            double column[4][B], scratch[4][B], count[B];
            cal_contrast_mask(rule, a->seed, &s, u, B, counted);
            for (int b = 0; b < B; b++) {
                column[0][b] = (double)y[0][b * U + u];
                column[1][b] = (double)y[1][b * U + u];
                column[2][b] = masked ? (double)out[0][b * U + u] : column[0][b];
                column[3][b] = (double)out[masked][b * U + u];
                count[b] = masked ? (double)counted[b] : 1;
            }
            struct cal_contrast_twin t = {
                .batch = B, .groups = masked ? 8 : 1, .exclude_self = masked, .clip = masked ? 5 : 1e30, .scale = 1};
            t.tau = (double)out[1 + masked][u];
            t.y1 = column[0], t.y2 = column[1], t.key = column[2], t.query = column[3], t.counted = count;
            t.dy1 = scratch[0], t.dy2 = scratch[1], t.dkey = scratch[2], t.dquery = scratch[3];
            cal_contrast_twin(&t);
            sum += (t.loss - t.control) / (B * U);
        }
    }
    cal_tape_finish(&tape);
    return sum / (double)p->n;
}

/* ---- tests ---- */

static void measures_of(const char *variant)
{
    struct past p = past_run(variant, 3);
    struct cal_measures m;
    measure_well(&m);
    check_linear(&p, &m);
    double gain = measured(&m, "adversary_gain"), fresh = measured(&m, "adversary_gain_fresh");
    assert_true(fabs(gain - gain_by_twin(&p)) < 1e-5);
    assert_true(fabs(gain) > 1e-3 && isfinite(fresh) && fabs(fresh - gain) > 1e-4);
    measure_well(&m); /* again: the same */
    assert_true(measured(&m, "adversary_gain") == gain && measured(&m, "adversary_gain_fresh") == fresh);
    assert_int_equal(m.n, 6);
    past_forget(&p);
}

static void with_the_predictor(void **state)
{
    (void)state;
    measures_of("predictor");
}

static void with_masks(void **state)
{
    (void)state;
    measures_of("masked");
}

static void what_does_not_apply_is_left_out(void **state)
{
    (void)state;
    struct cal_measures m;
    struct past p = past_run("control", 3); /* no adversary */
    measure_well(&m);
    check_linear(&p, &m);
    assert_int_equal(m.n, 4);
    past_forget(&p);
    p = past_run("codes-only", 1); /* nothing to show it */
    measure_well(&m);
    check_linear(&p, &m);
    assert_int_equal(m.n, 4);
    past_forget(&p);
    p = past_run("watched", 3); /* of two such phases the one that ran last, wherever the file has it */
    measure_well(&m);
    check_linear(&p, &m);
    past_forget(&p);
    p = past_run("blank", 0); /* codes were recorded while they changed, and never after */
    measure_well(&m);
    assert_int_equal(m.n, 0);
    past_forget(&p);
}

static void of_a_phase_that_recurs_the_last_time_counts(void **state)
{
    (void)state;
    struct cal_measures m;
    struct past p = past_run("recurring", 3);
    assert_int_equal(p.n, 8);
    measure_well(&m);
    check_linear(&p, &m);
    past_forget(&p);
}

static void the_sheet(void **state)
{
    (void)state;
    struct past p = past_run("predictor", 3);
    struct cal_preferred how = CAL_PREFERRED_DEFAULT;
    static float sheet[U * PIXELS], expected[UNITS * PIXELS];
    int64_t units[R], seed;
    char names[32], *path = cal_sprintf("%s/figures/preferred.h5", dir);
    struct cal_h5 *f;
    if (cal_sheet_write(dir) || cal_h5_open(path, false, &f))
        fail_msg("%s", cal_err_message());
    assert_int_equal(cal_h5_read(f, "sheet", CAL_F32, 3, (size_t[]){U, 8, 8}, sheet), CAL_OK);
    assert_int_equal(cal_h5_read(f, "units", CAL_I64, 1, (size_t[]){R}, units), CAL_OK);
    assert_int_equal(cal_h5_get_text(f, "sheet", "regions", names, sizeof names), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "sheet", "seed", &seed), CAL_OK);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
    assert_true(units[0] == UNITS && units[R - 1] == UNITS && seed == 3);
    assert_string_equal(names, "V.0 V.1 V.2");
    how.seed = 3;
    for (int r = 0; r < R; r++) {
        cal_cortex_preferred(p.g->region[r], &how, expected);
        assert_memory_equal(sheet + r * UNITS * PIXELS, expected, sizeof expected);
    }
    cal_free(path);
    past_forget(&p);
}

static void assert_refused(const char *says)
{
    struct cal_measures m;
    assert_int_equal(cal_measure_run(dir, &m), CAL_EINPUT);
    if (!strstr(cal_err_message(), says))
        fail_msg("`%s` does not say `%s`", cal_err_message(), says);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct past p = past_run("predictor", 3);
    char *code = report_path(&p, 1, "code"), *view = report_path(&p, 2, "view2"), *checkpoint = cal_sprintf("%s/checkpoint", dir);
    int64_t hash;
    assert_int_equal(cal_sonata_get_i64(code, "V.1", "stimulus_hash", &hash), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(code, "V.1", "stimulus_hash", hash ^ 1), CAL_OK);
    assert_refused("V.1.code.h5: the region saw something else");
    assert_int_equal(cal_sonata_set_i64(code, "V.1", "stimulus_hash", hash), CAL_OK);
    cal_remove_tree(checkpoint);
    assert_refused("there is no checkpoint");
    struct cal_sonata s; /* cut, as if the run had been stopped */
    assert_int_equal(cal_sonata_init(&s, view, "V.2", "view2", "1", UNITS, B, 24, B), CAL_OK);
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    assert_refused("V.2.view2.h5: has 16 frames, expected 64; is the run finished?");
    remove(code);
    assert_refused("V.1.code.h5: cannot open: No such file");
    cal_free(checkpoint);
    cal_free(view);
    cal_free(code);
    past_forget(&p);
    assert_refused("used.yml");
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_the_predictor),
        cmocka_unit_test(with_masks),
        cmocka_unit_test(what_does_not_apply_is_left_out),
        cmocka_unit_test(of_a_phase_that_recurs_the_last_time_counts),
        cmocka_unit_test(the_sheet),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
