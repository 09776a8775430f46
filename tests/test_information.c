/* tests/test_information.c - information and readouts of a run directory that was written by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
#include "experiments/stimuli/stimuli.h"
#include "tests/information_past.h"

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
