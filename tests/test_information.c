/* tests/test_information.c - information and readouts of a run directory written here by hand, with a kind of region of the test's own:
 * it does nothing, but offers all that a layer may record. What was recorded is a formula, so every value can be made again. */
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

#include "analysis/information_gram.h"
#include "analysis/measure.h"
#include "core/err.h"
#include "core/files.h"
#include "core/h5.h"
#include "core/kernels.h"
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

static struct past past_run(const char *variant, bool labelled)
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

static void past_forget(struct past *p)
{
    cal_remove_tree(dir);
    cal_graph_destroy(p->g);
    cal_stimulus_destroy(p->s);
    cal_experiment_destroy(p->e);
}

/* ---- what it should be ---- */

static struct cal_measures measures;

static double measured(const char *format, const char *layer)
{
    char name[96];
    snprintf(name, sizeof name, format, layer);
    for (int i = 0; i < measures.n; i++)
        if (!strcmp(measures.item[i].name, name))
            return measures.item[i].value;
    return NAN;
}

static void measure_well(void)
{
    if (cal_measure_run(dir, &measures))
        fail_msg("%s", cal_err_message());
}

static bool has_file(void)
{
    char *path = cal_sprintf("%s/figures/information.h5", dir);
    bool there = access(path, F_OK) == 0;
    cal_free(path);
    return there;
}

static void read_set(const char *name, int n_dims, const size_t *dims, double *data)
{
    char *path = cal_sprintf("%s/figures/information.h5", dir);
    struct cal_h5 *f;
    if (cal_h5_open(path, false, &f) || cal_h5_read(f, name, CAL_F64, n_dims, dims, data) || cal_h5_close(f, false))
        fail_msg("%s", cal_err_message());
    cal_free(path);
}

/* The Gram matrices of a moment, made again: image, S1, S2, S3, label. */
static void make_grams(struct past *p, long step, double (*gram)[SAMPLES * SAMPLES])
{
    static float image[SAMPLES * PIXELS], label[SAMPLES], layer[LAYERS][SAMPLES * WIDTH];
    struct cal_batches *batches = cal_batches_create(p->s, 1);
    struct cal_view view = {.phase = 0, .split = CAL_SPLIT_HELD_OUT, .noise = -1};
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct cal_rep *shown;
        assert_int_equal(cal_batches_get(batches, &view, (long)(i / B), &shown), CAL_OK);
        memcpy(image + i * PIXELS, shown->data[cal_rep_find(shown->spec, "image")] + i % B * PIXELS, PIXELS * sizeof *image);
        label[i] = shown->data[cal_rep_find(shown->spec, "label")][i % B];
        for (int l = 0; l < LAYERS; l++)
            for (int c = 0; c < WIDTH; c++)
                layer[l][i * WIDTH + (size_t)c] = activity(l, "gap", step, image + i * PIXELS, c);
    }
    cal_information_rows(image, SAMPLES, PIXELS, gram[0]);
    for (int l = 0; l < LAYERS; l++)
        cal_information_rows(layer[l], SAMPLES, WIDTH, gram[1 + l]);
    cal_information_labels(label, SAMPLES, gram[NODES - 1]);
    cal_batches_destroy(batches);
}

static void check_moment(struct past *p, size_t moment, long step, uint32_t *order)
{
    static double gram[NODES][SAMPLES * SAMPLES], last[NODES][SAMPLES * SAMPLES];
    static double entropy[MOMENTS][NODES], mutual[MOMENTS][NODES][NODES], shuffled[MOMENTS][NODES][NODES], debiased[MOMENTS][NODES][NODES],
        cka[MOMENTS][LAYERS];
    const size_t dims[3] = {MOMENTS, NODES, NODES}, layers[2] = {MOMENTS, LAYERS};
    double h[NODES];
    read_set("entropy", 2, dims, &entropy[0][0]);
    read_set("mutual", 3, dims, &mutual[0][0][0]);
    read_set("shuffled", 3, dims, &shuffled[0][0][0]);
    read_set("debiased", 3, dims, &debiased[0][0][0]);
    read_set("cka", 2, layers, &cka[0][0]);
    make_grams(p, step, gram);
    make_grams(p, 12, last);
    for (size_t a = 0; a < NODES; a++) {
        assert_int_equal(cal_information_entropy(gram[a], SAMPLES, &h[a]), CAL_OK);
        assert_true(h[a] == entropy[moment][a]);
    }
    for (size_t a = 0; a < NODES; a++)
        for (size_t b = a; b < NODES; b++) {
            struct cal_mutual i;
            assert_int_equal(cal_information_mutual(gram[a], h[a], gram[b], h[b], SAMPLES, order, &i), CAL_OK);
            assert_true(mutual[moment][a][b] == i.bits && mutual[moment][b][a] == i.bits);
            assert_true(shuffled[moment][a][b] == i.shuffled && shuffled[moment][b][a] == i.shuffled);
            assert_true(debiased[moment][a][b] == i.bits - i.shuffled && debiased[moment][b][a] == i.bits - i.shuffled);
        }
    for (size_t l = 0; l < LAYERS; l++)
        assert_true(cka[moment][l] == cal_information_alignment(gram[1 + l], last[1 + l], SAMPLES));
}

