/* core/yaml_tree.c - the tree of yaml.h: making, copying, overriding, saying where. */
#include "core/yaml_tree.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

#define PATH_DEPTH_MAX 32

/* The name that nodes share; they point at its text. */
struct source {
    long holders;
    char name[];
};

const char *cal_source_create(const char *name)
{
    size_t length = strlen(name) + 1;
    struct source *s = cal_alloc(sizeof *s + length);
    s->holders = 1;
    memcpy(s->name, name, length);
    return s->name;
}

static struct source *source_of(const char *name)
{
    return (struct source *)((char *)name - offsetof(struct source, name));
}

void cal_source_release(const char *source)
{
    if (--source_of(source)->holders == 0)
        cal_free(source_of(source));
}

struct cal_node *cal_node_create(enum cal_node_kind kind, const char *source, int line, int column)
{
    struct cal_node *n = cal_alloc(sizeof *n);
    n->kind = kind;
    n->file = source;
    source_of(source)->holders++;
    n->line = line;
    n->column = column;
    return n;
}

void cal_node_free(struct cal_node *n)
{
    if (!n)
        return;
    for (int i = 0; i < n->n; i++)
        cal_node_free(n->child[i]);
    cal_free(n->child);
    cal_free(n->key);
    cal_free(n->text);
    cal_source_release(n->file);
    cal_free(n);
}

/* Capacities are the powers of two, so they need no field. */
void cal_node_append(struct cal_node *parent, struct cal_node *child)
{
    int n = parent->n;
    if ((n & (n - 1)) == 0) {
        struct cal_node **more = cal_alloc((n ? 2 * (size_t)n : 1) * sizeof *more);
        if (n)
            memcpy(more, parent->child, (size_t)n * sizeof *more);
        cal_free(parent->child);
        parent->child = more;
    }
    parent->child[parent->n++] = child;
}

struct cal_node *cal_node_copy(const struct cal_node *n)
{
    struct cal_node *copy = cal_node_create(n->kind, n->file, n->line, n->column);
    copy->key = n->key ? cal_strdup(n->key) : NULL;
    copy->text = n->text ? cal_strdup(n->text) : NULL;
    copy->quoted = n->quoted;
    for (int i = 0; i < n->n; i++)
        cal_node_append(copy, cal_node_copy(n->child[i]));
    return copy;
}

static int find(const struct cal_node *map, const char *key, size_t length)
{
    for (int i = 0; i < map->n; i++)
        if (strncmp(map->child[i]->key, key, length) == 0 && map->child[i]->key[length] == '\0')
            return i;
    return -1;
}

struct cal_node *cal_node_get(const struct cal_node *map, const char *key)
{
    int i = map->kind == CAL_MAP ? find(map, key, strlen(key)) : -1;
    return i < 0 ? NULL : map->child[i];
}

/* How much of `path` is the next key of `map`, and which child that is (-1: none yet). The longest prefix up to a dot that is a key; else up
 * to the first dot. */
static size_t next_key(const struct cal_node *map, const char *path, int *child)
{
    for (size_t length = strlen(path); length > 0; length--) {
        if (path[length] != '\0' && path[length] != '.')
            continue;
        *child = find(map, path, length);
        if (*child >= 0)
            return length;
    }
    *child = -1;
    return strcspn(path, ".");
}

/* Put `node` [take] under the key, in the place of the child there (-1: at the end). */
static void put(struct cal_node *map, int child, const char *key, size_t length, struct cal_node *node)
{
    cal_free(node->key);
    node->key = cal_alloc(length + 1);
    memcpy(node->key, key, length);
    if (child < 0) {
        cal_node_append(map, node);
        return;
    }
    cal_node_free(map->child[child]);
    map->child[child] = node;
}

int cal_node_override(struct cal_node *root, const char *path, const struct cal_node *value)
{
    struct cal_node *map = root;
    const char *rest = path;
    for (int depth = 0; depth < PATH_DEPTH_MAX; depth++) {
        if (map->kind != CAL_MAP)
            return cal_node_fail(value, "path `%s` goes on below `%.*s`, which is a %s, expected a map there", path,
                                 (int)(rest > path ? rest - path - 1 : 0), path, map->kind == CAL_SCALAR ? "value" : "list");
        int child;
        size_t length = next_key(map, rest, &child);
        if (length == 0)
            return cal_node_fail(value, "`%s` is no path, expected keys joined by single dots", path);
        if (rest[length] == '\0') {
            put(map, child, rest, length, cal_node_copy(value));
            return CAL_OK;
        }
        if (child < 0) {
            child = map->n;
            put(map, -1, rest, length, cal_node_create(CAL_MAP, value->file, value->line, value->column));
        }
        map = map->child[child];
        rest += length + 1;
    }
    return cal_node_fail(value, "path `%s` is deeper than %d, expected less", path, PATH_DEPTH_MAX);
}

void cal_node_remove(struct cal_node *root, const char *path)
{
    struct cal_node *map = root;
    for (int depth = 0; depth < PATH_DEPTH_MAX && map->kind == CAL_MAP; depth++) {
        int child;
        size_t length = next_key(map, path, &child);
        if (child < 0)
            return;
        if (path[length] != '\0') {
            map = map->child[child];
            path += length + 1;
            continue;
        }
        cal_node_free(map->child[child]);
        memmove(&map->child[child], &map->child[child + 1], (size_t)(map->n - child - 1) * sizeof *map->child);
        map->n--;
        return;
    }
}

const char *cal_node_place(const struct cal_node *n)
{
    static char places[4][1024];
    static unsigned turn;
    char *place = places[turn++ % 4];
    if (n->line)
        snprintf(place, sizeof places[0], "%s:%d:%d", n->file, n->line, n->column);
    else
        snprintf(place, sizeof places[0], "%s", n->file);
    return place;
}

int cal_node_fail(const struct cal_node *n, const char *format, ...)
{
    char text[1024], line[2100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(line, sizeof line, "%s: %s", cal_node_place(n), text);
    for (char *c = line; *c; c++) /* whatever a file holds, an error is one line */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return cal_fail(CAL_EUSAGE, "%s", line);
}

/* The code point at *s and its length in bytes, 0 for what is no UTF-8. */
static unsigned long decode(const unsigned char *s, int *length)
{
    int n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    unsigned long code = n == 1 ? s[0] : n ? s[0] & (0xffU >> (n + 1)) : 0;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *length = 0;
            return 0;
        }
        code = code << 6 | (s[i] & 0x3f);
    }
    *length = n;
    return code;
}

/* May this stand as it is between quotes? Not what YAML takes for a line's end or for no character. */
static bool printable(unsigned long code)
{
    if (code < 0xa0)
        return code >= 0x20 && code < 0x7f && code != '"' && code != '\\';
    return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff && !(code >= 0xd800 && code < 0xe000);
}

/* May it stand without quotes, also in a flow list? Rather too seldom than once too often. */
static bool plain(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/.", rest[] = "-*+";
    if (!text[0] || !strchr(first, text[0]))
        return false;
    for (const char *c = text; *c; c++)
        if (!strchr(first, *c) && !strchr(rest, *c))
            return false;
    return true;
}

void cal_yaml_write_text(const char *text, FILE *out)
{
    if (plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int length;
        unsigned long code = decode(s, &length);
        if (length == 0)
            fprintf(out, "\\x%02X", *s);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (int)code);
        else if (printable(code))
            fwrite(s, 1, (size_t)length, out);
        else
            fprintf(out, "\\u%04lX", code);
        s += length ? length : 1;
    }
    fputc('"', out);
}
