/* tests/test_video_measures.c - the measures of runs in time, from a run directory written by hand (video_past.h). */
#include <math.h>

#include "analysis/blind.h"
#include "analysis/linear.h"
#include "analysis/measure.h"
#include "core/kernels.h"
#include "tests/video_past.h"

static struct cal_measures measured;

static void measure(void)
{
    if (cal_measure_run(dir, &measured))
        fail_msg("%s", cal_err_message());
}

/* NaN: it is not there. */
static double get(const char *name)
{
    for (int i = 0; i < measured.n; i++)
        if (!strcmp(measured.item[i].name, name))
            return measured.item[i].value;
    return NAN;
}

/* ---- what the world showed, looked up here ---- */

/* Frames `first`, first + step, ... of all windows of a phase: [give] (*rows, cols), of the last channel. */
static float *look(const struct past *p, int phase, const char *name, long first, long last, long step, size_t *rows)
{
    const struct cal_slice *s = &p->s->spec.slice[slice(p, name)];
    size_t cols = (size_t)(s->c ? PIXELS : s->cols), skip = (size_t)s->cols - cols;
    float *out = cal_alloc((size_t)p->g->phase_steps[phase] * B * cols * sizeof *out);
    struct cal_batches *batches = cal_batches_create(p->s, 1);
    struct cal_view view = cal_graph_view(p->g, phase);
    *rows = 0;
    for (long t = 0; t < p->g->phase_steps[phase]; t++) {
        const struct cal_rep *shown;
        if (t % T < first || t % T > last || (t % T - first) % step)
            continue;
        assert_int_equal(cal_batches_get(batches, &view, t, &shown), CAL_OK);
        for (size_t b = 0; b < B; b++, ++*rows)
            memcpy(out + *rows * cols, shown->data[slice(p, name)] + b * (size_t)s->cols + skip, cols * sizeof *out);
    }
    cal_batches_destroy(batches);
    return out;
}