/* ---- tests ---- */

static void the_matrices_are_those_of_the_samples(void **state)
{
    (void)state;
    struct past p = past_run("chain", true);
    uint32_t order[CAL_INFORMATION_SHUFFLES * SAMPLES];
    double steps[MOMENTS];
    char nodes[64];
    int64_t samples;
    struct cal_h5 *f;
    measure_well();
    for (size_t k = 0; k < CAL_INFORMATION_SHUFFLES; k++) {
        struct cal_rng key = cal_rng_key(5, CAL_STREAM_FRESH, CAL_OWNER_SHARED, 0, k);
        for (uint32_t i = 0; i < SAMPLES; i++)
            order[k * SAMPLES + i] = cal_rng_permute(&key, i, SAMPLES);
    }
    read_set("steps", 1, (const size_t[]){MOMENTS}, steps); /* watched at 4, 8 and 12, where the probe comes after and takes the place */
    for (size_t m = 0; m < MOMENTS; m++) {
        assert_true(steps[m] == 4.0 * (double)m);
        check_moment(&p, m, 4 * (long)m, order);
    }
    char *path = cal_sprintf("%s/figures/information.h5", dir);
    assert_int_equal(cal_h5_open(path, false, &f), CAL_OK);
    assert_int_equal(cal_h5_get_text(f, "mutual", "nodes", nodes, sizeof nodes), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "mutual", "samples", &samples), CAL_OK);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
    assert_string_equal(nodes, "image S1 S2 S3 label");
    assert_int_equal(samples, SAMPLES);
    cal_free(path);
    past_forget(&p);
}

static void the_measures_are_those_of_the_last_moment(void **state)
{
    (void)state;
    static double debiased[MOMENTS][NODES][NODES], cka[MOMENTS][LAYERS], progress[MOMENTS][LAYERS], markov[MOMENTS];
    static const char *const layer[NODES] = {"image", "S1", "S2", "S3", "label"};
    struct past p = past_run("chain", true);
    measure_well();
    read_set("debiased", 3, (const size_t[]){MOMENTS, NODES, NODES}, &debiased[0][0][0]);
    read_set("cka", 2, (const size_t[]){MOMENTS, LAYERS}, &cka[0][0]);
    read_set("progress", 2, (const size_t[]){MOMENTS, LAYERS}, &progress[0][0]);
    read_set("markov", 1, (const size_t[]){MOMENTS}, markov);
    for (size_t a = 0; a <= LAYERS; a++) {
        assert_true(measured("information.%s.y_debiased", layer[a]) == debiased[3][a][NODES - 1]);
        assert_true(fabs(measured("information.%s.y", layer[a]) - measured("information.%s.y_shuffled", layer[a]) -
                         debiased[3][a][NODES - 1]) < 1e-12);
        assert_true(measured("information.%s.y_debiased", layer[a]) > 0.1); /* they do know the class */
        assert_true(measured("entropy.%s", layer[a]) > 1);
        assert_true(a == 0 || measured("information.%s.x_debiased", layer[a]) == debiased[3][a][0]);
    }
    assert_true(measured("cka.%s.first", "S2") == cka[0][1]);
    double ordered = 0;
    for (size_t m = 0; m < MOMENTS - 1; m++)
        ordered += (cka[m][0] > cka[m][1]) + (cka[m][0] > cka[m][2]) + (cka[m][1] > cka[m][2]);
    assert_true(ordered > 4 && fabs(measured("cka.order", "") - ordered / 9) < 1e-12);
    assert_true(measured("cka.%s.steps", "S1") < measured("cka.%s.steps", "S2"));
    assert_true(measured("cka.%s.steps", "S2") < measured("cka.%s.steps", "S3"));
    double rise = fmax(debiased[3][0][2] - debiased[3][0][1], debiased[3][0][3] - debiased[3][0][2]);
    assert_true(markov[3] == fmax(rise, 0) && measured("markov.violation", "") == markov[3]);
    for (size_t l = 0; l < LAYERS; l++) { /* of three thirds of the way the one in which 0.9 lies */
        double at = measured("cka.%s.steps", layer[1 + l]);
        size_t m = (size_t)(at / 4);
        assert_true(at > 0 && at < 12 && progress[m][l] < 0.9 && progress[m + 1][l] >= 0.9);
        assert_true(fabs(progress[m][l] + (progress[m + 1][l] - progress[m][l]) * (at / 4 - (double)m) - 0.9) < 1e-9);
        assert_true(progress[0][l] == 0 && fabs(progress[3][l] - 1) < 1e-9);
    }
    past_forget(&p);
}

