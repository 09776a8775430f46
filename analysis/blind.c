/* analysis/blind.c - see blind.h. */
#include "analysis/blind.h"

#include <math.h>
#include <string.h>

#include "analysis/decoder.h"
#include "analysis/footage.h"
#include "core/err.h"
#include "core/mem.h"

#define SEQUENCES 3 /* that are shown */
#define MARGIN 0.05 /* of the error of the mean image */

/* A phase's predictions and what they are of. Arrays are [own]. */
struct part {
    struct cal_footage footage;
    int inputs, cols[2];
    float *p, *shown[2]; /* (rows,inputs); image and road: (rows,cols) */
};

static const char *const slices[2] = {"image", "road"};

static void part_finish(struct part *part)
{
    cal_free(part->p);
    cal_free(part->shown[0]);
    cal_free(part->shown[1]);
    cal_footage_finish(&part->footage);
}

static int part_init(struct part *part, struct cal_dump *d, int phase, long first)
{
    *part = (struct part){.inputs = 0};
    int err = cal_footage_init(&part->footage, d, phase, (struct cal_frames_chosen){first, CAL_BLIND_LAST, 1});
    if (!err)
        err = cal_footage_read(&part->footage, "p", &part->inputs, &part->p);
    if (!err)
        err = cal_footage_show(&part->footage, 2, slices, -1, part->cols, part->shown);
    if (err)
        part_finish(part);
    return err;
}

static struct cal_pairs pairs_of(const struct part *part, int which)
{
    return (struct cal_pairs){part->footage.rows, part->inputs, part->cols[which], part->p, part->shown[which]};
}

/* Add the mean squared difference of two sets of B rows. `other` NULL: NaN. `stride`: 0 where the other is one row for all. */
static double difference(size_t batch, size_t cols, const float *shown, const float *other, size_t stride)
{
    double sum = 0;
    if (!other)
        return NAN;
    for (size_t b = 0; b < batch; b++)
        for (size_t c = 0; c < cols; c++) {
            double away = (double)shown[b * cols + c] - (double)other[b * stride + c];
            sum += away * away;
        }
    return sum / (double)(batch * cols);
}

/* Which of the curve's frames a moment is. */
static long place_of(const struct cal_blind *b, const struct cal_footage *f, long moment)
{
    long frame = f->moment[moment] % f->dump->stimulus->window, i = 0;
    while (b->frame[i] != frame)
        i++;
    return i;
}

/* The curve of one slice: mean errors of each frame over the held-out windows, all of them over the mean image's. */
static void fill_curve(const struct cal_blind *b, const struct part *test, int which, const float *guess, const float *mean,
                       const float *still, double (*curve)[CAL_BLIND_GUESSES])
{
    const struct cal_footage *f = &test->footage;
    size_t batch = f->rows / (size_t)f->n, cols = (size_t)test->cols[which];
    long *seen = cal_alloc((size_t)b->n * sizeof *seen);
    double whole = 0;
    for (long i = 0; i < f->n; i++) {
        long at = place_of(b, f, i);
        size_t row = (size_t)i * batch * cols;
        const float *shown = test->shown[which] + row;
        double error[CAL_BLIND_GUESSES] = {
            difference(batch, cols, shown, guess + row, cols), difference(batch, cols, shown, mean, 0),
            difference(batch, cols, shown, still && b->frame[at] >= b->blind_from ? still + row : NULL, cols)};
        for (int k = 0; k < CAL_BLIND_GUESSES; k++)
            curve[at][k] += error[k];
        whole += error[CAL_BLIND_MEAN] / (double)f->n;
        seen[at]++;
    }
    for (long i = 0; i < b->n; i++)
        for (int k = 0; k < CAL_BLIND_GUESSES; k++)
            curve[i][k] /= (double)seen[i] * whole;
    cal_free(seen);
}

/* The first sequences as they were and as they are read, rows of one moment after the other to one sequence after the other. */
static void fill_pictures(struct cal_blind *b, const struct part *test, const float *guess)
{
    const struct cal_footage *f = &test->footage;
    size_t batch = f->rows / (size_t)f->n, pixels = (size_t)test->cols[0], n = (size_t)b->n;
    b->sequences = batch < SEQUENCES ? (int)batch : SEQUENCES;
    b->truth = cal_alloc((size_t)b->sequences * n * pixels * sizeof *b->truth);
    b->generated = cal_alloc((size_t)b->sequences * n * pixels * sizeof *b->generated);
    for (long i = f->n - 1; i >= 0; i--) /* of several windows the first stays */
        for (size_t s = 0; s < (size_t)b->sequences; s++) {
            size_t to = (s * n + (size_t)place_of(b, f, i)) * pixels, from = ((size_t)i * batch + s) * pixels;
            memcpy(b->truth + to, test->shown[0] + from, pixels * sizeof *b->truth);
            memcpy(b->generated + to, guess + from, pixels * sizeof *b->generated);
        }
}

