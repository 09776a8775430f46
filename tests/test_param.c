/* tests/test_param.c - parameter tables: strict reading, clear refusals, writing that reads back, documentation, nearest words, patterns. */
#include <float.h>
#include <limits.h>
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

struct inner {
    double rate;
    int rule;
};

struct outer {
    long units, steps;
    double tau, noise;
    bool blur;
    char *path, *within;
    int form;
    struct cal_strings take, maybe;
    struct inner optim;
};

static const char *const rules[] = {"sgd", "adam", NULL}, *const forms[] = {"predictor", "masked", "uniform", NULL};

static const struct cal_param inner_table[] = {
    {"rate", CAL_FLOAT, offsetof(struct inner, rate), "1", "0.1", 0, 10, .help = "learning rate"},
    {"rule", CAL_CHOICE, offsetof(struct inner, rule), .value = "sgd", .choices = rules, .help = "which | optimiser"},
    {0},
};

static const struct cal_param table[] = {
    {"units", CAL_INT, offsetof(struct outer, units), "units", NULL, 1, 64, .help = "how many"},
    {"steps", CAL_INT, offsetof(struct outer, steps), "steps", "-1", 0, INFINITY, .help = "how long"},
    {"tau", CAL_FLOAT, offsetof(struct outer, tau), "1", "1", 1e-3, 10, .help = "temperature"},
    {"noise", CAL_FLOAT, offsetof(struct outer, noise), "mV", "0", .help = "any number"},
    {"blur", CAL_BOOL, offsetof(struct outer, blur), .value = "true", .help = "whether"},
    {"path", CAL_STRING, offsetof(struct outer, path), .value = "data/x.h5", .help = "where"},
    {"within", CAL_STRING, offsetof(struct outer, within), .value = "", .help = "perhaps"},
    {"form", CAL_CHOICE, offsetof(struct outer, form), .value = "predictor", .choices = forms, .help = "which"},
    {"take", CAL_STRINGS, offsetof(struct outer, take), .value = "[a, b]", .help = "some"},
    {"maybe", CAL_STRINGS, offsetof(struct outer, maybe), .value = "", .help = "some or none"},
    {"optim", CAL_TABLE, offsetof(struct outer, optim), .table = inner_table, .help = "nested"},
    {0},
};

static int read_text(const char *yaml, const char *const *others, struct outer *o)
{
    memset(o, 0, sizeof *o);
    struct cal_node *root;
    assert_int_equal(cal_yaml_parse(yaml, "t.yaml", &root), CAL_OK);
    int err = cal_params_read(table, "region kind x", root, others, o);
    cal_node_free(root);
    return err;
}

