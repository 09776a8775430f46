/* analysis/video.c - see video.h. */
#include "analysis/video.h"

#include <math.h>
#include <string.h>

#include "analysis/adversary.h"
#include "analysis/blind.h"
#include "analysis/decoder.h"
#include "analysis/figure.h"
#include "analysis/footage.h"
#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"

#define SETTLED 20    /* the first frame that counts while it perceives */
#define BLOCK 8       /* px a side, of which low-passed frames have the mean */
#define FRESH_DRAWS 5 /* of the adversary */
#define TRAINED_DRAWS 3
#define UPDATES 30 /* of a fresh adversary */

/* ---- which phases ---- */

static bool records(const struct cal_dump *d, int phase, const char *variable)
{
    bool any = false;
    for (int r = 0; r < d->graph->n_regions; r++) {
        int v = cal_region_variable(d->graph->region[r], variable);
        any = any || (v >= 0 && d->graph->record[phase][r] >> v & 1);
    }
    return any;
}

/* The last that ran of the still phases of the split that recorded predictions, blind at some time or codes as well; -1: none. */
static int find_phase(const struct cal_dump *d, enum cal_split split, bool blind)
{
    int found = -1;
    for (int i = 0; i < d->graph->n_segments; i++) {
        int k = d->graph->segment[i].phase;
        const struct cal_phase_spec *phase = &d->experiment->phase[k];
        if (phase->split == split && (phase->blind_from >= 0) == blind && cal_dump_still(d, k) && records(d, k, "p") &&
            (blind || records(d, k, "e")))
            found = k;
    }
    return found;
}

/* ---- decoders ---- */

enum { E, P, G, CODES };
enum { FRAME, ROAD, LOW, TARGETS };
static const char *const code_names[CODES] = {"e", "p", "g"};
static const char *const target_names[TARGETS] = {"mlp", "road", "low"};

/* What a split's perceiving phase recorded, and what it was of. Arrays are [own]. */
struct side {
    struct cal_footage footage;
    int inputs[CODES], outputs[TARGETS];
    float *code[CODES], *target[TARGETS]; /* (rows, inputs or outputs); NULL: none */
    float *curvature;                     /* (rows), or NULL */
};

static void side_finish(struct side *s)
{
    for (int i = 0; i < CODES; i++)
        cal_free(s->code[i]);
    for (int i = 0; i < TARGETS; i++)
        cal_free(s->target[i]);
    cal_free(s->curvature);
    cal_footage_finish(&s->footage);
}

/* Means over blocks of the frames, where they are made of whole ones. */
static void low_pass(struct side *s)
{
    const struct cal_rep_spec *spec = &s->footage.dump->stimulus->spec;
    const struct cal_slice *image = &spec->slice[cal_rep_find(spec, "image")];
    size_t width = (size_t)image->w, across = width / BLOCK, blocks = (size_t)image->h / BLOCK * across, pixels = (size_t)s->outputs[FRAME];
    if (image->w % BLOCK || image->h % BLOCK)
        return;
    s->outputs[LOW] = (int)blocks;
    s->target[LOW] = cal_alloc((s->footage.rows * blocks + 1) * sizeof(float));
    for (size_t r = 0; r < s->footage.rows; r++)
        for (size_t i = 0; i < pixels; i++)
            s->target[LOW][r * blocks + i / width / BLOCK * across + i % width / BLOCK] +=
                s->target[FRAME][r * pixels + i] / (BLOCK * BLOCK);
}

static int side_init(struct side *s, struct cal_dump *d, int phase)
{
    static const char *const slices[3] = {"image", "road", "curvature"};
    int cols[3];
    float *shown[3] = {NULL};
    *s = (struct side){.footage = {.n = 0}};
    int err = cal_footage_init(&s->footage, d, phase, (struct cal_frames_chosen){SETTLED, d->stimulus->window - 1, 2});
    for (int i = 0; !err && i < CODES; i++)
        err = cal_footage_read(&s->footage, code_names[i], &s->inputs[i], &s->code[i]);
    if (!err)
        err = cal_footage_show(&s->footage, 3, slices, -1, cols, shown);
    if (err) {
        side_finish(s);
        return err;
    }
    for (int i = FRAME; i <= ROAD; i++) {
        s->outputs[i] = cols[i];
        s->target[i] = shown[i];
    }
    s->curvature = shown[2];
    low_pass(s);
    return CAL_OK;
}

static struct cal_pairs pairs_of(const struct side *s, int code, int target)
{
    return (struct cal_pairs){s->footage.rows, s->inputs[code], s->outputs[target], s->code[code], s->target[target]};
}

