/* tests/net.h - nets wired by hand in one process, and their loss in float64, for tests of the kinds `stage` and `backprop`.
 *
 * A chain: the stimulus drives the first region, each region the next; label and box of the stimulus are every region's context. */
#ifndef CAL_TESTS_NET_H
#define CAL_TESTS_NET_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/conv.h"
#include "core/err.h"
#include "core/head.h"
#include "core/mem.h"
#include "core/norm.h"
#include "core/rng.h"
#include "core/yaml.h"
#include "regions/backprop/backprop.h"
#include "regions/layers/net.h"
#include "regions/stage/stage.h"

#define NET_CHAIN_MAX 3

/* A batch of things to see. */
struct net_world {
    struct cal_rep_spec sight, truth; /* image; label and box */
    float *image, *label, *box;
};

struct net_chain {
    int n;
    const struct net_world *world;
    union {
        struct cal_stage_params stage;
        struct cal_backprop_params backprop;
    } params[NET_CHAIN_MAX];
    struct cal_port drive[NET_CHAIN_MAX], context[NET_CHAIN_MAX];
    char name[NET_CHAIN_MAX][8];
    struct cal_region *region[NET_CHAIN_MAX];
    struct cal_tape tape[NET_CHAIN_MAX];
    float *out[NET_CHAIN_MAX];
    double metric[NET_CHAIN_MAX][CAL_METRICS_MAX];
};

