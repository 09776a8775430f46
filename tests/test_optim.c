/* tests/test_optim.c - optimisers: PyTorch's values, a float64 reference, the slow twins; schedules; clipping. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/optim.h"
#include "core/rng.h"
#include "tests/death.h"

enum { LINE = CAL_ALIGN / sizeof(float) };

/* A region with two arrays of parameters. */
enum { N1 = 100, N2 = 37, N = N1 + N2 };
struct region {
    struct cal_layout layout;
    struct cal_optim optim;
    float *w1, *g1, *w2, *g2;
};

static struct cal_optim_params defaults(void)
{
    struct cal_optim_params p = {0};
    assert_int_equal(cal_params_read(cal_optim_table, "optimiser", NULL, NULL, &p), CAL_OK);
    return p;
}

static void fill(float *x, size_t n, uint32_t which)
{
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which);
    cal_rng_normal_fill(&r, 0, x, n);
}

static void region_init(struct region *r, const struct cal_optim_params *p)
{
    struct cal_layout *l = &r->layout;
    cal_layout_init(l);
    cal_optim_init(&r->optim, p);
    cal_layout_f32(l, CAL_STATE, "one", &r->w1, (size_t[]){N1, 0});
    cal_layout_f32(l, CAL_STATE, "two", &r->w2, (size_t[]){N2, 0});
    cal_layout_f32(l, CAL_SCRATCH, "one.grad", &r->g1, (size_t[]){N1, 0});
    cal_layout_f32(l, CAL_SCRATCH, "two.grad", &r->g2, (size_t[]){N2, 0});
    cal_optim_add(&r->optim, l, "one", &r->w1, &r->g1, N1);
    cal_optim_add(&r->optim, l, "two", &r->w2, &r->g2, N2);
    cal_layout_alloc(l);
    fill(r->w1, N1, 1000);
    fill(r->w2, N2, 1001);
}

static void gradients(struct region *r, long step)
{
    fill(r->g1, N1, (uint32_t)(2 * step));
    fill(r->g2, N2, (uint32_t)(2 * step + 1));
}

static struct cal_step step_at(long learnt, long total)
{
    return (struct cal_step){.learn = true, .rate = 1, .learnt = learnt, .learn_total = total};
}

static void defaults_are_those_of_the_method(void **state)
{
    (void)state;
    struct cal_optim_params p = defaults();
    assert_int_equal(p.kind, CAL_SGD);
    assert_int_equal(p.schedule, CAL_DROP);
    assert_true(p.rate == 0.1 && p.momentum == 0.9 && p.weight_decay == 1e-3 && p.hold == 0.75 && p.last == 0.1 && p.clip == 0);
    assert_true(p.beta1 == 0.9 && p.beta2 == 0.999 && p.epsilon == 1e-8);
}

/* torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.001), w = 1, gradient 0.5 twice, worked by hand:
 *   v = 0.5 + 0.001 * 1 = 0.501                          w = 1 - 0.0501 = 0.9499
 *   v = 0.9 * 0.501 + 0.5 + 0.001 * 0.9499 = 0.9518499   w = 0.9499 - 0.09518499 = 0.85471501 */
static void sgd_has_the_values_of_pytorch(void **state)
{
    (void)state;
    const struct cal_optim_pass pass = {.scale = 1, .rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.001f};
    float w = 1, g = 0.5f, m = 0;
    cal_sgd_pass(&pass, 1, &w, &g, &m);
    assert_true(fabsf(m - 0.501f) < 1e-7f && fabsf(w - 0.9499f) < 1e-7f);
    cal_sgd_pass(&pass, 1, &w, &g, &m);
    assert_true(fabsf(m - 0.9518499f) < 2e-7f && fabsf(w - 0.85471501f) < 2e-7f);
}

/* torch.optim.AdamW: without decay the first step is rate * g / (|g| + epsilon), whatever the betas. */
static void adam_begins_with_a_step_of_one_rate(void **state)
{
    (void)state;
    struct cal_optim_params p = defaults();
    p.kind = CAL_ADAM;
    p.weight_decay = 0;
    p.schedule = CAL_CONSTANT;
    p.rate = 0.01;
    struct region r, was;
    region_init(&r, &p);
    region_init(&was, &p);
    gradients(&r, 0);
    struct cal_step s = step_at(0, 10);
    cal_optim_update(&r.optim, &s);
    for (size_t i = 0; i < N1; i++)
        assert_true(fabsf(was.w1[i] - r.w1[i] - copysignf(0.01f, r.g1[i])) < 1e-6f);
    cal_layout_finish(&r.layout);
    cal_layout_finish(&was.layout);
}

