/* tests/columns.h - predictive cortices wired by hand in one process, for tests and benchmarks.
 *
 * The stimulus, drawn numbers, drives every region; every region drives all, itself as well, with its cache of some frames before. What an attention
 * would send is drawn, too. */
#ifndef CAL_TESTS_COLUMNS_H
#define CAL_TESTS_COLUMNS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/predictive_cortex/predictive_cortex.h"

#define COLUMNS_REGIONS_MAX 8

struct columns_setup {
    int regions, columns; /* of each */
    int units, width, query, hidden, encoder, recurrent;
    int batch, inputs, window, delay;
    double guard;
    long guard_after, learn_total;
    struct cal_nce_rule rule;
    struct cal_optim_params optimiser;
};

struct columns {
    struct columns_setup setup;
    int units; /* of all regions */
    struct cal_predictive_params params;
    struct cal_rep_spec world, cache; /* view1; a region's cache */
    char name[COLUMNS_REGIONS_MAX][16];
    struct cal_port drive[1 + COLUMNS_REGIONS_MAX], context[COLUMNS_REGIONS_MAX];
    struct cal_region *region[COLUMNS_REGIONS_MAX];
    struct cal_tape tape[COLUMNS_REGIONS_MAX];
    float *out[COLUMNS_REGIONS_MAX][3]; /* cache, e, p */
    float *past[COLUMNS_REGIONS_MAX];   /* (delay,B,cols) caches, that of presentation t in slot t mod delay */
    float *x, *query, *temperature;     /* (B,D), (B,U Q), (U) */
    double metric[COLUMNS_REGIONS_MAX][CAL_METRICS_MAX];
};

static inline void columns_draw(float *x, size_t n, int what, long when)
{
    struct cal_rng rng = cal_rng_key(7, CAL_STREAM_TEST, (uint32_t)what, 0, (uint64_t)when);
    cal_rng_normal_fill(&rng, 0, x, n);
}

static inline void columns_ports(struct columns *c)
{
    const struct columns_setup *s = &c->setup;
    int units = s->columns * s->units;
    c->world.rows = c->cache.rows = s->batch;
    cal_rep_spec_add(&c->world, "view1", s->inputs);
    cal_rep_spec_add(&c->cache, "cache", units * s->width);
    c->drive[0] = (struct cal_port){.projection = "sight", .peer = "stimulus", .role = CAL_DRIVE, .spec = c->world};
    for (int i = 0; i < s->regions; i++) {
        snprintf(c->name[i], sizeof c->name[i], "V.%d", i);
        c->drive[1 + i] =
            (struct cal_port){.projection = "memory", .peer = c->name[i], .role = CAL_DRIVE, .delay = s->delay, .spec = c->cache};
        struct cal_port *context = &c->context[i];
        *context = (struct cal_port){.projection = "context",
                                     .peer = "A",
                                     .role = CAL_CONTEXT,
                                     .unit_offset = i * units,
                                     .units = units,
                                     .hub_units = c->units,
                                     .rule = &s->rule,
                                     .rule_table = cal_nce_table,
                                     .spec = {.rows = s->batch}};
        if (s->rule.negatives == CAL_NCE_UNIFORM)
            continue;
        cal_rep_spec_add(&context->spec, "query", units * s->query);
        cal_rep_spec_add(&context->spec, "temperature", units)->shared = true;
    }
}

/* Make all regions; 0, or the first error. Destroy in any case. The struct must stay where it is. */
static inline int columns_create(struct columns *c, const struct columns_setup *s)
{
    *c = (struct columns){.setup = *s, .units = s->regions * s->columns * s->units};
    c->params = (struct cal_predictive_params){.columns = s->columns,
                                               .units = s->units,
                                               .width = s->width,
                                               .hidden = s->hidden,
                                               .encoder = s->encoder,
                                               .recurrent = s->recurrent,
                                               .guard = s->guard,
                                               .guard_after = s->guard_after,
                                               .optimiser = s->optimiser};
    columns_ports(c);
    size_t batch = (size_t)s->batch;
    c->x = cal_alloc(batch * (size_t)s->inputs * sizeof *c->x);
    c->query = cal_alloc(batch * (size_t)(c->units * s->query) * sizeof *c->query);
    c->temperature = cal_alloc((size_t)c->units * sizeof *c->temperature);
    for (int i = 0; i < s->regions; i++) {
        struct cal_region *r = c->region[i] = cal_region_create(&cal_predictive_cortex_ops);
        size_t floats = batch * (size_t)c->cache.slice[0].cols;
        r->name = c->name[i];
        r->id = 1 + i;
        r->batch = s->batch;
        r->window = s->window;
        r->seed = 5;
        r->params = &c->params;
        r->drive = c->drive;
        r->n_drives = 1 + s->regions;
        r->context = &c->context[i];
        r->n_contexts = 1;
        int error = cal_region_outputs(r);
        if (error || (error = cal_region_declare(r)))
            return error;
        cal_region_init(r);
        cal_tape_init(&c->tape[i], r);
        for (int k = 0; k < 3; k++)
            c->out[i][k] = cal_alloc(floats * sizeof(float));
        c->past[i] = cal_alloc((size_t)s->delay * floats * sizeof(float));
    }
    return CAL_OK;
}

