/* tests/pair.h - regions of populations and the readout that they drive, wired by hand in one process, for tests and benchmarks.
 *
 * The stimulus drives every region of populations, all of them drive the readout, whose answer is their context in the same step. */
#ifndef CAL_TESTS_PAIR_H
#define CAL_TESTS_PAIR_H

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/yaml.h"
#include "regions/populations/populations.h"
#include "regions/readout/readout.h"

#define PAIR_MAX 8

struct pair {
    int n, batch, classes;
    struct cal_rep_spec sight, truth; /* image; label */
    float *image, *label;             /* (B,D) in [0,1), (B) */
    struct cal_populations_params params[PAIR_MAX];
    struct cal_reader_params reader_params;
    struct cal_port seen[PAIR_MAX], context[PAIR_MAX][2], up[PAIR_MAX], truth_port;
    char name[PAIR_MAX][8];
    struct cal_region *region[PAIR_MAX], *readout;
    struct cal_tape tape[PAIR_MAX], readout_tape;
    float *h[PAIR_MAX], *p;
    double metric[PAIR_MAX][CAL_METRICS_MAX], readout_metric[CAL_METRICS_MAX];
};

static inline int pair_params(const struct cal_region_ops *ops, const char *text, void *into)
{
    struct cal_node *map = NULL;
    if (cal_yaml_parse(text, "test", &map) || cal_params_read(ops->params, "test", map, NULL, into))
        cal_die(CAL_EINTERNAL, "%s: %s", text, cal_err_message());
    cal_node_free(map);
    return CAL_OK;
}

static inline struct cal_region *pair_region(const struct cal_region_ops *ops, const char *name, int id, int batch, const void *params)
{
    struct cal_region *r = cal_region_create(ops);
    r->name = name;
    r->id = id;
    r->seed = 5;
    r->batch = batch;
    r->params = params;
    return r;
}

/* Pictures of presentation p: each class brightens stripes of its own, over noise. */
static inline void pair_show(struct pair *w, long p)
{
    int d = w->sight.slice[0].cols;
    struct cal_rng rng = cal_rng_key(3, CAL_STREAM_TEST, 1, 0, (uint64_t)p);
    for (int b = 0; b < w->batch; b++) {
        int class = (int)cal_rng_below(&rng, (uint64_t)b, (uint32_t)w->classes);
        w->label[b] = (float)class;
        for (int j = 0; j < d; j++) {
            float noise = cal_rng_uniform(&rng, (uint64_t)(1 + b) * 4096 + (uint64_t)j);
            w->image[b * d + j] = 0.6f * noise + (j / 3 % w->classes == class ? 0.3f : 0);
        }
    }
}

static inline void pair_ports(struct pair *w, int units, int total)
{
    for (int i = 0; i < w->n; i++) {
        snprintf(w->name[i], sizeof w->name[i], "P.%d", i);
        w->seen[i] = (struct cal_port){.projection = "sight", .peer = "stimulus", .role = CAL_DRIVE, .spec = w->sight};
        w->context[i][0] = (struct cal_port){.projection = "truth", .peer = "stimulus", .role = CAL_CONTEXT, .spec = w->truth};
        w->context[i][1] = (struct cal_port){
            .projection = "answer", .peer = "readout", .role = CAL_CONTEXT, .unit_offset = i * units, .units = units, .hub_units = total};
        w->up[i] = (struct cal_port){
            .projection = "up", .peer = w->name[i], .role = CAL_DRIVE, .unit_offset = i * units, .units = units, .hub_units = total};
    }
    w->truth_port = (struct cal_port){.projection = "truth", .peer = "stimulus", .role = CAL_CONTEXT, .spec = w->truth};
}

/* n regions with the same parameters (YAML in flow style) on one-channel pictures of side x side. Destroy it in any case; the struct stays
 * where it is. Error: the first region's that refuses. */
