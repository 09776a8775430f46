/* tests/test_global_attention.c - the global attention: its gradients, chunks, that units may be spread over regions, and what it refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/global_attention/global_attention.h"

enum { B = 24, U = 8, D = 2, Q = 3, G = 5, T = 24, K = 8, FROM = 3, COLS = U * D, DRIVES_MOST = 8 };

static const struct cal_nce_rule weighted = {CAL_NCE_WEIGHTED, 4, 5, FROM, K}, uniform = {CAL_NCE_UNIFORM, 4, 5, FROM, K};

/* An attention wired by hand, whose units come in so many drives. */
struct hub {
    struct cal_region *region;
    struct cal_global_attention_params params;
    struct cal_nce_rule rule;
    struct cal_port drive[DRIVES_MOST], target[2];
    struct cal_tape tape;
    float *out[3];
    double metric[3];
};

static struct cal_global_attention_params params_of(int kind, double rate, double temperature)
{
    return (struct cal_global_attention_params){
        .bottleneck = G,
        .query = Q,
        .temperature = temperature,
        .optimiser = {.kind = kind, .rate = rate, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .schedule = CAL_CONSTANT}};
}

/* Ports and parameters; nothing is checked yet. The struct has to stay where it is. */
static void hub_wire(struct hub *h, const struct cal_nce_rule *rule, struct cal_global_attention_params params, int drives)
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

static void hub_create(struct hub *h, const struct cal_nce_rule *rule, struct cal_global_attention_params params, int drives)
{
    hub_wire(h, rule, params, drives);
    if (cal_region_outputs(h->region) || cal_region_declare(h->region))
        fail_msg("%s", cal_err_message());
    cal_region_init(h->region);
    cal_tape_init(&h->tape, h->region);
    for (int i = 0; i < h->region->out.n; i++)
        h->out[i] = cal_alloc(B * (size_t)h->region->out.slice[i].cols * sizeof(float));
}

static void hub_destroy(struct hub *h)
{
    cal_tape_finish(&h->tape);
    for (int i = 0; i < 3; i++)
        cal_free(h->out[i]);
    cal_region_destroy(h->region);
}

/* Codes and predictions of all units in a frame: directions in the plane, p some way off e, both with causes in common. */
static void look(long presentation, float e[B * COLS], float p[B * COLS])
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

/* One presentation, forward and learnt. */
static void present_codes(struct hub *h, long presentation, const float *e, const float *p)
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
    assert_int_equal(cal_region_learn(h->region, NULL, &h->tape, h->metric), CAL_OK);
}

static void present(struct hub *h, long presentation)
{
    float e[B * COLS], p[B * COLS];
    look(presentation, e, p);
    present_codes(h, presentation, e, p);
}

static float *array_of(const struct hub *h, const char *name, size_t *n)
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

static bool state_equal(const struct hub *a, const struct hub *b)
{
    const struct cal_layout *x = &a->region->layout, *y = &b->region->layout;
    bool equal = x->n == y->n;
    for (int i = 0; equal && i < x->n; i++)
        if (x->arrays[i].role == CAL_STATE)
            equal = !memcmp(cal_array_data(&x->arrays[i]), cal_array_data(&y->arrays[i]), cal_array_bytes(&x->arrays[i]));
    return equal;
}

/* What a checkpoint does. */
static void copy_state(const struct hub *from, struct hub *to)
{
    const struct cal_layout *x = &from->region->layout, *y = &to->region->layout;
    for (int i = 0; i < x->n; i++)
        if (x->arrays[i].role == CAL_STATE)
            memcpy(cal_array_data(&y->arrays[i]), cal_array_data(&x->arrays[i]), cal_array_bytes(&x->arrays[i]));
}

/* Row b's query of unit u, in float64, from the weights as they are. */
static void query_of(const struct cal_global_attention *a, const float *p, int u, double query[Q])
{
    double g[G], squares = 0;
    for (int i = 0; i < G; i++) {
        g[i] = (double)a->b_g[i];
        for (int k = 0; k < COLS; k++)
            g[i] += (double)a->w_g[i * COLS + k] * (double)p[k];
    }
    for (int c = 0; c < Q; c++) {
        query[c] = (double)a->b_q[u * Q + c];
        for (int i = 0; i < G; i++)
            query[c] += (double)a->w_q[(u * Q + c) * G + i] * g[i];
        squares += query[c] * query[c];
    }
    for (int c = 0; c < Q; c++)
        query[c] /= sqrt(squares);
}

/* The loss of one frame, in float64, as a function of the weights. */
static double loss_of(const struct cal_global_attention *a, const struct cal_nce_rule *rule, const float *e, const float *p)
{
    double sum = 0;
    for (int u = 0; u < U; u++) {
        double code[B * D], guess[B * D], query[B * Q], scratch[3][B * Q];
        for (int b = 0; b < B; b++) {
            for (int d = 0; d < D; d++) {
                code[b * D + d] = (double)e[b * COLS + u * D + d];
                guess[b * D + d] = (double)p[b * COLS + u * D + d];
            }
            query_of(a, p + b * COLS, u, query + b * Q);
        }
        struct cal_nce_twin t = {.batch = B,
                                 .width = D,
                                 .query_width = Q,
                                 .groups = (int)rule->groups,
                                 .tau = rule->tau,
                                 .temperature = (double)a->temperature[u],
                                 .e = code,
                                 .p = guess,
                                 .query = query,
                                 .de = scratch[0],
                                 .dp = scratch[1],
                                 .dquery = scratch[2]};
        cal_nce_twin(&t);
        sum += t.loss;
    }
    return sum / (B * U);
}

