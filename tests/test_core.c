/* tests/test_core.c - errors, memory, layouts, representations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/layout.h"
#include "core/mem.h"
#include "core/rep.h"
#include "tests/death.h"

/* ---- err ---- */

static void a_failure_keeps_code_and_message(void **state)
{
    (void)state;
    cal_err_clear();
    assert_string_equal(cal_err_message(), "");
    assert_int_equal(cal_fail(CAL_EIO, "%s: line %d", "a.yaml", 12), CAL_EIO);
    assert_string_equal(cal_err_message(), "a.yaml: line 12");
    assert_int_equal(cal_fail_in(CAL_EUSAGE, "V.3"), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "V.3: a.yaml: line 12");
    assert_int_equal(cal_fail(CAL_EINPUT, "again: %s", cal_err_message()), CAL_EINPUT); /* its own message as argument */
    assert_string_equal(cal_err_message(), "again: V.3: a.yaml: line 12");
    cal_err_clear();
    assert_string_equal(cal_err_message(), "");
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cal_fail(CAL_EIO, "begin %s", text);
    assert_int_equal(strlen(cal_err_message()), 1023);
    cal_fail_in(CAL_EIO, "before");
    assert_int_equal(strlen(cal_err_message()), 1023);
    assert_memory_equal(cal_err_message(), "before: begin xxx", 17);
}

static void warn(void *with)
{
    cal_warn("%s is %d", (const char *)with, 3);
}

static void die(void *with)
{
    cal_die(*(int *)with, "no %s", "bread");
}

static void hook(int code)
{
    _exit(code + 40);
}

static void die_hooked(void *with)
{
    cal_die_set_hook(hook);
    die(with);
}

static void hold_or_die(void *with)
{
    CAL_ASSERT(*(int *)with == 1);
}

static void a_warning_is_one_line_and_goes_on(void **state)
{
    (void)state;
    char said[4000], text[3000] = "tau";
    assert_int_equal(death(warn, text, said, sizeof said), 0);
    assert_string_equal(said, "callosum: warning: tau is 3\n");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(death(warn, text, said, sizeof said), 0);
    assert_memory_equal(said, "callosum: warning: xxx", 22);
    assert_true(strlen(said) < 1200);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void dying_says_why_and_exits_with_the_code(void **state)
{
    (void)state;
    char said[512];
    int code = CAL_EIO;
    assert_int_equal(death(die, &code, said, sizeof said), CAL_EIO);
    assert_string_equal(said, "callosum: no bread\n");
    assert_int_equal(death(die_hooked, &code, said, sizeof said), CAL_EIO + 40);
    assert_string_equal(said, "callosum: no bread\n"); /* the line comes before the hook */
}

static void an_assertion_names_file_and_condition(void **state)
{
    (void)state;
    char said[512];
    int with = 1;
    assert_int_equal(death(hold_or_die, &with, said, sizeof said), 0);
    assert_string_equal(said, "");
    with = 2;
    assert_int_equal(death(hold_or_die, &with, said, sizeof said), CAL_EINTERNAL);
    assert_non_null(strstr(said, "test_core.c:"));
    assert_non_null(strstr(said, "`*(int *)with == 1`"));
}

/* ---- mem ---- */

static bool all_zero(const void *p, size_t bytes)
{
    const unsigned char *byte = p;
    for (size_t i = 0; i < bytes; i++)
        if (byte[i])
            return false;
    return true;
}

static void memory_is_aligned_zeroed_and_counted(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 100000};
    size_t before = cal_mem_now_bytes(), sum = 0;
    void *block[6];
    for (int turn = 0; turn < 2; turn++) { /* the second gets memory that the first has written */
        for (size_t i = 0; i < 6; i++) {
            block[i] = cal_alloc(sizes[i]);
            assert_int_equal((uintptr_t)block[i] % CAL_ALIGN, 0);
            assert_true(all_zero(block[i], sizes[i]));
            memset(block[i], 0xff, sizes[i]);
            sum += sizes[i];
            assert_int_equal(cal_mem_now_bytes(), before + sum);
        }
        assert_true(cal_mem_peak_bytes() >= before + sum);
        for (size_t i = 0; i < 6; i++) {
            cal_free(block[i]);
            sum -= sizes[i];
            assert_int_equal(cal_mem_now_bytes(), before + sum);
        }
    }
    assert_true(cal_mem_peak_bytes() >= before + 100000); /* it does not fall */
    cal_free(NULL);
}

