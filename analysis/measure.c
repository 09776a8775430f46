/* analysis/measure.c - see measure.h: what a measure is, and the tables of them. */
#include "analysis/measure.h"

#include <math.h>
#include <stdbool.h>

#include "analysis/adversary.h"
#include "analysis/dump.h"
#include "analysis/information.h"
#include "analysis/linear.h"
#include "analysis/nearest.h"
#include "analysis/video.h"
#include "core/err.h"
#include "core/mem.h"

#define RIDGE 1e-3    /* of the decoders, times the diagonal */
#define LIVE_SD 0.05  /* a unit that varies less says nothing */
#define FRESH_DRAWS 5 /* of the adversary */

/* What measures look at, read once. Arrays are [own]. */
struct subject {
    struct cal_dump *dump;
    float *code; /* (frames, units) of all regions, noise-free */
    int units;
    float *image; /* (frames, pixels) what they saw, noise-free */
    int pixels;
    int attention; /* -1: none, or none whose codes were recorded */
};

static bool has_codes(const struct subject *s)
{
    return s->units > 0;
}

static bool can_decode(const struct subject *s)
{
    return s->units > 0 && s->pixels > 0 && s->dump->frames >= 2;
}

static bool has_adversary(const struct subject *s)
{
    return s->attention >= 0;
}

/* Error of reading the noise-free picture from the codes by ridge regression; pictures have variance 1. */
static int decode_mse(const struct subject *s, double *value)
{
    return cal_ridge_error(s->code, s->image, s->dump->frames, s->units, s->pixels, RIDGE, value);
}

/* The same from as many principal components of the pictures: no linear code of that size can do better where they were fitted. */
static int decode_mse_pca(const struct subject *s, double *value)
{
    int k = s->units < s->pixels ? s->units : s->pixels;
    float *code = cal_alloc(s->dump->frames * (size_t)k * sizeof *code);
    int err = cal_pca(s->image, s->dump->frames, s->pixels, k, code);
    if (!err)
        err = cal_ridge_error(code, s->image, s->dump->frames, k, s->pixels, RIDGE, value);
    cal_free(code);
    return err;
}

static int unit_correlation(const struct subject *s, double *value)
{
    *value = cal_mean_correlation(s->code, s->dump->frames, s->units);
    return CAL_OK;
}

static int live_units(const struct subject *s, double *value)
{
    *value = cal_live_share(s->code, s->dump->frames, s->units, LIVE_SD);
    return CAL_OK;
}

static int adversary_gain(const struct subject *s, double *value)
{
    return cal_adversary_gain(s->dump, s->attention, value);
}

static int adversary_gain_fresh(const struct subject *s, double *value)
{
    return cal_adversary_gain_fresh(s->dump, s->attention, FRESH_DRAWS, value);
}

static const struct {
    const char *name;
    bool (*applies)(const struct subject *s);
    int (*compute)(const struct subject *s, double *value);
} table[] = {
    {"decode_mse", can_decode, decode_mse},
    {"decode_mse_pca", can_decode, decode_mse_pca},
    {"unit_correlation", has_codes, unit_correlation},
    {"live_units", has_codes, live_units},
    {"adversary_gain", has_adversary, adversary_gain},
    {"adversary_gain_fresh", has_adversary, adversary_gain_fresh},
};

static int read_subject(struct cal_dump *d, struct subject *s)
{
    *s = (struct subject){.dump = d, .attention = -1};
    if (d->phase < 0)
        return CAL_OK;
    s->attention = cal_adversary_find(d);
    if (s->attention >= 0 && !cal_adversary_weights(d, s->attention))
        s->attention = -1;
    int err = cal_dump_read_all(d, "code", &s->units, &s->code);
    return err ? err : cal_dump_stimulus(d, "image", &s->pixels, &s->image);
}

static int measure_codes(struct cal_dump *d, struct cal_measures *m)
{
    struct subject s;
    int err = read_subject(d, &s);
    for (size_t i = 0; !err && i < sizeof table / sizeof *table; i++) {
        double value = NAN;
        if (table[i].applies(&s))
            err = table[i].compute(&s, &value);
        if (!err)
            cal_measures_add(m, value, "%s", table[i].name);
    }
    cal_free(s.code);
    cal_free(s.image);
    return err;
}

/* ---- what regions read out of what they see, held against the world ---- */

/* 1 where the largest of the logits is that of the label, the first of equals. */
static double is_right(const float *logits, int cols, const float *label)
{
    int best = 0;
    for (int c = 1; c < cols; c++)
        if (logits[c] > logits[best])
            best = c;
    return (float)best == *label;
}