/* The mean over the chunk's frames that count. */
static double chunk_loss(const struct hub *h)
{
    float e[B * COLS], p[B * COLS];
    double sum = 0;
    for (int t = FROM; t < K; t++) {
        look(t, e, p);
        sum += loss_of((const struct cal_global_attention *)h->region, &h->rule, e, p);
    }
    return sum / (K - FROM);
}

/* What a chunk sums up, which is of -L, against the slope of the float64 loss. */
static void test_gradients(void **state)
{
    static const char *const names[] = {"g.w", "g.b", "query.w", "query.b", "temperature"};
    static struct hub h;
    (void)state;
    hub_create(&h, &weighted, params_of(CAL_SGD, 0, 3), 4);
    size_t n = 0;
    float *b = array_of(&h, "query.b", &n), *temperature = array_of(&h, "temperature", &n);
    for (int i = 0; i < U * Q; i++)
        b[i] = 0.1f * (float)(i % 5 - 2);
    for (int u = 0; u < U; u++)
        temperature[u] += 0.3f * (float)u;
    for (int t = 0; t < K; t++)
        present(&h, t);
    for (int i = 0; i < 5; i++) {
        char gradient[32];
        size_t n_gradient;
        snprintf(gradient, sizeof gradient, "%s.g", names[i]);
        float *w = array_of(&h, names[i], &n), *g = array_of(&h, gradient, &n_gradient);
        double largest = 0, worst = 0;
        assert_int_equal(n, n_gradient);
        for (size_t k = 0; k < n; k++) {
            float was = w[k], up = was + 1e-3f, down = was - 1e-3f;
            w[k] = up;
            double above = chunk_loss(&h);
            w[k] = down;
            double below = chunk_loss(&h);
            w[k] = was;
            double slope = (above - below) / ((double)up - (double)down);
            largest = fmax(largest, fabs(slope));
            worst = fmax(worst, fabs(slope + (double)g[k]));
        }
        if (largest < 1e-4 || worst > 1e-4 * largest + 1e-7)
            fail_msg("%s: gradient off by %g, the largest is %g", names[i], worst, largest);
    }
    hub_destroy(&h);
}

