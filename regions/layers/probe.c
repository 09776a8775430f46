/* regions/layers/probe.c - see probe.h. Nothing is learnt, so blocks are normalised by their running statistics: constants, on the way back. */
#include "regions/layers/probe.h"

#include <math.h>
#include <string.h>

#include "core/head.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "regions/backprop/backprop.h"
#include "regions/layers/net.h"
#include "regions/stage/stage.h"

/* Where in `a`, a map of width `width`, the largest of the 2x2 values comes from whose first is at `place`; `sign` is gamma's. */
static size_t largest(const float *a, size_t place, size_t width, float sign)
{
    const size_t other[] = {place + 1, place + width, place + width + 1};
    for (int i = 0; i < 3; i++)
        if (sign * a[other[i]] > sign * a[place])
            place = other[i];
    return place;
}

/* g_a from g_y, through pooling, ReLU and normalisation. Both are overwritten or read map by map. */
static void back_norm(const struct cal_block *k, const struct cal_block_tape *t, const float *g_y, float *g_a)
{
    const struct cal_norm *n = &k->norm;
    size_t width = (size_t)n->width, area = (size_t)n->height * width, step = n->pool ? 2 : 1,
           maps = (size_t)n->batch * (size_t)n->channels;
    memset(g_a, 0, maps * area * sizeof *g_a);
    for (size_t map = 0; map < maps; map++) {
        size_t channel = map % (size_t)n->channels;
        const float *a = t->a + map * area;
        float slope = t->gamma[channel] / sqrtf(t->variance[channel] + CAL_NORM_EPSILON);
        for (size_t y = 0; y < (size_t)n->height; y += step)
            for (size_t x = 0; x < width; x += step) {
                size_t place = y * width + x;
                if (n->pool)
                    place = largest(a, place, width, slope);
                if (slope * (a[place] - t->mean[channel]) + t->beta[channel] > 0)
                    g_a[map * area + place] = slope * *g_y;
                g_y++;
            }
    }
}

/* g_x from g_a: the convolution with the filters turned round, in and out exchanged. */
static void back_conv(const struct cal_block *k, const float *g_a, float *g_x)
{
    struct cal_conv turned = k->conv;
    turned.in = k->conv.out;
    turned.out = k->conv.in;
    size_t in = (size_t)k->conv.in, out = (size_t)k->conv.out;
    float *w = cal_alloc(9 * in * out * sizeof *w), *scratch = cal_alloc(cal_conv_scratch(&turned) * sizeof *scratch);
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t tap = 0; tap < 9; tap++)
                w[(i * out + o) * 9 + 8 - tap] = k->w[(o * in + i) * 9 + tap];
    cal_conv_forward(&turned, g_a, w, g_x, scratch);
    cal_free(scratch);
    cal_free(w);
}

/* g (B, floats of the block's map) is the gradient in its output; replaced by that in its input, which is handed back. [give] both ways */
static float *back_block(const struct cal_block *k, const struct cal_block_tape *t, float *g)
{
    size_t area = (size_t)k->conv.height * (size_t)k->conv.width, batch = (size_t)k->conv.batch;
    float *g_a = cal_alloc(batch * (size_t)k->conv.out * area * sizeof *g_a),
          *g_x = cal_alloc(batch * (size_t)k->conv.in * area * sizeof *g_x);
    back_norm(k, t, g, g_a);
    back_conv(k, g_a, g_x);
    cal_free(g_a);
    cal_free(g);
    return g_x;
}

/* The gradient in the map that the readout looks at. [give] */
static float *back_readout(const struct cal_net *k, const float *g_logits)
{
    const struct cal_readout *r = &k->readout;
    float *g_map = cal_alloc(cal_block_out_floats(&k->block[k->shape.n - 1]) * sizeof *g_map);
    float *g_pooled = cal_alloc((size_t)r->batch * (size_t)r->features * sizeof *g_pooled);
    int classes = (int)r->params.classes;
    cal_gemm(false, false, r->batch, r->features, classes, 1, g_logits, classes, r->w, r->features, 0, g_pooled, r->features);
    cal_blocks_backward(r->batch * r->channels, r->height, r->width, g_pooled, g_map);
    cal_free(g_pooled);
    return g_map;
}

/* The gradient in the body's map: what comes from above, and from the readout through the head's blocks where anybody asked it. [give] */
static float *back_head(const struct cal_net *k, const struct cal_net_tape *t, const struct cal_probe_pass *p)
{
    size_t floats = cal_block_out_floats(&k->block[k->shape.body - 1]);
    float *g = p->g_logits ? back_readout(k, p->g_logits) : cal_alloc(floats * sizeof *g);
    for (int i = k->shape.n - 1; i >= k->shape.body && p->g_logits; i--)
        g = back_block(&k->block[i], &t->block[i], g);
    cal_axpy(floats, 1, p->g_out[0], g);
    return g;
}

static void back(const struct cal_probe_pass *p, float *const *g_drive)
{
    const struct cal_net *k = (const struct cal_net *)p->region;
    const struct cal_net_tape *t = p->tape;
    const struct cal_rep_spec *spec = p->drive[0]->spec;
    float *g = back_head(k, t, p);
    for (int i = k->shape.body - 1; i >= 0; i--)
        g = back_block(&k->block[i], &t->block[i], g);
    memset(g_drive[0], 0, cal_rep_spec_floats(spec) * sizeof *g_drive[0]);
    const struct cal_conv *first = &k->block[0].conv;
    size_t floats = (size_t)first->batch * (size_t)first->in * (size_t)(first->height * first->width);
    memcpy(g_drive[0] + cal_probe_offset(spec, cal_net_map_slice(spec)), g, floats * sizeof *g);
    cal_free(g);
}

/* The filters of each block, then the head. */
static bool weights(const struct cal_region *r, int i, struct cal_probe_weights *w)
{
    static const char *const names[CAL_NET_BLOCKS_MAX] = {"w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"};
    const struct cal_net *k = (const struct cal_net *)r;
    int classes = (int)k->readout.params.classes;
    if (i > k->shape.n)
        return false;
    if (i == k->shape.n)
        *w = (struct cal_probe_weights){.name = "head.w", .units = classes, .inputs = k->readout.features, .w = k->readout.w};
    else
        *w = (struct cal_probe_weights){.name = i >= k->shape.body  ? "w.head"
                                                : k->shape.numbered ? names[i]
                                                                    : "w",
                                        .units = k->block[i].conv.out,
                                        .inputs = 9 * k->block[i].conv.in,
                                        .w = k->block[i].w};
    w->n = (size_t)w->units * (size_t)w->inputs;
    return true;
}

const struct cal_probe cal_stage_probe = {.kind = &cal_stage_ops, .back = back, .weights = weights};
const struct cal_probe cal_backprop_probe = {.kind = &cal_backprop_ops, .back = back, .weights = weights};
