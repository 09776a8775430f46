/* regions/layers/net.c - see net.h. */
#include "regions/layers/net.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/head.h"
#include "core/kernels.h"

const char *const cal_net_parts[] = {[CAL_NET_BODY] = "body", [CAL_NET_HEAD] = "head", [CAL_NET_STATISTICS] = "statistics", NULL};
const char *const cal_net_takes_drive[] = {"image", "map", NULL};
const char *const cal_net_takes_context[] = {"label", "box", NULL};
const char *const cal_net_metrics[] = {"loss", "accuracy", "entropy", NULL};

enum { LOGITS, POOLED, GAP }; /* the variables; then a GAP for each block of the body, and the box */
enum { BLOCK_ARRAYS = 3 };    /* of each block that the optimiser moves; those of all blocks come before the readout's */

#define HEAD_DRAWS 64 /* number of the head's first matrix of random weights; the blocks' are those from 0 */

int cal_net_map_slice(const struct cal_rep_spec *spec)
{
    for (int i = 0; i < spec->n; i++)
        if (spec->slice[i].c > 0 && !spec->slice[i].shared)
            return i;
    return -1;
}

/* The blocks' sizes, from the map below upwards. */
static int stack(struct cal_net *k, const struct cal_slice *map)
{
    int channels = map->c, height = map->h, width = map->w, batch = k->base.batch;
    for (int i = 0; i < k->shape.n; i++) {
        struct cal_block *block = &k->block[i];
        int out = k->shape.block[i].channels;
        bool pool = k->shape.block[i].pool;
        if (pool && (height % 2 || width % 2))
            return cal_fail(CAL_EUSAGE, "cannot pool a map of %d x %d by 2: both have to be even", height, width);
        block->conv = (struct cal_conv){.batch = batch, .in = channels, .out = out, .height = height, .width = width};
        block->norm = (struct cal_norm){.batch = batch, .channels = out, .height = height, .width = width, .pool = pool};
        channels = out;
        height = cal_block_height(block);
        width = cal_block_width(block);
    }
    if (height % CAL_BLOCKS || width % CAL_BLOCKS)
        return cal_fail(CAL_EUSAGE, "ends in maps of %d x %d, expected multiples of %d: they are read as %d x %d block averages", height,
                        width, CAL_BLOCKS, CAL_BLOCKS, CAL_BLOCKS);
    return CAL_OK;
}

/* How arrays of block i end: "", its number from 1, or that it is the head's. */
static const char *suffix(const struct cal_net *k, int i, char text[16])
{
    text[0] = '\0';
    if (i >= k->shape.body)
        snprintf(text, 16, ".head");
    else if (k->shape.numbered)
        snprintf(text, 16, "%d", i + 1);
    return text;
}

int cal_net_outputs(struct cal_region *r, const struct cal_net_shape *shape)
{
    struct cal_net *k = (struct cal_net *)r;
    const struct cal_readout_params *p = &((const struct cal_net_params *)r->params)->readout;
    if (r->n_drives != 1)
        return cal_fail(CAL_EUSAGE, "needs exactly one drive, the map it looks at; it has %d", r->n_drives);
    const struct cal_port *port = &r->drive[0];
    int map = cal_net_map_slice(&port->spec);
    if (map < 0)
        return cal_fail(CAL_EUSAGE, "`%s` from %s brings no map: expected an `image` or a `map` with channels, height and width",
                        port->projection, port->peer);
    k->shape = *shape;
    int error = stack(k, &port->spec.slice[map]);
    if (error)
        return error;
    const struct cal_block *last = &k->block[shape->body - 1];
    int channels = last->conv.out, height = cal_block_height(last), width = cal_block_width(last);
    struct cal_slice *out = cal_rep_spec_add(&r->out, "map", channels * height * width);
    out->c = channels;
    out->h = height;
    out->w = width;
    r->out.units = channels;
    cal_region_add_variable(r, "logits", "1", (int)p->classes);
    cal_region_add_variable(r, "pooled", "1", CAL_BLOCKS * CAL_BLOCKS * k->block[shape->n - 1].conv.out);
    for (int i = 0; i < shape->body; i++) {
        char name[24], number[16];
        snprintf(name, sizeof name, "gap%s", suffix(k, i, number));
        cal_region_add_variable(r, name, "1", k->block[i].conv.out);
    }
    if (p->boxes)
        cal_region_add_variable(r, "box", "1", CAL_BOX);
    return CAL_OK;
}