static void fills_in_defaults(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct outer o;
    assert_int_equal(read_text("{units: 8}", NULL, &o), CAL_OK);
    assert_int_equal(o.units, 8);
    assert_int_equal(o.steps, -1);
    assert_true(o.tau == 1.0 && o.noise == 0.0 && o.blur);
    assert_string_equal(o.path, "data/x.h5");
    assert_string_equal(o.within, "");
    assert_int_equal(o.form, 0);
    assert_int_equal(o.take.n, 2);
    assert_string_equal(o.take.item[1], "b");
    assert_int_equal(o.maybe.n, 0);
    assert_true(o.optim.rate == 0.1 && o.optim.rule == 0);
    cal_params_finish(table, &o);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void reads_every_type(void **state)
{
    (void)state;
    struct outer o;
    const char *yaml = "units: 64\nsteps: 9000000000\ntau: 1e-3\nnoise: -2.5E+1\nblur: false\npath: 8\nwithin: \"a b\"\nform: 'masked'\n"
                       "take: one\nmaybe: []\noptim: {rate: 0, rule: adam}\n";
    assert_int_equal(read_text(yaml, NULL, &o), CAL_OK);
    assert_int_equal(o.units, 64);
    assert_true(o.steps == 9000000000);
    assert_true(o.tau == 1e-3 && o.noise == -25.0 && !o.blur);
    assert_string_equal(o.path, "8");
    assert_string_equal(o.within, "a b");
    assert_int_equal(o.form, 1);
    assert_int_equal(o.take.n, 1);
    assert_string_equal(o.take.item[0], "one");
    assert_int_equal(o.maybe.n, 0);
    assert_true(o.optim.rate == 0.0 && o.optim.rule == 1);
    cal_params_finish(table, &o);
}

static void refuses_with_one_clear_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"{units: 1.0}", "t.yaml:1:2: units is `1.0`, expected an integer from 1 to 64 (units)"},
        {"{units: 08}", "t.yaml:1:2: units is `08`, expected an integer from 1 to 64 (units)"},
        {"{units: 0x8}", "t.yaml:1:2: units is `0x8`, expected an integer from 1 to 64 (units)"},
        {"{units: 1e1}", "t.yaml:1:2: units is `1e1`, expected an integer from 1 to 64 (units)"},
        {"{units: +8}", "t.yaml:1:2: units is `+8`, expected an integer from 1 to 64 (units)"},
        {"{units: 8 8}", "t.yaml:1:2: units is `8 8`, expected an integer from 1 to 64 (units)"},
        {"{units: \"8\"}", "t.yaml:1:2: units is the text \"8\", expected an integer from 1 to 64 (units)"},
        {"{units: }", "t.yaml:1:2: units is empty, expected an integer from 1 to 64 (units)"},
        {"{units: [8]}", "t.yaml:1:2: units is a list, expected an integer from 1 to 64 (units)"},
        {"{units: {a: 8}}", "t.yaml:1:2: units is a map, expected an integer from 1 to 64 (units)"},
        {"{units: 0}", "t.yaml:1:2: units is `0`, expected an integer from 1 to 64 (units)"},
        {"{units: 65}", "t.yaml:1:2: units is `65`, expected an integer from 1 to 64 (units)"},
        {"{units: 99999999999999999999}", "t.yaml:1:2: units is `99999999999999999999`, expected an integer from 1 to 64 (units)"},
        {"{units: 1, steps: -1}", "t.yaml:1:12: steps is `-1`, expected an integer at least 0 (steps)"},
        {"{units: 1, tau: nan}", "t.yaml:1:12: tau is `nan`, expected a number from 0.001 to 10"},
        {"{units: 1, noise: .inf}", "t.yaml:1:12: noise is `.inf`, expected a number (mV)"},
        {"{units: 1, noise: 1e999}", "t.yaml:1:12: noise is `1e999`, expected a number (mV)"},
        {"{units: 1, noise: 0x1p3}", "t.yaml:1:12: noise is `0x1p3`, expected a number (mV)"},
        {"{units: 1, noise: 1.}", "t.yaml:1:12: noise is `1.`, expected a number (mV)"},
        {"{units: 1, noise: 1e}", "t.yaml:1:12: noise is `1e`, expected a number (mV)"},
        {"{units: 1, noise: -}", "t.yaml:1:12: noise is `-`, expected a number (mV)"},
        {"{units: 1, tau: '1'}", "t.yaml:1:12: tau is the text \"1\", expected a number from 0.001 to 10"},
        {"{units: 1, blur: yes}", "t.yaml:1:12: blur is `yes`, expected true or false"},
        {"{units: 1, blur: 1}", "t.yaml:1:12: blur is `1`, expected true or false"},
        {"{units: 1, blur: \"true\"}", "t.yaml:1:12: blur is the text \"true\", expected true or false"},
        {"{units: 1, path: [a]}", "t.yaml:1:12: path is a list, expected a text"},
        {"{units: 1, path: }", "t.yaml:1:12: path is empty, expected a text"},
        {"{units: 1, form: maksed}", "t.yaml:1:12: form is `maksed`, expected predictor, masked or uniform, did you mean `masked`?"},
        {"{units: 1, form: [masked]}", "t.yaml:1:12: form is a list, expected predictor, masked or uniform"},
        {"{units: 1, take: {a: b}}", "t.yaml:1:12: take is a map, expected a list of words"},
        {"{units: 1, take: [a, [b]]}", "t.yaml:1:22: the value is a list, expected a list of words"},
        {"{units: 1, take: [a, '']}", "t.yaml:1:22: the value is the text \"\", expected a list of words"},
        {"{units: 1, optim: 3}", "t.yaml:1:12: optim is `3`, expected a map of keys"},
        {"{units: 1, optim: {raet: 3}}", "t.yaml:1:20: unknown key `raet` in optim, did you mean `rate`?"},
        {"{units: 1, optim: {rate: 11}}", "t.yaml:1:20: rate is `11`, expected a number from 0 to 10"},
        {"{unit: 1}", "t.yaml:1:2: unknown key `unit` in region kind x, did you mean `units`?"},
        {"{units: 1, knid: 1}", "t.yaml:1:12: unknown key `knid` in region kind x, did you mean `kind`?"},
        {"{units: 1, \"a\\nb\": 1}",
         "t.yaml:1:12: unknown key `a b` in region kind x, expected units, steps, tau, noise, blur, path, within, "
         "form, take, maybe, optim or kind"},
        {"{tau: 1}", "t.yaml:1:1: `units` is missing in region kind x, expected an integer from 1 to 64 (units): how many"},
        {"[units]", "t.yaml:1:1: the value is a list, expected a map of keys"},
        {"{units: 1, path: a, noise: \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
         "\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9z\xc3\xa9\xc3\xa9}",
         "t.yaml:1:21: noise is "
         "`\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
         "\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9z`, expected a number (mV)"}, /* cut between characters */
    };
    static const char *const others[] = {"kind", NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t before = cal_mem_now_bytes();
        struct outer o;
        assert_int_equal(read_text(cases[i].yaml, others, &o), CAL_EUSAGE);
        assert_string_equal(cal_err_message(), cases[i].message);
        cal_params_finish(table, &o);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

static void passes_over_what_is_of_others(void **state)
{
    (void)state;
    static const char *const others[] = {"kind", "count", NULL};
    struct outer o;
    assert_int_equal(read_text("{kind: {any: thing}, units: 1, count: x}", others, &o), CAL_OK);
    cal_params_finish(table, &o);
}

static void no_map_at_all(void **state)
{
    (void)state;
    struct inner i = {0};
    struct outer o = {0};
    assert_int_equal(cal_params_read(inner_table, "optim", NULL, NULL, &i), CAL_OK);
    assert_true(i.rate == 0.1);
    assert_int_equal(cal_params_read(table, "region kind x", NULL, NULL, &o), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "`units` is missing in region kind x, expected an integer from 1 to 64 (units): how many");
    cal_params_finish(table, &o);
    struct cal_node *root; /* an empty table */
    assert_int_equal(cal_yaml_parse("{a: 1}", "t.yaml", &root), CAL_OK);
    assert_int_equal(cal_params_read(NULL, "kind y", root, NULL, NULL), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "t.yaml:1:2: unknown key `a` in kind y, expected none");
    cal_node_free(root);
}

static char *write_out(const struct outer *o)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cal_params_write(table, o, out, 0);
    fclose(out);
    return text;
}

