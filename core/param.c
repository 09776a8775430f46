/* core/param.c - see param.h: reading, strictly. Writing is in param_write.c, words in param_words.c. */
#include "core/param.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

#define SHOWN_MAX 40 /* bytes of a wrong value in a message */

static bool is_empty(const struct cal_node *n)
{
    return n->kind == CAL_SCALAR && !n->quoted && !n->text[0];
}

/* "units is `1.0`, expected ...". Always CAL_EUSAGE. */
static int fail_expected(const struct cal_node *n, const char *expected, const char *hint)
{
    char shown[SHOWN_MAX + 16];
    const char *name = n->key ? n->key : "the value";
    if (n->kind == CAL_SCALAR && !is_empty(n)) {
        int cut = (int)strlen(n->text);
        if (cut > SHOWN_MAX)
            for (cut = SHOWN_MAX; cut > 0 && ((unsigned char)n->text[cut] & 0xc0) == 0x80; cut--)
                ; /* not inside a character */
        snprintf(shown, sizeof shown, n->quoted ? "the text \"%.*s\"" : "`%.*s`", cut, n->text);
    } else {
        snprintf(shown, sizeof shown, "%s", n->kind == CAL_MAP ? "a map" : n->kind == CAL_SEQUENCE ? "a list" : "empty");
    }
    return cal_node_fail(n, "%s is %s, expected %s%s", name, shown, expected, hint);
}

/* "a, b or c" of a NULL-ended list, cut where `text` ends. */
static void join(const char *const *list, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (; *list && length < size - 1; list++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", length ? list[1] ? ", " : " or " : "", *list);
}

/* What a parameter takes: "an integer from 1 to 64 (units)". */
static void describe(const struct cal_param *p, char *text, size_t size)
{
    static const char *const words[] = {[CAL_INT] = "an integer", [CAL_FLOAT] = "a number",          [CAL_BOOL] = "true or false",
                                        [CAL_STRING] = "a text",  [CAL_STRINGS] = "a list of words", [CAL_TABLE] = "a map of keys"};
    if (p->type == CAL_CHOICE) {
        join(p->choices, text, size);
        return;
    }
    const char *range = p->type == CAL_INT || p->type == CAL_FLOAT ? cal_param_range(p) : "";
    bool united = p->unit && strcmp(p->unit, "1") != 0;
    snprintf(text, size, "%s%s%s%s%s%s", words[p->type], range[0] ? " " : "", range, united ? " (" : "", united ? p->unit : "",
             united ? ")" : "");
}

static int fail_value(const struct cal_param *p, const struct cal_node *n)
{
    char expected[400];
    describe(p, expected, sizeof expected);
    bool misspelt = p->type == CAL_CHOICE && n->kind == CAL_SCALAR;
    return fail_expected(n, expected, misspelt ? cal_did_you_mean(n->text, p->choices) : "");
}

static bool in_range(const struct cal_param *p, double x)
{
    CAL_ASSERT(p->min <= p->max);
    return (p->min == 0 && p->max == 0) || (x >= p->min && x <= p->max);
}

static const char *skip_digits(const char *s)
{
    while (isdigit((unsigned char)*s))
        s++;
    return s;
}

/* 0, -3 and 128, but not 08, +1, 1.0 or 0x8. Returns the end, or NULL. */
static const char *skip_integer(const char *s)
{
    s += *s == '-';
    if (!isdigit((unsigned char)*s))
        return NULL;
    return *s == '0' ? s + 1 : skip_digits(s);
}

/* An integer, then perhaps .digits, then perhaps an exponent. Returns the end, or NULL. */
static const char *skip_number(const char *s)
{
    s = skip_integer(s);
    if (s && *s == '.') {
        if (!isdigit((unsigned char)s[1]))
            return NULL;
        s = skip_digits(s + 1);
    }
    if (s && (*s == 'e' || *s == 'E')) {
        s += s[1] == '-' || s[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char)*s))
            return NULL;
        s = skip_digits(s);
    }
    return s;
}

