/* tests/test_region.c - the wrappers that every kind goes through, the registry, and the null kind as the exchange's instrument. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/param.h"
#include "experiments/spec/experiment_parts.h"
#include "regions/region.h"

enum { B = 4, COLS = 3 };

static const struct cal_rep_spec spec = {
    .rows = B, .n = 2, .slice = {{.name = "value", .cols = COLS}, {.name = "scale", .cols = 2, .shared = true}}};
static float values[B * COLS], scale[2] = {1, 2};
static const struct cal_step step = {.presentation = 3, .learn = true, .rate = 1, .learn_total = 10, .record = 1};

static struct cal_rep sent(long presentation)
{
    return (struct cal_rep){.spec = &spec, .presentation = presentation, .data = {values, scale}, .ld = {COLS, 2}};
}

static const struct cal_port port = {.projection = "p", .peer = "stimulus", .spec = spec};
static char params[64]; /* of any kind used here */

static struct cal_region *region_of(const struct cal_region_ops *ops)
{
    struct cal_region *r = cal_region_create(ops);
    memset(params, 0, sizeof params);
    assert_true(ops->params_size <= sizeof params);
    if (ops->params)
        assert_int_equal(cal_params_read(ops->params, "test", NULL, NULL, params), CAL_OK);
    r->name = "N.2";
    r->batch = B;
    r->params = params;
    r->drive = r->context = &port;
    r->n_drives = r->n_contexts = 1;
    for (int i = 0; i < B * COLS; i++)
        values[i] = (float)i - 4.5f;
    return r;
}

