/* tests/video_past.h - the directory of a run in time, written by hand. Its regions are of a kind of the test's own whose codes and predictions are
 * formulas: blocks of the frame, or noise. The attention is the real one. For test_video_measures.c. */
#ifndef CAL_TESTS_VIDEO_PAST_H
#define CAL_TESTS_VIDEO_PAST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/files.h"
#include "core/h5.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/sonata.h"
#include "experiments/spec/graph.h"
#include "experiments/stimuli/stimuli.h"
#include "regions/global_attention/global_attention.h"
#include "tests/fixtures.h"

#define B 16
#define T 48
#define SIDE 32
#define PIXELS (SIDE * SIDE)
#define R 2
#define UNITS 4 /* of each region */
#define WIDTH 2
#define COLS (UNITS * WIDTH)
#define BLIND_FROM 25
#define LOST 36 /* from here on predictions know nothing */
#define LEAD 4

/* ---- the kind ---- */

static int outputs(struct cal_region *r)
{
    r->out.units = UNITS;
    cal_rep_spec_add(&r->out, "e", COLS);
    cal_rep_spec_add(&r->out, "p", COLS);
    return CAL_OK;
}

static int declare(struct cal_region *r)
{
    (void)r;
    return CAL_OK;
}

static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    (void)r, (void)s, (void)context, (void)tape, (void)metric;
    return CAL_OK;
}

static const struct cal_region_ops seer_ops = {.kind = "seer",
                                               .help = "sees blocks",
                                               .size = sizeof(struct cal_region),
                                               .imagines = true,
                                               .outputs = outputs,
                                               .declare = declare,
                                               .learn = learn};
const struct cal_region_ops *const cal_region_kinds[] = {&seer_ops, &cal_global_attention_ops, NULL};

const struct cal_region_ops *cal_region_kind(const char *name)
{
    for (const struct cal_region_ops *const *k = cal_region_kinds; *k; k++)
        if (strcmp(name, (*k)->kind) == 0)
            return *k;
    return NULL;
}

/* ---- the experiment ---- */

static const char experiment[] =
    "experiment: past\n"
    "seed: 5\n"
    "batch: 16\n"
    "stimulus: {kind: car-racing, size: 32, stack: 2, window: 48, sequences: 20, held_out: 16, frames: 60, noise: 0.1}\n"
    "regions:\n"
    "  A: {kind: global-attention}\n"
    "  V: {kind: seer, count: 2}\n"
    "projections:\n"
    "  sight: {from: stimulus, to: V.*, take: view1}\n"
    "  memory: {from: V.0, to: V.1, take: p, delay: 4}\n"
    "  codes: {from: V.*, to: A, take: [e, p]}\n"
    "  context: {from: A, to: V.*, role: context, groups: 1, tau: 1}\n"
    "phases:\n"
    "  train: {steps: 48, learn: all}\n"
    "  one: {steps: 192, learn: none, record: {V.*: [e, p], A: [g]}}\n" /* phases are found by what they are */
    "  two: {steps: 96, learn: none, stimulus: held-out, record: {V.*: [e, p], A: [g]}}\n"
    "  three: {steps: 96, learn: none, blind_from: 25, noise: 0, record: {V.*: [p]}}\n"
    "  four: {steps: 96, learn: none, blind_from: 25, noise: 0, stimulus: held-out, record: {V.*: [p]}}\n"
    "variants:\n"
    "  whole: {}\n"
    "  foreseeing: {phases: {one: {steps: 48, learn: none, record: {V.*: [e, p]}}, two: {steps: 48, learn: none, stimulus: held-out,"
    " record: {V.*: [e, p]}}}}\n"
    "  foreseeing-control: {projections.context.negatives: uniform, phases: {one: {steps: 47, learn: none, record: {V.*: [e, p]}},"
    " two: {steps: 48, learn: none, stimulus: held-out, record: {V.*: [e, p]}}}}\n"
    "  trained-only: {phases: {one: {steps: 48, learn: none, record: {V.*: [e, p], A: [g]}}, three: {steps: 48, learn: none, blind_from: "
    "25,"
    " record: {V.*: [p]}}}}\n"
    "  learning: {phases: {one: {steps: 48, learn: all, record: {V.*: [e, p]}}, two: {steps: 48, learn: all, stimulus: held-out,"
    " record: {V.*: [e, p]}}}}\n";

static char dir[64];

struct past {
    struct cal_experiment *e;
    struct cal_stimulus *s;
    struct cal_graph *g;
};

static inline int slice(const struct past *p, const char *name)
{
    return cal_rep_find(&p->s->spec, name);
}

static void write_used(struct past *p, const char *variant)
{
    char *path = cal_sprintf("%s/past.yaml", dir), *used = cal_sprintf("%s/used.yml", dir);
    struct cal_overrides o = {.variant = variant};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(experiment, f);
    fclose(f);
    if (cal_experiment_read(path, &o, &p->e))
        fail_msg("%s", cal_err_message());
    f = fopen(used, "w");
    assert_non_null(f);
    assert_int_equal(cal_experiment_write(p->e, NULL, f), CAL_OK);
    fclose(f);
    cal_free(used);
    cal_free(path);
}