static int measure_decoders(const struct side *train, const struct side *test, uint32_t seed, struct cal_measures *m)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < CODES * TARGETS; i++) {
        int code = i % CODES, target = i / CODES;
        struct cal_pairs fit = pairs_of(train, code, target), score = pairs_of(test, code, target);
        double value;
        if (!fit.x || !score.x || !fit.t)
            continue;
        if (fit.inputs != score.inputs)
            return cal_fail(CAL_EINPUT, "%s: `%s` was recorded of other regions on training sequences than on held-out ones",
                            test->footage.dump->dir, code_names[code]);
        err = cal_decoder_error(&fit, &score, seed, &value);
        if (!err)
            cal_measures_add(m, value, "%s_%s", target_names[target], code_names[code]);
        if (!err && target == FRAME)
            err = cal_decoder_ridge(&fit, &score, &value);
        if (!err && target == FRAME)
            cal_measures_add(m, value, "ridge_%s", code_names[code]);
    }
    return err;
}

/* How much of the road's curvature lies open in what attention holds. */
static int measure_curvature(const struct side *train, const struct side *test, struct cal_measures *m)
{
    const struct cal_pairs fit = {train->footage.rows, train->inputs[G], 1, train->code[G], train->curvature},
                           score = {test->footage.rows, test->inputs[G], 1, test->code[G], test->curvature};
    double value;
    if (!fit.x || !score.x || !fit.t)
        return CAL_OK;
    int err = cal_decoder_ridge(&fit, &score, &value);
    if (!err)
        cal_measures_add(m, 1 - value, "curvature_r2");
    return err;
}

/* ---- units ---- */

/* Components of a unit of those that recorded codes; 0: not all have the same. */
static int unit_width(const struct cal_dump *d, int phase)
{
    int width = -1;
    for (int r = 0; r < d->graph->n_regions; r++) {
        const struct cal_region *region = d->graph->region[r];
        int v = cal_region_variable(region, "e");
        if (v < 0 || !(d->graph->record[phase][r] >> v & 1))
            continue;
        int own =
            region->out.units > 0 && region->variable[v].cols % region->out.units == 0 ? region->variable[v].cols / region->out.units : 0;
        width = width < 0 || width == own ? own : 0;
    }
    return width;
}

static int measure_units(const struct side *test, struct cal_measures *m)
{
    int width = unit_width(test->footage.dump, test->footage.phase);
    double value;
    if (!width)
        return CAL_OK;
    int units = test->inputs[E] / width, err = cal_redundancy(test->code[E], test->footage.rows, units, width, &value);
    if (err)
        return err;
    cal_measures_add(m, value, "redundancy");
    cal_measures_add(m, cal_largest_mean(test->code[E], test->footage.rows, units, width), "code_mean");
    return CAL_OK;
}

/* Did the phase record every frame of at least one window? Else there are no whole chunks to learn from. */
static bool records_windows(const struct cal_dump *d, int phase)
{
    const struct cal_phase_spec *p = &d->experiment->phase[phase];
    return (p->within >= 0 || p->every == 1) && d->graph->phase_steps[phase] >= d->stimulus->window;
}

static int measure_gains(struct cal_dump *d, int train, int test, struct cal_measures *m)
{
    double own = NAN, random = NAN, trained = NAN;
    int err = cal_dump_turn(d, test), attention = err ? -1 : cal_adversary_find(d);
    if (err || attention < 0)
        return err;
    if (cal_adversary_weights(d, attention))
        err = cal_adversary_gain(d, attention, &own);
    if (!err)
        err = cal_adversary_gain_fresh(d, attention, FRESH_DRAWS, &random);
    if (!err && records_windows(d, train))
        err = cal_adversary_gain_trained(d, attention, train, UPDATES, TRAINED_DRAWS, &trained);
    if (err)
        return err;
    cal_measures_add(m, own, "gain");
    cal_measures_add(m, random, "gain_random");
    cal_measures_add(m, trained, "gain_trained");
    return CAL_OK;
}

/* ---- the file ---- */

enum { LAPS = 4 };
static const char *const lap_names[LAPS] = {"g", "sequence", "curvature", "car"};

/* Of the held-out windows, perceived. Arrays are [own]. */
struct laps {
    size_t rows;
    int cols[LAPS];    /* of g; of what is true of it: */
    float *data[LAPS]; /* by lap_names; NULL: none */
    long *window, *frame;
};

struct figure {
    struct laps laps;
    struct cal_blind blind; /* n is 0 where there is none */
};

static int read_laps(struct laps *l, struct cal_dump *d, int phase)
{
    struct cal_footage f;
    long window = d->stimulus->window, batch = d->experiment->batch;
    int err = cal_footage_init(&f, d, phase, (struct cal_frames_chosen){SETTLED, window - 1, 1});
    if (!err && f.n) /* windows may be too short to have settled */
        err = cal_footage_read(&f, "g", &l->cols[0], &l->data[0]);
    if (!err && l->data[0])
        err = cal_footage_show(&f, LAPS - 1, lap_names + 1, -1, l->cols + 1, l->data + 1);
    l->rows = f.rows;
    l->window = cal_alloc((f.rows + 1) * sizeof *l->window);
    l->frame = cal_alloc((f.rows + 1) * sizeof *l->frame);
    for (long i = 0; i < (long)f.rows; i++) {
        l->window[i] = f.moment[i / batch] / window * batch + i % batch;
        l->frame[i] = f.moment[i / batch] % window;
    }
    cal_footage_finish(&f);
    return err;
}

