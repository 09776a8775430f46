/* core/param.h - parameters, declared once: type, unit, default, range, help.
 *
 * A part owns a struct and a table that describes it. From the table come the reading of YAML (strictly), the echo in
 * used.yml and docs/parameters.md. */
#ifndef CAL_CORE_PARAM_H
#define CAL_CORE_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/yaml.h"

enum cal_param_type {
    CAL_INT,     /* long */
    CAL_FLOAT,   /* double */
    CAL_BOOL,    /* bool: true, false */
    CAL_STRING,  /* char *, [own] */
    CAL_CHOICE,  /* int: number in `choices` */
    CAL_STRINGS, /* struct cal_strings: a sequence, or one scalar */
    CAL_TABLE,   /* a struct of its own, described by `table` */
};

struct cal_strings {
    int n;
    char **item; /* [own] */
};

struct cal_param {
    const char *name; /* NULL ends a table */
    enum cal_param_type type;
    size_t offset;              /* offsetof() in the struct of the table's owner */
    const char *unit;           /* "1" for dimensionless numbers; NULL where none makes sense */
    const char *value;          /* the default, as one would type it; NULL: required. A number outside the range and "" for a text or list
                          mean "not given", which is what the owner then finds, and is never written */
    double min, max;            /* inclusive; both 0: no limit; infinite: none on that side */
    const char *const *choices; /* CAL_CHOICE: NULL-ended */
    const struct cal_param *table; /* CAL_TABLE */
    const char *help;              /* one sentence, no full stop */
};

/* In all of these a table that is NULL is an empty one. */

/* Read `map` (NULL: all defaults) into the struct at `into` (zeroed by the caller). Keys in `others` (NULL-ended, may be NULL) belong to
 * somebody else and are passed over. Local.
 * Errors: CAL_EUSAGE with place, what was expected, and the nearest valid key for an unknown one; `what` names the owner in
 * the message ("region kind cortex"). After an error cal_params_finish() is still due. */
int cal_params_read(const struct cal_param *table, const char *what, const struct cal_node *map, const char *const *others, void *into);
void cal_params_finish(const struct cal_param *table, void *into); /* frees strings */

/* Write `name: value` lines, indented, such that reading them gives the same bits (%.17g where %g does not). */
void cal_params_write(const struct cal_param *table, const void *from, FILE *out, int indent);
/* A Markdown table of the parameters, for docs/parameters.md. */
void cal_params_document(const struct cal_param *table, FILE *out);

/* One scalar, strictly; place and expectation in the error. */
int cal_node_int(const struct cal_node *n, long min, long max, long *out);
int cal_node_float(const struct cal_node *n, double min, double max, double *out);
int cal_node_bool(const struct cal_node *n, bool *out);
int cal_node_text(const struct cal_node *n, const char **out); /* [borrow] */
/* A list of texts, or one text; none is empty. cal_strings_finish() is due, after an error too. */
int cal_node_strings(const struct cal_node *n, struct cal_strings *out);
void cal_strings_finish(struct cal_strings *s);
void cal_strings_write(const struct cal_strings *s, FILE *out); /* [a, b] */

/* A decimal that reads back as the same float64, as short as %g has it. `text` has 32 bytes. */
void cal_number_text(double x, char *text);
/* "", "from 1 to 64", "at least 0" or "at most 1": what a table says of a number. In a rotating buffer. */
const char *cal_param_range(const struct cal_param *p);

/* The entry of the NULL-ended list nearest to `word` (Damerau-Levenshtein distance at most 1/2 of its length), or NULL. */
const char *cal_nearest(const char *word, const char *const *list);
/* "" or ", did you mean `x`?" in a rotating buffer. */
const char *cal_did_you_mean(const char *word, const char *const *list);
/* Glob with `*` only, whole word: V.* matches V.3. */
bool cal_match(const char *pattern, const char *word);

#endif
