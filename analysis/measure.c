/* analysis/measure.c - see measure.h: what a measure is, and the table of them. */
#include "analysis/measure.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "analysis/adversary.h"
#include "analysis/dump.h"
#include "analysis/linear.h"
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

/* A value that is no number (the correlation of one unit) does not apply either. */
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

static int read_subject(const char *dir, struct subject *s)
{
    *s = (struct subject){.attention = -1};
    int err = cal_dump_open(dir, &s->dump);
    if (err || s->dump->phase < 0)
        return err;
    s->attention = cal_adversary_find(s->dump);
    err = cal_dump_read_all(s->dump, "code", &s->units, &s->code);
    return err ? err : cal_dump_stimulus(s->dump, "image", &s->pixels, &s->image);
}

int cal_measure_run(const char *dir, struct cal_measures *m)
{
    struct subject s;
    int err = read_subject(dir, &s);
    m->n = 0;
    for (size_t i = 0; !err && i < sizeof table / sizeof *table; i++) {
        double value = NAN;
        if (table[i].applies(&s))
            err = table[i].compute(&s, &value);
        if (err || !isfinite(value))
            continue;
        CAL_ASSERT(m->n < CAL_MEASURES_MAX);
        snprintf(m->item[m->n].name, sizeof m->item[m->n].name, "%s", table[i].name);
        m->item[m->n++].value = value;
    }
    cal_free(s.code);
    cal_free(s.image);
    cal_dump_close(s.dump);
    return err;
}
