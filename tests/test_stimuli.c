/* tests/test_stimuli.c - the order of samples, noisy views, and the batches of a process. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "experiments/stimuli/samples.h"
#include "tests/world.h"

#define SMALL "{kind: dead-leaves, size: 256, patch: 8, discs: 400, radius_max: 60}"
#define B 32

static struct cal_view view_of(int phase, enum cal_split split, double noise)
{
    return (struct cal_view){.phase = phase, .split = split, .noise = noise};
}

/* Hash of one batch, made anew. */
static uint64_t batch_hash(const char *text, uint32_t seed, struct cal_view view, long presentation)
{
    struct world w;
    const struct cal_rep *rep;
    assert_int_equal(world_open(&w, text, seed, B), CAL_OK);
    struct cal_batches *b = cal_batches_create(w.s, 1);
    assert_int_equal(cal_batches_get(b, &view, presentation, &rep), CAL_OK);
    uint64_t hash = cal_rep_hash(rep, 0);
    cal_batches_destroy(b);
    world_close(&w);
    return hash;
}

static void a_batch_is_a_function_of_its_key(void **state)
{
    (void)state;
    struct cal_view train = view_of(0, CAL_SPLIT_TRAIN, -1);
    uint64_t hash = batch_hash(SMALL, 7, train, 3);
    assert_true(batch_hash(SMALL, 7, train, 3) == hash);
    assert_true(batch_hash(SMALL, 8, train, 3) != hash);
    assert_true(batch_hash(SMALL, 7, train, 4) != hash);
    assert_true(batch_hash(SMALL, 7, view_of(1, CAL_SPLIT_TRAIN, -1), 3) != hash);
    assert_true(batch_hash(SMALL, 7, view_of(0, CAL_SPLIT_HELD_OUT, -1), 3) != hash);
    assert_true(batch_hash(SMALL, 7, view_of(0, CAL_SPLIT_TRAIN, 0.2), 3) != hash);
    assert_true(batch_hash(SMALL, 7, view_of(0, CAL_SPLIT_TRAIN, 0.1), 3) == hash);
}

/* --- order --- */

/* How often each of the n samples is shown in epoch `epoch`; their order goes to `order`. Returns how many were shown. */
static long visit(struct cal_stimulus *s, struct cal_view view, long epoch, int *count, uint32_t *order)
{
    long n = s->samples[view.split], batches = n / s->batch, shown = 0;
    memset(count, 0, (size_t)n * sizeof *count);
    for (long i = 0; i < batches; i++) {
        struct cal_samples q;
        assert_int_equal(cal_samples_init(&q, s, &view, epoch * batches + i), CAL_OK);
        for (int b = 0; b < s->batch; b++) {
            uint32_t sample = cal_samples_row(&q, b);
            assert_true(sample < (uint32_t)n);
            count[sample]++;
            order[shown++] = sample;
        }
    }
    return shown;
}

static void an_epoch_shows_each_sample_once(void **state)
{
    (void)state;
    struct cal_stimulus s = {.ops = cal_stimulus_kinds[0], .seed = 5, .batch = 10, .samples = {1003, 60}};
    int count[1003];
    uint32_t first[1003], second[1003], other[1003], held_out[1003];
    struct cal_view train = view_of(0, CAL_SPLIT_TRAIN, -1);
    assert_int_equal(visit(&s, train, 0, count, first), 1000);
    int missing = 0;
    for (int i = 0; i < 1003; i++) {
        assert_true(count[i] <= 1);
        missing += !count[i];
    }
    assert_int_equal(missing, 3);
    visit(&s, train, 1, count, second);
    assert_memory_not_equal(first, second, 1000 * sizeof *first);
    visit(&s, view_of(1, CAL_SPLIT_TRAIN, -1), 0, count, other);
    assert_memory_not_equal(first, other, 1000 * sizeof *first);

    assert_int_equal(visit(&s, view_of(0, CAL_SPLIT_HELD_OUT, -1), 0, count, held_out), 60);
    for (int i = 0; i < 60; i++)
        assert_int_equal(count[i], 1);
    visit(&s, view_of(3, CAL_SPLIT_HELD_OUT, -1), 2, count, other);
    assert_memory_equal(held_out, other, 60 * sizeof *other);
}

static void too_few_samples_for_a_batch_is_an_error(void **state)
{
    (void)state;
    struct cal_stimulus s = {.ops = cal_stimulus_kinds[0], .seed = 5, .batch = 10, .samples = {100, 9}};
    struct cal_samples q;
    struct cal_view held_out = view_of(0, CAL_SPLIT_HELD_OUT, -1);
    assert_int_equal(cal_samples_init(&q, &s, &held_out, 0), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "9 held-out samples"));
    struct world w;
    assert_int_equal(world_open(&w, SMALL, 1, 5000), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "fewer than a batch of 5000"));
    world_close(&w);
}

/* --- noise --- */

