/* experiments/stimuli/windows.c - see windows.h. */
#include "experiments/stimuli/windows.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"

static long frames_of(const struct cal_sequences *q, long sequence)
{
    return q->frames ? q->frames[sequence] : q->each;
}

/* Frames that a window needs of its sequence. */
static long needed(const struct cal_windows_params *p)
{
    return p->window + p->stack - 1;
}

static int count_frames(const struct cal_windows *w, struct cal_stimulus *s, enum cal_split split)
{
    const struct cal_sequences *q = &w->split[split];
    for (long i = 0; i < q->n; i++) {
        if (frames_of(q, i) < needed(w->p))
            return cal_fail(CAL_EUSAGE, "stimulus %s: %s sequence %ld has %ld frames, expected at least %ld: window + stack - 1",
                            s->ops->kind, split == CAL_SPLIT_TRAIN ? "training" : "held-out", i, frames_of(q, i), needed(w->p));
        s->samples[split] += frames_of(q, i);
    }
    return CAL_OK;
}

static size_t pixels_of(const struct cal_stimulus *s)
{
    return (size_t)s->spec.slice[0].h * (size_t)s->spec.slice[0].w;
}

/* Rows of all noisy views together, (views,B). */
static size_t noisy_rows(const struct cal_windows *w, const struct cal_stimulus *s)
{
    return (size_t)w->p->views * (size_t)s->batch;
}

/* Rows whose noise is a whole number of groups of draws. */
static size_t rows_together(size_t pixels)
{
    size_t rows = 1;
    while (rows * pixels % 64)
        rows *= 2;
    return rows;
}

/* Floats from one row to the next: room for the stack to move along, and a little more, so that the rows of a column lie in different places of a
 * cache. */
static size_t row_floats(const struct cal_windows *w, const struct cal_stimulus *s)
{
    return 2 * (size_t)w->p->stack * pixels_of(s) + 64;
}

int cal_windows_init(struct cal_windows *w, struct cal_stimulus *s, int height, int width)
{
    int err = count_frames(w, s, CAL_SPLIT_TRAIN);
    if (!err)
        err = count_frames(w, s, CAL_SPLIT_HELD_OUT);
    if (err)
        return err;
    cal_samples_offer(&s->spec, (int)w->p->views, (int)w->p->stack, height, width);
    w->sequence = s->spec.n;
    cal_rep_spec_add(&s->spec, "sequence", 1);
    s->window = w->p->window;
    w->begin = cal_alloc((size_t)s->batch * sizeof *w->begin);
    w->noise = cal_alloc(rows_together(pixels_of(s)) * pixels_of(s) * sizeof *w->noise);
    w->noisy = cal_alloc(noisy_rows(w, s) * row_floats(w, s) * sizeof *w->noisy);
    for (int v = 1; v <= w->p->views; v++)
        s->lends |= 1u << v;
    return CAL_OK;
}

void cal_windows_finish(struct cal_windows *w)
{
    cal_free(w->noise);
    cal_free(w->noisy);
    cal_free(w->begin);
}

struct cal_frame_place cal_windows_place(const struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view,
                                         long presentation, int row)
{
    const struct cal_sequences *q = &w->split[view->split];
    long turn = presentation / w->p->window, index = turn * s->batch + row;
    struct cal_rng order = cal_samples_order(s, view, (uint64_t)(index / q->n)), start = cal_samples_order(s, view, (uint64_t)turn);
    long sequence = (long)cal_rng_permute(&order, (uint32_t)(index % q->n), (uint32_t)q->n);
    uint32_t places = (uint32_t)(frames_of(q, sequence) - needed(w->p) + 1);
    long first = (long)cal_rng_below(&start, (uint64_t)row, places) + w->p->stack - 1; /* a permutation uses none of its key's draws */
    return (struct cal_frame_place){.sequence = sequence, .frame = first + presentation % w->p->window};
}

struct cal_frame_place cal_windows_latest(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view,
                                          long presentation, int row)
{
    long turn = presentation / w->p->window;
    const struct cal_window *x = &w->shown;
    if (!x->filled || x->phase != view->phase || x->split != view->split || x->turn != turn) {
        for (int b = 0; b < s->batch; b++)
            w->begin[b] = cal_windows_place(w, s, view, turn * w->p->window, b);
        w->shown = (struct cal_window){.filled = true, .phase = view->phase, .split = view->split, .turn = turn};
    }
    return (struct cal_frame_place){.sequence = w->begin[row].sequence, .frame = w->begin[row].frame + presentation % w->p->window};
}