static inline int pair_create(struct pair *w, int n, int batch, int side, const char *populations, const char *readout)
{
    *w = (struct pair){.n = n, .batch = batch, .sight.rows = batch, .truth.rows = batch};
    struct cal_slice *image = cal_rep_spec_add(&w->sight, "image", side * side);
    image->c = 1;
    image->h = image->w = side;
    cal_rep_spec_add(&w->truth, "label", 1);
    w->image = cal_alloc((size_t)(batch * side * side) * sizeof(float));
    w->label = cal_alloc((size_t)batch * sizeof(float));
    pair_params(&cal_readout_ops, readout, &w->reader_params);
    w->classes = (int)w->reader_params.classes;
    for (int i = 0; i < n; i++)
        pair_params(&cal_populations_ops, populations, &w->params[i]);
    int units = (int)(w->params[0].populations * w->params[0].units), error = CAL_OK;
    pair_ports(w, units, n * units);
    w->readout = pair_region(&cal_readout_ops, "readout", 0, batch, &w->reader_params);
    for (int i = 0; i < n; i++) {
        struct cal_region *r = w->region[i] = pair_region(&cal_populations_ops, w->name[i], 1 + i, batch, &w->params[i]);
        r->drive = &w->seen[i];
        r->context = w->context[i];
        r->n_drives = 1;
        r->n_contexts = 2;
        if (!error)
            error = cal_region_outputs(r);
        w->up[i].spec = r->out;
    }
    w->readout->drive = w->up;
    w->readout->context = &w->truth_port;
    w->readout->n_drives = n;
    w->readout->n_contexts = 1;
    if (error || (error = cal_region_outputs(w->readout)) || (error = cal_region_declare(w->readout)))
        return error;
    cal_region_init(w->readout);
    cal_tape_init(&w->readout_tape, w->readout);
    w->p = cal_alloc(cal_rep_spec_floats(&w->readout->out) * sizeof(float));
    for (int i = 0; i < n && !error; i++) {
        w->context[i][1].spec = w->readout->out;
        if ((error = cal_region_declare(w->region[i])))
            break;
        cal_region_init(w->region[i]);
        cal_tape_init(&w->tape[i], w->region[i]);
        w->h[i] = cal_alloc(cal_rep_spec_floats(&w->region[i]->out) * sizeof(float));
    }
    return error;
}

static inline void pair_destroy(struct pair *w)
{
    for (int i = 0; i < w->n; i++) {
        cal_tape_finish(&w->tape[i]);
        cal_region_destroy(w->region[i]);
        cal_free(w->h[i]);
    }
    cal_tape_finish(&w->readout_tape);
    cal_region_destroy(w->readout);
    cal_free(w->p);
    cal_free(w->image);
    cal_free(w->label);
}

static inline struct cal_step pair_step(long presentation, bool learn)
{
    return (struct cal_step){.presentation = presentation,
                             .learn = learn,
                             .parts = ~0u,
                             .perceive = true,
                             .rate = 1,
                             .learnt = presentation,
                             .learn_total = 1000,
                             .record = ~0u};
}

static inline int pair_forward(struct pair *w, const struct cal_step *s)
{
    struct cal_rep sight = {.spec = &w->sight, .presentation = s->presentation, .data = {w->image}, .ld = {w->sight.slice[0].cols}};
    struct cal_rep sent[PAIR_MAX];
    const struct cal_rep *drive = &sight, *up[PAIR_MAX];
    int error = CAL_OK;
    for (int i = 0; i < w->n && !error; i++) {
        error = cal_region_forward(w->region[i], s, &drive, &w->tape[i], &w->h[i]);
        sent[i] = (struct cal_rep){
            .spec = &w->region[i]->out, .presentation = s->presentation, .data = {w->h[i]}, .ld = {w->region[i]->out.units}};
        up[i] = &sent[i];
    }
    return error ? error : cal_region_forward(w->readout, s, up, &w->readout_tape, &w->p);
}

/* Everybody learns from what pair_forward() left; the readout first, as it comes first in a file. */
static inline int pair_learn(struct pair *w)
{
    long presentation = w->readout_tape.step.presentation;
    struct cal_rep truth = {.spec = &w->truth, .presentation = presentation, .data = {w->label}, .ld = {1}};
    struct cal_rep answer = {.spec = &w->readout->out, .presentation = presentation, .data = {w->p}, .ld = {w->classes}};
    const struct cal_rep *context[2] = {&truth, &answer};
    int error = cal_region_learn(w->readout, context, &w->readout_tape, w->readout_metric);
    for (int i = 0; i < w->n && !error; i++)
        error = cal_region_learn(w->region[i], context, &w->tape[i], w->metric[i]);
    return error;
}

/* One presentation, whole. */
static inline int pair_train(struct pair *w, long presentation)
{
    struct cal_step s = pair_step(presentation, true);
    pair_show(w, presentation);
    int error = pair_forward(w, &s);
    return error ? error : pair_learn(w);
}

#endif