/* Fit, read, compare. */
static int measure_slice(struct cal_blind *b, const struct part *train, const struct part *test, int which)
{
    struct cal_pairs fit = pairs_of(train, which);
    uint32_t seed = test->footage.dump->experiment->seed;
    float *guess = cal_alloc(test->footage.rows * (size_t)fit.outputs * sizeof *guess), *still = NULL;
    int cols, err = CAL_OK;
    if (b->blind_from > 0)
        err = cal_footage_show(&test->footage, 1, &slices[which], b->blind_from - 1, &cols, &still);
    double(*curve)[CAL_BLIND_GUESSES] = cal_alloc((size_t)b->n * sizeof *curve);
    *(which ? &b->road : &b->image) = curve;
    if (!err) {
        struct cal_decoder *d = cal_decoder_create(&fit, seed);
        cal_decoder_fit(d, &fit, seed);
        cal_decoder_read(d, test->footage.rows, test->p, guess);
        fill_curve(b, test, which, guess, d->mean_t, still, curve);
        if (!which)
            fill_pictures(b, test, guess);
        cal_decoder_destroy(d);
        cal_free(still);
    }
    for (long i = 0; !err && i < b->n; i++)
        if (!isfinite(curve[i][CAL_BLIND_MODEL]))
            err = cal_fail(CAL_ENUMERICS, "decoder: what was recorded in the blind phases, or what was shown, is not finite");
    cal_free(guess);
    return err;
}

/* The first frame that is predicted: as many as the longest way that a drive of those who predict takes. */
static long first_predicted(const struct cal_dump *d, int phase)
{
    const struct cal_graph *g = d->graph;
    long first = 0;
    for (int i = 0; i < g->n_edges; i++) {
        int v = cal_graph_variable(g, g->edge[i].to, "p");
        if (g->edge[i].role == CAL_DRIVE && v >= 0 && g->record[phase][g->edge[i].to] >> v & 1 && g->edge[i].delay > first)
            first = g->edge[i].delay;
    }
    return first;
}

/* Which frames the held-out phase recorded. */
static void find_frames(struct cal_blind *b, const struct cal_footage *f, long first)
{
    b->frame = cal_alloc((CAL_BLIND_LAST + 1) * sizeof *b->frame);
    for (long frame = first; frame <= CAL_BLIND_LAST; frame++) {
        bool recorded = false;
        for (long i = 0; i < f->n; i++)
            recorded = recorded || f->moment[i] % f->dump->stimulus->window == frame;
        if (recorded)
            b->frame[b->n++] = frame;
    }
}

int cal_blind_measure(struct cal_dump *d, int train, int test, struct cal_blind *b)
{
    struct part fitted, scored;
    long first = first_predicted(d, test);
    const struct cal_slice *image = &d->stimulus->spec.slice[cal_rep_find(&d->stimulus->spec, "image")];
    *b = (struct cal_blind){.blind_from = d->experiment->phase[test].blind_from, .height = image->h, .width = image->w};
    int err = part_init(&fitted, d, train, first);
    if (err)
        return err;
    err = part_init(&scored, d, test, first);
    bool both = !err;
    if (!err && fitted.inputs != scored.inputs)
        err = cal_fail(CAL_EINPUT, "%s: `p` was recorded of other regions on training sequences than on held-out ones", d->dir);
    if (!err && fitted.footage.n)
        find_frames(b, &scored.footage, first);
    for (int which = 0; !err && b->n && which < 2; which++)
        if (scored.shown[which])
            err = measure_slice(b, &fitted, &scored, which);
    if (both)
        part_finish(&scored);
    part_finish(&fitted);
    if (err)
        cal_blind_finish(b);
    return err;
}

void cal_blind_finish(struct cal_blind *b)
{
    cal_free(b->frame);
    cal_free(b->image);
    cal_free(b->road);
    cal_free(b->truth);
    cal_free(b->generated);
    *b = (struct cal_blind){.n = 0};
}

struct cal_blind_score cal_blind_score(long blind_from, long n, const long *frame, double (*curve)[CAL_BLIND_GUESSES])
{
    struct cal_blind_score s = {0};
    long blind = 0;
    bool unbroken = true;
    for (long i = 0; i < n; i++) {
        double error = curve[i][CAL_BLIND_MODEL], mean = curve[i][CAL_BLIND_MEAN], other = fmin(mean, curve[i][CAL_BLIND_STILL]);
        if (frame[i] < blind_from)
            continue;
        blind++;
        s.better += error < other;
        s.better_5 += error <= other - MARGIN * mean;
        s.mean += error / mean;
        if (blind > 1) {
            unbroken = unbroken && error < other;
            s.first += unbroken;
        }
    }
    if (!blind)
        return (struct cal_blind_score){NAN, NAN, NAN, NAN};
    s.mean /= (double)blind;
    return s;
}
