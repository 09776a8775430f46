/* tests/net.h - nets wired by hand in one process, for tests of the kinds `stage`, `backprop` and `perceptron`.
 *
 * A chain: the stimulus drives the first region, each region the next; label and box of the stimulus are every region's context. */
#ifndef CAL_TESTS_NET_H
#define CAL_TESTS_NET_H

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/yaml.h"
#include "regions/backprop/backprop.h"
#include "regions/layers/net.h"
#include "regions/perceptron/perceptron.h"
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
        struct cal_perceptron_params perceptron;
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

/* Move all that is learnt, as others would that learn meanwhile. */
static inline void net_disturb(struct cal_region *r)
{
    for (int k = 0; k < r->layout.n; k++) {
        const struct cal_array *a = &r->layout.arrays[k];
        float *x = cal_array_data(a);
        for (size_t i = 0; a->role == CAL_STATE && a->type == CAL_F32 && i < cal_array_count(a); i++)
            x[i] = 3 - 2 * x[i];
    }
}

static inline bool net_is_gradient(const struct cal_array *a)
{
    size_t length = strlen(a->name);
    return length > 2 && !strcmp(a->name + length - 2, ".g");
}

/* All gradients of a region, one array after the other. [give] */
static inline float *net_gradients(const struct cal_region *r, size_t *n)
{
    *n = 0;
    for (int k = 0; k < r->layout.n; k++)
        *n += net_is_gradient(&r->layout.arrays[k]) ? cal_array_count(&r->layout.arrays[k]) : 0;
    float *copy = cal_alloc(*n * sizeof *copy), *at = copy;
    for (int k = 0; k < r->layout.n; k++)
        if (net_is_gradient(&r->layout.arrays[k])) {
            size_t count = cal_array_count(&r->layout.arrays[k]);
            memcpy(at, cal_array_data(&r->layout.arrays[k]), count * sizeof *at);
            at += count;
        }
    return copy;
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