/* One context, with a label and, if it is asked for, a box for each sample. */
static int check_context(const struct cal_region *r, const struct cal_readout_params *p)
{
    const struct {
        const char *name;
        int cols;
    } wanted[] = {{"label", 1}, {"box", CAL_BOX}};
    if (r->n_contexts != 1)
        return cal_fail(CAL_EUSAGE, "needs exactly one context, the stimulus with its labels; it has %d", r->n_contexts);
    const struct cal_port *port = &r->context[0];
    for (int i = 0; i < (p->boxes ? 2 : 1); i++) {
        int at = cal_rep_find(&port->spec, wanted[i].name);
        if (at < 0 || port->spec.slice[at].cols != wanted[i].cols || port->spec.slice[at].shared)
            return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `%s` (%d a sample)", port->projection, port->peer, wanted[i].name,
                            wanted[i].cols);
    }
    return CAL_OK;
}

int cal_net_declare(struct cal_region *r)
{
    struct cal_net *k = (struct cal_net *)r;
    const struct cal_net_params *p = r->params;
    struct cal_layout *l = &r->layout;
    int error = check_context(r, &p->readout);
    if (error)
        return error;
    if (r->batch < 2)
        return cal_fail(CAL_EUSAGE, "normalises over the batch: it needs a batch of at least 2, got %d", r->batch);
    size_t scratch = 0, map = 0;
    char number[16];
    cal_optim_init(&k->optim, &p->optimiser);
    for (int i = 0; i < k->shape.n; i++) {
        const struct cal_block *block = &k->block[i];
        size_t of_block = cal_conv_scratch(&block->conv), out = cal_block_out_floats(block);
        cal_block_declare(&k->block[i], suffix(k, i, number), l, &k->optim);
        scratch = of_block > scratch ? of_block : scratch;
        map = out > map ? out : map;
    }
    CAL_ASSERT(k->optim.n == BLOCK_ARRAYS * k->shape.n);
    const struct cal_block *last = &k->block[k->shape.n - 1];
    if (k->shape.n > k->shape.body)
        cal_layout_f32(l, CAL_SCRATCH, "map.head", &k->top, (size_t[]){cal_block_out_floats(last), 0});
    cal_readout_declare(&k->readout, &p->readout, r->batch, last->conv.out, cal_block_height(last), cal_block_width(last), l, &k->optim);
    cal_layout_f32(l, CAL_SCRATCH, "conv", &k->scratch, (size_t[]){scratch, 0});
    cal_layout_f32(l, CAL_SCRATCH, "map.d", &k->g_map, (size_t[]){map, 0});
    return CAL_OK;
}

void cal_net_declare_tape(struct cal_region *r, void *tape, struct cal_layout *l)
{
    const struct cal_net *k = (const struct cal_net *)r;
    struct cal_net_tape *t = tape;
    for (int i = 0; i < k->shape.n; i++) {
        char name[24], number[16];
        cal_block_declare_tape(&k->block[i], suffix(k, i, number), i > 0, &t->block[i], l);
        if (i >= k->shape.body)
            continue;
        snprintf(name, sizeof name, "gap%s", number);
        cal_layout_f32(l, CAL_TAPE, name, &t->gap[i], (size_t[]){(size_t)r->batch, (size_t)k->block[i].conv.out, 0});
    }
    cal_readout_declare_tape(&k->readout, &t->readout, l);
}

void cal_net_init(struct cal_region *r)
{
    struct cal_net *k = (struct cal_net *)r;
    for (int i = 0; i < k->shape.n; i++)
        cal_block_init(&k->block[i], r->seed, r->id, i);
    cal_readout_init(&k->readout, r->seed, r->id, HEAD_DRAWS);
}

static bool learns(const struct cal_step *s, int part)
{
    return s->learn && (s->parts >> part & 1);
}

static bool of_head(const struct cal_net *k, int block)
{
    return block >= k->shape.body;
}

/* The block's running statistics follow, and so the batch's own are used. */
static bool gathers(const struct cal_net *k, const struct cal_step *s, int block)
{
    return of_head(k, block) ? s->learn : learns(s, CAL_NET_BODY) || learns(s, CAL_NET_STATISTICS);
}