/* What is reported is the loss of the codes under what was sent, as an onlooker has it; frames that do not count repeat it. */
static void test_metrics(void **state)
{
    static struct hub h;
    float e[B * COLS], p[B * COLS];
    (void)state;
    hub_create(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    for (int t = 0; t < FROM; t++) {
        present(&h, t);
        assert_true(h.metric[0] == 0);
    }
    for (int t = FROM; t < T + FROM; t++) {
        double before = h.metric[0];
        look(t, e, p);
        present_codes(&h, t, e, p);
        struct cal_rep sent = {.spec = &h.region->out, .data = {h.out[0], h.out[1], h.out[2]}, .ld = {U * Q, U, G}};
        struct cal_nce_value mean;
        cal_nce_evaluate(&weighted, B, U, D, e, p, &sent, &mean);
        if (t % T < FROM) {
            assert_true(h.metric[0] == before);
            continue;
        }
        assert_true(fabs(h.metric[0] - mean.loss) < 1e-9 && fabs(h.metric[1] - (mean.loss - mean.control)) < 1e-9);
        assert_true(fabs(h.metric[2] - cal_sum(h.out[1], U) / U) < 1e-6);
    }
    hub_destroy(&h);
}

/* Equal bits, sent and learnt, however the units are spread. */
static void test_spread(void **state)
{
    static struct hub whole, parts;
    (void)state;
    for (int drives = 2; drives <= 8; drives *= 2) {
        hub_create(&whole, &weighted, params_of(CAL_ADAM, 1e-2, 3), 1);
        hub_create(&parts, &weighted, params_of(CAL_ADAM, 1e-2, 3), drives);
        for (int t = 0; t < 2 * K + 1; t++) {
            present(&whole, t);
            present(&parts, t);
            for (int i = 0; i < 3; i++)
                assert_memory_equal(whole.out[i], parts.out[i], (i == 1 ? U : i ? B * G : B * U * Q) * sizeof(float));
        }
        assert_true(state_equal(&whole, &parts));
        hub_destroy(&whole);
        hub_destroy(&parts);
    }
}

/* Climbing raises the loss of codes that stay as they are; weights change where a chunk ends and nowhere else. */
static void test_climbs(void **state)
{
    static struct hub h;
    float e[B * COLS], p[B * COLS];
    double first = 0;
    size_t n;
    (void)state;
    look(1, e, p);
    hub_create(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    for (int t = 0; t < 10 * T; t++) {
        float *w = array_of(&h, "query.w", &n), was = w[0];
        present_codes(&h, t, e, p);
        assert_true((w[0] != was) == (t % K == K - 1));
        first = t == FROM ? h.metric[0] : first;
    }
    assert_true(h.metric[0] > first + 0.05);
    hub_destroy(&h);
}

static void test_temperatures_stay(void **state)
{
    static struct hub h;
    size_t n;
    int zeros = 0;
    (void)state;
    struct cal_global_attention_params params = params_of(CAL_SGD, 1.5, 10);
    params.optimiser.weight_decay = 1; /* 10 is pulled to -5, less what the gradient says */
    hub_create(&h, &weighted, params, 2);
    float *temperature = array_of(&h, "temperature", &n);
    for (int t = 0; t < 2 * T; t++) {
        present(&h, t);
        for (int u = 0; u < U; u++) {
            assert_true(temperature[u] >= 0);
            zeros += temperature[u] == 0;
        }
    }
    assert_true(zeros > 0); /* and were stopped there */
    hub_destroy(&h);
}

/* Frames before `begin` leave no trace: other codes and no predictions yet, the same state. */
static void test_early_frames(void **state)
{
    static struct hub a, b;
    (void)state;
    hub_create(&a, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    hub_create(&b, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    for (int t = 0; t < K; t++) {
        float e[B * COLS], p[B * COLS];
        present(&a, t);
        look(t < FROM ? t + 100 : t, e, p);
        if (t < FROM)
            memset(p, 0, sizeof p);
        present_codes(&b, t, e, p);
    }
    assert_true(state_equal(&a, &b));
    present(&a, K);
    present(&b, K + 1);
    assert_false(state_equal(&a, &b));
    hub_destroy(&a);
    hub_destroy(&b);
}

/* A state saved in the middle of a chunk goes on bit for bit. */
static void test_resumes(void **state)
{
    static struct hub a, b;
    (void)state;
    hub_create(&a, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    for (int t = 0; t < K + 5; t++)
        present(&a, t);
    hub_create(&b, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    copy_state(&a, &b);
    for (int t = K + 5; t < T + 2; t++) { /* the next frame that does not count included */
        present(&a, t);
        present(&b, t);
        assert_memory_equal(a.metric, b.metric, sizeof a.metric);
    }
    assert_true(state_equal(&a, &b));
    hub_destroy(&a);
    hub_destroy(&b);
}

/* The control: nothing is weighted or learnt; g alone is offered. */
static void test_uniform(void **state)
{
    static struct hub h, fresh;
    (void)state;
    hub_create(&h, &uniform, params_of(CAL_ADAM, 1e-2, 3), 2);
    hub_create(&fresh, &uniform, params_of(CAL_ADAM, 1e-2, 3), 2);
    assert_int_equal(h.region->out.n, 1);
    assert_string_equal(h.region->out.slice[0].name, "g");
    assert_false(h.region->out.slice[0].afferent);
    for (int t = 0; t < K; t++)
        present(&h, t);
    assert_true(h.metric[0] != 0 && fabs(h.metric[1]) < 1e-6 && h.metric[2] == 0);
    memset(((struct cal_global_attention *)h.region)->reported, 0, 3 * sizeof(double));
    assert_true(state_equal(&h, &fresh));
    hub_destroy(&h);
    hub_destroy(&fresh);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

static void test_refusals(void **state)
{
    static const char *const words[] = {
        "has none",        "different rules", "windows",       "divisor of the window", "batch of at least 64",
        "needs the codes", "no delay, got 2", "brings no `p`", "expected 2 for each",   "takes no context",
        "for 0 units"};
    static struct hub h;
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct cal_nce_rule other = uniform;
        hub_wire(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
        struct cal_region *r = h.region;
        switch (i) {
        case 0:
            r->n_targets = 0;
            break;
        case 1:
            h.target[1].rule = &other;
            break;
        case 2:
            r->window = 0;
            break;
        case 3:
            r->window = T + 1;
            break;
        case 4:
            h.rule.groups = 32;
            break;
        case 5:
            r->n_drives = 0;
            break;
        case 6:
            h.drive[1].delay = 2;
            break;
        case 7:
            h.drive[1].spec.n = 1;
            break;
        case 8:
            h.drive[1].spec.slice[0].cols++;
            break;
        case 9:
            r->context = h.target;
            r->n_contexts = 1;
            break;
        default:
            h.drive[0].units = 0;
            break;
        }
        int error = cal_region_outputs(r);
        if (!error)
            error = cal_region_declare(r);
        assert_int_equal(error, CAL_EUSAGE);
        if (!strstr(cal_err_message(), words[i]) || strncmp(cal_err_message(), "A: ", 3))
            fail_msg("expected `%s` in: %s", words[i], cal_err_message());
        cal_region_destroy(r);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_metrics),           cmocka_unit_test(test_spread),
        cmocka_unit_test(test_climbs),    cmocka_unit_test(test_temperatures_stay), cmocka_unit_test(test_early_frames),
        cmocka_unit_test(test_resumes),   cmocka_unit_test(test_uniform),           cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