static void writes_what_reads_back(void **state)
{
    (void)state;
    struct outer o, again;
    assert_int_equal(read_text("{units: 8, noise: 0.1, path: 'a: #b', take: ['x, y', z], optim: {rate: 1e-5}}", NULL, &o), CAL_OK);
    char *text = write_out(&o);
    assert_string_equal(text, "units: 8\ntau: 1\nnoise: 0.1\nblur: true\npath: \"a: #b\"\nform: predictor\ntake: [\"x, y\", z]\n"
                              "optim:\n  rate: 1e-05\n  rule: sgd\n"); /* steps, within and maybe are not given */
    assert_int_equal(read_text(text, NULL, &again), CAL_OK);
    char *twice = write_out(&again);
    assert_string_equal(twice, text);
    assert_int_equal(again.steps, -1);
    free(text);
    free(twice);
    cal_params_finish(table, &o);
    cal_params_finish(table, &again);
}

static void every_number_keeps_its_bits(void **state)
{
    (void)state;
    static const double corners[] = {0.0, -0.0, 0.1, 1.0 / 3, 1e-3, 1e22, 1e23, DBL_MAX, DBL_MIN, 5e-324, -2.5, 4294967295.0, 0.1f};
    uint64_t x = 7;
    for (size_t i = 0; i < 20000; i++) {
        double value;
        x = x * 6364136223846793005u + 1442695040888963407u;
        if (i < sizeof corners / sizeof *corners)
            value = corners[i];
        else
            memcpy(&value, &x, sizeof value); /* any bits at all */
        if (!isfinite(value))
            continue;
        struct outer o = {.units = 1, .tau = 1, .noise = value, .path = (char *)"p", .within = (char *)""}, again;
        char *text = write_out(&o);
        assert_int_equal(read_text(text, NULL, &again), CAL_OK);
        assert_memory_equal(&again.noise, &value, sizeof value);
        cal_params_finish(table, &again);
        free(text);
    }
    char text[32];
    cal_number_text(0.1, text);
    assert_string_equal(text, "0.1");
    cal_number_text(1.0 / 3, text);
    assert_string_equal(text, "0.3333333333333333");
}