static void strings_are_counted_too(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    char *copy = cal_strdup("callosum"), *made = cal_sprintf("%s-%03d", "V", 7), *empty = cal_sprintf("%s", "");
    assert_string_equal(copy, "callosum");
    assert_string_equal(made, "V-007");
    assert_string_equal(empty, "");
    assert_int_equal(cal_mem_now_bytes(), before + 9 + 6 + 1);
    cal_free(copy);
    cal_free(made);
    cal_free(empty);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void alloc(void *with)
{
    cal_alloc(*(size_t *)with);
}

static void too_much_memory_is_said(void **state)
{
    (void)state;
    char said[512];
    size_t bytes = SIZE_MAX / 2 + 1;
    assert_int_equal(death(alloc, &bytes, said, sizeof said), CAL_EINTERNAL); /* a negative size, most likely */
    bytes = SIZE_MAX / 4;
    assert_int_equal(death(alloc, &bytes, said, sizeof said), CAL_EIO);
    assert_non_null(strstr(said, "out of memory"));
    assert_non_null(strstr(said, "4611686018427387903"));
}

/* ---- layout ---- */

static void a_layout_allocates_what_it_declares(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_layout l;
    float *weights, *tape;
    double *scratch;
    long *counts;
    cal_layout_init(&l);
    cal_layout_f32(&l, CAL_STATE, "weights", &weights, (size_t[]){3, 7, 0});
    cal_layout_i64(&l, CAL_STATE, "counts", &counts, (size_t[]){5, 0});
    cal_layout_f32(&l, CAL_TAPE, "tape", &tape, (size_t[]){2, 2, 2, 2, 0});
    cal_layout_f64(&l, CAL_SCRATCH, "scratch", &scratch, (size_t[]){9, 0});
    assert_int_equal(cal_array_count(&l.arrays[0]), 21);
    assert_int_equal(cal_array_bytes(&l.arrays[0]), 128); /* 84, rounded up */
    assert_int_equal(cal_array_bytes(&l.arrays[1]), 64);
    assert_int_equal(l.arrays[2].n_dims, 4);
    assert_int_equal(cal_layout_bytes(&l, CAL_STATE), 192);
    assert_int_equal(cal_layout_bytes(&l, CAL_TAPE), 64);
    assert_int_equal(cal_layout_bytes(&l, CAL_SCRATCH), 128);
    size_t listed = cal_mem_now_bytes();
    cal_layout_alloc(&l);
    assert_int_equal(cal_mem_now_bytes() - listed, 192 + 64 + 128);
    assert_true(all_zero(weights, 84) && all_zero(counts, 40) && all_zero(tape, 64) && all_zero(scratch, 72));
    assert_ptr_equal(cal_array_data(&l.arrays[0]), weights);
    assert_ptr_equal(cal_array_data(&l.arrays[3]), scratch);
    cal_layout_finish(&l);
    assert_null(weights);
    assert_null(counts);
    assert_null(tape);
    assert_null(scratch);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void a_layout_may_have_many_arrays(void **state)
{
    (void)state;
    enum { MANY = 100 };
    size_t before = cal_mem_now_bytes();
    struct cal_layout l;
    float *where[MANY];
    char name[32];
    cal_layout_init(&l);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "array%zu", i);
        cal_layout_f32(&l, i % 2 ? CAL_STATE : CAL_SCRATCH, name, &where[i], (size_t[]){i + 1, 0});
    }
    cal_layout_alloc(&l);
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(cal_array_data(&l.arrays[i]), where[i]);
        assert_int_equal(cal_array_count(&l.arrays[i]), i + 1);
        where[i][i] = 1;
    }
    assert_string_equal(l.arrays[MANY - 1].name, "array99");
    cal_layout_finish(&l);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void a_layout_not_allocated_may_be_finished(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_layout l;
    float *where = NULL;
    cal_layout_init(&l);
    cal_layout_f32(&l, CAL_STATE, "weights", &where, (size_t[]){1000, 0});
    cal_layout_finish(&l);
    assert_null(where);
    cal_layout_finish(&l); /* and again: nothing is left to free */
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void declare_wrongly(void *with)
{
    struct cal_layout l;
    float *where;
    cal_layout_init(&l);
    cal_layout_f32(&l, CAL_STATE, "weights", &where, (size_t[]){2, 0});
    switch (*(int *)with) {
    case 0: /* a name twice */
        cal_layout_f32(&l, CAL_TAPE, "weights", &where, (size_t[]){2, 0});
        break;
    case 1: /* a name of 32 */
        cal_layout_f32(&l, CAL_STATE, "12345678901234567890123456789012", &where, (size_t[]){2, 0});
        break;
    case 2: /* five dimensions */
        cal_layout_f32(&l, CAL_STATE, "five", &where, (size_t[]){1, 1, 1, 1, 1, 0});
        break;
    case 3: /* none */
        cal_layout_f32(&l, CAL_STATE, "none", &where, (size_t[]){0});
        break;
    case 4: /* too late */
        cal_layout_alloc(&l);
        cal_layout_f32(&l, CAL_STATE, "late", &where, (size_t[]){1, 0});
        break;
    }
}

static void a_wrong_declaration_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    for (int way = 0; way < 5; way++)
        assert_int_equal(death(declare_wrongly, &way, said, sizeof said), CAL_EINTERNAL);
}

