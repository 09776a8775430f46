/* experiments/stimuli/samples.c - see samples.h. */
#include "experiments/stimuli/samples.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"

/* Stands for the phase in the key of the held-out order; no phase has this number. */
#define HELD_OUT_ORDER 0xffffu

struct cal_rng cal_samples_order(const struct cal_stimulus *s, const struct cal_view *view, uint64_t epoch)
{
    CAL_ASSERT(view->phase >= 0 && (uint32_t)view->phase < HELD_OUT_ORDER);
    uint32_t phase = view->split == CAL_SPLIT_HELD_OUT ? HELD_OUT_ORDER : (uint32_t)view->phase;
    return cal_rng_key(s->seed, CAL_STREAM_ORDER, CAL_OWNER_SHARED, phase, epoch);
}

int cal_samples_init(struct cal_samples *q, const struct cal_stimulus *s, const struct cal_view *view, long presentation)
{
    CAL_ASSERT(presentation >= 0);
    bool held_out = view->split == CAL_SPLIT_HELD_OUT;
    long samples = s->samples[view->split];
    long batches = samples / s->batch;
    if (!batches)
        return cal_fail(CAL_EUSAGE, "stimulus %s: %ld %s samples are fewer than a batch of %d", s->ops->kind, samples,
                        held_out ? "held-out" : "training", s->batch);
    CAL_ASSERT(samples <= INT32_MAX);
    q->order = cal_samples_order(s, view, held_out ? 0 : (uint64_t)(presentation / batches));
    q->first = (uint32_t)(presentation % batches * s->batch);
    q->n = (uint32_t)samples;
    return CAL_OK;
}

uint32_t cal_samples_row(const struct cal_samples *q, int row)
{
    return cal_rng_permute(&q->order, q->first + (uint32_t)row, q->n);
}

void cal_samples_offer(struct cal_rep_spec *spec, int views, int c, int h, int w)
{
    for (int v = 0; v <= views; v++) {
        char name[24];
        if (v)
            snprintf(name, sizeof name, "view%d", v);
        else
            snprintf(name, sizeof name, "image");
        struct cal_slice *slice = cal_rep_spec_add(spec, name, c * h * w);
        slice->c = c;
        slice->h = h;
        slice->w = w;
    }
}

void cal_samples_views(const struct cal_stimulus *s, const struct cal_view *view, long presentation, int views, double noise,
                       float *const *out)
{
    const float *image = out[0];
    float sd = (float)(view->noise < 0 ? noise : view->noise);
    size_t n = (size_t)s->batch * (size_t)s->spec.slice[0].cols;
    size_t span = (n + 63) / 64 * 64; /* the generator fills from multiples of 64 */
    struct cal_rng key = cal_rng_key(s->seed, CAL_STREAM_NOISE, CAL_OWNER_SHARED, (uint32_t)view->phase, (uint64_t)presentation);
    for (int v = 1; v <= views; v++) {
        float *x = out[v];
        if (sd == 0) {
            memcpy(x, image, n * sizeof *x);
            continue;
        }
        cal_rng_normal_fill(&key, (uint64_t)(v - 1) * span, x, n);
        for (size_t i = 0; i < n; i++)
            x[i] = image[i] + sd * x[i];
    }
}