static inline void columns_destroy(struct columns *c)
{
    for (int i = 0; i < c->setup.regions; i++) {
        cal_tape_finish(&c->tape[i]);
        cal_region_destroy(c->region[i]);
        for (int k = 0; k < 3; k++)
            cal_free(c->out[i][k]);
        cal_free(c->past[i]);
    }
    cal_free(c->x);
    cal_free(c->query);
    cal_free(c->temperature);
}

/* A presentation that is learnt and perceived in full. */
static inline struct cal_step columns_at(const struct columns *c, long presentation)
{
    return (struct cal_step){.presentation = presentation,
                             .learn = true,
                             .parts = ~0u,
                             .frame = presentation % c->setup.window,
                             .perceive = true,
                             .rate = 1,
                             .learnt = presentation,
                             .learn_total = c->setup.learn_total};
}

/* Draw what the world shows and the attention says at a presentation. */
static inline void columns_show(struct columns *c, long presentation)
{
    const struct columns_setup *s = &c->setup;
    columns_draw(c->x, (size_t)(s->batch * s->inputs), 1, presentation);
    columns_draw(c->query, (size_t)(s->batch * c->units * s->query), 2, presentation);
    for (int i = 0; i < s->batch * c->units; i++) {
        float *q = c->query + (ptrdiff_t)i * s->query, squares = 0;
        for (int k = 0; k < s->query; k++)
            squares += q[k] * q[k];
        for (int k = 0; k < s->query; k++)
            q[k] /= sqrtf(squares);
    }
    for (int u = 0; u < c->units; u++)
        c->temperature[u] = 1 + (float)(u % 3);
}

/* Everybody's forward pass of what is shown. */
static inline int columns_forward(struct columns *c, const struct cal_step *step)
{
    const struct columns_setup *s = &c->setup;
    int cols = c->cache.slice[0].cols, error = CAL_OK;
    size_t floats = (size_t)s->batch * (size_t)cols, slot = (size_t)(step->presentation % s->delay) * floats;
    struct cal_rep sight = {.spec = &c->world, .presentation = step->presentation, .data = {c->x}, .ld = {s->inputs}};
    struct cal_rep memory[COLUMNS_REGIONS_MAX];
    const struct cal_rep *drive[1 + COLUMNS_REGIONS_MAX] = {step->blind ? NULL : &sight};
    for (int i = 0; i < s->regions; i++) {
        memory[i] =
            (struct cal_rep){.spec = &c->cache, .presentation = step->presentation - s->delay, .data = {c->past[i] + slot}, .ld = {cols}};
        drive[1 + i] = step->presentation < s->delay ? NULL : &memory[i];
    }
    for (int i = 0; i < s->regions && !error; i++)
        error = cal_region_forward(c->region[i], step, drive, &c->tape[i], c->out[i]);
    for (int i = 0; i < s->regions; i++)
        memcpy(c->past[i] + slot, c->out[i][0], floats * sizeof(float));
    return error;
}

/* Everybody learns from what columns_forward() left. */
static inline int columns_learn(struct columns *c)
{
    const struct columns_setup *s = &c->setup;
    int error = CAL_OK;
    for (int i = 0; i < s->regions && !error; i++) {
        const struct cal_port *port = &c->context[i];
        struct cal_rep sent = {.spec = &port->spec,
                               .data = {c->query + port->unit_offset * s->query, c->temperature + port->unit_offset},
                               .ld = {c->units * s->query, c->units}};
        const struct cal_rep *context = &sent;
        error = cal_region_learn(c->region[i], &context, &c->tape[i], c->metric[i]);
    }
    return error;
}

/* A presentation, whole. */
static inline int columns_train(struct columns *c, long presentation)
{
    struct cal_step step = columns_at(c, presentation);
    columns_show(c, presentation);
    int error = columns_forward(c, &step);
    return error ? error : columns_learn(c);
}

/* The array called `name` of that column of the region, "w1" or "w1.g" for example, which has to be there. */
static inline float *columns_array(const struct cal_region *r, const char *name, int column, size_t *n)
{
    char full[64];
    int stem = (int)strcspn(name, ".");
    snprintf(full, sizeof full, "%.*s.%d%s", stem, name, column, name + stem);
    for (int i = 0; i < r->layout.n; i++)
        if (!strcmp(r->layout.arrays[i].name, full)) {
            *n = cal_array_count(&r->layout.arrays[i]);
            return cal_array_data(&r->layout.arrays[i]);
        }
    cal_die(CAL_EINTERNAL, "%s has no array `%s`", r->name, full);
}

#endif