/* The textbook, in float64, over all N parameters as one vector. */
struct reference {
    double w[N], m[N], v[N];
};

static void reference_init(struct reference *f, const struct region *r)
{
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < N; i++)
        f->w[i] = i < N1 ? r->w1[i] : r->w2[i - N1];
}

static void reference_update(struct reference *f, const struct cal_optim_params *p, const struct region *r, double rate, long learnt)
{
    double squares = 0, scale = 1;
    for (size_t i = 0; i < N; i++) {
        double g = i < N1 ? r->g1[i] : r->g2[i - N1];
        squares += g * g;
    }
    if (p->clip > 0 && sqrt(squares) > p->clip)
        scale = p->clip / sqrt(squares);
    for (size_t i = 0; i < N; i++) {
        double g = scale * (i < N1 ? r->g1[i] : r->g2[i - N1]), t = (double)learnt + 1;
        if (p->kind == CAL_SGD) {
            f->m[i] = p->momentum * f->m[i] + g + p->weight_decay * f->w[i];
            f->w[i] -= rate * f->m[i];
        } else {
            f->m[i] = p->beta1 * f->m[i] + (1 - p->beta1) * g;
            f->v[i] = p->beta2 * f->v[i] + (1 - p->beta2) * g * g;
            f->w[i] *= 1 - rate * p->weight_decay;
            f->w[i] -= rate * f->m[i] / (1 - pow(p->beta1, t)) / (sqrt(f->v[i] / (1 - pow(p->beta2, t))) + p->epsilon);
        }
    }
}

static void follow_reference(struct cal_optim_params p)
{
    enum { STEPS = 30 };
    struct region r;
    struct reference f;
    region_init(&r, &p);
    reference_init(&f, &r);
    for (long t = 0; t < STEPS; t++) {
        struct cal_step s = step_at(t, STEPS);
        gradients(&r, t);
        reference_update(&f, &p, &r, cal_optim_rate(&p, &s), t);
        cal_optim_update(&r.optim, &s);
        for (size_t i = 0; i < N; i++)
            assert_true(fabs((i < N1 ? r.w1[i] : r.w2[i - N1]) - f.w[i]) < 1e-5);
    }
    cal_layout_finish(&r.layout);
}

static void updates_follow_a_float64_reference(void **state)
{
    (void)state;
    for (int kind = CAL_SGD; kind <= CAL_ADAM; kind++)
        for (int clipped = 0; clipped < 2; clipped++) {
            struct cal_optim_params p = defaults();
            p.kind = kind;
            p.clip = clipped ? 2 : 0; /* of a norm of about sqrt(N) = 12 */
            p.weight_decay = 0.02;
            p.schedule = CAL_LINEAR;
            follow_reference(p);
            p.momentum = 0;
            follow_reference(p);
        }
}

static void passes_agree_with_their_twins_for_every_tail(void **state)
{
    (void)state;
    enum { M = 100 };
    const struct cal_optim_pass pass = {.scale = 0.7f,
                                        .rate = 0.05f,
                                        .momentum = 0.8f,
                                        .weight_decay = 0.01f,
                                        .epsilon = 1e-8f,
                                        .fresh1 = 0.1f,
                                        .fresh2 = 0.001f,
                                        .unbias1 = 2.0f,
                                        .unbias2 = 3.0f};
    for (size_t n = 0; n <= M; n++) {
        float g[M], x[8][M]; /* fast and slow: w and m of SGD; w, m, v of Adam in place of both */
        fill(g, M, 1);
        for (int adam = 0; adam < 2; adam++) {
            for (uint32_t k = 0; k < 3; k++) {
                fill(x[k], M, 2 + k);
                for (size_t i = 0; i < M; i++)
                    x[k][i] = k == 2 ? x[k][i] * x[k][i] : x[k][i];
                memcpy(x[4 + k], x[k], sizeof x[k]);
            }
            if (adam) {
                cal_adam_pass(&pass, n, x[0], g, x[1], x[2]);
                cal_adam_pass_twin(&pass, n, x[4], g, x[5], x[6]);
            } else {
                cal_sgd_pass(&pass, n, x[0], g, x[1]);
                cal_sgd_pass_twin(&pass, n, x[4], g, x[5]);
            }
            for (size_t k = 0; k < 3; k++)
                for (size_t i = 0; i < M; i++)
                    assert_true(fabsf(x[k][i] - x[4 + k][i]) <= (i < n ? 1e-6f * (1 + fabsf(x[4 + k][i])) : 0));
        }
    }
}