static void test_registry(void **state)
{
    (void)state;
    int n = 0;
    for (; cal_region_kinds[n]; n++) {
        const struct cal_region_ops *ops = cal_region_kinds[n];
        assert_ptr_equal(cal_region_kind(ops->kind), ops);
        assert_true(ops->help && ops->outputs && ops->declare && ops->forward && ops->size >= sizeof(struct cal_region));
        assert_true(!ops->tape_size == !ops->declare_tape);
        assert_true(!ops->rule == !ops->rule_size);
        for (const struct cal_param *key = ops->rule; key && key->name; key++) /* they stand in one map with the projection's own */
            for (const struct cal_param *taken = cal_projection_table; taken->name; taken++)
                assert_string_not_equal(key->name, taken->name);
        struct cal_region *r = cal_region_create(ops);
        assert_in_range(cal_region_n_metrics(r), ops->learn ? 1 : 0, CAL_METRICS_MAX);
        if (ops->learn)
            assert_string_equal(ops->metrics[0], "loss");
        cal_region_destroy(r);
    }
    assert_true(n >= 3);
    assert_null(cal_region_kind("no such kind"));
    cal_region_destroy(NULL);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

/* A region of kind null, ready to run. */
static struct cal_region *null_region(struct cal_tape *tape)
{
    struct cal_region *r = region_of(cal_region_kind("null"));
    assert_int_equal(cal_region_outputs(r), CAL_OK);
    assert_int_equal(cal_region_declare(r), CAL_OK);
    cal_region_init(r);
    cal_tape_init(tape, r);
    return r;
}

/* null passes on what drives it, shared rows and all. */
static void test_null_is_the_identity(void **state)
{
    (void)state;
    struct cal_tape tape;
    struct cal_region *r = null_region(&tape);
    struct cal_rep rep = sent(3);
    const struct cal_rep *drive = &rep;
    float value[B * COLS], shared[2], *out[] = {value, shared};
    assert_int_equal(r->out.rows, B);
    assert_int_equal(r->out.n, 2);
    assert_int_equal(cal_region_forward(r, &step, &drive, &tape, out), CAL_OK);
    assert_memory_equal(value, values, sizeof value);
    assert_memory_equal(shared, scale, sizeof shared);
    assert_true(tape.live && tape.step.presentation == 3);
    drive = NULL; /* nothing due yet: zeros */
    assert_int_equal(cal_region_forward(r, &step, &drive, &tape, out), CAL_OK);
    for (int i = 0; i < B * COLS; i++)
        assert_true(value[i] == 0);
    cal_tape_finish(&tape);
    cal_region_destroy(r);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

/* What two presentations leave in a null region when `change` is done to the second. */
enum change { SAME, DRIVE_VALUE, SWAPPED_VALUES, CONTEXT_VALUE, NO_CONTEXT, PRESENTATION };

static void checksum(enum change change, double *sum, long *learnt)
{
    struct cal_tape tape;
    struct cal_region *r = null_region(&tape);
    float value[B * COLS], shared[2], other[B * COLS], *out[] = {value, shared};
    double metric[CAL_METRICS_MAX];
    for (int t = 0; t < 2; t++) {
        struct cal_rep drive_rep = sent(t), context_rep = sent(t);
        const struct cal_rep *drive = &drive_rep, *context = &context_rep;
        memcpy(other, values, sizeof other);
        context_rep.data[0] = other;
        if (t == 1) {
            float first = values[0];
            values[0] = change == DRIVE_VALUE ? nextafterf(first, 9) : change == SWAPPED_VALUES ? values[1] : first;
            values[1] = change == SWAPPED_VALUES ? first : values[1];
            other[5] += change == CONTEXT_VALUE ? 1e-6f : 0;
            context = change == NO_CONTEXT ? NULL : context;
            drive_rep.presentation += change == PRESENTATION;
        }
        assert_int_equal(cal_region_forward(r, &step, &drive, &tape, out), CAL_OK);
        assert_int_equal(cal_region_learn(r, &context, &tape, metric), CAL_OK);
        assert_false(tape.live);
        assert_true(metric[0] == 0);
    }
    *learnt = *(long *)cal_array_data(&r->layout.arrays[0]);
    *sum = *(double *)cal_array_data(&r->layout.arrays[1]);
    cal_tape_finish(&tape);
    cal_region_destroy(r);
}

static void test_null_notices(void **state)
{
    (void)state;
    double same, again, changed;
    long learnt;
    checksum(SAME, &same, &learnt);
    checksum(SAME, &again, &learnt);
    assert_int_equal(learnt, 2);
    assert_true(same == again);
    for (enum change change = DRIVE_VALUE; change <= PRESENTATION; change++) {
        checksum(change, &changed, &learnt);
        if (changed == same)
            fail_msg("change %d left no trace", (int)change);
    }
}

static void test_null_state_is_recorded(void **state)
{
    (void)state;
    struct cal_tape tape;
    struct cal_region *r = null_region(&tape);
    struct cal_rep rep = sent(3);
    const struct cal_rep *drive = &rep;
    float value[B * COLS], shared[2], *out[] = {value, shared};
    double metric[CAL_METRICS_MAX];
    int i = cal_region_variable(r, "state");
    assert_true(i >= 0 && r->variable[i].cols == 2);
    assert_int_equal(cal_region_variable(r, "stat"), -1);
    for (int t = 0; t < 3; t++) {
        assert_int_equal(cal_region_forward(r, &step, &drive, &tape, out), CAL_OK);
        const float *seen = r->ops->observe(r, tape.kind, i);
        for (int b = 0; b < B; b++)
            assert_true(seen[2 * b] == (float)t && (seen[2 * b + 1] != 0) == (t > 0));
        assert_int_equal(cal_region_learn(r, &drive, &tape, metric), CAL_OK);
    }
    cal_tape_finish(&tape);
    cal_region_destroy(r);
}

static void test_null_needs_a_drive(void **state)
{
    (void)state;
    struct cal_region *r = region_of(cal_region_kind("null"));
    r->n_drives = 0;
    assert_int_equal(cal_region_outputs(r), CAL_EUSAGE);
    assert_int_equal(strncmp(cal_err_message(), "N.2: ", 5), 0);
    cal_region_destroy(r);
}

/* A kind that does what it is told: returns an error, or a number that is none. */
static float tell_out;
static double tell_metric;
static int tell_error;

static int told_outputs(struct cal_region *r)
{
    cal_rep_spec_add(&r->out, "told", 2);
    return CAL_OK;
}

static int told_declare(struct cal_region *r)
{
    (void)r;
    return tell_error ? cal_fail(tell_error, "told to fail") : CAL_OK;
}

static int told_forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out)
{
    (void)s;
    (void)drive;
    (void)tape;
    for (int i = 0; i < 2 * r->batch; i++)
        out[0][i] = i == 5 ? tell_out : 0.0f;
    return CAL_OK;
}

static int told_learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric)
{
    (void)r;
    (void)s;
    (void)context;
    (void)tape;
    metric[0] = 0;
    metric[1] = tell_metric;
    return CAL_OK;
}