/* Mean and sd of view1 - image and view2 - image, and the correlation of the two. */
static void noise_of(struct cal_stimulus *s, double noise, double sd[2], double *correlation)
{
    enum { N = B * 64 };
    struct cal_batches *b = cal_batches_create(s, 1);
    const struct cal_rep *rep;
    struct cal_view view = view_of(0, CAL_SPLIT_TRAIN, noise);
    double sum[2] = {0}, squares[2] = {0}, product = 0, n = 4.0 * N;
    for (long t = 0; t < 4; t++) {
        assert_int_equal(cal_batches_get(b, &view, t, &rep), CAL_OK);
        for (int i = 0; i < N; i++) {
            double e[2] = {rep->data[1][i] - rep->data[0][i], rep->data[2][i] - rep->data[0][i]};
            for (int v = 0; v < 2; v++) {
                sum[v] += e[v];
                squares[v] += e[v] * e[v];
            }
            product += e[0] * e[1];
        }
    }
    for (int v = 0; v < 2; v++) {
        sd[v] = sqrt(squares[v] / n);
        assert_true(fabs(sum[v] / n) <= 4 * sd[v] / sqrt(n));
    }
    *correlation = sd[0] > 0 ? product / n / (sd[0] * sd[1]) : 0;
    cal_batches_destroy(b);
}

static void noise_has_its_deviation(void **state)
{
    (void)state;
    struct world w;
    double sd[2], correlation;
    assert_int_equal(world_open(&w, SMALL, 3, B), CAL_OK);
    noise_of(w.s, -1, sd, &correlation); /* 8,192 draws: sd known to 0.8 % */
    assert_true(fabs(sd[0] / 0.1 - 1) < 0.04 && fabs(sd[1] / 0.1 - 1) < 0.04);
    assert_true(fabs(correlation) < 0.05);
    noise_of(w.s, 0.5, sd, &correlation);
    assert_true(fabs(sd[0] / 0.5 - 1) < 0.04 && fabs(sd[1] / 0.5 - 1) < 0.04);
    noise_of(w.s, 0, sd, &correlation);
    assert_true(sd[0] == 0 && sd[1] == 0);
    world_close(&w);
}

static void held_out_batches_ignore_the_phase_but_for_noise(void **state)
{
    (void)state;
    struct world w;
    const struct cal_rep *one, *two;
    assert_int_equal(world_open(&w, SMALL, 3, B), CAL_OK);
    struct cal_batches *b = cal_batches_create(w.s, 2);
    struct cal_view first = view_of(0, CAL_SPLIT_HELD_OUT, -1), second = view_of(4, CAL_SPLIT_HELD_OUT, -1);
    assert_int_equal(cal_batches_get(b, &first, 2, &one), CAL_OK);
    assert_int_equal(cal_batches_get(b, &second, 2, &two), CAL_OK);
    assert_memory_equal(one->data[0], two->data[0], B * 64 * sizeof(float));
    assert_memory_not_equal(one->data[1], two->data[1], B * 64 * sizeof(float));
    cal_batches_destroy(b);
    world_close(&w);
}

/* --- batches of a process --- */

/* A world that counts how often it is asked, and fails on request. */
struct counter {
    int asked, fail;
};

static int counter_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    struct counter *c = s->state;
    c->asked++;
    for (int i = 0; out[0] && i < s->batch * 3; i++)
        out[0][i] = (float)presentation;
    for (int i = 0; out[1] && i < s->batch; i++)
        out[1][i] = (float)view->phase;
    return c->fail ? cal_fail(CAL_EIO, "asked to fail") : CAL_OK;
}

static const struct cal_stimulus_ops counter_ops = {.kind = "counter", .batch = counter_batch};

static struct cal_stimulus counter_world(struct counter *c)
{
    struct cal_stimulus s = {.ops = &counter_ops, .batch = 5, .state = c};
    s.spec.rows = 5;
    cal_rep_spec_add(&s.spec, "image", 3);
    cal_rep_spec_add(&s.spec, "label", 1);
    return s;
}

static void a_batch_is_made_once_and_stays_among_the_latest(void **state)
{
    (void)state;
    struct counter c = {0};
    struct cal_stimulus s = counter_world(&c);
    struct cal_batches *b = cal_batches_create(&s, 3);
    struct cal_view view = view_of(2, CAL_SPLIT_TRAIN, -1), other = view_of(3, CAL_SPLIT_TRAIN, -1);
    const struct cal_rep *first, *rep;
    cal_batches_get(b, &view, 10, &first);
    assert_int_equal(first->presentation, 10);
    assert_true(first->data[0][14] == 10 && first->data[1][4] == 2);
    cal_batches_get(b, &view, 10, &rep);
    assert_ptr_equal(rep, first);
    assert_int_equal(c.asked, 1);

    cal_batches_get(b, &other, 10, &rep); /* the same presentation of another phase is another batch */
    assert_int_equal(c.asked, 2);
    cal_batches_get(b, &view, 11, &rep);
    cal_batches_get(b, &view, 12, &rep); /* takes the place of the other phase's */
    assert_true(first->data[0][0] == 10 && first->data[1][0] == 2);
    assert_int_equal(c.asked, 4);
    for (long t = 13; t < 20; t++) { /* a pipeline: one looks at t, others at what was shown before, the earliest last */
        for (long late = 0; late < 3; late++) {
            cal_batches_get(b, &view, t - late, &rep);
            assert_true(rep->presentation == t - late && rep->data[0][0] == (float)(t - late));
        }
        assert_int_equal(c.asked, 4 + t - 12);
    }
    cal_batches_destroy(b);
}