static double between(size_t n, const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

/* ---- tests ---- */

/* Codes are 16 of 16 blocks of the frame, so the low-passed frame is theirs; predictions are noise; g is the code by another scale. */
static void decoders(const struct past *p)
{
    size_t n_train, n_test;
    float *train = look(p, 1, "image", 20, T - 1, 2, &n_train), *test = look(p, 2, "image", 20, T - 1, 2, &n_test);
    float *code = cal_alloc((n_train + n_test) * 2 * COLS * sizeof *code);
    for (size_t i = 0; i < (n_train + n_test) * 2 * COLS; i++) {
        size_t row = i / (2 * COLS);
        code[i] = block(row < n_train ? train + row * PIXELS : test + (row - n_train) * PIXELS, (int)(i % (2 * COLS)));
    }
    const struct cal_pairs fit = {n_train, 2 * COLS, PIXELS, code, train},
                           score = {n_test, 2 * COLS, PIXELS, code + n_train * 2 * COLS, test};
    double mse, redundancy;
    assert_int_equal(cal_ridge_transfer(&fit, &score, 1e-3, &mse), CAL_OK);
    assert_int_equal(cal_redundancy(score.x, n_test, R * UNITS, WIDTH, &redundancy), CAL_OK);
    assert_true(fabs(get("ridge_e") - mse / cal_mean_error(&fit, &score)) < 1e-6);
    assert_true(fabs(get("ridge_g") - get("ridge_e")) < 1e-4);
    assert_true(get("ridge_p") > 1 && get("mlp_p") > 1 && get("low_p") > 1 && get("road_p") > 1);
    assert_true(get("mlp_e") < 0.95 && get("road_e") < 0.8 && get("low_e") < 0.5);
    assert_true(fabs(get("redundancy") - redundancy) < 1e-9 && redundancy > 0.01);
    assert_true(fabs(get("code_mean") - cal_largest_mean(score.x, n_test, R * UNITS, WIDTH)) < 1e-9);
    float *bend = look(p, 1, "curvature", 20, T - 1, 2, &n_train), *test_bend = look(p, 2, "curvature", 20, T - 1, 2, &n_test);
    const struct cal_pairs fit_bend = {n_train, 2 * COLS, 1, fit.x, bend}, score_bend = {n_test, 2 * COLS, 1, score.x, test_bend};
    assert_int_equal(cal_ridge_transfer(&fit_bend, &score_bend, 1e-3, &mse), CAL_OK);
    assert_true(fabs(get("curvature_r2") - (1 - mse / cal_mean_error(&fit_bend, &score_bend))) < 1e-4);
    assert_true(get("curvature_r2") > 0.1 && get("curvature_r2") < 1);
    cal_free(test_bend);
    cal_free(bend);
    cal_free(code);
    cal_free(test);
    cal_free(train);
}

/* The file's curves: those of mean image and last frame made again, that of the predictions by what is known of it. */
static void curves(const struct past *p)
{
    enum { FRAMES = T - LEAD };
    double curve[FRAMES][CAL_BLIND_GUESSES], whole = 0, mean_error[FRAMES], still_error[FRAMES];
    static float mean[PIXELS];
    int64_t frame[FRAMES], blind_from;
    size_t n_train, n_test, n_still;
    float *train = look(p, 3, "image", LEAD, T - 1, 1, &n_train), *test = look(p, 4, "image", LEAD, T - 1, 1, &n_test);
    float *still = look(p, 4, "image", BLIND_FROM - 1, BLIND_FROM - 1, 1, &n_still);
    char *path = cal_sprintf("%s/figures/video.h5", dir);
    struct cal_h5 *f;
    assert_int_equal(cal_h5_open(path, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "curve", CAL_F64, 2, (size_t[]){FRAMES, CAL_BLIND_GUESSES}, curve), CAL_OK);
    assert_int_equal(cal_h5_read(f, "frame", CAL_I64, 1, (size_t[]){FRAMES}, frame), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "frame", "blind_from", &blind_from), CAL_OK);
    assert_true(cal_h5_has(f, "curve_road") && cal_h5_has(f, "generated"));
    assert_int_equal(blind_from, BLIND_FROM);
    for (size_t i = 0; i < n_train * PIXELS; i++)
        mean[i % PIXELS] += train[i] / (float)n_train;
    for (size_t k = 0; k < FRAMES; k++) {
        mean_error[k] = still_error[k] = 0;
        for (size_t row = 0; row < n_test; row++)
            if (row / B % FRAMES == k) {
                const float *shown = test + row * PIXELS;
                mean_error[k] += between(PIXELS, shown, mean) / (double)(n_test / FRAMES * PIXELS);
                still_error[k] +=
                    between(PIXELS, shown, still + (row / B / FRAMES * B + row % B) * PIXELS) / (double)(n_test / FRAMES * PIXELS);
            }
        whole += mean_error[k] / FRAMES;
    }
    for (int k = 0; k < FRAMES; k++) {
        assert_int_equal(frame[k], LEAD + k);
        assert_true(fabs(curve[k][CAL_BLIND_MEAN] - mean_error[k] / whole) < 1e-4);
        if (frame[k] < BLIND_FROM)
            assert_true(isnan(curve[k][CAL_BLIND_STILL]));
        else
            assert_true(fabs(curve[k][CAL_BLIND_STILL] - still_error[k] / whole) < 1e-4);
        if (frame[k] < LOST)
            assert_true(curve[k][CAL_BLIND_MODEL] < curve[k][CAL_BLIND_MEAN]);
        else
            assert_true(curve[k][CAL_BLIND_MODEL] > curve[k][CAL_BLIND_MEAN]);
    }
    double(*rows)[CAL_BLIND_GUESSES] = curve;
    long number[FRAMES];
    for (int k = 0; k < FRAMES; k++)
        number[k] = (long)frame[k];
    struct cal_blind_score s = cal_blind_score(BLIND_FROM, FRAMES, number, rows);
    assert_true(s.better == get("blind_better") && s.better_5 == get("blind_better_5") && s.mean == get("blind_mean"));
    assert_true(s.first == get("blind_first") && s.better <= LOST - BLIND_FROM);
    assert_true(get("blind_road_better") <= LOST - BLIND_FROM && get("blind_road_mean") > 0);
    cal_h5_drop(f);
    cal_free(path);
    cal_free(still);
    cal_free(test);
    cal_free(train);
}