static void test_wrappers_check(void **state)
{
    (void)state;
    static const char *const metrics[] = {"loss", "other", NULL};
    static const struct cal_region_ops told = {.kind = "told",
                                               .help = "does as told",
                                               .size = sizeof(struct cal_region),
                                               .metrics = metrics,
                                               .outputs = told_outputs,
                                               .declare = told_declare,
                                               .forward = told_forward,
                                               .learn = told_learn};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    struct cal_region *r = region_of(&told);
    struct cal_tape tape;
    float value[2 * B], *out[] = {value};
    double metric[CAL_METRICS_MAX];
    assert_int_equal(cal_region_outputs(r), CAL_OK);
    tell_error = CAL_EUSAGE;
    assert_int_equal(cal_region_declare(r), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "N.2: told to fail");
    tell_error = 0;
    assert_int_equal(cal_region_declare(r), CAL_OK);
    cal_region_init(r);
    cal_tape_init(&tape, r);
    assert_null(tape.kind);
    assert_int_equal(cal_tape_bytes(r), 0);
    for (int i = 0; i < 3; i++) {
        tell_out = bad[i];
        assert_int_equal(cal_region_forward(r, &step, NULL, &tape, out), CAL_ENUMERICS);
        assert_non_null(strstr(cal_err_message(), "N.2: `told` of presentation 3"));
        tell_metric = (double)bad[i];
        assert_int_equal(cal_region_learn(r, NULL, &tape, metric), CAL_ENUMERICS);
        assert_non_null(strstr(cal_err_message(), "N.2: `other` of presentation 3"));
    }
    tell_out = 0;
    tell_metric = -1e300;
    assert_int_equal(cal_region_forward(r, &step, NULL, &tape, out), CAL_OK);
    assert_int_equal(cal_region_learn(r, NULL, &tape, metric), CAL_OK);
    cal_tape_finish(&tape);
    cal_region_destroy(r);
}

/* A tape takes what was foretold. */
static void test_tape_bytes(void **state)
{
    (void)state;
    struct cal_region *r = region_of(cal_region_kind("null"));
    struct cal_tape tape;
    assert_int_equal(cal_region_outputs(r) + cal_region_declare(r), CAL_OK);
    size_t bytes = cal_tape_bytes(r), before = cal_mem_now_bytes();
    cal_region_init(r);
    size_t state_bytes = cal_mem_now_bytes() - before;
    assert_int_equal(state_bytes, cal_layout_bytes(&r->layout, CAL_STATE));
    cal_tape_init(&tape, r);
    size_t list = (size_t)tape.layout.capacity * sizeof *tape.layout.arrays; /* the layout's own list */
    assert_int_equal(cal_mem_now_bytes() - before - state_bytes - list, bytes);
    cal_tape_finish(&tape);
    cal_region_destroy(r);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),           cmocka_unit_test(test_null_is_the_identity),
        cmocka_unit_test(test_null_notices),       cmocka_unit_test(test_null_state_is_recorded),
        cmocka_unit_test(test_null_needs_a_drive), cmocka_unit_test(test_wrappers_check),
        cmocka_unit_test(test_tape_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