/* Length that two stretches have in common, given by centre and size. */
static double common(double centre_a, double size_a, double centre_b, double size_b)
{
    double from = fmax(centre_a - size_a / 2, centre_b - size_b / 2), to = fmin(centre_a + size_a / 2, centre_b + size_b / 2);
    return fmax(0, to - from);
}

/* Intersection over union of boxes: centre x, centre y, width, height. A guess of no size overlaps with nothing. */
static double overlap(const float *guess, int cols, const float *box)
{
    (void)cols;
    double width = fmax(0, (double)guess[2]), height = fmax(0, (double)guess[3]);
    double both =
        common((double)guess[0], width, (double)box[0], (double)box[2]) * common((double)guess[1], height, (double)box[1], (double)box[3]);
    double either = width * height + (double)box[2] * (double)box[3] - both;
    return either > 0 ? both / either : 0;
}

/* A variable, the slice of the stimulus that it guesses, and the mean over frames of the score. */
struct readout {
    const char *variable, *slice, *measure;
    int cols; /* that the variable must have; 0: any */
    double (*score)(const float *guess, int cols, const float *truth);
};

static const struct readout readouts[] = {
    {"logits", "label", "accuracy", 0, is_right},
    {"box", "box", "miou", 4, overlap},
};

/* The mean score of what a region recorded, each time that the phase ran: [give] *mean (d->n_repeats). */
static int score_region(const struct cal_dump *d, const struct readout *o, int region, const float *truth, int truth_cols, double **mean)
{
    float *guess;
    int cols;
    *mean = NULL;
    int err = cal_dump_read_times(d, region, o->variable, d->frames, &cols, &guess);
    if (err)
        return err;
    if (o->cols && cols != o->cols)
        err = cal_fail(CAL_EINPUT, "%s: %s recorded %d columns of `%s`, expected %d", d->dir, d->graph->region[region]->name, cols,
                       o->variable, o->cols);
    *mean = err ? NULL : cal_alloc((size_t)d->n_repeats * sizeof **mean);
    for (size_t k = 0; !err && k < (size_t)d->n_repeats; k++) {
        double sum = 0;
        for (size_t i = 0; i < d->frames; i++)
            sum += o->score(guess + (k * d->frames + i) * (size_t)cols, cols, truth + i * (size_t)truth_cols);
        (*mean)[k] = sum / (double)d->frames;
    }
    cal_free(guess);
    return err;
}

/* A measure a region, and that of the last region under the measure's own name: the whole system's. `last` [give]: its scores, or NULL. */
static int score_phase(struct cal_dump *d, const struct readout *o, int phase, struct cal_measures *m, double **last)
{
    int cols;
    float *truth = NULL;
    *last = NULL;
    int err = cal_dump_turn(d, phase);
    if (!err)
        err = cal_dump_stimulus(d, o->slice, &cols, &truth);
    for (int r = 0; !err && truth && r < d->graph->n_regions; r++)
        if (cal_dump_has(d, r, o->variable)) {
            cal_free(*last);
            err = score_region(d, o, r, truth, cols, last);
            if (!err && m)
                cal_measures_add(m, (*last)[d->n_repeats - 1], "%s.%s", o->measure, d->graph->region[r]->name);
        }
    cal_free(truth);
    return err;
}

/* At the end, by all regions; and by the last of them, at the moments of training when a probe ran within it: accuracy@1, accuracy@2, ... */
static int measure_readout(struct cal_dump *d, const struct readout *o, struct cal_measures *m)
{
    double *score = NULL;
    int end = cal_dump_find(d, o->variable, true), within = cal_dump_find_recurring(d, o->variable), err = CAL_OK;
    if (end >= 0)
        err = score_phase(d, o, end, m, &score);
    if (score && !err)
        cal_measures_add(m, score[d->n_repeats - 1], "%s", o->measure);
    cal_free(score);
    score = NULL;
    if (!err && within >= 0)
        err = score_phase(d, o, within, NULL, &score);
    for (long i = 0; score && !err && i < d->n_repeats; i++)
        cal_measures_add(m, score[i], "%s@%ld", o->measure, i + 1);
    cal_free(score);
    return err;
}

/* ---- all ---- */

int cal_measure_run(const char *dir, struct cal_measures *m)
{
    struct cal_dump *d;
    m->n = 0;
    int err = cal_dump_open(dir, &d);
    if (!err)
        err = measure_codes(d, m);
    for (size_t i = 0; !err && i < sizeof readouts / sizeof *readouts; i++)
        err = measure_readout(d, &readouts[i], m);
    if (!err)
        err = cal_nearest_measure(d, m);
    if (!err)
        err = cal_information_measure(d, m);
    if (!err)
        err = cal_video_measure(d, m);
    cal_dump_close(d);
    return err;
}
