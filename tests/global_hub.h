/* tests/global_hub.h - a global attention wired by hand in one process, whose units come in as many drives as one likes. */
#ifndef CAL_TESTS_GLOBAL_HUB_H
#define CAL_TESTS_GLOBAL_HUB_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/global_attention/global_attention.h"

enum { B = 24, U = 8, D = 2, Q = 3, G = 5, T = 24, K = 8, FROM = 3, COLS = U * D, DRIVES_MOST = 8 };

static const struct cal_nce_rule weighted = {CAL_NCE_WEIGHTED, 4, 5, FROM, K}, uniform = {CAL_NCE_UNIFORM, 4, 5, FROM, K};

struct hub {
    struct cal_region *region;
    struct cal_global_attention_params params;
    struct cal_nce_rule rule;
    struct cal_port drive[DRIVES_MOST], target[2];
    struct cal_tape tape;
    float *out[3];
    double metric[3];
};

static inline struct cal_global_attention_params params_of(int kind, double rate, double temperature)
{
    return (struct cal_global_attention_params){
        .bottleneck = G,
        .query = Q,
        .temperature = temperature,
        .optimiser = {.kind = kind, .rate = rate, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .schedule = CAL_CONSTANT}};
}

/* Ports and parameters; nothing is checked yet. The struct has to stay where it is. */
static inline void hub_wire(struct hub *h, const struct cal_nce_rule *rule, struct cal_global_attention_params params, int drives)
{
    *h = (struct hub){.params = params, .rule = *rule};
    for (int i = 0; i < drives; i++) {
        struct cal_port *port = &h->drive[i];
        *port = (struct cal_port){.projection = "codes", .peer = "V", .unit_offset = i * U / drives, .units = U / drives, .hub_units = U};
        port->spec = (struct cal_rep_spec){.rows = B, .units = port->units};
        cal_rep_spec_add(&port->spec, "e", port->units * D);
        cal_rep_spec_add(&port->spec, "p", port->units * D);
    }
    for (int i = 0; i < 2; i++)
        h->target[i] = (struct cal_port){.projection = i ? "other" : "context", .peer = "A", .role = CAL_CONTEXT, .rule = &h->rule};
    struct cal_region *r = h->region = cal_region_create(&cal_global_attention_ops);
    r->name = "A";
    r->batch = B;
    r->window = T;
    r->seed = 3;
    r->share = (struct cal_share){.shards = 1};
    r->params = &h->params;
    r->drive = h->drive;
    r->n_drives = drives;
    r->target = h->target;
    r->n_targets = 2;
}

static inline void hub_create(struct hub *h, const struct cal_nce_rule *rule, struct cal_global_attention_params params, int drives)
{
    hub_wire(h, rule, params, drives);
    if (cal_region_outputs(h->region) || cal_region_declare(h->region))
        fail_msg("%s", cal_err_message());
    cal_region_init(h->region);
    cal_tape_init(&h->tape, h->region);
    for (int i = 0; i < h->region->out.n; i++)
        h->out[i] = cal_alloc(B * (size_t)h->region->out.slice[i].cols * sizeof(float));
}

static inline void hub_destroy(struct hub *h)
{
    cal_tape_finish(&h->tape);
    for (int i = 0; i < 3; i++)
        cal_free(h->out[i]);
    cal_region_destroy(h->region);
}

/* Codes and predictions of all units in a frame: directions in the plane, p some way off e, both with causes in common. */
static inline void look(long presentation, float e[B * COLS], float p[B * COLS])
{
    float cause[B], mix[B * U], off[B * U];
    struct cal_rng rng = cal_rng_key(5, CAL_STREAM_TEST, 1, 0, (uint64_t)presentation);
    cal_rng_normal_fill(&rng, 0, cause, B);
    cal_rng_normal_fill(&rng, 1024, mix, B * U);
    cal_rng_normal_fill(&rng, 2048, off, B * U);
    for (int i = 0; i < B * U; i++) {
        float angle = 1.5f * cause[i / U] * (float)(1 + i % U % 3) + 0.5f * mix[i], guess = angle + 0.4f * off[i];
        e[D * i] = cosf(angle);
        e[D * i + 1] = sinf(angle);
        p[D * i] = cosf(guess);
        p[D * i + 1] = sinf(guess);
    }
}

/* One presentation, forward alone. */
static inline void forward_codes(struct hub *h, long presentation, const float *e, const float *p)
{
    struct cal_step s = {.presentation = presentation,
                         .learn = true,
                         .perceive = true,
                         .frame = presentation % T,
                         .rate = 1,
                         .learnt = presentation,
                         .learn_total = 1000};
    struct cal_rep rep[DRIVES_MOST];
    const struct cal_rep *drive[DRIVES_MOST];
    for (int i = 0; i < h->region->n_drives; i++) {
        int first = h->drive[i].unit_offset * D;
        rep[i] =
            (struct cal_rep){.spec = &h->drive[i].spec, .presentation = presentation, .data = {e + first, p + first}, .ld = {COLS, COLS}};
        drive[i] = &rep[i];
    }
    assert_int_equal(cal_region_forward(h->region, &s, drive, &h->tape, h->out), CAL_OK);
}

static inline void present_codes(struct hub *h, long presentation, const float *e, const float *p)
{
    forward_codes(h, presentation, e, p);
    assert_int_equal(cal_region_learn(h->region, NULL, &h->tape, h->metric), CAL_OK);
}

static inline void present(struct hub *h, long presentation)
{
    float e[B * COLS], p[B * COLS];
    look(presentation, e, p);
    present_codes(h, presentation, e, p);
}

static inline float *array_of(const struct hub *h, const char *name, size_t *n)
{
    const struct cal_layout *l = &h->region->layout;
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->arrays[i].name, name)) {
            *n = cal_array_count(&l->arrays[i]);
            return cal_array_data(&l->arrays[i]);
        }
    fail_msg("no array `%s`", name);
    return NULL;
}

static inline bool state_equal(const struct hub *a, const struct hub *b)
{
    const struct cal_layout *x = &a->region->layout, *y = &b->region->layout;
    bool equal = x->n == y->n;
    for (int i = 0; equal && i < x->n; i++)
        if (x->arrays[i].role == CAL_STATE)
            equal = !memcmp(cal_array_data(&x->arrays[i]), cal_array_data(&y->arrays[i]), cal_array_bytes(&x->arrays[i]));
    return equal;
}

/* What a checkpoint does. */
static inline void copy_state(const struct hub *from, struct hub *to)
{
    const struct cal_layout *x = &from->region->layout, *y = &to->region->layout;
    for (int i = 0; i < x->n; i++)
        if (x->arrays[i].role == CAL_STATE)
            memcpy(cal_array_data(&y->arrays[i]), cal_array_data(&x->arrays[i]), cal_array_bytes(&x->arrays[i]));
}

#endif