/* The frame that is shown `back` presentations before this one, with its noise, to place `slot` of all rows of all views. What is older than the
 * window has numbers that follow on those of the window's first frame. */
static void add_frame(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation, long back,
                      cal_frame_fn *frame, void *who, size_t slot)
{
    size_t n = pixels_of(s), rows = noisy_rows(w, s), ld = row_floats(w, s), together = rows_together(n), batch = (size_t)s->batch;
    long place = presentation % w->p->window, before = back > place ? back - place : 0;
    float sd = (float)w->shows.noise, scale = 1 / w->sd, shift = -w->mean / w->sd;
    struct cal_rng key =
        cal_rng_key(s->seed, CAL_STREAM_NOISE, CAL_OWNER_SHARED, (uint32_t)view->phase, (uint64_t)(presentation - back + before));
    uint64_t first = (uint64_t)before * ((rows * n + 63) / 64 * 64);
    for (size_t r = 0; r < rows; r++) {
        if (sd != 0 && r % together == 0)
            cal_rng_normal_fill(&key, first + r * n, w->noise, (rows - r < together ? rows - r : together) * n);
        struct cal_frame_place at = cal_windows_latest(w, s, view, presentation, (int)(r % batch));
        at.frame -= back;
        cal_windows_shade(n, frame(who, view->split, at), scale, shift, sd, sd != 0 ? w->noise + r % together * n : NULL,
                          w->noisy + r * ld + slot * n);
    }
}

const float *cal_windows_lend(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                              cal_frame_fn *frame, void *who, int slice, int *ld)
{
    size_t n = pixels_of(s), rows = noisy_rows(w, s), stack = (size_t)w->p->stack, row = row_floats(w, s);
    struct cal_shown *x = &w->shows;
    double noise = view->noise < 0 ? w->p->noise : view->noise;
    bool same = x->filled && x->phase == view->phase && x->split == view->split && x->noise == noise;
    bool next = same && x->presentation + 1 == presentation && presentation % w->p->window;
    if (!same || x->presentation != presentation) {
        size_t at = next ? x->at + 1 : 0;
        *x = (struct cal_shown){true, view->phase, view->split, noise, presentation, at};
        for (size_t c = 0; c + 1 < stack && !next; c++)
            add_frame(w, s, view, presentation, (long)(stack - 1 - c), frame, who, c);
        if (at > stack) { /* no more room: back to the beginning with what is still shown */
            for (size_t r = 0; r < rows; r++)
                memcpy(w->noisy + r * row, w->noisy + r * row + at * n, (stack - 1) * n * sizeof *w->noisy);
            x->at = 0;
        }
        add_frame(w, s, view, presentation, 0, frame, who, x->at + stack - 1);
    }
    *ld = (int)row;
    return w->noisy + (size_t)(slice - 1) * (size_t)s->batch * row + x->at * n;
}

/* The image itself, without noise. */
static void show_image(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                       cal_frame_fn *frame, void *who, float *out)
{
    size_t n = pixels_of(s), stack = (size_t)w->p->stack;
    for (size_t b = 0; b < (size_t)s->batch; b++)
        for (size_t c = 0; c < stack; c++) {
            struct cal_frame_place place = cal_windows_latest(w, s, view, presentation, (int)b);
            place.frame -= (long)(stack - 1 - c);
            cal_windows_shade(n, frame(who, view->split, place), 1 / w->sd, -w->mean / w->sd, 0, NULL, out + (b * stack + c) * n);
        }
}

void cal_windows_show(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                      cal_frame_fn *frame, void *who, float *const *out)
{
    size_t cols = (size_t)s->spec.slice[0].cols;
    if (out[0])
        show_image(w, s, view, presentation, frame, who, out[0]);
    for (int v = 1, ld; v <= w->p->views; v++)
        if (out[v]) {
            const float *from = cal_windows_lend(w, s, view, presentation, frame, who, v, &ld);
            for (size_t b = 0; b < (size_t)s->batch; b++)
                memcpy(out[v] + b * cols, from + b * (size_t)ld, cols * sizeof *from);
        }
    for (int b = 0; b < s->batch && out[w->sequence]; b++)
        out[w->sequence][b] = (float)cal_windows_latest(w, s, view, presentation, b).sequence;
}

void cal_windows_shade_twin(size_t n, const uint8_t *from, float scale, float shift, float sd, const float *noise, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)from[i] * scale + shift + (noise ? (double)sd * noise[i] : 0));
}
