/* tests/net_reference.h - the loss of a net in float64, by the slow twins, and what tests of nets ask of all. */
#ifndef CAL_TESTS_NET_REFERENCE_H
#define CAL_TESTS_NET_REFERENCE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/conv.h"
#include "core/head.h"
#include "core/norm.h"
#include "tests/net.h"

/* A net in float64: its own copy of the arrays, so that they can be moved by less than a float32 would notice. */
#define NET_ARRAYS_MAX 128
struct net_reference {
    const struct cal_net *net;
    const struct net_world *world;
    const float *input;            /* of the first block */
    bool running;                  /* statistics: the running ones */
    double *array[NET_ARRAYS_MAX]; /* as the layout counts */
    double *gap[CAL_NET_BLOCKS_MAX], *map, *top, *pooled, *logits,
        *box; /* of the last call of net_reference_loss(); map: sent, top: read */
    int right;
};

static inline double *net_doubles(const float *x, size_t n)
{
    double *copy = cal_alloc(n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (double)x[i];
    return copy;
}

static inline void net_reference_init(struct net_reference *f, const struct net_chain *c, int i)
{
    const struct cal_region *r = c->region[i];
    *f = (struct net_reference){.net = (const struct cal_net *)r, .world = c->world, .input = i ? c->out[i - 1] : c->world->image};
    CAL_ASSERT(r->layout.n <= NET_ARRAYS_MAX);
    for (int k = 0; k < r->layout.n; k++)
        if (r->layout.arrays[k].role == CAL_STATE && r->layout.arrays[k].type == CAL_F32)
            f->array[k] = net_doubles(cal_array_data(&r->layout.arrays[k]), cal_array_count(&r->layout.arrays[k]));
}

static inline void net_reference_forget(struct net_reference *f)
{
    double **made[] = {&f->map, &f->top, &f->pooled, &f->logits, &f->box};
    for (int i = 0; i < CAL_NET_BLOCKS_MAX + 5; i++) {
        double **at = i < 5 ? made[i] : &f->gap[i - 5];
        cal_free(*at);
        *at = NULL;
    }
}

static inline void net_reference_finish(struct net_reference *f)
{
    net_reference_forget(f);
    for (int k = 0; k < NET_ARRAYS_MAX; k++)
        cal_free(f->array[k]);
}

/* The reference's array of that name: block i's, or the readout's (-1). */
static inline double *net_reference_array(const struct net_reference *f, const char *name, int i)
{
    const struct cal_net_shape *shape = &f->net->shape;
    char full[32];
    if (i >= shape->body)
        snprintf(full, sizeof full, "%s.head", name);
    else
        snprintf(full, sizeof full, i >= 0 && shape->numbered ? "%s%d" : "%s", name, i + 1);
    const struct cal_array *a = net_find(&f->net->base, full);
    if (!a)
        cal_die(CAL_EINTERNAL, "%s has no array `%s`", f->net->base.name, full);
    return f->array[a - f->net->base.layout.arrays];
}

/* y of block i. [give] */
static inline double *net_reference_block(struct net_reference *f, int i, const double *x)
{
    const struct cal_block *k = &f->net->block[i];
    size_t channels = (size_t)k->conv.out, area = (size_t)cal_block_height(k) * (size_t)cal_block_width(k);
    double *a = cal_alloc((size_t)k->conv.batch * channels * (size_t)(k->conv.height * k->conv.width) * sizeof *a);
    double *y = cal_alloc(cal_block_out_floats(k) * sizeof *y), *statistics = cal_alloc(2 * channels * sizeof *statistics);
    double *mean = statistics, *variance = statistics + channels;
    cal_conv_forward_twin(&k->conv, x, net_reference_array(f, "w", i), a);
    if (f->running) {
        mean = net_reference_array(f, "mean", i);
        variance = net_reference_array(f, "variance", i);
    } else
        cal_norm_statistics_twin(&k->norm, a, mean, variance);
    cal_norm_forward_twin(&k->norm, a, mean, variance, net_reference_array(f, "gamma", i), net_reference_array(f, "beta", i), y);
    f->gap[i] = cal_alloc((size_t)k->conv.batch * channels * sizeof *y);
    for (size_t m = 0; m < (size_t)k->conv.batch * channels; m++)
        for (size_t p = 0; p < area; p++)
            f->gap[i][m] += y[m * area + p] / (double)area;
    cal_free(statistics);
    cal_free(a);
    return y;
}

/* The losses on f->pooled. */
static inline double net_reference_readout(struct net_reference *f)
{
    const struct cal_readout *k = &f->net->readout;
    const struct cal_readout_params *p = &k->params;
    int n = k->batch, d = k->features, classes = (int)p->classes;
    double *label = net_doubles(f->world->label, (size_t)n), *box = net_doubles(f->world->box, (size_t)n * CAL_BOX);
    double *unused = cal_alloc((size_t)n * (size_t)(d + classes + CAL_BOX) * sizeof *unused);
    f->logits = cal_alloc((size_t)(n * classes) * sizeof *f->logits);
    cal_linear_forward_twin(n, d, classes, f->pooled, net_reference_array(f, "head.w", -1), net_reference_array(f, "head.b", -1),
                            f->logits);
    double loss = cal_cross_entropy_twin(n, classes, f->logits, label, unused, &f->right);
    if (p->local == CAL_LOCAL_SIMILARITY) {
        struct cal_similarity_twin t = {.rows = n, .cols = d, .classes = classes, .p = f->pooled, .label = label, .dp = unused};
        cal_similarity_twin(&t);
        loss = 0.1 * loss + 0.9 * t.value;
    }
    if (p->boxes) {
        f->box = cal_alloc((size_t)n * CAL_BOX * sizeof *f->box);
        cal_linear_forward_twin(n, d, CAL_BOX, f->pooled, net_reference_array(f, "box.w", -1), net_reference_array(f, "box.b", -1), f->box);
        loss += 5 * cal_smooth_l1_twin(n, CAL_BOX, 0.1, f->box, box, unused);
    }
    struct cal_entropy_twin t = {
        .rows = n, .cols = d, .alpha = p->alpha ? 1.01 : 2, .p = f->pooled, .label = p->conditional ? label : NULL, .dp = unused};
    cal_entropy_twin(&t);
    cal_free(unused);
    cal_free(box);
    cal_free(label);
    return loss + p->beta * t.value;
}

/* The region's loss; all that it makes on the way stays in f. */
static inline double net_reference_loss(struct net_reference *f)
{
    const struct cal_net *net = f->net;
    const struct cal_readout *k = &net->readout;
    const struct cal_conv *first = &net->block[0].conv;
    net_reference_forget(f);
    double *x = net_doubles(f->input, (size_t)first->batch * (size_t)first->in * (size_t)(first->height * first->width));
    for (int i = 0; i < net->shape.n; i++) {
        double *y = net_reference_block(f, i, x);
        cal_free(x);
        x = y;
        if (i == net->shape.body - 1)
            f->map =
                memcpy(cal_alloc(cal_block_out_floats(&net->block[i]) * sizeof *x), x, cal_block_out_floats(&net->block[i]) * sizeof *x);
    }
    f->top = x;
    f->pooled = cal_alloc((size_t)k->batch * (size_t)k->features * sizeof *x);
    cal_blocks_forward_twin(k->batch * k->channels, k->height, k->width, f->top, f->pooled);
    return net_reference_readout(f);
}

/* Every gradient of region i, as learning has left it, against the slope of the loss that f stands for; the worst as a share of the largest. */
static inline double net_gradient_error(struct net_reference *f, double *largest)
{
    const double h = 1e-6;
    const struct cal_layout *l = &f->net->base.layout;
    double worst = 0;
    *largest = 0;
    for (int k = 0; k < l->n; k++) {
        char name[40];
        snprintf(name, sizeof name, "%s.g", l->arrays[k].name);
        const struct cal_array *gradient = net_find(&f->net->base, name);
        if (!gradient)
            continue;
        const float *g = cal_array_data(gradient);
        for (size_t i = 0; i < cal_array_count(gradient); i++) {
            double was = f->array[k][i], above, below;
            f->array[k][i] = was + h;
            above = net_reference_loss(f);
            f->array[k][i] = was - h;
            below = net_reference_loss(f);
            f->array[k][i] = was;
            double slope = (above - below) / (2 * h);
            *largest = fmax(*largest, fabs(slope));
            worst = fmax(worst, fabs(slope - (double)g[i]));
        }
    }
    return worst / *largest;
}

/* Loss, accuracy and gradients of the chain's one region, which has its first presentation before it, are those of the definition. */
static inline void net_check_gradients(struct net_chain *c, int setting)
{
    struct net_reference f;
    double largest;
    net_reference_init(&f, c, 0);
    assert_int_equal(net_train(c, 0, ~0u), CAL_OK);
    double loss = net_reference_loss(&f);
    if (fabs(c->metric[0][0] - loss) > 1e-5 * loss)
        fail_msg("setting %d: loss %.9g, expected %.9g", setting, c->metric[0][0], loss);
    assert_true(c->metric[0][1] == (double)f.right / c->region[0]->batch);
    double error = net_gradient_error(&f, &largest);
    assert_true(largest > 1e-2);
    if (error > 1e-4)
        fail_msg("setting %d: gradient off by %g of the largest, %g", setting, error, largest);
    net_reference_finish(&f);
}

/* All gradients of the region are what they were at the first call, when *kept was NULL. The second frees what is kept. */
static inline void net_same_gradients(const struct cal_region *r, float **kept)
{
    size_t n;
    float *now = net_gradients(r, &n);
    if (!*kept) {
        *kept = now;
        return;
    }
    assert_memory_equal(now, *kept, n * sizeof *now);
    cal_free(now);
    cal_free(*kept);
}

/* The end of a test: nothing is left. */
static inline void net_done(struct net_chain *c, struct net_world *w)
{
    net_destroy(c);
    net_world_finish(w);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

#endif
