/* tests/test_synapses.c - the sparse loops of populations against their twins, and the competition in closed form against the one step by step. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/rng.h"
#include "regions/populations/competition.h"
#include "regions/populations/synapses.h"
#include "tests/fixtures.h"

enum { CHANNELS = 40, CLASSES = 3 };

/* Rows of 0, 1, 2 ... synapses. */
struct bed {
    struct cal_synapses k;
    long *row_start, *channel;
    float *a, *answer, *error, *w, *top, *mu, *sd, *z, *h, *d, *change, *top_change, *apart;
    size_t n, rows;
};

static float *draw(size_t n, unsigned owner, float low, float high)
{
    float *x = cal_alloc(n * sizeof *x);
    struct cal_rng rng = cal_rng_key(2, CAL_STREAM_TEST, owner, 0, 0);
    cal_rng_uniform_fill(&rng, 0, x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
    return x;
}

/* What lies behind the batch is 0. */
static float *draw_rows(size_t rows, int batch, int pitch, unsigned owner)
{
    float *x = draw(rows * (size_t)pitch, owner, 0, 1);
    for (size_t i = 0; i < rows * (size_t)pitch; i++)
        x[i] = (int)(i % (size_t)pitch) < batch ? x[i] : 0;
    return x;
}

static void bed_init(struct bed *t, int units, int batch, int pitch, bool copies)
{
    *t = (struct bed){.rows = (size_t)units * (size_t)pitch};
    t->row_start = cal_alloc((size_t)(units + 1) * sizeof *t->row_start);
    for (int i = 0; i < units; i++)
        t->row_start[i + 1] = t->row_start[i] + i;
    t->n = (size_t)t->row_start[units];
    t->channel = cal_alloc((t->n + 1) * sizeof *t->channel);
    for (size_t s = 0; s < t->n; s++)
        t->channel[s] = (long)(7 * s % CHANNELS);
    t->a = draw_rows(copies ? t->n : CHANNELS, batch, pitch, 1);
    t->error = draw_rows(CLASSES, batch, pitch, 2);
    t->answer = draw_rows(CLASSES, batch, pitch, 3);
    t->w = draw(t->n, 4, 0.1f, 2);
    t->top = draw((size_t)units * CLASSES, 5, 0, 3);
    t->mu = draw((size_t)units, 6, 0, 1);
    t->sd = draw((size_t)units, 7, 0.2f, 1);
    t->z = cal_alloc(t->rows * sizeof *t->z);
    t->h = cal_alloc(t->rows * sizeof *t->h);
    t->d = cal_alloc((size_t)pitch * sizeof *t->d);
    t->change = cal_alloc(t->n * sizeof *t->change);
    t->top_change = cal_alloc((size_t)units * CLASSES * sizeof *t->top_change);
    t->apart = cal_alloc((size_t)units * sizeof *t->apart);
    t->k = (struct cal_synapses){.units = units,
                                 .classes = CLASSES,
                                 .batch = batch,
                                 .pitch = pitch,
                                 .row_start = t->row_start,
                                 .channel = copies ? NULL : t->channel,
                                 .a = t->a,

                                 .answer = t->answer,
                                 .error = t->error,
                                 .slope = 3,
                                 .threshold = 0.5f,
                                 .feedback = 0.3f,
                                 .follow = 0.25f};
}

static void bed_finish(struct bed *t)
{
    void *all[] = {t->row_start, t->channel, t->a, t->error, t->answer, t->w,          t->top,  t->mu,
                   t->sd,        t->z,       t->h, t->d,     t->change, t->top_change, t->apart};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void expect_close(const float *a, const float *b, size_t n)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)b[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    assert_true(largest > 0 && worst < 1e-5 * largest);
}

static const struct {
    int units, batch, pitch;
    bool copies;
} sizes[] = {{12, 16, 16, false}, {12, 10, 16, true}, {33, 37, 48, false}, {20, 100, 112, true}};

static void responses_are_the_twins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int adapts = 0; adapts < 2; adapts++) {
            struct bed fast, slow;
            bed_init(&fast, sizes[i].units, sizes[i].batch, sizes[i].pitch, sizes[i].copies);
            bed_init(&slow, sizes[i].units, sizes[i].batch, sizes[i].pitch, sizes[i].copies);
            fast.k.follow = slow.k.follow = adapts ? 0.25f : 0;
            cal_synapses_respond(&fast.k, fast.w, fast.mu, fast.sd, fast.z, fast.h);
            cal_synapses_respond_twin(&slow.k, slow.w, slow.mu, slow.sd, slow.z, slow.h);
            expect_close(fast.mu, slow.mu, (size_t)sizes[i].units);
            expect_close(fast.sd, slow.sd, (size_t)sizes[i].units);
            for (int u = 0; u < sizes[i].units; u++) { /* what lies behind the batch has no meaning */
                size_t at = (size_t)u * (size_t)sizes[i].pitch;
                expect_close(fast.z + at, slow.z + at, (size_t)sizes[i].batch);
                for (int b = 0; b < sizes[i].batch; b++)
                    assert_true(fabsf(fast.h[at + (size_t)b] - slow.h[at + (size_t)b]) < 1e-5f);
            }
            bed_finish(&fast);
            bed_finish(&slow);
        }
}

