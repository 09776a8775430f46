/* tests/information_past.h - a run directory written by hand, with a kind of region of the test's own: it does nothing, but offers all that a
 * layer may record. What was recorded is a formula, so every value can be made again. For test_information.c. */
#ifndef CAL_TESTS_INFORMATION_PAST_H
#define CAL_TESTS_INFORMATION_PAST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/files.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/sonata.h"
#include "experiments/spec/graph.h"
#include "experiments/stimuli/stimuli.h"
#include "tests/fixtures.h"
#include "tests/picture_file.h"

#define B 16
#define PIXELS 16
#define CLASSES 4
#define TRAINING 64
#define TEST 48
#define WIDTH 3
#define SAMPLES 32 /* that all probes show */
#define MOMENTS 4  /* before, within twice, at the end */
#define LAYERS 3
#define NODES (LAYERS + 2)

/* ---- the kind ---- */

static int outputs(struct cal_region *r)
{
    static const char *const wide[] = {"gap", "pooled", "gap1", "gap2"};
    cal_rep_spec_add(&r->out, "map", WIDTH);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        cal_region_add_variable(r, wide[i], "1", WIDTH);
    cal_region_add_variable(r, "logits", "1", CLASSES);
    cal_region_add_variable(r, "box", "1", 4);
    return CAL_OK;
}

static int declare(struct cal_region *r)
{
    (void)r;
    return CAL_OK;
}

/* Only that there is one counts: such a region can learn. */
static int learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    (void)r, (void)s, (void)context, (void)tape, (void)metric;
    return CAL_OK;
}

static const struct cal_region_ops layer_ops = {
    .kind = "layer", .help = "a layer", .size = sizeof(struct cal_region), .outputs = outputs, .declare = declare, .learn = learn};
const struct cal_region_ops *const cal_region_kinds[] = {&layer_ops, NULL};

const struct cal_region_ops *cal_region_kind(const char *name)
{
    return strcmp(name, layer_ops.kind) == 0 ? &layer_ops : NULL;
}

/* ---- the experiment ---- */

static const char experiment[] =
    "experiment: past\n"
    "seed: 5\n"
    "batch: 16\n"
    "stimulus: {kind: file, path: %s/pictures.h5}\n"
    "regions:\n"
    "  S1: {kind: layer}\n"
    "  S2: {kind: layer}\n"
    "  S3: {kind: layer}\n"
    "projections:\n"
    "  sight: {from: stimulus, to: S1}\n"
    "  chain: {chain: [S1, S2, S3]}\n"
    "phases:\n"
    "  before: {steps: 2, learn: none, stimulus: held-out, record: {S*: [gap]}}\n"
    "  train: {steps: 12, learn: all, record: {S*: [gap]}}\n" /* of weights that change: no moment */
    "  watch: {within: train, every: 4, steps: 3, learn: none, stimulus: held-out, record: {S*: [gap]}}\n"
    "  seen: {within: train, every: 6, steps: 4, learn: none, record: {S*: [gap, logits]}}\n" /* other samples, not held out */
    "  probe: {learn: none, stimulus: held-out, record: {S*: [gap, pooled, logits, box]}}\n"
    "variants:\n"
    "  chain: {}\n"
    "  star: {projections: {sight: {from: stimulus, to: S*}}}\n"
    "  pooled: {phases.probe.record: {S*: [pooled]}}\n" /* which nobody recorded before: one moment */
    "  pair: {phases: {before: {steps: 2, learn: none, stimulus: held-out, record: {S*: [gap]}}, train: {steps: 12, learn: all},"
    " probe: {steps: 2, learn: none, stimulus: held-out, record: {S*: [gap]}}}}\n" /* two moments: nothing between */
    "  whole: {phases.probe.record: {S2: [pooled, gap1, gap2]}}\n"
    "  silent: {phases: {train: {steps: 12, learn: all}, seen: {steps: 4, learn: none, record: {S*: [logits]}}}}\n";

static char dir[64];

struct past {
    struct cal_experiment *e;
    struct cal_stimulus *s;
    struct cal_graph *g;
};

static float noise(uint64_t number, uint64_t index)
{
    struct cal_rng key = cal_rng_key(9, CAL_STREAM_TEST, CAL_OWNER_SHARED, 0, number);
    return 2 * cal_rng_uniform(&key, index) - 1;
}

/* Pictures of CLASSES kinds: the kind's own pattern in noise; boxes anywhere. */
static void write_pictures(bool labelled)
{
    static const struct {
        const char *images, *labels, *boxes;
        int n;
    } part[2] = {{"images", "labels", "boxes", TRAINING}, {"test_images", "test_labels", "test_boxes", TEST}};
    char *path = cal_sprintf("%s/pictures.h5", dir);
    hid_t f = new_file(path);
    for (uint64_t k = 0; k < 2; k++) {
        uint8_t pixel[TRAINING * PIXELS];
        int label[TRAINING];
        float box[TRAINING * 4];
        for (int i = 0; i < part[k].n; i++) {
            label[i] = i % CLASSES;
            for (int p = 0; p < PIXELS; p++)
                pixel[i * PIXELS + p] =
                    (uint8_t)(128 + 60 * noise(1, (uint64_t)(label[i] * PIXELS + p)) + 60 * noise(2 + k, (uint64_t)(i * PIXELS + p)));
            for (int c = 0; c < 4; c++)
                box[4 * i + c] = 0.5f + 0.1f * noise(4 + k, (uint64_t)(4 * i + c));
        }
        put_bytes(f, part[k].images, (hsize_t)part[k].n, 1, 4, 4, pixel);
        if (labelled)
            put_labels(f, part[k].labels, (hsize_t)part[k].n, label);
        put(f, part[k].boxes, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (const hsize_t[]){(hsize_t)part[k].n, 4}, box);
    }
    H5Fclose(f);
    cal_free(path);
}

