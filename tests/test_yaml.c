/* tests/test_yaml.c - the YAML tree: what is read, what is refused and where, overriding, writing texts back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/yaml.h"

static struct cal_node *parse(const char *text)
{
    struct cal_node *root = NULL;
    cal_err_clear();
    int err = cal_yaml_parse(text, "t.yaml", &root);
    assert_string_equal(cal_err_message(), "");
    assert_int_equal(err, CAL_OK);
    return root;
}

/* `text` is refused with exactly this message, and nothing stays allocated. */
static void refused(const char *text, const char *message)
{
    size_t before = cal_mem_now_bytes();
    struct cal_node *root;
    assert_int_equal(cal_yaml_parse(text, "t.yaml", &root), CAL_EUSAGE);
    assert_null(root);
    assert_string_equal(cal_err_message(), message);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static const char *text_of(const struct cal_node *map, const char *key)
{
    const struct cal_node *n = cal_node_get(map, key);
    assert_non_null(n);
    assert_int_equal(n->kind, CAL_SCALAR);
    return n->text;
}

static void reads_block_and_flow(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_node *root = parse("a: 1 # comment\nb: {c: 'x y', d: [p, \"q\\n\", 3]}\ne:\n  - f\n  - {g: h}\nlong: |\n  two\n  lines\n");
    assert_int_equal(root->kind, CAL_MAP);
    assert_int_equal(root->n, 4);
    assert_string_equal(text_of(root, "a"), "1");
    assert_false(cal_node_get(root, "a")->quoted);
    const struct cal_node *b = cal_node_get(root, "b");
    assert_string_equal(text_of(b, "c"), "x y");
    assert_true(cal_node_get(b, "c")->quoted);
    const struct cal_node *d = cal_node_get(b, "d");
    assert_int_equal(d->kind, CAL_SEQUENCE);
    assert_int_equal(d->n, 3);
    assert_null(d->child[0]->key);
    assert_string_equal(d->child[1]->text, "q\n");
    assert_string_equal(text_of(cal_node_get(root, "e")->child[1], "g"), "h");
    assert_string_equal(text_of(root, "long"), "two\nlines\n");
    assert_null(cal_node_get(root, "absent"));
    cal_node_free(root);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void knows_places(void **state)
{
    (void)state;
    struct cal_node *root = parse("a: 1\nb:\n  c: [x, y]\n\n  \xc3\xa9t\xc3\xa9: {d: 1}\n");
    const struct cal_node *b = cal_node_get(root, "b");
    assert_string_equal(cal_node_place(root), "t.yaml:1:1");
    assert_string_equal(cal_node_place(cal_node_get(b, "c")), "t.yaml:3:3");
    assert_string_equal(cal_node_place(cal_node_get(b, "c")->child[1]), "t.yaml:3:10");
    assert_string_equal(cal_node_place(cal_node_get(cal_node_get(b, "\xc3\xa9t\xc3\xa9"), "d")), "t.yaml:5:9"); /* characters, not bytes */
    cal_node_free(root);
}

static void refuses_what_experiments_do_without(void **state)
{
    (void)state;
    refused("a: &x 1\n", "t.yaml:1:4: anchor &x is refused, expected a value without one");
    refused("a: 1\nb: *x\n", "t.yaml:2:4: alias *x is refused, expected the value itself");
    refused("a: &x {b: 1}\n", "t.yaml:1:4: anchor &x is refused, expected a value without one");
    refused("a: !!int 1\n", "t.yaml:1:4: tag tag:yaml.org,2002:int is refused, expected a value without one");
    refused("a: !mine [1]\n", "t.yaml:1:4: tag !mine is refused, expected a value without one");
    refused("&k a: 1\n", "t.yaml:1:1: anchor &k is refused, expected a value without one");
    refused("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document, expected one a file");
    refused("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key `a` a second time, expected it once (the first stands in line 1)");
    refused("x: {b: 1, c: 2, b: 1}\n", "t.yaml:1:17: key `b` a second time, expected it once (the first stands in line 1)");
    refused("[a, b]: 1\n", "t.yaml:1:1: a list or map as a key is refused, expected a word");
    refused("{a: 1}: 1\n", "t.yaml:1:1: a list or map as a key is refused, expected a word");
    refused("\"\": 1\n", "t.yaml:1:1: an empty key is refused, expected a word");
    refused("a: \"x\\0y\"\n", "t.yaml:1:4: a text with a zero byte is refused, expected one without");
}

static void refuses_empty_and_undecodable(void **state)
{
    (void)state;
    refused("", "t.yaml:1:1: empty, expected YAML");
    refused("# only a comment\n", "t.yaml:1:1: empty, expected YAML");
    refused("---\n", "t.yaml:1:1: empty, expected YAML");
    refused("a: 1\nb: \xff\n", "t.yaml:2:4: not text: invalid leading UTF-8 octet, expected YAML in UTF-8");
    refused("a: \x01\n", "t.yaml:1:4: not text: control characters are not allowed, expected YAML in UTF-8");
    refused("\xff\xfe"
            "a",
            "t.yaml:1:1: not text: invalid leading UTF-8 octet, expected YAML in UTF-8");
    refused("a: [1, 2\nb: 3\n", "t.yaml:2:2: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'");
    refused("a:\n\t- 1\n", "t.yaml:2:1: not valid YAML: while scanning for the next token, found character that cannot start any token");
}

static void a_byte_order_mark_is_fine(void **state)
{
    (void)state;
    struct cal_node *root = parse("\xef\xbb\xbf"
                                  "a: 1\n");
    assert_string_equal(text_of(root, "a"), "1");
    cal_node_free(root);
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    char text[256];
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    text[64] = '\0';
    cal_node_free(parse(text));
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    text[66] = '\0';
    refused(text, "t.yaml:1:33: nested deeper than 32, expected less");
    char *deep = malloc(200001); /* nor may a long row of brackets take the stack with it */
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    refused(deep, "t.yaml:1:33: nested deeper than 32, expected less");
    for (size_t i = 0; i < 200000; i += 2)
        memcpy(deep + i, "- ", 2);
    refused(deep, "t.yaml:1:65: nested deeper than 32, expected less");
    free(deep);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void reads_files(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    char path[] = "/tmp/cal-yaml-XXXXXX", message[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct cal_node *root;

    write_file(path, "a: 1\n", 5);
    assert_int_equal(cal_yaml_read(path, &root), CAL_OK);
    snprintf(message, sizeof message, "%s:1:1", path);
    assert_string_equal(cal_node_place(root), message);
    cal_node_free(root);

    write_file(path, "", 0);
    assert_int_equal(cal_yaml_read(path, &root), CAL_EUSAGE);
    write_file(path, "a: 1\nb: \0\n", 10); /* a zero byte does not hide what comes after */
    assert_int_equal(cal_yaml_read(path, &root), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), ":2:4: not text: control characters"));

    size_t size = 2 << 20;
    char *big = malloc(size);
    memset(big, '#', size);
    write_file(path, big, size);
    assert_int_equal(cal_yaml_read(path, &root), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "larger than 1 MiB"));
    big[0] = 'a'; /* exactly 1 MiB is read */
    big[1] = ':';
    big[2] = ' ';
    big[3] = '1';
    big[4] = ' ';
    write_file(path, big, 1 << 20);
    assert_int_equal(cal_yaml_read(path, &root), CAL_OK);
    cal_node_free(root);
    free(big);
    unlink(path);

    assert_int_equal(cal_yaml_read(path, &root), CAL_EINPUT);
    snprintf(message, sizeof message, "%s: No such file or directory", path);
    assert_string_equal(cal_err_message(), message);
    assert_int_equal(cal_yaml_read("/tmp", &root), CAL_EINPUT);
    assert_non_null(strstr(cal_err_message(), "Is a directory"));
    assert_null(root);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void overrides(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_node *root = parse("a: {b: 1, c: 2}\nd.e: {f: 1}\nd: {e: 5}\ng: [1]\n");
    assert_int_equal(cal_node_set(root, "a.b=7"), CAL_OK);
    assert_string_equal(text_of(cal_node_get(root, "a"), "b"), "7");
    assert_string_equal(cal_node_get(root, "a")->child[0]->key, "b"); /* in its old place */
    assert_string_equal(cal_node_place(cal_node_get(cal_node_get(root, "a"), "b")), "--set a.b=7");

    assert_int_equal(cal_node_set(root, "d.e.f=2"), CAL_OK); /* the longest key there is wins */
    assert_string_equal(text_of(cal_node_get(root, "d.e"), "f"), "2");
    assert_string_equal(text_of(cal_node_get(root, "d"), "e"), "5");

    assert_int_equal(cal_node_set(root, "x.y.z=[p, q]"), CAL_OK); /* maps are made on the way */
    assert_int_equal(cal_node_get(cal_node_get(cal_node_get(root, "x"), "y"), "z")->n, 2);
    assert_int_equal(cal_node_set(root, "a={n: 1}"), CAL_OK); /* a map replaces a map */
    assert_null(cal_node_get(cal_node_get(root, "a"), "c"));
    assert_int_equal(cal_node_set(root, "t=a=b"), CAL_OK); /* the first = counts */
    assert_string_equal(text_of(root, "t"), "a=b");

    struct cal_node *copy = cal_node_copy(root);
    cal_node_free(root); /* a copy lives on by itself */
    assert_string_equal(text_of(cal_node_get(copy, "a"), "n"), "1");
    assert_string_equal(cal_node_place(cal_node_get(copy, "g")), "t.yaml:4:1");
    cal_node_free(copy);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void removes(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_node *root = parse("a: {b: 1, c: 2, d: 3}\ne.f: {g: 1}\n");
    cal_node_remove(root, "a.b");
    cal_node_remove(root, "a.x"); /* what is not there is no matter */
    cal_node_remove(root, "a.c.d");
    assert_int_equal(cal_node_get(root, "a")->n, 2);
    assert_null(cal_node_get(cal_node_get(root, "a"), "b"));
    assert_string_equal(text_of(cal_node_get(root, "a"), "d"), "3");
    cal_node_remove(root, "e.f.g");
    assert_int_equal(cal_node_get(root, "e.f")->n, 0);
    for (int i = 0; i < 5; i++) { /* there is room for more */
        char more[] = "a.n0=1";
        more[3] = (char)('0' + i);
        assert_int_equal(cal_node_set(root, more), CAL_OK);
    }
    assert_int_equal(cal_node_get(root, "a")->n, 7);
    cal_node_free(root);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void refuses_overrides(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"a.b.c=1", "--set a.b.c=1: path `a.b.c` goes on below `a.b`, which is a value, expected a map there"},
        {"l.0=1", "--set l.0=1: path `l.0` goes on below `l`, which is a list, expected a map there"},
        {"a.b", "--set a.b: expected path=value, such as phases.train.steps=100"},
        {"=1", "--set =1: expected path=value, such as phases.train.steps=100"},
        {"a..b=1", "--set a..b=1: `a..b` is no path, expected keys joined by single dots"},
        {".a=1", "--set .a=1: `.a` is no path, expected keys joined by single dots"},
        {"a.=1", "--set a.=1: `a.` is no path, expected keys joined by single dots"},
        {"a.b=", "--set a.b=: empty, expected YAML"},
        {"a.b=[1", "--set a.b=[1: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'"},
        {"a.b=&x 1", "--set a.b=&x 1: anchor &x is refused, expected a value without one"},
        {"a=\n\n*x", "--set a=  *x: alias *x is refused, expected the value itself"}, /* one line whatever was typed */
    };
    size_t before = cal_mem_now_bytes();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cal_node *root = parse("a: {b: 1}\nl: [1]\n");
        assert_int_equal(cal_node_set(root, cases[i].set), CAL_EUSAGE);
        assert_string_equal(cal_err_message(), cases[i].message);
        cal_node_free(root);
    }
    char deep[200] = "a";
    for (int i = 0; i < 40; i++)
        strcat(deep, ".a");
    strcat(deep, "=1");
    struct cal_node *root = parse("b: 1");
    assert_int_equal(cal_node_set(root, deep), CAL_EUSAGE);
    cal_node_free(root);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void texts_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "V.*",
        "*",
        "",
        " ",
        "a b",
        "a: b",
        "# no comment",
        "a # b",
        "-",
        "- a",
        "--set",
        "...",
        "[x]",
        "{x: y}",
        "\"quoted\" 'twice'",
        "back\\slash",
        "tab\tand\nline",
        "\r",
        "\x7f",
        "\x01\x1f",
        "&x",
        "!t",
        "100%",
        "%YAML",
        "@x",
        "`x`",
        "G\xc3\xb6teborg/\xe8\x84\xb3.h5",
        "\xf0\x9f\xa7\xa0",
        "\xc2\x85\xe2\x80\xa8\xef\xbb\xbf",
        "true",
        "null",
        "~",
        "1e3",
        "a,b",
        "a,  b",
        "?",
        "key:",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *yaml = NULL;
        size_t size;
        FILE *out = open_memstream(&yaml, &size);
        cal_yaml_write_text(texts[i], out);
        fputs(": [", out);
        cal_yaml_write_text(texts[i], out);
        fputs(", ", out);
        cal_yaml_write_text(texts[i], out);
        fputs("]\n", out);
        fclose(out);
        if (texts[i][0]) { /* as a key and in a list */
            struct cal_node *root = parse(yaml);
            assert_string_equal(root->child[0]->key, texts[i]);
            assert_int_equal(root->child[0]->n, 2);
            assert_string_equal(root->child[0]->child[1]->text, texts[i]);
            cal_node_free(root);
        } else {
            assert_string_equal(yaml, "\"\": [\"\", \"\"]\n");
        }
        free(yaml);
    }
}

