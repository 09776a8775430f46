/* tests/test_json.c - the JSON writer: its text to the letter, numbers that read back, what cannot be written is said. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/json.h"
#include "tests/death.h"

/* What `write` writes. [give], for free(). */
static char *written(void (*write)(struct cal_json *j), bool lines)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    struct cal_json j;
    cal_json_init(&j, out, lines);
    write(&j);
    assert_int_equal(cal_json_finish(&j), CAL_OK);
    fclose(out);
    return text;
}

static void expect(void (*write)(struct cal_json *j), bool lines, const char *expected)
{
    char *text = written(write, lines);
    assert_string_equal(text, expected);
    free(text);
}

static void write_all_kinds(struct cal_json *j)
{
    cal_json_object(j, NULL);
    cal_json_string(j, "name", "V.3");
    cal_json_integer(j, "step", INT64_MIN);
    cal_json_number(j, "loss", 0.25);
    cal_json_object(j, "measures");
    cal_json_end(j);
    cal_json_array(j, "values");
    cal_json_number(j, NULL, 1);
    cal_json_array(j, NULL);
    cal_json_integer(j, NULL, 2);
    cal_json_end(j);
    cal_json_end(j);
    cal_json_string(j, "note", NULL);
    cal_json_end(j);
}

static void one_line_for_a_line_of_metrics(void **state)
{
    (void)state;
    expect(write_all_kinds, false,
           "{\"name\": \"V.3\", \"step\": -9223372036854775808, \"loss\": 0.25, \"measures\": {}, "
           "\"values\": [1, [2]], \"note\": null}\n");
}

static void a_member_a_line_for_people(void **state)
{
    (void)state;
    expect(write_all_kinds, true,
           "{\n  \"name\": \"V.3\",\n  \"step\": -9223372036854775808,\n  \"loss\": 0.25,\n  \"measures\": {},\n"
           "  \"values\": [\n    1,\n    [\n      2\n    ]\n  ],\n  \"note\": null\n}\n");
}

static void write_awkward_text(struct cal_json *j)
{
    cal_json_object(j, NULL);
    cal_json_string(j, "a \"quoted\" \\ key", "tab\t line\n \x01 \x1f \xc3\xa9/");
    cal_json_string(j, "", "");
    cal_json_end(j);
}

static void text_is_escaped(void **state)
{
    (void)state;
    expect(write_awkward_text, false,
           "{\"a \\\"quoted\\\" \\\\ key\": \"tab\\u0009 line\\u000a \\u0001 \\u001f \xc3\xa9/\", \"\": \"\"}\n");
}

static void write_not_finite(struct cal_json *j)
{
    cal_json_array(j, NULL);
    cal_json_number(j, NULL, NAN);
    cal_json_number(j, NULL, INFINITY);
    cal_json_number(j, NULL, -INFINITY);
    cal_json_end(j);
}

static void what_is_no_number_is_null(void **state)
{
    (void)state;
    expect(write_not_finite, false, "[null, null, null]\n");
}

static double number;
static void write_number(struct cal_json *j)
{
    cal_json_number(j, NULL, number);
}

static void numbers_are_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {{0, "0\n"},     {-1, "-1\n"},   {0.1, "0.1\n"},       {1e-3, "0.001\n"},          {1e300, "1e+300\n"},
                 {-0.0, "-0\n"}, {100, "100\n"}, {128000, "128000\n"}, {1234567.5, "1234567.5\n"}, {0.1 + 0.2, "0.30000000000000004\n"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        number = known[i].value;
        expect(write_number, false, known[i].text);
    }
    static const double hard[] = {1.0 / 3, DBL_MAX, DBL_MIN, DBL_EPSILON, 4e-324, 0.1f, 9007199254740993.0, 2.2250738585072011e-308};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        number = hard[i];
        char *text = written(write_number, false);
        assert_true(strtod(text, NULL) == number);
        free(text);
    }
}

static void several_lines_in_one_file(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct cal_json j;
    cal_json_init(&j, out, false);
    for (int step = 0; step < 2; step++) {
        cal_json_object(&j, NULL);
        cal_json_integer(&j, "step", step);
        cal_json_end(&j);
        assert_int_equal(cal_json_finish(&j), CAL_OK);
    }
    fclose(out);
    assert_string_equal(text, "{\"step\": 0}\n{\"step\": 1}\n");
    free(text);
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    struct cal_json j;
    cal_json_init(&j, full, false);
    cal_json_number(&j, NULL, 1);
    assert_int_equal(cal_json_finish(&j), CAL_EIO);
    assert_non_null(strstr(cal_err_message(), "No space left"));
    fclose(full);
}

static void misuse(void *with)
{
    struct cal_json j;
    cal_json_init(&j, stdout, false);
    switch (*(int *)with) {
    case 0: /* no key in an object */
        cal_json_object(&j, NULL);
        cal_json_number(&j, NULL, 1);
        break;
    case 1: /* a key in an array */
        cal_json_array(&j, NULL);
        cal_json_number(&j, "key", 1);
        break;
    case 2: /* two values in one line */
        cal_json_number(&j, NULL, 1);
        cal_json_number(&j, NULL, 1);
        break;
    case 3: /* an end too many */
        cal_json_end(&j);
        break;
    case 4: /* an end too few */
        cal_json_array(&j, NULL);
        cal_json_finish(&j);
        break;
    case 5: /* too deep */
        for (int i = 0; i <= CAL_JSON_DEPTH_MAX; i++)
            cal_json_array(&j, NULL);
        break;
    }
}

static void what_would_be_no_json_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    for (int way = 0; way < 6; way++)
        assert_int_equal(death(misuse, &way, said, sizeof said), CAL_EINTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_for_a_line_of_metrics),
        cmocka_unit_test(a_member_a_line_for_people),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(what_is_no_number_is_null),
        cmocka_unit_test(numbers_are_short_and_read_back),
        cmocka_unit_test(several_lines_in_one_file),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(what_would_be_no_json_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