static void write_used(struct past *p, const char *variant)
{
    char *path = cal_sprintf("%s/past.yaml", dir), *used = cal_sprintf("%s/used.yml", dir);
    struct cal_overrides o = {.variant = variant};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, experiment, dir);
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

/* How far region r had come after so many steps: the shallow ones are quick. */
static float arrived(int r, long step)
{
    return powf((float)step / 12, 0.3f + (float)r);
}

/* Column c of what region r says of a picture: from one random filter it goes over to another. */
static float activity(int r, const char *variable, long step, const float *image, int c)
{
    float q = arrived(r, step), value = 0;
    uint64_t filter = (uint64_t)(10 + 10 * r + (int)strlen(variable));
    for (int p = 0; p < PIXELS; p++)
        value += image[p] * ((1 - q) * noise(filter, (uint64_t)(c * PIXELS + p)) + q * noise(filter + 1000, (uint64_t)(c * PIXELS + p)));
    return value > 0 ? value : 0;
}

/* S1 is wrong on every second frame, S2 on every third, S3 on every fourth; on none that is not held out. */
static bool is_wrong(int r, enum cal_split split, size_t frame)
{
    return split == CAL_SPLIT_HELD_OUT && frame % (size_t)(r + 2) == 0;
}

/* S1's boxes are a quarter of their width beside the sign, S2's have no size, S3's are right. */
static void guess_box(int r, const float *box, float *guess)
{
    memcpy(guess, box, 4 * sizeof *guess);
    if (r == 0)
        guess[0] += 0.25f * box[2];
    if (r == 1)
        guess[2] = -box[2];
}

static void record(int r, const char *variable, long step, enum cal_split split, size_t frame, const struct cal_rep *shown, size_t row,
                   float *out)
{
    const float *image = shown->data[cal_rep_find(shown->spec, "image")] + row * PIXELS;
    int label = cal_rep_find(shown->spec, "label"), box = cal_rep_find(shown->spec, "box");
    if (!strcmp(variable, "logits")) {
        int class = label < 0 ? 0 : (int)shown->data[label][row];
        for (int c = 0; c < CLASSES; c++)
            out[c] = 0.1f * noise(7, frame * CLASSES + (size_t)c) + (c == (class + is_wrong(r, split, frame)) % CLASSES ? 1.0f : 0.0f);
    } else if (!strcmp(variable, "box")) {
        guess_box(r, shown->data[box] + row * 4, out);
    } else {
        for (int c = 0; c < WIDTH; c++)
            out[c] = activity(r, variable, step, image, c);
    }
}

/* One variable of one region in one phase, all times that it ran. */
static void write_report(struct past *p, int phase, int r, int variable)
{
    const struct cal_variable *v = &p->g->region[r]->variable[variable];
    struct cal_batches *batches = cal_batches_create(p->s, 1);
    struct cal_view view = cal_graph_view(p->g, phase);
    struct cal_sonata report;
    char *path = cal_sprintf("%s/activity/%s.%s.%s.h5", dir, p->e->phase[phase].name, p->g->region[r]->name, v->name);
    uint64_t hash = 0;
    long step = 0;
    assert_int_equal(cal_sonata_init(&report, path, p->g->region[r]->name, v->name, "1", v->cols, B, B, 0), CAL_OK);
    for (int i = 0; i < p->g->n_segments; i++) {
        const struct cal_segment *s = &p->g->segment[i];
        for (long t = s->first; s->phase == phase && t < s->first + s->count; t++) {
            const struct cal_rep *shown;
            float rows[B * 4];
            assert_int_equal(cal_batches_get(batches, &view, t, &shown), CAL_OK);
            hash = cal_rep_hash(shown, hash);
            for (size_t b = 0; b < B; b++)
                record(r, v->name, step, view.split, (size_t)t * B + b, shown, b, rows + b * (size_t)v->cols);
            assert_int_equal(cal_sonata_append(&report, rows, B), CAL_OK);
        }
        step += s->phase == 1 ? s->count : 0;
    }
    assert_int_equal(cal_sonata_finish(&report), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(path, p->g->region[r]->name, "stimulus_hash", (int64_t)hash), CAL_OK);
    cal_batches_destroy(batches);
    cal_free(path);
}

static inline struct past past_run(const char *variant, bool labelled)
{
    struct past p;
    assert_int_equal(scratch_folder(dir, sizeof dir), 0);
    char *folder = cal_sprintf("%s/activity", dir);
    assert_int_equal(cal_make_dirs(folder), CAL_OK);
    cal_free(folder);
    write_pictures(labelled);
    write_used(&p, variant);
    if (cal_stimulus_create(p.e->stimulus, p.e->stimulus_params, p.e->seed, B, &p.s) || cal_graph_create(p.e, p.s, &p.g))
        fail_msg("%s", cal_err_message());
    for (int phase = 0; phase < p.e->n_phases; phase++)
        for (int r = 0; r < p.g->n_regions; r++)
            for (int v = 0; v < p.g->region[r]->n_variables; v++)
                if (p.g->record[phase][r] & 1u << v)
                    write_report(&p, phase, r, v);
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