static void regions_are_held_against_the_world(void **state)
{
    (void)state;
    struct past p = past_run("chain", true);
    measure_well();
    assert_true(measured("accuracy.%s", "S1") == 1.0 / 2);
    assert_true(measured("accuracy.%s", "S2") == 2.0 / 3);
    assert_true(measured("accuracy.%s", "S3") == 3.0 / 4);
    assert_true(measured("accuracy", "") == 3.0 / 4);
    assert_true(fabs(measured("miou.%s", "S1") - 0.75 / 1.25) < 1e-6);
    assert_true(measured("miou.%s", "S2") == 0);
    assert_true(fabs(measured("miou", "") - 1) < 1e-6);
    past_forget(&p);
}

static void what_does_not_apply_is_left_out(void **state)
{
    (void)state;
    struct past p = past_run("chain", false); /* no labels */
    measure_well();
    assert_true(isnan(measured("accuracy", "")) && isnan(measured("information.%s.y", "S1")) &&
                isfinite(measured("information.%s.x", "S1")));
    assert_true(isfinite(measured("miou", "")));
    past_forget(&p);
    p = past_run("star", true); /* no chain, so nothing to process */
    measure_well();
    assert_int_equal(p.g->n_edges, 3);
    assert_true(isfinite(measured("information.%s.x", "S3")) && isnan(measured("markov.violation", "")));
    past_forget(&p);
    p = past_run("pooled", true); /* one moment */
    measure_well();
    assert_true(isfinite(measured("information.%s.y", "S1")) && isnan(measured("cka.%s.first", "S1")) && isnan(measured("accuracy", "")));
    past_forget(&p);
    p = past_run("pair", true);
    measure_well();
    assert_true(measured("cka.%s.first", "S3") < 1 && isfinite(measured("cka.order", "")) && isnan(measured("cka.%s.steps", "S3")));
    past_forget(&p);
    p = past_run("silent", true); /* logits, but of what was learnt from */
    measure_well();
    assert_int_equal(measures.n, 0);
    assert_false(has_file());
    past_forget(&p);
}

static void a_region_of_several_layers(void **state)
{
    (void)state;
    struct past p = past_run("whole", true);
    measure_well();
    assert_true(isfinite(measured("information.%s.y", "S2.1")) && isfinite(measured("information.%s.y", "S2.2")));
    assert_true(isnan(measured("information.%s.y", "S2")) && isnan(measured("information.%s.y", "S1")));
    assert_true(isfinite(measured("markov.violation", "")));
    past_forget(&p);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct past p = past_run("chain", true);
    char *watched = cal_sprintf("%s/activity/watch.S2.gap.h5", dir), *figures = cal_sprintf("%s/figures", dir);
    int64_t hash;
    assert_int_equal(cal_sonata_get_i64(watched, "S2", "stimulus_hash", &hash), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(watched, "S2", "stimulus_hash", hash ^ 1), CAL_OK);
    assert_int_equal(cal_measure_run(dir, &measures), CAL_EINPUT);
    assert_non_null(strstr(cal_err_message(), "watch.S2.gap.h5: the region saw something else"));
    assert_false(has_file());
    assert_int_equal(cal_sonata_set_i64(watched, "S2", "stimulus_hash", hash), CAL_OK);
    FILE *f = fopen(figures, "w"); /* in the way of the folder */
    fclose(f);
    assert_int_equal(cal_measure_run(dir, &measures), CAL_EIO);
    remove(watched);
    assert_int_equal(cal_measure_run(dir, &measures), CAL_EINPUT);
    cal_free(figures);
    cal_free(watched);
    past_forget(&p);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrices_are_those_of_the_samples),
        cmocka_unit_test(the_measures_are_those_of_the_last_moment),
        cmocka_unit_test(regions_are_held_against_the_world),
        cmocka_unit_test(what_does_not_apply_is_left_out),
        cmocka_unit_test(a_region_of_several_layers),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