static void bits_do_not_depend_on_where_the_arrays_lie(void **state)
{
    (void)state;
    enum { M = 1003, PLACES = 5, ROOM = M + 4 * PLACES * LINE };
    const struct cal_optim_pass pass = {.scale = 1,
                                        .rate = 0.1f,
                                        .momentum = 0.9f,
                                        .weight_decay = 1e-3f,
                                        .epsilon = 1e-8f,
                                        .fresh1 = 0.1f,
                                        .fresh2 = 0.001f,
                                        .unbias1 = 1.5f,
                                        .unbias2 = 1.2f};
    float *block[4], *expected[2][4];
    for (size_t k = 0; k < 4; k++)
        block[k] = cal_alloc(ROOM * sizeof(float));
    for (size_t place = 0; place < PLACES; place++)
        for (int adam = 0; adam < 2; adam++) {
            float *x[4]; /* w, g, m, v, each at a distance of its own */
            for (uint32_t k = 0; k < 4; k++) {
                x[k] = block[k] + place * k * LINE;
                fill(x[k], M, 1 + k);
                for (size_t i = 0; i < M; i++)
                    x[k][i] = k == 3 ? fabsf(x[k][i]) : x[k][i];
            }
            if (adam)
                cal_adam_pass(&pass, M, x[0], x[1], x[2], x[3]);
            else
                cal_sgd_pass(&pass, M, x[0], x[1], x[2]);
            for (size_t k = 0; k < 4; k++) {
                if (place == 0)
                    expected[adam][k] = memcpy(cal_alloc(M * sizeof(float)), x[k], M * sizeof(float));
                assert_memory_equal(x[k], expected[adam][k], M * sizeof(float));
            }
        }
    for (size_t k = 0; k < 4; k++) {
        cal_free(block[k]);
        cal_free(expected[0][k]);
        cal_free(expected[1][k]);
    }
}

static double rate_at(struct cal_optim_params *p, int schedule, long learnt)
{
    struct cal_step s = step_at(learnt, 1000);
    p->schedule = schedule;
    return cal_optim_rate(p, &s);
}

static void schedules_go_where_they_should(void **state)
{
    (void)state;
    struct cal_optim_params p = defaults();
    p.rate = 1;
    assert_true(rate_at(&p, CAL_CONSTANT, 0) == 1 && rate_at(&p, CAL_CONSTANT, 999) == 1);
    assert_true(rate_at(&p, CAL_DROP, 749) == 1 && rate_at(&p, CAL_DROP, 750) == 0.1 && rate_at(&p, CAL_DROP, 999) == 0.1);
    assert_true(rate_at(&p, CAL_LINEAR, 0) == 1 && fabs(rate_at(&p, CAL_LINEAR, 750) - 1) < 1e-12);
    assert_true(fabs(rate_at(&p, CAL_LINEAR, 875) - 0.55) < 1e-12);         /* half way from 1 to 0.1 */
    assert_true(fabs(rate_at(&p, CAL_LINEAR, 999) - 0.1 - 0.0036) < 1e-12); /* a step of 0.9 / 250 before the end */
    assert_true(rate_at(&p, CAL_COSINE, 0) == 1 && fabs(rate_at(&p, CAL_COSINE, 500) - 0.5) < 1e-12);
    assert_true(rate_at(&p, CAL_COSINE, 999) > 0 && rate_at(&p, CAL_COSINE, 999) < 3e-6);
    p.hold = 1;
    assert_true(rate_at(&p, CAL_LINEAR, 999) == 1 && rate_at(&p, CAL_DROP, 999) == 1);
    p.rate = 0.2;
    struct cal_step s = step_at(3, 10);
    s.rate = 0.5; /* the phase's factor */
    assert_true(cal_optim_rate(&p, &s) == 0.1);
}

static void rate_after_the_end(void *with)
{
    struct cal_step s = step_at(10, 10);
    cal_optim_rate(with, &s);
}

