/* core/yaml.c - see yaml.h: from bytes to a tree, over libyaml's events. The tree's own functions are in yaml_tree.c. */
#include "core/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/yaml_tree.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define DEPTH_MAX 32

struct reader {
    yaml_parser_t parser;
    const char *file; /* [borrow] what places begin with, as cal_source_create() made it */
    bool placed;      /* lines and columns mean something: false for --set */
};

static struct cal_node place_of(const struct reader *r, const yaml_mark_t *mark)
{
    struct cal_node at = {.file = r->file};
    if (r->placed) {
        at.line = (int)mark->line + 1;
        at.column = (int)mark->column + 1;
    }
    return at;
}

/* libyaml tells where bytes are wrong by their offset alone. */
static yaml_mark_t mark_of_offset(const char *text, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset; i++) {
        bool newline = text[i] == '\n';
        bool begins_character = ((unsigned char)text[i] & 0xc0) != 0x80;
        mark.line += newline;
        mark.column = newline ? 0 : mark.column + begins_character;
    }
    return mark;
}

static int fail_parser(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_READER_ERROR) {
        const char *text = (const char *)p->input.string.start;
        size_t length = (size_t)(p->input.string.end - p->input.string.start);
        yaml_mark_t mark = mark_of_offset(text, p->problem_offset < length ? p->problem_offset : length);
        struct cal_node at = place_of(r, &mark);
        return cal_node_fail(&at, "not text: %s, expected YAML in UTF-8", problem);
    }
    struct cal_node at = place_of(r, &p->problem_mark);
    return cal_node_fail(&at, "not valid YAML: %s%s%s", p->context ? p->context : "", p->context ? ", " : "", problem);
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? CAL_OK : fail_parser(r);
}

/* What YAML has and experiment files do without. */
static int refuse_extras(const struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    }
    struct cal_node at = place_of(r, &event->start_mark);
    if (event->type == YAML_ALIAS_EVENT)
        return cal_node_fail(&at, "alias *%s is refused, expected the value itself", (const char *)event->data.alias.anchor);
    if (anchor)
        return cal_node_fail(&at, "anchor &%s is refused, expected a value without one", (const char *)anchor);
    if (tag)
        return cal_node_fail(&at, "tag %s is refused, expected a value without one", (const char *)tag);
    if (event->type == YAML_SCALAR_EVENT && strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return cal_node_fail(&at, "a text with a zero byte is refused, expected one without");
    return CAL_OK;
}

static struct cal_node *node_of_event(const struct reader *r, const yaml_event_t *event, enum cal_node_kind kind)
{
    struct cal_node at = place_of(r, &event->start_mark);
    return cal_node_create(kind, r->file, at.line, at.column);
}

static int read_node(struct reader *r, yaml_event_t *event, int depth, struct cal_node **out);

/* One key of a map, whose event is given: read its value and append that to the map. */
static int read_entry(struct reader *r, const yaml_event_t *key, int depth, struct cal_node *map)
{
    int err = refuse_extras(r, key);
    if (err)
        return err;
    struct cal_node at = place_of(r, &key->start_mark);
    if (key->type != YAML_SCALAR_EVENT)
        return cal_node_fail(&at, "a list or map as a key is refused, expected a word");
    const char *name = (const char *)key->data.scalar.value;
    if (!name[0])
        return cal_node_fail(&at, "an empty key is refused, expected a word");
    yaml_event_t event;
    err = next_event(r, &event);
    if (err)
        return err;
    struct cal_node *child;
    err = read_node(r, &event, depth, &child);
    if (err)
        return err;
    child->key = cal_strdup(name);
    child->line = at.line; /* a key's place says more than its value's */
    child->column = at.column;
    cal_node_append(map, child);
    return CAL_OK;
}

/* The children of a map or sequence, up to its end. */
static int read_children(struct reader *r, int depth, struct cal_node *parent)
{
    yaml_event_type_t end = parent->kind == CAL_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        yaml_event_t event;
        int err = next_event(r, &event);
        if (err)
            return err;
        if (event.type == end) {
            yaml_event_delete(&event);
            return CAL_OK;
        }
        if (parent->kind == CAL_MAP) {
            err = read_entry(r, &event, depth + 1, parent);
            yaml_event_delete(&event);
        } else {
            struct cal_node *child;
            err = read_node(r, &event, depth + 1, &child);
            if (!err)
                cal_node_append(parent, child);
        }
        if (err)
            return err;
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct cal_node *x = *(struct cal_node *const *)a, *y = *(struct cal_node *const *)b;
    int order = strcmp(x->key, y->key);
    if (!order)
        order = x->line != y->line ? x->line - y->line : x->column - y->column;
    return order;
}