/* Slice 0 is a picture, slice 1 is not. */
static void slices_are_made_when_somebody_looks_at_them(void **state)
{
    (void)state;
    struct counter c = {0};
    struct cal_stimulus s = counter_world(&c);
    struct cal_stimulus_ops sparing = counter_ops;
    struct cal_view view = view_of(2, CAL_SPLIT_TRAIN, -1);
    const struct cal_rep *rep;
    s.ops = &sparing;
    s.spec.slice[0].c = s.spec.slice[0].h = 1;
    s.spec.slice[0].w = 3;
    for (int k = CAL_SPARES_NOTHING; k <= CAL_SPARES_SLICES; k++) {
        sparing.spares = (enum cal_spares)k;
        c = (struct counter){0};
        struct cal_batches *b = cal_batches_create(&s, 1);
        cal_batches_get_some(b, &view, 7, 1u << 1, &rep);
        assert_true(rep->data[0][0] == (k ? 0 : 7) && rep->data[1][4] == 2);
        cal_batches_get(b, &view, 7, &rep);
        assert_true(rep->data[0][0] == 7 && rep->data[1][4] == 2);
        cal_batches_get_some(b, &view, 7, 1u << 1, &rep); /* they are there already */
        assert_int_equal(c.asked, k ? 2 : 1);
        cal_batches_get_some(b, &view, 8, 1u << 1, &rep); /* whoever wanted all of 7 will want all of 8 */
        cal_batches_get(b, &view, 8, &rep);
        assert_int_equal(c.asked, k ? 3 : 2);
        cal_batches_destroy(b);
        b = cal_batches_create(&s, 1);
        cal_batches_get_some(b, &view, 9, 1u << 0, &rep);
        assert_true(rep->data[0][0] == 9 && rep->data[1][4] == (k == CAL_SPARES_SLICES ? 0 : 2));
        cal_batches_destroy(b);
    }
}

static void a_failed_batch_is_not_kept(void **state)
{
    (void)state;
    struct counter c = {0};
    struct cal_stimulus s = counter_world(&c);
    struct cal_batches *b = cal_batches_create(&s, 1);
    struct cal_view view = view_of(0, CAL_SPLIT_TRAIN, -1);
    const struct cal_rep *rep;
    assert_int_equal(cal_batches_get(b, &view, 0, &rep), CAL_OK);
    c.fail = 1;
    assert_int_equal(cal_batches_get(b, &view, 1, &rep), CAL_EIO); /* spoils the one buffer there is */
    c.fail = 0;
    assert_int_equal(cal_batches_get(b, &view, 1, &rep), CAL_OK);
    assert_int_equal(c.asked, 3);
    cal_batches_destroy(b);
}

static void the_hash_sees_every_bit_and_no_padding(void **state)
{
    (void)state;
    struct cal_rep_spec spec = {.rows = 2};
    cal_rep_spec_add(&spec, "image", 3);
    float packed[6] = {1, 2, 3, 4, 5, 6}, spread[8] = {1, 2, 3, 77, 4, 5, 6, 78};
    struct cal_rep one = {.spec = &spec, .data = {packed}, .ld = {3}}, two = {.spec = &spec, .data = {spread}, .ld = {4}};
    uint64_t hash = cal_rep_hash(&one, 0);
    assert_true(cal_rep_hash(&two, 0) == hash);
    assert_true(cal_rep_hash(&one, hash) != hash);
    for (int i = 0; i < 6; i++)
        for (int bit = 0; bit < 32; bit++) {
            float was = packed[i];
            uint32_t bits;
            memcpy(&bits, &packed[i], sizeof bits);
            bits ^= UINT32_C(1) << bit;
            memcpy(&packed[i], &bits, sizeof bits);
            assert_true(cal_rep_hash(&one, 0) != hash);
            packed[i] = was;
        }
    packed[1] = -packed[1]; /* two signs in the upper halves of their words: plain FNV-1a on words would not see them */
    packed[4] = -packed[4];
    assert_true(cal_rep_hash(&one, 0) != hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_a_function_of_its_key),
        cmocka_unit_test(an_epoch_shows_each_sample_once),
        cmocka_unit_test(too_few_samples_for_a_batch_is_an_error),
        cmocka_unit_test(noise_has_its_deviation),
        cmocka_unit_test(held_out_batches_ignore_the_phase_but_for_noise),
        cmocka_unit_test(a_batch_is_made_once_and_stays_among_the_latest),
        cmocka_unit_test(slices_are_made_when_somebody_looks_at_them),
        cmocka_unit_test(a_failed_batch_is_not_kept),
        cmocka_unit_test(the_hash_sees_every_bit_and_no_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