static int read_int(const struct cal_param *p, const struct cal_node *n, bool ranged, long *out)
{
    const char *end = n->kind == CAL_SCALAR && !n->quoted ? skip_integer(n->text) : NULL;
    if (!end || *end)
        return fail_value(p, n);
    errno = 0;
    *out = strtol(n->text, NULL, 10);
    return errno || (ranged && !in_range(p, (double)*out)) ? fail_value(p, n) : CAL_OK;
}

static int read_float(const struct cal_param *p, const struct cal_node *n, bool ranged, double *out)
{
    const char *end = n->kind == CAL_SCALAR && !n->quoted ? skip_number(n->text) : NULL;
    if (!end || *end)
        return fail_value(p, n);
    *out = strtod(n->text, NULL);
    return !isfinite(*out) || (ranged && !in_range(p, *out)) ? fail_value(p, n) : CAL_OK;
}

int cal_node_int(const struct cal_node *n, long min, long max, long *out)
{
    struct cal_param p = {.type = CAL_INT, .min = (double)min, .max = (double)max};
    return read_int(&p, n, true, out);
}

int cal_node_float(const struct cal_node *n, double min, double max, double *out)
{
    struct cal_param p = {.type = CAL_FLOAT, .min = min, .max = max};
    return read_float(&p, n, true, out);
}

int cal_node_bool(const struct cal_node *n, bool *out)
{
    bool plain = n->kind == CAL_SCALAR && !n->quoted;
    if (!plain || (strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0))
        return fail_expected(n, "true or false", "");
    *out = n->text[0] == 't';
    return CAL_OK;
}

int cal_node_text(const struct cal_node *n, const char **out)
{
    if (n->kind != CAL_SCALAR || is_empty(n))
        return fail_expected(n, "a text", "");
    *out = n->text;
    return CAL_OK;
}

int cal_node_strings(const struct cal_node *n, struct cal_strings *out)
{
    bool list = n->kind == CAL_SEQUENCE;
    out->n = 0;
    out->item = cal_alloc((list ? (size_t)n->n : 1) * sizeof *out->item);
    for (int i = 0; i < (list ? n->n : 1); i++) {
        const struct cal_node *item = list ? n->child[i] : n;
        if (item->kind != CAL_SCALAR || !item->text[0])
            return fail_expected(item, "a list of words", "");
        out->item[out->n++] = cal_strdup(item->text);
    }
    return CAL_OK;
}

void cal_strings_finish(struct cal_strings *s)
{
    for (int i = 0; i < s->n; i++)
        cal_free(s->item[i]);
    cal_free(s->item);
    s->item = NULL;
    s->n = 0;
}

static int read_choice(const struct cal_param *p, const struct cal_node *n, int *out)
{
    for (int i = 0; n->kind == CAL_SCALAR && p->choices[i]; i++)
        if (strcmp(n->text, p->choices[i]) == 0) {
            *out = i;
            return CAL_OK;
        }
    return fail_value(p, n);
}

/* One value into its place in the struct. A default is not held to the range, see "not given" in param.h. */
static int read_value(const struct cal_param *p, const struct cal_node *n, bool is_default, void *at)
{
    const char *text = NULL;
    int err;
    switch (p->type) {
    case CAL_INT:
        return read_int(p, n, !is_default, at);
    case CAL_FLOAT:
        return read_float(p, n, !is_default, at);
    case CAL_BOOL:
        return cal_node_bool(n, at);
    case CAL_CHOICE:
        return read_choice(p, n, at);
    case CAL_STRING:
        err = cal_node_text(n, &text);
        if (!err)
            *(char **)at = cal_strdup(text);
        return err;
    case CAL_STRINGS:
        return cal_node_strings(n, at);
    case CAL_TABLE:
        break;
    }
    cal_die(CAL_EINTERNAL, "parameter `%s` has no such type", p->name);
}