/* By sorting, so that a large file cannot make it slow. */
static int refuse_duplicates(const struct cal_node *map)
{
    if (map->n < 2)
        return CAL_OK;
    size_t bytes = (size_t)map->n * sizeof(struct cal_node *);
    struct cal_node **sorted = cal_alloc(bytes);
    memcpy(sorted, map->child, bytes);
    qsort(sorted, (size_t)map->n, sizeof *sorted, compare_keys);
    int err = CAL_OK;
    for (int i = 1; i < map->n && !err; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            err = cal_node_fail(sorted[i], "key `%s` a second time, expected it once (the first stands in line %d)", sorted[i]->key,
                                sorted[i - 1]->line);
    cal_free(sorted);
    return err;
}

/* The node that begins with `event`, which is consumed. Nothing is held after an error. */
static int read_node(struct reader *r, yaml_event_t *event, int depth, struct cal_node **out)
{
    int err = refuse_extras(r, event);
    if (err) {
        yaml_event_delete(event);
        return err;
    }
    enum cal_node_kind kind = event->type == YAML_SCALAR_EVENT          ? CAL_SCALAR
                              : event->type == YAML_MAPPING_START_EVENT ? CAL_MAP
                                                                        : CAL_SEQUENCE;
    struct cal_node *node = node_of_event(r, event, kind);
    if (kind == CAL_SCALAR) {
        node->text = cal_strdup((const char *)event->data.scalar.value);
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    }
    yaml_event_delete(event);
    if (kind != CAL_SCALAR)
        err = depth > DEPTH_MAX ? cal_node_fail(node, "nested deeper than %d, expected less", DEPTH_MAX) : read_children(r, depth, node);
    if (!err && kind == CAL_MAP)
        err = refuse_duplicates(node);
    if (err) {
        cal_node_free(node);
        return err;
    }
    *out = node;
    return CAL_OK;
}

static int fail_empty(const struct reader *r)
{
    yaml_mark_t start = {0};
    struct cal_node at = place_of(r, &start);
    return cal_node_fail(&at, "empty, expected YAML");
}

/* Stream start, document start, one node, document end, stream end. */
static int read_stream(struct reader *r, struct cal_node **root)
{
    yaml_event_t event;
    for (int i = 0; i < 2; i++) {
        int err = next_event(r, &event);
        if (err)
            return err;
        bool ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (ended)
            return fail_empty(r);
    }
    int err = next_event(r, &event);
    if (!err)
        err = read_node(r, &event, 1, root);
    if (err)
        return err;
    if ((*root)->kind == CAL_SCALAR && !(*root)->quoted && !(*root)->text[0])
        err = fail_empty(r);
    for (int i = 0; i < 2 && !err; i++) {
        err = next_event(r, &event);
        if (err)
            break;
        struct cal_node at = place_of(r, &event.start_mark);
        if (event.type == YAML_DOCUMENT_START_EVENT)
            err = cal_node_fail(&at, "a second document, expected one a file");
        yaml_event_delete(&event);
    }
    if (err) {
        cal_node_free(*root);
        *root = NULL;
    }
    return err;
}

static int parse_bytes(const char *text, size_t length, const char *name, bool placed, struct cal_node **root)
{
    *root = NULL;
    if (length > FILE_MAX_BYTES)
        return cal_fail(CAL_EUSAGE, "%s: larger than 1 MiB, expected an experiment file", name);
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark says what we know */
        text += 3;
        length -= 3;
    }
    struct reader r = {.file = cal_source_create(name), .placed = placed};
    if (!yaml_parser_initialize(&r.parser))
        cal_die(CAL_EIO, "out of memory reading %s", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    int err = read_stream(&r, root);
    yaml_parser_delete(&r.parser);
    cal_source_release(r.file);
    return err;
}

int cal_yaml_parse(const char *text, const char *name, struct cal_node **root)
{
    return parse_bytes(text, strlen(text), name, true, root);
}

int cal_yaml_read(const char *path, struct cal_node **root)
{
    *root = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return cal_fail(CAL_EINPUT, "%s: %s", path, strerror(errno));
    char *text = cal_alloc(FILE_MAX_BYTES + 1);
    errno = 0;
    size_t length = fread(text, 1, FILE_MAX_BYTES + 1, f);
    int err = ferror(f) ? cal_fail(CAL_EINPUT, "%s: cannot be read: %s", path, strerror(errno)) : CAL_OK;
    fclose(f);
    if (!err)
        err = parse_bytes(text, length, path, true, root);
    cal_free(text);
    return err;
}

int cal_node_set(struct cal_node *root, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return cal_fail(CAL_EUSAGE, "--set %s: expected path=value, such as phases.train.steps=100", assignment);
    char *name = cal_sprintf("--set %s", assignment);
    char *path = cal_strdup(assignment);
    path[equals - assignment] = '\0';
    struct cal_node *value;
    int err = parse_bytes(equals + 1, strlen(equals + 1), name, false, &value);
    if (!err) {
        err = cal_node_override(root, path, value);
        cal_node_free(value);
    }
    cal_free(path);
    cal_free(name);
    return err;
}