/* ---- rep ---- */

static struct cal_rep_spec two_slices(void)
{
    struct cal_rep_spec s = {.rows = 3, .units = 4};
    cal_rep_spec_add(&s, "code", 4);
    cal_rep_spec_add(&s, "tau", 2)->shared = true;
    return s;
}

static void slices_are_found_by_name(void **state)
{
    (void)state;
    struct cal_rep_spec s = two_slices();
    assert_int_equal(s.n, 2);
    assert_int_equal(cal_rep_find(&s, "code"), 0);
    assert_int_equal(cal_rep_find(&s, "tau"), 1);
    assert_int_equal(cal_rep_find(&s, "co"), -1);
    assert_int_equal(cal_slice_rows(&s, 0), 3);
    assert_int_equal(cal_slice_rows(&s, 1), 1);
    assert_int_equal(cal_rep_spec_floats(&s), 3 * 4 + 2);
    assert_false(s.slice[0].shared || s.slice[0].afferent || s.slice[0].h);
}

static void packing_leaves_out_what_lies_between_the_rows(void **state)
{
    (void)state;
    struct cal_rep_spec s = two_slices();
    float data[3 * 6], tau[2] = {0.5f, 0.25f}, out[13];
    for (int i = 0; i < 18; i++)
        data[i] = (float)i;
    struct cal_rep r = {.spec = &s, .data = {data, tau}, .ld = {6, 9}};
    out[12] = -1;
    cal_rep_pack(&r, 0, out);
    for (int b = 0; b < 3; b++)
        for (int d = 0; d < 4; d++)
            assert_true(out[b * 4 + d] == data[b * 6 + d]);
    assert_true(out[12] == -1);
    out[2] = -1;
    cal_rep_pack(&r, 1, out);
    assert_true(out[0] == 0.5f && out[1] == 0.25f && out[2] == -1);
    r.ld[0] = 4; /* packed already */
    cal_rep_pack(&r, 0, out);
    assert_memory_equal(out, data, 12 * sizeof *out);
}

static void add_wrongly(void *with)
{
    struct cal_rep_spec s = {.rows = 1};
    switch (*(int *)with) {
    case 0: /* too many */
        for (int i = 0; i <= CAL_SLICES_MAX; i++)
            cal_rep_spec_add(&s, "x", 1);
        break;
    case 1: /* no columns */
        cal_rep_spec_add(&s, "x", 0);
        break;
    case 2: /* a name of 24 */
        cal_rep_spec_add(&s, "123456789012345678901234", 1);
        break;
    }
}

static void a_wrong_slice_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    for (int way = 0; way < 3; way++)
        assert_int_equal(death(add_wrongly, &way, said, sizeof said), CAL_EINTERNAL);
}

/* ---- clock ---- */

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    double last = cal_now_s(), first = last;
    while (last == first) { /* and it does go */
        double now = cal_now_s();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_keeps_code_and_message),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(a_warning_is_one_line_and_goes_on),
        cmocka_unit_test(dying_says_why_and_exits_with_the_code),
        cmocka_unit_test(an_assertion_names_file_and_condition),
        cmocka_unit_test(memory_is_aligned_zeroed_and_counted),
        cmocka_unit_test(strings_are_counted_too),
        cmocka_unit_test(too_much_memory_is_said),
        cmocka_unit_test(a_layout_allocates_what_it_declares),
        cmocka_unit_test(a_layout_may_have_many_arrays),
        cmocka_unit_test(a_layout_not_allocated_may_be_finished),
        cmocka_unit_test(a_wrong_declaration_is_our_bug),
        cmocka_unit_test(slices_are_found_by_name),
        cmocka_unit_test(packing_leaves_out_what_lies_between_the_rows),
        cmocka_unit_test(a_wrong_slice_is_our_bug),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