static void learning_after_the_end_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    struct cal_optim_params p = defaults();
    assert_int_equal(death(rate_after_the_end, &p, said, sizeof said), CAL_EINTERNAL);
}

static void a_rate_of_zero_moves_nothing(void **state)
{
    (void)state;
    for (int kind = CAL_SGD; kind <= CAL_ADAM; kind++) {
        struct cal_optim_params p = defaults();
        p.kind = kind;
        struct region r, was;
        region_init(&r, &p);
        region_init(&was, &p);
        gradients(&r, 0);
        struct cal_step s = step_at(0, 10);
        s.rate = 0;
        cal_optim_update(&r.optim, &s);
        assert_memory_equal(r.w1, was.w1, N1 * sizeof(float));
        assert_memory_equal(r.w2, was.w2, N2 * sizeof(float));
        cal_layout_finish(&r.layout);
        cal_layout_finish(&was.layout);
    }
}

/* A bound above the norm of all parts changes no bit; one between the norm of a part and that of all does. */
static void clipping_counts_all_parts_together(void **state)
{
    (void)state;
    struct cal_optim_params free = defaults(), wide = free, narrow = free;
    wide.clip = 100;
    narrow.clip = 11; /* sqrt(100) < 11 < sqrt(137): the gradients are normals */
    struct region r[3];
    struct cal_step s = step_at(0, 10);
    const struct cal_optim_params *p[] = {&free, &wide, &narrow};
    for (int k = 0; k < 3; k++) {
        region_init(&r[k], p[k]);
        gradients(&r[k], 4);
        cal_optim_update(&r[k].optim, &s);
    }
    double one = sqrt(cal_sum_squares(r->g1, N1)), both = sqrt(one * one + cal_sum_squares(r->g2, N2));
    assert_true(one < 11 && both > 11);
    assert_memory_equal(r[0].w1, r[1].w1, N1 * sizeof(float));
    assert_memory_not_equal(r[0].w1, r[2].w1, N1 * sizeof(float));
    for (int k = 0; k < 3; k++)
        cal_layout_finish(&r[k].layout);
}

static void a_nan_in_the_gradient_is_not_hidden(void **state)
{
    (void)state;
    struct cal_optim_params p = defaults();
    for (int kind = CAL_SGD; kind <= CAL_ADAM; kind++)
        for (int clipped = 0; clipped < 2; clipped++) {
            p.kind = kind;
            p.clip = clipped;
            struct region r;
            region_init(&r, &p);
            gradients(&r, 0);
            r.g2[5] = NAN;
            struct cal_step s = step_at(0, 10);
            cal_optim_update(&r.optim, &s);
            assert_false(cal_all_finite(r.w2, N2));
            cal_layout_finish(&r.layout);
        }
}

static void moments_are_state_under_the_parameters_name(void **state)
{
    (void)state;
    struct cal_optim_params p = defaults();
    for (int kind = CAL_SGD; kind <= CAL_ADAM; kind++) {
        struct region r;
        p.kind = kind;
        region_init(&r, &p);
        const struct cal_array *m = &r.layout.arrays[4], *v = &r.layout.arrays[5];
        assert_string_equal(m->name, "one.m");
        assert_string_equal(v->name, kind == CAL_ADAM ? "one.v" : "two.m");
        assert_int_equal(m->role, CAL_STATE);
        assert_int_equal(cal_array_count(m), N1);
        assert_int_equal(r.layout.n, kind == CAL_ADAM ? 8 : 6);
        cal_layout_finish(&r.layout);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_method),
        cmocka_unit_test(sgd_has_the_values_of_pytorch),
        cmocka_unit_test(adam_begins_with_a_step_of_one_rate),
        cmocka_unit_test(updates_follow_a_float64_reference),
        cmocka_unit_test(passes_agree_with_their_twins_for_every_tail),
        cmocka_unit_test(bits_do_not_depend_on_where_the_arrays_lie),
        cmocka_unit_test(schedules_go_where_they_should),
        cmocka_unit_test(learning_after_the_end_is_our_bug),
        cmocka_unit_test(a_rate_of_zero_moves_nothing),
        cmocka_unit_test(clipping_counts_all_parts_together),
        cmocka_unit_test(a_nan_in_the_gradient_is_not_hidden),
        cmocka_unit_test(moments_are_state_under_the_parameters_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