/* ---- what was recorded ---- */

/* Mean of block k (of 4 x 4) of a frame. */
static float block(const float *frame, int k)
{
    float sum = 0;
    for (int i = 0; i < 64; i++)
        sum += frame[(k / 4 * 8 + i / 8) * SIDE + k % 4 * 8 + i % 8];
    return sum / 64;
}

/* Column c of a variable: blocks of the frame; of predictions noise while they are not blind, and where they are lost. */
static float value_of(const struct past *p, int phase, const char *variable, const float *frame, int first_block, int c, long presentation,
                      size_t row)
{
    bool blind = p->e->phase[phase].blind_from >= 0, foreseen = !strncmp(p->e->variant, "foreseeing", 10);
    bool lost = blind ? presentation % T >= LOST : !foreseen;
    float seen = block(frame, first_block + c);
    if (variable[0] == 'g')
        return 3 - 5 * seen;
    if (variable[0] == 'e')
        return seen;
    struct cal_rng key = cal_rng_key(1, CAL_STREAM_TEST, (uint32_t)(first_block + c), (uint32_t)phase, (uint64_t)presentation);
    return lost ? 2 * cal_rng_uniform(&key, row) - 1 : seen;
}

static void write_report(struct past *p, int phase, int r, int variable)
{
    const struct cal_variable *v = &p->g->region[r]->variable[variable];
    struct cal_batches *batches = cal_batches_create(p->s, 1);
    struct cal_view view = cal_graph_view(p->g, phase);
    struct cal_sonata report;
    char *path = cal_sprintf("%s/activity/%s.%s.%s.h5", dir, p->e->phase[phase].name, p->g->region[r]->name, v->name);
    uint64_t hash = 0;
    assert_int_equal(cal_sonata_init(&report, path, p->g->region[r]->name, v->name, "1", v->cols, B, B, 0), CAL_OK);
    for (long t = 0; t < p->g->phase_steps[phase]; t++) {
        const struct cal_rep *shown;
        float rows[B * 2 * COLS];
        assert_int_equal(cal_batches_get(batches, &view, t, &shown), CAL_OK);
        hash = cal_rep_hash(shown, hash);
        for (size_t b = 0; b < B; b++)
            for (int c = 0; c < v->cols; c++)
                rows[b * (size_t)v->cols + (size_t)c] = value_of(p, phase, v->name, shown->data[slice(p, "image")] + (2 * b + 1) * PIXELS,
                                                                 v->name[0] == 'g' ? 0 : (r - 1) * COLS, c, t, b);
        assert_int_equal(cal_sonata_append(&report, rows, B), CAL_OK);
    }
    assert_int_equal(cal_sonata_finish(&report), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(path, p->g->region[r]->name, "stimulus_hash", (int64_t)hash), CAL_OK);
    cal_batches_destroy(batches);
    cal_free(path);
}

/* The attention as it was drawn, but for its temperatures: all 0, so that all negatives weigh the same. */
static void write_checkpoint(struct past *p)
{
    char *folder = cal_sprintf("%s/checkpoint/step-000000048", dir), *path = cal_sprintf("%s/A.h5", folder);
    char *manifest = cal_sprintf("%s/MANIFEST.yml", folder);
    struct cal_region *a = p->g->region[0];
    struct cal_h5 *f;
    FILE *m;
    cal_region_init(a);
    memset(((struct cal_global_attention *)a)->temperature, 0, R * UNITS * sizeof(float));
    assert_int_equal(cal_make_dirs(folder), CAL_OK);
    assert_int_equal(cal_h5_create(path, &f), CAL_OK);
    assert_int_equal(cal_h5_save_layout(f, "state", &a->layout, CAL_STATE), CAL_OK);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
    assert_non_null(m = fopen(manifest, "w"));
    fclose(m);
    cal_free(manifest);
    cal_free(path);
    cal_free(folder);
}

static inline struct past past_run(const char *variant)
{
    struct past p;
    assert_int_equal(scratch_folder(dir, sizeof dir), 0);
    char *folder = cal_sprintf("%s/activity", dir);
    assert_int_equal(cal_make_dirs(folder), CAL_OK);
    cal_free(folder);
    write_used(&p, variant);
    if (cal_stimulus_create(p.e->stimulus, p.e->stimulus_params, p.e->seed, B, &p.s) || cal_graph_create(p.e, p.s, &p.g))
        fail_msg("%s", cal_err_message());
    for (int phase = 0; phase < p.e->n_phases; phase++)
        for (int r = 0; r < p.g->n_regions; r++)
            for (int v = 0; v < p.g->region[r]->n_variables; v++)
                if (p.g->record[phase][r] & 1u << v)
                    write_report(&p, phase, r, v);
    write_checkpoint(&p);
    return p;
}

static inline void past_forget(struct past *p)
{
    cal_remove_tree(dir);
    cal_graph_destroy(p->g);
    cal_stimulus_destroy(p->s);
    cal_experiment_destroy(p->e);
}

#endif