static void read_default(const struct cal_param *p, void *at)
{
    struct cal_node *n;
    if (p->value[0] == '\0' && p->type == CAL_STRING)
        *(char **)at = cal_strdup("");
    if (p->value[0] == '\0' && (p->type == CAL_STRING || p->type == CAL_STRINGS))
        return;
    int err = cal_yaml_parse(p->value, "default", &n);
    if (err || read_value(p, n, true, at))
        cal_die(CAL_EINTERNAL, "our bug: the default of `%s` is wrong: %s", p->name, cal_err_message());
    cal_node_free(n);
}

static bool in_list(const char *word, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

/* The first key of the map that nobody knows, and the keys it may have been meant for. */
static int refuse_unknown(const struct cal_param *table, const char *what, const struct cal_node *map, const char *const *others)
{
    const struct cal_node *unknown = NULL;
    for (int i = 0; i < map->n && !unknown; i++)
        if (!map->child[i]->used && !in_list(map->child[i]->key, others))
            unknown = map->child[i];
    if (!unknown)
        return CAL_OK;
    size_t n = 0;
    for (const struct cal_param *p = table; p && p->name; p++)
        n++;
    for (const char *const *other = others; other && *other; other++)
        n++;
    const char **names = cal_alloc((n + 1) * sizeof *names);
    n = 0;
    for (const struct cal_param *p = table; p && p->name; p++)
        names[n++] = p->name;
    for (const char *const *other = others; other && *other; other++)
        names[n++] = *other;
    char all[400];
    join(names, all, sizeof all);
    const char *hint = cal_did_you_mean(unknown->key, names);
    int err;
    if (hint[0] || n == 0)
        err = cal_node_fail(unknown, "unknown key `%s` in %s%s", unknown->key, what, n ? hint : ", expected none");
    else
        err = cal_node_fail(unknown, "unknown key `%s` in %s, expected %s", unknown->key, what, all);
    cal_free(names);
    return err;
}

static int fail_missing(const struct cal_param *p, const char *what, const struct cal_node *near)
{
    char expected[400];
    describe(p, expected, sizeof expected);
    const char *help = p->help ? p->help : "", *colon = help[0] ? ": " : "";
    if (near)
        return cal_node_fail(near, "`%s` is missing in %s, expected %s%s%s", p->name, what, expected, colon, help);
    return cal_fail(CAL_EUSAGE, "`%s` is missing in %s, expected %s%s%s", p->name, what, expected, colon, help);
}

/* As cal_params_read(); `near` is the closest node there is, for the place of what is missing, or NULL. */
static int read_table(const struct cal_param *table, const char *what, const struct cal_node *map, const struct cal_node *near,
                      const char *const *others, void *into)
{
    if (map && map->kind != CAL_MAP)
        return fail_expected(map, "a map of keys", "");
    for (const struct cal_param *p = table; map && p && p->name; p++) {
        struct cal_node *n = cal_node_get(map, p->name);
        if (n)
            n->used = true;
    }
    int err = map ? refuse_unknown(table, what, map, others) : CAL_OK;
    for (const struct cal_param *p = table; p && p->name && !err; p++) {
        const struct cal_node *n = map ? cal_node_get(map, p->name) : NULL;
        char *at = (char *)into + p->offset;
        if (p->type == CAL_TABLE)
            err = read_table(p->table, p->name, n, n ? n : near, NULL, at);
        else if (n)
            err = read_value(p, n, false, at);
        else if (p->value)
            read_default(p, at);
        else
            err = fail_missing(p, what, near);
    }
    return err;
}

int cal_params_read(const struct cal_param *table, const char *what, const struct cal_node *map, const char *const *others, void *into)
{
    return read_table(table, what, map, map, others, into);
}

void cal_params_finish(const struct cal_param *table, void *into)
{
    for (const struct cal_param *p = table; p && p->name; p++) {
        char *at = (char *)into + p->offset;
        if (p->type == CAL_TABLE) {
            cal_params_finish(p->table, at);
        } else if (p->type == CAL_STRINGS) {
            cal_strings_finish((struct cal_strings *)at);
        } else if (p->type == CAL_STRING) {
            cal_free(*(char **)at);
            *(char **)at = NULL;
        }
    }
}