/* Any bytes end in a tree or in one line, and leave nothing behind. */
static void garbage_is_refused_quietly(void **state)
{
    (void)state;
    static const char letters[] = "{}[]:,-?&*!|>'\"%@` \n\t#ab01\xc3\xa9\xff";
    size_t before = cal_mem_now_bytes();
    uint64_t x = 1;
    int refusals = 0;
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t n = 0;
        for (size_t length = (size_t)(round % 60); n < length; n++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            text[n] = letters[(x >> 33) % (sizeof letters - 1)];
        }
        text[n] = '\0';
        struct cal_node *root;
        int err = cal_yaml_parse(text, "t.yaml", &root);
        if (err) {
            refusals++;
            assert_int_equal(err, CAL_EUSAGE);
            assert_null(root);
            assert_null(strchr(cal_err_message(), '\n'));
            assert_int_equal(strncmp(cal_err_message(), "t.yaml:", 7), 0);
        }
        cal_node_free(root);
    }
    assert_true(refusals > 1000 && refusals < 20000);
    assert_int_equal(cal_mem_now_bytes(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_block_and_flow),
        cmocka_unit_test(knows_places),
        cmocka_unit_test(refuses_what_experiments_do_without),
        cmocka_unit_test(refuses_empty_and_undecodable),
        cmocka_unit_test(a_byte_order_mark_is_fine),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(overrides),
        cmocka_unit_test(removes),
        cmocka_unit_test(refuses_overrides),
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(garbage_is_refused_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