/* Does the block move, or a block below it? Else nobody wants its gradient. */
static bool wants_gradient(const struct cal_net *k, const struct cal_step *s, int block)
{
    return learns(s, CAL_NET_BODY) || (of_head(k, block) && learns(s, CAL_NET_HEAD));
}

/* gap (B,K): the mean over each map. */
static void average(const struct cal_block *k, const float *y, float *gap)
{
    size_t area = (size_t)cal_block_height(k) * (size_t)cal_block_width(k), maps = cal_block_out_floats(k) / area;
    for (size_t i = 0; i < maps; i++)
        gap[i] = (float)(cal_sum(y + i * area, area) / (double)area);
}

static int forward_block(struct cal_net *k, struct cal_net_tape *t, const struct cal_step *s, int i, float *y)
{
    cal_block_forward(&k->block[i], &t->block[i], gathers(k, s, i), y, k->scratch);
    if (!cal_all_finite(t->block[i].variance, (size_t)k->shape.block[i].channels)) /* ReLU may hide it in y */
        return cal_fail(CAL_ENUMERICS, "block %d: a convolution is infinite or no number", i + 1);
    if (!of_head(k, i) && s->record >> (GAP + i) & 1)
        average(&k->block[i], y, t->gap[i]);
    return CAL_OK;
}

int cal_net_forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    struct cal_net *k = (struct cal_net *)r;
    struct cal_net_tape *t = tape;
    int n = k->shape.n, body = k->shape.body, error = CAL_OK;
    CAL_ASSERT(drive[0]);
    cal_rep_pack(drive[0], cal_net_map_slice(drive[0]->spec), t->block[0].x);
    for (int i = 0; i < body && !error; i++)
        error = forward_block(k, t, s, i, i < body - 1 ? t->block[i + 1].x : out[0]);
    if (error || (!s->learn && !s->record))
        return error;
    if (body < n)
        memcpy(t->block[body].x, out[0], cal_block_out_floats(&k->block[body - 1]) * sizeof *out[0]);
    for (int i = body; i < n && !error; i++)
        error = forward_block(k, t, s, i, i < n - 1 ? t->block[i + 1].x : k->top);
    if (!error)
        cal_readout_forward(&k->readout, &t->readout, body < n ? k->top : out[0]);
    return error;
}

/* Move the arrays of those parts that learn. */
static void update(const struct cal_net *k, const struct cal_step *s)
{
    struct cal_optim learning = k->optim;
    learning.n = 0;
    for (int i = 0; i < k->optim.n; i++)
        if (learns(s, i < BLOCK_ARRAYS * k->shape.body ? CAL_NET_BODY : CAL_NET_HEAD))
            learning.part[learning.n++] = k->optim.part[i];
    if (learning.n)
        cal_optim_update(&learning, s);
}

int cal_net_learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    struct cal_net *k = (struct cal_net *)r;
    struct cal_net_tape *t = tape;
    struct cal_readout_value value;
    int top = k->shape.n - 1;
    CAL_ASSERT(context[0]);
    int error = cal_readout_backward(&k->readout, &t->readout, context[0], wants_gradient(k, s, top) ? k->g_map : NULL, &value);
    if (error)
        return error;
    for (int i = top; i >= 0 && wants_gradient(k, s, i); i--) /* a block's gradient in its input takes the place of that in its output */
        cal_block_backward(&k->block[i], &t->block[i], k->g_map, i > 0 && wants_gradient(k, s, i - 1) ? k->g_map : NULL, k->scratch);
    for (int i = 0; i <= top; i++) {
        struct cal_block *block = &k->block[i];
        if (gathers(k, s, i))
            cal_norm_track(&block->norm, t->block[i].mean, t->block[i].variance, block->run_mean, block->run_variance);
    }
    update(k, s);
    metric[0] = value.loss;
    metric[1] = value.accuracy;
    metric[2] = value.entropy;
    return CAL_OK;
}

const float *cal_net_observe(struct cal_region *r, void *tape, int i)
{
    const struct cal_net *k = (const struct cal_net *)r;
    const struct cal_net_tape *t = tape;
    return i == LOGITS ? t->readout.logits : i == POOLED ? t->readout.pooled : i < GAP + k->shape.body ? t->gap[i - GAP] : t->readout.box;
}
