/* core/yaml.h - a YAML file as a tree that remembers where everything stood.
 *
 * Over libyaml. Refused, each with file:line:column: anchors, aliases, tags, more than one document, duplicate keys, keys
 * that are no scalars, files over 1 MiB, bytes that are no UTF-8, an empty file. Nesting deeper than 32 is refused. */
#ifndef CAL_CORE_YAML_H
#define CAL_CORE_YAML_H

#include <stdbool.h>
#include <stdio.h>

enum cal_node_kind { CAL_SCALAR, CAL_MAP, CAL_SEQUENCE };

struct cal_node {
    enum cal_node_kind kind;
    char *key;               /* in a map, else NULL */
    char *text;              /* a scalar's */
    bool quoted;             /* '8' in quotes is a string, never a number */
    const char *file;        /* path as typed, or "--set a.b=c"; shared by the tree */
    int line, column;        /* from 1; 0 when the node came from --set */
    struct cal_node **child; /* a map's or sequence's, in file order */
    int n;
    bool used; /* set by whoever read it; what is left is unknown (core/param.h) */
};

/* Read `path`. Local. [give] *root, free with cal_node_free(). Errors: CAL_EINPUT (missing, unreadable), CAL_EUSAGE (not as above). */
int cal_yaml_read(const char *path, struct cal_node **root);
/* The same from text; `name` stands for the path in messages. */
int cal_yaml_parse(const char *text, const char *name, struct cal_node **root);
void cal_node_free(struct cal_node *n);

struct cal_node *cal_node_get(const struct cal_node *map, const char *key); /* NULL when absent */
struct cal_node *cal_node_copy(const struct cal_node *n);

/* Override `path` ("phases.train.steps") below root by a copy of `value`, making maps on the way where there are none. At
 * each map the longest dotted prefix that is an existing key wins, so keys with dots can be named. A map given for an existing map
 * replaces it. Errors: CAL_EUSAGE (the path goes through a scalar). */
int cal_node_override(struct cal_node *root, const char *path, const struct cal_node *value);
/* Remove what the path names, if it is there. */
void cal_node_remove(struct cal_node *root, const char *path);
/* `path=value`, the value in YAML, as --set has it. */
int cal_node_set(struct cal_node *root, const char *assignment);

/* Where a node stood: "file.yaml:12:5" or "--set a.b=c". In a buffer of a few that rotate. */
const char *cal_node_place(const struct cal_node *n);

/* CAL_EUSAGE with "place: message". */
int cal_node_fail(const struct cal_node *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write a text as a scalar that reads back as the same text: plain where that is safe, else in double quotes. */
void cal_yaml_write_text(const char *text, FILE *out);

#endif