static void phases_are_the_twins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bed fast, slow;
        bed_init(&fast, sizes[i].units, sizes[i].batch, sizes[i].pitch, sizes[i].copies);
        bed_init(&slow, sizes[i].units, sizes[i].batch, sizes[i].pitch, sizes[i].copies);
        cal_synapses_respond(&fast.k, fast.w, fast.mu, fast.sd, fast.z, fast.h);
        memcpy(slow.z, fast.z, fast.rows * sizeof *fast.z);
        memcpy(slow.h, fast.h, fast.rows * sizeof *fast.h);
        cal_synapses_compare(&fast.k, fast.top, fast.z, fast.h, fast.d, fast.change, fast.top_change, fast.apart);
        cal_synapses_compare_twin(&slow.k, slow.top, slow.z, slow.h, slow.change, slow.top_change, slow.apart);
        expect_close(fast.change, slow.change, fast.n);
        expect_close(fast.top_change, slow.top_change, (size_t)sizes[i].units * CLASSES);
        expect_close(fast.apart, slow.apart, (size_t)sizes[i].units);
        bed_finish(&fast);
        bed_finish(&slow);
    }
}

/* A unit's bits do not depend on the units beside it. */
static void a_unit_by_itself_has_the_same_bits(void **state)
{
    (void)state;
    struct bed all, one;
    bed_init(&all, 9, 20, 32, false);
    bed_init(&one, 9, 20, 32, false);
    cal_synapses_respond(&all.k, all.w, all.mu, all.sd, all.z, all.h);
    cal_synapses_compare(&all.k, all.top, all.z, all.h, all.d, all.change, all.top_change, all.apart);
    one.k.units = 1;
    for (size_t i = 0; i < 9; i++) {
        one.k.row_start = one.row_start + i;
        cal_synapses_respond(&one.k, one.w, one.mu + i, one.sd + i, one.z + 32 * i, one.h + 32 * i);
        cal_synapses_compare(&one.k, one.top + CLASSES * i, one.z + 32 * i, one.h + 32 * i, one.d, one.change, one.top_change + CLASSES * i,
                             one.apart + i);
    }
    assert_memory_equal(all.h, one.h, all.rows * sizeof *all.h);
    assert_memory_equal(all.change, one.change, all.n * sizeof *all.change);
    assert_memory_equal(all.top_change, one.top_change, 9 * CLASSES * sizeof *all.top_change);
    assert_memory_equal(all.sd, one.sd, 9 * sizeof *all.sd);
    bed_finish(&all);
    bed_finish(&one);
}

/* Fifty steps leave one synapse a channel above 1e-3, with a weight of 1: the largest. */
static void the_closed_form_is_the_competition(void **state)
{
    (void)state;
    const struct {
        int channels, units;
    } shapes[] = {{98, 10}, {784, 10}, {784, 200}, {50, 1}, {30, 1000}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int channels = shapes[i].channels, units = shapes[i].units;
        int *owner = cal_alloc((size_t)channels * sizeof *owner);
        double *w = cal_alloc((size_t)channels * (size_t)units * sizeof *w);
        cal_compete(3, 40 + (int)i, channels, units, owner);
        cal_compete_twin(3, 40 + (int)i, channels, units, w);
        for (int k = 0; k < channels; k++)
            for (int u = 0; u < units; u++) {
                double left = w[(size_t)k * (size_t)units + (size_t)u];
                assert_true(u == owner[k] ? fabs(left - 1) < 1e-3 : left < 1e-3);
            }
        cal_free(owner);
        cal_free(w);
    }
}

static void populations_draw_apart(void **state)
{
    (void)state;
    int a[300], b[300], c[300], shared = 0;
    cal_compete(3, 0, 300, 10, a);
    cal_compete(3, 10, 300, 10, b);
    cal_compete(4, 0, 300, 10, c);
    for (int k = 0; k < 300; k++)
        shared += (a[k] == b[k]) + (a[k] == c[k]);
    assert_in_range(shared, 20, 120); /* 60 by chance */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_the_twins),
        cmocka_unit_test(phases_are_the_twins),
        cmocka_unit_test(a_unit_by_itself_has_the_same_bits),
        cmocka_unit_test(the_closed_form_is_the_competition),
        cmocka_unit_test(populations_draw_apart),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
