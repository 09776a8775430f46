/* tests/star.h - cortices and an attention wired by hand in one process, for tests and benchmarks of regions.
 *
 * What the program does through files, graph and exchange is here done by pointers: the stimulus drives every cortex, all
 * cortices drive the attention, whose context goes back to each. */
#ifndef CAL_TESTS_STAR_H
#define CAL_TESTS_STAR_H

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/attention/attention.h"
#include "regions/cortex/cortex.h"
#include "regions/objectives/contrast.h"
#include "regions/region.h"

#define STAR_MAX 128

/* What a star is; optimisers and seed included. */
struct star_setup {
    int cortices, units[STAR_MAX], batch, inputs, hidden;
    uint32_t seed;
    double rate, momentum, decay;
    long learn_total;
    unsigned record; /* bits of the variables to be observed */
    long fan_in;     /* of the attention */
    long relay;      /* of those, mixtures */
    int far;         /* the first so many cortices are another shard's: the attention reads them, and they learn by themselves */
    struct cal_contrast_rule rule;
};

struct star {
    struct star_setup setup;
    int units; /* of all */
    struct cal_cortex_params cortex_params[STAR_MAX];
    struct cal_attention_params attention_params;
    struct cal_region *cortex[STAR_MAX], *attention;
    struct cal_port sight[STAR_MAX], codes[STAR_MAX], context[STAR_MAX];
    char name[STAR_MAX][16];
    struct cal_contrast_rule alone; /* of those that are far: they need no context */
    struct cal_rep_spec world;      /* image, view1, view2 */
    struct cal_tape tape[STAR_MAX], attention_tape;
    float *out[STAR_MAX][CAL_SLICES_MAX], *attention_out[CAL_SLICES_MAX];
    struct cal_rep sent[STAR_MAX], context_sent[STAR_MAX];
    double metric[STAR_MAX][CAL_METRICS_MAX], attention_metric[CAL_METRICS_MAX];
};

/* One rule of each form. */
static const struct cal_contrast_rule star_predictor = {CAL_PREDICTOR, 0.2, 8, -1}, star_masked = {CAL_MASKED, 0.4, 4, 1.5},
                                      star_uniform = {CAL_UNIFORM, 0.2, 8, -1};

static inline void star_draw(float *x, int n, int owner, float mean, float spread)
{
    struct cal_rng rng = cal_rng_key(3, CAL_STREAM_TEST, (uint32_t)owner, 0, 0);
    cal_rng_normal_fill(&rng, 0, x, (size_t)n);
    for (int i = 0; i < n; i++)
        x[i] = mean + spread * x[i];
}

static inline struct cal_optim_params star_optimiser(const struct star_setup *s)
{
    return (struct cal_optim_params){.kind = CAL_SGD,
                                     .rate = s->rate,
                                     .momentum = s->momentum,
                                     .weight_decay = s->decay,
                                     .schedule = CAL_CONSTANT,
                                     .hold = 1,
                                     .last = 1};
}

static inline void star_ports(struct star *s)
{
    int offset = 0;
    s->alone = (struct cal_contrast_rule){CAL_UNIFORM, 0.2, 8, -1};
    s->world.rows = s->setup.batch;
    for (int i = 0; i < 3; i++)
        cal_rep_spec_add(&s->world, (const char *const[]){"image", "view1", "view2"}[i], s->setup.inputs);
    for (int i = 0; i < s->setup.cortices; i++) {
        int units = s->setup.units[i];
        snprintf(s->name[i], sizeof s->name[i], "V.%d", i);
        s->sight[i] = (struct cal_port){.projection = "sight", .peer = "stimulus", .role = CAL_DRIVE, .spec = s->world};
        s->codes[i] = (struct cal_port){.projection = "codes",
                                        .peer = s->name[i],
                                        .role = CAL_DRIVE,
                                        .far = i < s->setup.far,
                                        .unit_offset = offset,
                                        .units = units,
                                        .hub_units = s->units};
        s->context[i] = (struct cal_port){.projection = "context",
                                          .peer = "attention",
                                          .role = CAL_CONTEXT,
                                          .unit_offset = offset,
                                          .units = units,
                                          .hub_units = s->units,
                                          .rule = i < s->setup.far ? &s->alone : &s->setup.rule,
                                          .rule_table = cal_contrast_table};
        offset += units;
    }
}

static inline void star_out(const struct cal_region *r, float **out)
{
    for (int i = 0; i < r->out.n; i++)
        out[i] = cal_alloc((size_t)cal_slice_rows(&r->out, i) * (size_t)r->out.slice[i].cols * sizeof(float));
}

/* The base of a region that is about to be asked for its outputs. */
static inline struct cal_region *star_region(const struct cal_region_ops *ops, const char *name, int id, const struct star *s,
                                             const void *params)
{
    struct cal_region *r = cal_region_create(ops);
    r->name = name;
    r->id = id;
    r->batch = s->setup.batch;
    r->seed = s->setup.seed;
    r->share = (struct cal_share){.shards = 1, .hub = id};
    r->params = params;
    return r;
}

/* Columns of the attention's slices, narrowed to the target's units. */
static inline struct cal_rep_spec star_narrowed(const struct cal_rep_spec *from, int units)
{
    struct cal_rep_spec spec = *from;
    for (int i = 0; i < spec.n; i++)
        spec.slice[i].cols = units;
    return spec;
}