/* The first held-out window, true as shown; g of all frames and what is true of them. */
static void pictures(const struct past *p)
{
    enum { FRAMES = T - LEAD };
    size_t rows, n = 2 * (T - 20) * B;
    float *film = cal_alloc((size_t)3 * FRAMES * PIXELS * sizeof *film), *shown = look(p, 4, "image", LEAD, T - 1, 1, &rows);
    float *curvature = cal_alloc(n * sizeof *curvature), *wanted = look(p, 2, "curvature", 20, T - 1, 1, &rows);
    float *track = cal_alloc(n * sizeof *track), *shown_track = look(p, 2, "sequence", 20, T - 1, 1, &rows);
    int64_t *window = cal_alloc(n * sizeof *window), *frame = cal_alloc(n * sizeof *frame);
    char *path = cal_sprintf("%s/figures/video.h5", dir);
    struct cal_h5 *f;
    assert_int_equal(cal_h5_open(path, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "truth", CAL_F32, 4, (size_t[]){3, FRAMES, SIDE, SIDE}, film), CAL_OK);
    for (size_t s = 0; s < 3; s++)
        for (size_t k = 0; k < FRAMES; k++)
            assert_memory_equal(film + (s * FRAMES + k) * PIXELS, shown + (k * B + s) * PIXELS, PIXELS * sizeof *film);
    assert_int_equal(rows, n);
    assert_int_equal(cal_h5_read(f, "curvature", CAL_F32, 1, &n, curvature), CAL_OK);
    assert_int_equal(cal_h5_read(f, "g_window", CAL_I64, 1, &n, window), CAL_OK);
    assert_int_equal(cal_h5_read(f, "sequence", CAL_F32, 1, &n, track), CAL_OK);
    assert_int_equal(cal_h5_read(f, "g_frame", CAL_I64, 1, &n, frame), CAL_OK);
    assert_memory_equal(curvature, wanted, n * sizeof *wanted);
    assert_memory_equal(track, shown_track, n * sizeof *track);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(frame[i], 20 + i / B % (T - 20));
        assert_int_equal(window[i], i / B / (T - 20) * B + i % B);
    }
    cal_h5_drop(f);
    float *mine[] = {film, shown, curvature, wanted, track, shown_track};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
    cal_free(window);
    cal_free(frame);
    cal_free(path);
}

static void a_whole_run(void **state)
{
    (void)state;
    struct past p = past_run("whole");
    measure();
    decoders(&p);
    curves(&p);
    pictures(&p);
    past_forget(&p);
}

static void gains(void **state)
{
    (void)state;
    struct past p = past_run("foreseeing");
    measure();
    double random = get("gain_random");
    assert_false(isnan(get("mlp_e")) || isnan(get("redundancy")));
    assert_true(isnan(get("mlp_g")) && isnan(get("curvature_r2")) && isnan(get("blind_mean"))); /* nobody recorded g, nothing was blind */
    assert_true(fabs(get("gain")) < 1e-5);                                                      /* of temperature 0 */
    assert_true(fabs(random) > 1e-3);
    assert_true(get("gain_trained") > random + 0.01);
    past_forget(&p);
    p = past_run("foreseeing-control"); /* the same codes: what a fresh adversary would have is the same, but this run has none */
    measure();
    assert_true(isnan(get("gain")));
    assert_true(get("gain_random") == random);
    assert_true(isnan(get("gain_trained"))); /* for want of a whole window */
    past_forget(&p);
}

static void what_does_not_apply_is_left_out(void **state)
{
    (void)state;
    const char *const none[] = {"trained-only", "learning"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct past p = past_run(none[i]);
        measure();
        assert_int_equal(measured.n, 0);
        past_forget(&p);
    }
}

/* Frames 9, 10 seen; five blind ones. */
static void a_score_by_hand(void **state)
{
    (void)state;
    const long frame[] = {9, 10, 11, 12, 13, 14, 15};
    double curve[][CAL_BLIND_GUESSES] = {{9, 1, NAN},  {0, 1, NAN},       {0.5, 1, 0.4}, {0.8, 1, 0.9},
                                         {0.97, 1, 2}, {1.06, 1.05, 2.5}, {0.4, 0.8, 3}};
    struct cal_blind_score s = cal_blind_score(11, 7, frame, curve);
    assert_true(s.better == 3 && s.better_5 == 2 && s.first == 2);
    assert_true(fabs(s.mean - (0.5 + 0.8 + 0.97 + 1.06 / 1.05 + 0.5) / 5) < 1e-12);
    s = cal_blind_score(16, 7, frame, curve);
    assert_true(isnan(s.better) && isnan(s.better_5) && isnan(s.first) && isnan(s.mean));
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_by_hand),
        cmocka_unit_test(a_whole_run),
        cmocka_unit_test(gains),
        cmocka_unit_test(what_does_not_apply_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
