/* experiments/stimuli/windows.c - see windows.h. */
#include "experiments/stimuli/windows.h"

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

/* Noise of one frame of the batch, in floats. */
static size_t noise_floats(const struct cal_windows *w, const struct cal_stimulus *s)
{
    return (size_t)w->p->views * (size_t)s->batch * pixels_of(s);
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
    w->noise = cal_alloc((size_t)w->p->stack * noise_floats(w, s) * sizeof *w->noise);
    return CAL_OK;
}

void cal_windows_finish(struct cal_windows *w)
{
    cal_free(w->noise);
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

/* The noise (views, B, pixels) of the frame that is shown `back` presentations before this one. What is older than the window has numbers
 * that follow on those of the window's first frame. */
static const float *noise_of(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation, long back)
{
    long place = presentation % w->p->window, before = back > place ? back - place : 0;
    struct cal_drawn wanted = {
        .filled = true, .phase = view->phase, .presentation = (uint64_t)(presentation - back + before), .block = (uint64_t)before};
    size_t slot = (size_t)(presentation - back + w->p->stack) % (size_t)w->p->stack, n = noise_floats(w, s);
    struct cal_drawn *drawn = &w->drawn[slot];
    float *noise = w->noise + slot * n;
    if (!drawn->filled || drawn->phase != wanted.phase || drawn->presentation != wanted.presentation || drawn->block != wanted.block) {
        struct cal_rng key = cal_rng_key(s->seed, CAL_STREAM_NOISE, CAL_OWNER_SHARED, (uint32_t)view->phase, wanted.presentation);
        cal_rng_normal_fill(&key, wanted.block * ((n + 63) / 64 * 64), noise, n);
        *drawn = wanted;
    }
    return noise;
}

void cal_windows_show(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                      cal_frame_fn *frame, void *who, float *const *out)
{
    size_t n = pixels_of(s), batch = (size_t)s->batch, stack = (size_t)w->p->stack, views = (size_t)w->p->views;
    float sd = (float)(view->noise < 0 ? w->p->noise : view->noise), scale = 1 / w->sd, shift = -w->mean / w->sd;
    const float *noise[CAL_STACK_MAX] = {NULL};
    bool noisy = false;
    for (size_t v = 1; v <= views; v++)
        noisy = noisy || (out[v] && sd != 0);
    for (size_t c = 0; c < stack && noisy; c++)
        noise[c] = noise_of(w, s, view, presentation, (long)(stack - 1 - c));
    for (size_t b = 0; b < batch; b++) {
        struct cal_frame_place latest = cal_windows_latest(w, s, view, presentation, (int)b);
        if (out[w->sequence])
            out[w->sequence][b] = (float)latest.sequence;
        for (size_t c = 0; c < stack; c++) {
            struct cal_frame_place place = {latest.sequence, latest.frame - (long)(stack - 1 - c)};
            const uint8_t *from = frame(who, view->split, place);
            for (size_t v = 0; v <= views; v++) {
                float *to = out[v] ? out[v] + (b * stack + c) * n : NULL;
                if (to)
                    cal_windows_shade(n, from, scale, shift, sd, v && noisy ? noise[c] + ((v - 1) * batch + b) * n : NULL, to);
            }
        }
    }
}

void cal_windows_shade_twin(size_t n, const uint8_t *from, float scale, float shift, float sd, const float *noise, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)from[i] * scale + shift + (noise ? (double)sd * noise[i] : 0));
}