static void figure_finish(struct figure *f)
{
    for (int i = 0; i < LAPS; i++)
        cal_free(f->laps.data[i]);
    cal_free(f->laps.window);
    cal_free(f->laps.frame);
    cal_blind_finish(&f->blind);
}

static int write_laps(struct cal_h5 *file, const struct laps *l)
{
    int err = cal_h5_write(file, "g_window", CAL_I64, 1, &l->rows, l->window);
    if (!err)
        err = cal_h5_write(file, "g_frame", CAL_I64, 1, &l->rows, l->frame);
    for (int i = 0; !err && i < LAPS; i++)
        if (l->data[i])
            err = cal_h5_write(file, lap_names[i], CAL_F32, l->cols[i] > 1 || i == 0 ? 2 : 1, (size_t[]){l->rows, (size_t)l->cols[i]},
                               l->data[i]);
    return err;
}

static int write_blind(struct cal_h5 *file, const struct cal_blind *b)
{
    size_t n = (size_t)b->n, curve[] = {n, CAL_BLIND_GUESSES}, film[] = {(size_t)b->sequences, n, (size_t)b->height, (size_t)b->width};
    int err = cal_h5_write(file, "frame", CAL_I64, 1, &n, b->frame);
    if (!err)
        err = cal_h5_set_i64(file, "frame", "blind_from", b->blind_from);
    if (!err)
        err = cal_h5_write(file, "curve", CAL_F64, 2, curve, b->image);
    if (!err && b->road)
        err = cal_h5_write(file, "curve_road", CAL_F64, 2, curve, b->road);
    if (!err)
        err = cal_h5_write(file, "truth", CAL_F32, 4, film, b->truth);
    return err ? err : cal_h5_write(file, "generated", CAL_F32, 4, film, b->generated);
}

static int write_file(const char *path, const void *figure)
{
    const struct figure *f = figure;
    struct cal_h5 *file;
    int err = cal_h5_create(path, &file);
    if (err)
        return err;
    if (f->laps.data[0])
        err = write_laps(file, &f->laps);
    if (!err && f->blind.n)
        err = write_blind(file, &f->blind);
    if (!err)
        return cal_h5_close(file, false);
    cal_h5_drop(file);
    return err;
}

/* ---- all ---- */

static int measure_perceiving(struct cal_dump *d, int train, int test, struct laps *laps, struct cal_measures *m)
{
    struct side fitted, scored;
    int err = side_init(&fitted, d, train);
    if (err)
        return err;
    err = side_init(&scored, d, test);
    bool both = !err;
    if (!err && fitted.footage.n && scored.footage.n) {
        err = measure_decoders(&fitted, &scored, d->experiment->seed, m);
        if (!err)
            err = measure_curvature(&fitted, &scored, m);
        if (!err)
            err = measure_units(&scored, m);
    }
    if (both)
        side_finish(&scored);
    side_finish(&fitted);
    if (!err)
        err = measure_gains(d, train, test, m);
    return err ? err : read_laps(laps, d, test);
}

static void add_scores(const struct cal_blind *b, double (*curve)[CAL_BLIND_GUESSES], const char *of, struct cal_measures *m)
{
    struct cal_blind_score s = cal_blind_score(b->blind_from, b->n, b->frame, curve);
    cal_measures_add(m, s.better, "blind_%sbetter", of);
    cal_measures_add(m, s.better_5, "blind_%sbetter_5", of);
    if (!*of)
        cal_measures_add(m, s.first, "blind_first");
    cal_measures_add(m, s.mean, "blind_%smean", of);
}

int cal_video_measure(struct cal_dump *d, struct cal_measures *m)
{
    struct figure f = {.laps = {.rows = 0}};
    int image = cal_rep_find(&d->stimulus->spec, "image"), err = CAL_OK;
    if (!d->stimulus->window || image < 0 || !d->stimulus->spec.slice[image].c)
        return CAL_OK;
    int train = find_phase(d, CAL_SPLIT_TRAIN, false), test = find_phase(d, CAL_SPLIT_HELD_OUT, false);
    int blind = find_phase(d, CAL_SPLIT_TRAIN, true), blind_test = find_phase(d, CAL_SPLIT_HELD_OUT, true);
    if (train >= 0 && test >= 0)
        err = measure_perceiving(d, train, test, &f.laps, m);
    if (!err && blind >= 0 && blind_test >= 0)
        err = cal_blind_measure(d, blind, blind_test, &f.blind);
    if (!err && f.blind.n)
        add_scores(&f.blind, f.blind.image, "", m);
    if (!err && f.blind.road)
        add_scores(&f.blind, f.blind.road, "road_", m);
    if (!err && (f.laps.data[0] || f.blind.n))
        err = cal_figure_write(d->dir, "video.h5", write_file, &f);
    figure_finish(&f);
    return err;
}