static void single_scalars(void **state)
{
    (void)state;
    struct cal_node *root;
    assert_int_equal(cal_yaml_parse("{i: -0, l: -9223372036854775808, f: 12, t: 'x'}", "t.yaml", &root), CAL_OK);
    long i;
    double f;
    const char *t;
    assert_int_equal(cal_node_int(cal_node_get(root, "i"), -1, 1, &i), CAL_OK);
    assert_int_equal(i, 0);
    assert_int_equal(cal_node_int(cal_node_get(root, "l"), LONG_MIN, LONG_MAX, &i), CAL_OK);
    assert_true(i == LONG_MIN);
    assert_int_equal(cal_node_int(cal_node_get(root, "t"), LONG_MIN, LONG_MAX, &i), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "t.yaml:1:41: t is the text \"x\", expected an integer");
    assert_int_equal(cal_node_float(cal_node_get(root, "f"), 0, 12, &f), CAL_OK);
    assert_true(f == 12.0);
    assert_int_equal(cal_node_float(cal_node_get(root, "f"), -INFINITY, 11.5, &f), CAL_EUSAGE);
    assert_string_equal(cal_err_message(), "t.yaml:1:34: f is `12`, expected a number at most 11.5");
    assert_int_equal(cal_node_text(cal_node_get(root, "t"), &t), CAL_OK);
    assert_string_equal(t, "x");
    cal_node_free(root);
}

static void documents(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cal_params_document(table, out);
    fclose(out);
    static const char *const rows[] = {
        "| parameter | type | unit | default | range or choices | meaning |\n|---|---|---|---|---|---|\n",
        "| `units` | integer | units | required | from 1 to 64 | how many |\n",
        "| `steps` | integer | steps | none | at least 0 | how long |\n",
        "| `tau` | number |  | `1` | from 0.001 to 10 | temperature |\n",
        "| `noise` | number | mV | `0` |  | any number |\n",
        "| `within` | text |  | none |  | perhaps |\n",
        "| `form` | choice |  | `predictor` | `predictor`, `masked`, `uniform` | which |\n",
        "| `optim.rule` | choice |  | `sgd` | `sgd`, `adam` | which \\| optimiser |\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(strstr(text, rows[i]));
    free(text);
}

static void nearest_words(void **state)
{
    (void)state;
    static const char *const list[] = {"units", "hidden", "rate", "kind", "negatives", NULL}, *const none[] = {NULL};
    assert_string_equal(cal_nearest("untis", list), "units"); /* a swap costs one */
    assert_string_equal(cal_nearest("unit", list), "units");
    assert_string_equal(cal_nearest("negative", list), "negatives");
    assert_string_equal(cal_nearest("rat", list), "rate");
    assert_string_equal(cal_nearest("knid", list), "kind");
    assert_string_equal(cal_nearest("hiden", list), "hidden");
    assert_null(cal_nearest("zebra", list));
    assert_null(cal_nearest("x", list));
    assert_null(cal_nearest("", list));
    assert_null(cal_nearest("units", none));
    char longest[300];
    memset(longest, 'u', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(cal_nearest(longest, list));
    assert_string_equal(cal_did_you_mean("untis", list), ", did you mean `units`?");
    assert_string_equal(cal_did_you_mean("zebra", list), "");
}

static void patterns(void **state)
{
    (void)state;
    assert_true(cal_match("V.*", "V.3"));
    assert_true(cal_match("V.*", "V."));
    assert_false(cal_match("V.*", "V"));
    assert_false(cal_match("V.*", "VV.3"));
    assert_true(cal_match("*", ""));
    assert_true(cal_match("*", "anything"));
    assert_true(cal_match("S*d", "S1.head"));
    assert_false(cal_match("S*d", "S1.heads"));
    assert_true(cal_match("*a*b*", "xxaxxbxx"));
    assert_false(cal_match("*a*b*", "xxbxxaxx"));
    assert_true(cal_match("a*ab", "aaab"));
    assert_true(cal_match("V", "V"));
    assert_false(cal_match("", "V"));
    assert_false(cal_match("V?", "V1")); /* only the star means something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(refuses_with_one_clear_line),
        cmocka_unit_test(passes_over_what_is_of_others),
        cmocka_unit_test(no_map_at_all),
        cmocka_unit_test(writes_what_reads_back),
        cmocka_unit_test(every_number_keeps_its_bits),
        cmocka_unit_test(single_scalars),
        cmocka_unit_test(documents),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