/* Make all regions; 0, or the first error. Destroy in any case. The struct must stay where it is. */
static inline int star_create(struct star *s, const struct star_setup *setup)
{
    *s = (struct star){.setup = *setup};
    for (int i = 0; i < setup->cortices; i++)
        s->units += setup->units[i];
    star_ports(s);
    s->attention_params = (struct cal_attention_params){
        .hidden = 4, .widen = 4, .fan_in = setup->fan_in, .relay = setup->relay, .optimiser = star_optimiser(setup)};
    int error = 0;
    for (int i = 0; i < setup->cortices && !error; i++) {
        s->cortex_params[i] = (struct cal_cortex_params){
            .units = setup->units[i], .hidden = setup->hidden, .live_std = 0.05, .optimiser = star_optimiser(setup)};
        struct cal_region *r = s->cortex[i] = star_region(&cal_cortex_ops, s->name[i], i, s, &s->cortex_params[i]);
        r->drive = &s->sight[i];
        r->context = &s->context[i];
        r->n_drives = r->n_contexts = 1;
        error = cal_region_outputs(r);
        s->codes[i].spec = r->out;
    }
    struct cal_region *a = s->attention = star_region(&cal_attention_ops, "attention", setup->cortices, s, &s->attention_params);
    a->drive = s->codes;
    a->target = s->context + setup->far;
    a->n_drives = setup->cortices;
    a->n_targets = setup->cortices - setup->far;
    a->share.shards += setup->far > 0;
    a->share.shard = setup->far > 0;
    if (error || (error = cal_region_outputs(a)) || (error = cal_region_declare(a)))
        return error;
    cal_region_init(a);
    cal_tape_init(&s->attention_tape, a);
    star_out(a, s->attention_out);
    for (int i = 0; i < setup->cortices; i++) {
        if (i >= setup->far)
            s->context[i].spec = star_narrowed(&a->out, setup->units[i]);
        if ((error = cal_region_declare(s->cortex[i])))
            return error;
        cal_region_init(s->cortex[i]);
        cal_tape_init(&s->tape[i], s->cortex[i]);
        star_out(s->cortex[i], s->out[i]);
    }
    return CAL_OK;
}

static inline void star_destroy(struct star *s)
{
    for (int i = 0; i <= s->setup.cortices; i++) {
        bool last = i == s->setup.cortices;
        float **out = last ? s->attention_out : s->out[i];
        cal_tape_finish(last ? &s->attention_tape : &s->tape[i]);
        for (int k = 0; k < CAL_SLICES_MAX; k++)
            cal_free(out[k]);
        cal_region_destroy(last ? s->attention : s->cortex[i]);
    }
}

static inline struct cal_step star_at(const struct star *s, long presentation)
{
    return (struct cal_step){.presentation = presentation,
                             .learn = true,
                             .perceive = true,
                             .rate = 1,
                             .learnt = presentation,
                             .learn_total = s->setup.learn_total,
                             .record = s->setup.record};
}

/* The attention's forward pass, of the codes as they were sent. */
static inline int star_attend(struct star *s, long presentation)
{
    struct cal_step step = star_at(s, presentation);
    const struct cal_rep *codes[STAR_MAX];
    for (int i = 0; i < s->setup.cortices; i++)
        codes[i] = &s->sent[i];
    return cal_region_forward(s->attention, &step, codes, &s->attention_tape, s->attention_out);
}

/* Everybody's forward pass of a presentation whose picture and views are (B,inputs), and what is sent. */
static inline int star_forward(struct star *s, long presentation, const float *image, const float *view1, const float *view2)
{
    struct cal_step step = star_at(s, presentation);
    int d = s->setup.inputs, error = 0;
    struct cal_rep world = {.spec = &s->world, .presentation = presentation, .data = {image, view1, view2}, .ld = {d, d, d}};
    const struct cal_rep *sight = &world;
    for (int i = 0; i < s->setup.cortices && !error; i++) {
        error = cal_region_forward(s->cortex[i], &step, &sight, &s->tape[i], s->out[i]);
        int units = s->setup.units[i];
        s->sent[i] = (struct cal_rep){
            .spec = &s->cortex[i]->out, .presentation = presentation, .data = {s->out[i][0], s->out[i][1]}, .ld = {units, units}};
    }
    if (!error)
        error = star_attend(s, presentation);
    for (int i = 0; i < s->setup.cortices; i++) {
        s->context_sent[i] = (struct cal_rep){.spec = &s->context[i].spec, .presentation = presentation};
        for (int k = 0; k < s->context[i].spec.n; k++) {
            s->context_sent[i].data[k] = s->attention_out[k] + s->context[i].unit_offset - s->context[s->setup.far].unit_offset;
            s->context_sent[i].ld[k] = s->attention->out.units;
        }
    }
    return error;
}

/* Everybody learns from what star_forward() left. */
static inline int star_learn(struct star *s)
{
    int error = cal_region_learn(s->attention, NULL, &s->attention_tape, s->attention_metric);
    for (int i = 0; i < s->setup.cortices && !error; i++) {
        const struct cal_rep *context = &s->context_sent[i];
        error = cal_region_learn(s->cortex[i], &context, &s->tape[i], s->metric[i]);
    }
    return error;
}

/* The array called `name`, which has to be there. */
static inline float *star_array(const struct cal_region *r, const char *name, size_t *n)
{
    for (int i = 0; i < r->layout.n; i++)
        if (!strcmp(r->layout.arrays[i].name, name)) {
            *n = cal_array_count(&r->layout.arrays[i]);
            return cal_array_data(&r->layout.arrays[i]);
        }
    cal_die(CAL_EINTERNAL, "%s has no array `%s`", r->name, name);
}

#endif