static inline void net_draw(float *x, size_t n, unsigned owner, float mean, float spread)
{
    struct cal_rng rng = cal_rng_key(11, CAL_STREAM_TEST, owner, 0, 0);
    cal_rng_normal_fill(&rng, 0, x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = mean + spread * x[i];
}

/* batch pictures of side x side, noise alone; labels in turn, boxes anywhere. */
static inline void net_world_init(struct net_world *w, int batch, int channels, int side, int classes)
{
    int floats = channels * side * side;
    *w = (struct net_world){.sight.rows = batch, .truth.rows = batch};
    struct cal_slice *image = cal_rep_spec_add(&w->sight, "image", floats);
    image->c = channels;
    image->h = image->w = side;
    cal_rep_spec_add(&w->truth, "label", 1);
    cal_rep_spec_add(&w->truth, "box", CAL_BOX);
    w->image = cal_alloc((size_t)(batch * floats) * sizeof(float));
    w->label = cal_alloc((size_t)batch * sizeof(float));
    w->box = cal_alloc((size_t)batch * CAL_BOX * sizeof(float));
    net_draw(w->image, (size_t)(batch * floats), 1, 0.2f, 1);
    net_draw(w->box, (size_t)batch * CAL_BOX, 2, 0.5f, 0.2f);
    for (int i = 0; i < batch; i++)
        w->label[i] = (float)(i % classes);
}

static inline void net_world_finish(struct net_world *w)
{
    cal_free(w->image);
    cal_free(w->label);
    cal_free(w->box);
}

/* Region i of the kind, with parameters in YAML's flow style; not yet asked for anything. */
static inline void net_region(struct net_chain *c, int i, const struct cal_region_ops *ops, const char *parameters)
{
    struct cal_node *map = NULL;
    if (cal_yaml_parse(parameters, "test", &map) || cal_params_read(ops->params, "test", map, NULL, &c->params[i]))
        cal_die(CAL_EINTERNAL, "%s: %s", parameters, cal_err_message());
    cal_node_free(map);
    snprintf(c->name[i], sizeof c->name[i], "S.%d", i);
    struct cal_region *r = c->region[i] = cal_region_create(ops);
    c->drive[i] = (struct cal_port){.projection = "up",
                                    .peer = i ? c->name[i - 1] : "stimulus",
                                    .role = CAL_DRIVE,
                                    .spec = i ? c->region[i - 1]->out : c->world->sight};
    c->context[i] = (struct cal_port){.projection = "truth", .peer = "stimulus", .role = CAL_CONTEXT, .spec = c->world->truth};
    r->name = c->name[i];
    r->id = i;
    r->seed = 4;
    r->batch = c->world->sight.rows;
    r->params = &c->params[i];
    r->drive = &c->drive[i];
    r->context = &c->context[i];
    r->n_drives = r->n_contexts = 1;
}

/* A chain of n regions of the kind; destroy it in any case. Error: the first region's that refuses. */
static inline int net_create(struct net_chain *c, const struct net_world *world, const struct cal_region_ops *ops, int n,
                             const char *const *parameters)
{
    *c = (struct net_chain){.world = world};
    for (int i = 0, error; i < n; i++) {
        net_region(c, i, ops, parameters[i]);
        c->n++;
        if ((error = cal_region_outputs(c->region[i])) || (error = cal_region_declare(c->region[i])))
            return error;
        cal_region_init(c->region[i]);
        cal_tape_init(&c->tape[i], c->region[i]);
        c->out[i] = cal_alloc(cal_rep_spec_floats(&c->region[i]->out) * sizeof(float));
    }
    return CAL_OK;
}

static inline void net_destroy(struct net_chain *c)
{
    for (int i = 0; i < c->n; i++) {
        cal_tape_finish(&c->tape[i]);
        cal_params_finish(c->region[i]->ops->params, &c->params[i]);
        cal_region_destroy(c->region[i]);
        cal_free(c->out[i]);
    }
}

/* The step of a presentation from which all learn in these parts; none: nobody learns. Everything is recorded. */
static inline struct cal_step net_step(long presentation, unsigned parts)
{
    return (struct cal_step){.presentation = presentation,
                             .learn = parts != 0,
                             .parts = parts,
                             .perceive = true,
                             .rate = 1,
                             .learnt = presentation,
                             .learn_total = 1000,
                             .record = ~0u};
}

static inline int net_forward(struct net_chain *c, const struct cal_step *s)
{
    int error = CAL_OK;
    for (int i = 0; i < c->n && !error; i++) {
        const struct cal_rep_spec *spec = &c->drive[i].spec;
        struct cal_rep rep = {
            .spec = spec, .presentation = s->presentation, .data = {i ? c->out[i - 1] : c->world->image}, .ld = {spec->slice[0].cols}};
        const struct cal_rep *drive = &rep;
        error = cal_region_forward(c->region[i], s, &drive, &c->tape[i], &c->out[i]);
    }
    return error;
}

static inline int net_learn(struct net_chain *c)
{
    int error = CAL_OK;
    for (int i = 0; i < c->n && !error; i++) {
        struct cal_rep rep = {.spec = &c->world->truth,
                              .presentation = c->tape[i].step.presentation,
                              .data = {c->world->label, c->world->box},
                              .ld = {1, CAL_BOX}};
        const struct cal_rep *context = &rep;
        error = cal_region_learn(c->region[i], &context, &c->tape[i], c->metric[i]);
    }
    return error;
}

/* One presentation, whole. */
static inline int net_train(struct net_chain *c, long presentation, unsigned parts)
{
    struct cal_step s = net_step(presentation, parts);
    int error = net_forward(c, &s);
    return error ? error : net_learn(c);
}

static inline const struct cal_array *net_find(const struct cal_region *r, const char *name)
{
    for (int i = 0; i < r->layout.n; i++)
        if (!strcmp(r->layout.arrays[i].name, name))
            return &r->layout.arrays[i];
    return NULL;
}

/* The array called `name`, which has to be there. */
static inline float *net_array(const struct cal_region *r, const char *name, size_t *n)
{
    const struct cal_array *a = net_find(r, name);
    if (!a)
        cal_die(CAL_EINTERNAL, "%s has no array `%s`", r->name, name);
    *n = cal_array_count(a);
    return cal_array_data(a);
}

/* All state of a region, one array after the other. [give] */
static inline char *net_state(const struct cal_region *r, size_t *bytes)
{
    *bytes = cal_layout_bytes(&r->layout, CAL_STATE);
    char *copy = cal_alloc(*bytes), *at = copy;
    for (int i = 0; i < r->layout.n; i++)
        if (r->layout.arrays[i].role == CAL_STATE) {
            memcpy(at, cal_array_data(&r->layout.arrays[i]), cal_array_bytes(&r->layout.arrays[i]));
            at += cal_array_bytes(&r->layout.arrays[i]);
        }
    return copy;
}

/* What net_state() gave, back into a region of the same parameters. */
static inline void net_restore(struct cal_region *r, const char *state)
{
    for (int i = 0; i < r->layout.n; i++)
        if (r->layout.arrays[i].role == CAL_STATE) {
            memcpy(cal_array_data(&r->layout.arrays[i]), state, cal_array_bytes(&r->layout.arrays[i]));
            state += cal_array_bytes(&r->layout.arrays[i]);
        }
}

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

/* gamma, beta and biases are born with special values: move them, as training would. */
static inline void net_roughen(struct cal_region *r)
{
    const char *const names[] = {"gamma", "beta", "head.b", "box.b", "mean"};
    for (int i = 0; i < 5; i++)
        for (int number = -1; number <= CAL_NET_BLOCKS_MAX; number++) {
            char name[24];
            size_t n;
            snprintf(name, sizeof name, number < 0 ? "%s.head" : number ? "%s%d" : "%s", names[i], number);
            if (net_find(r, name))
                net_draw(net_array(r, name, &n), cal_array_count(net_find(r, name)), (unsigned)(100 + 10 * i + number), i ? 0.1f : 1, 0.3f);
        }
}

#endif
