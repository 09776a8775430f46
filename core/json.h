/* core/json.h - write JSON, as it comes, to a FILE: a line of metrics/<region>.jsonl, or summary.json.
 *
 * Source: RFC 8259. Every value has a key inside an object and NULL elsewhere (asserted). Numbers have the fewest digits
 * that read back as the same float64; NaN and infinity, which JSON lacks, are null. Text is UTF-8 and goes through unchanged but
 * for quotes, backslashes and control characters. */
#ifndef CAL_CORE_JSON_H
#define CAL_CORE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CAL_JSON_DEPTH_MAX 16

struct cal_json {
    FILE *out;  /* [borrow] */
    bool lines; /* a member a line, indented; else all in one line */
    int depth;
    struct {
        bool object, filled;
    } level[CAL_JSON_DEPTH_MAX + 1];
};

void cal_json_init(struct cal_json *j, FILE *out, bool lines);

void cal_json_object(struct cal_json *j, const char *key); /* begin one; values follow, then cal_json_end() */
void cal_json_array(struct cal_json *j, const char *key);
void cal_json_end(struct cal_json *j); /* of the innermost object or array */

void cal_json_string(struct cal_json *j, const char *key, const char *value); /* NULL: null */
void cal_json_number(struct cal_json *j, const char *key, double value);
void cal_json_integer(struct cal_json *j, const char *key, int64_t value);

/* End the line, flush, and say whether all went well: CAL_OK, or CAL_EIO with the system's reason. All objects and arrays have
 * been ended (asserted). After it the next value may begin: one a line. */
int cal_json_finish(struct cal_json *j);

#endif
