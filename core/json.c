/* core/json.c - see json.h. */
#include "core/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

void cal_json_init(struct cal_json *j, FILE *out, bool lines)
{
    memset(j, 0, sizeof *j);
    j->out = out;
    j->lines = lines;
}

static void text(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*s);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

static void new_line(const struct cal_json *j)
{
    if (j->lines)
        fprintf(j->out, "\n%*s", 2 * j->depth, "");
}

/* What stands before a value: comma, line, key. */
static void place(struct cal_json *j, const char *key)
{
    CAL_ASSERT(!key == !j->level[j->depth].object);
    CAL_ASSERT(j->depth > 0 || !j->level[0].filled); /* one value between init and finish */
    if (j->level[j->depth].filled)
        fputs(j->lines ? "," : ", ", j->out);
    j->level[j->depth].filled = true;
    if (j->depth > 0)
        new_line(j);
    if (key) {
        text(j->out, key);
        fputs(": ", j->out);
    }
}

static void begin(struct cal_json *j, const char *key, bool object)
{
    place(j, key);
    CAL_ASSERT(j->depth < CAL_JSON_DEPTH_MAX);
    fputc(object ? '{' : '[', j->out);
    j->depth++;
    j->level[j->depth].object = object;
    j->level[j->depth].filled = false;
}

void cal_json_object(struct cal_json *j, const char *key)
{
    begin(j, key, true);
}

void cal_json_array(struct cal_json *j, const char *key)
{
    begin(j, key, false);
}

void cal_json_end(struct cal_json *j)
{
    CAL_ASSERT(j->depth > 0);
    bool object = j->level[j->depth].object, filled = j->level[j->depth].filled;
    j->depth--;
    if (filled)
        new_line(j);
    fputc(object ? '}' : ']', j->out);
}

void cal_json_string(struct cal_json *j, const char *key, const char *value)
{
    place(j, key);
    if (value)
        text(j->out, value);
    else
        fputs("null", j->out);
}

void cal_json_number(struct cal_json *j, const char *key, double value)
{
    char shortest[32];
    place(j, key);
    if (!isfinite(value)) {
        fputs("null", j->out);
    } else if (fabs(value) < 1e15 && value == trunc(value)) {
        fprintf(j->out, "%.0f", value); /* 100, not 1e+02 */
    } else {
        for (int digits = 1; digits <= 17; digits++) { /* 17 always do */
            snprintf(shortest, sizeof shortest, "%.*g", digits, value);
            if (strtod(shortest, NULL) == value)
                break;
        }
        fputs(shortest, j->out);
    }
}

void cal_json_integer(struct cal_json *j, const char *key, int64_t value)
{
    place(j, key);
    fprintf(j->out, "%" PRId64, value);
}

int cal_json_finish(struct cal_json *j)
{
    CAL_ASSERT(j->depth == 0);
    fputc('\n', j->out);
    j->level[0].filled = false;
    errno = 0;
    if (fflush(j->out) || ferror(j->out))
        return cal_fail(CAL_EIO, "writing JSON failed: %s", strerror(errno ? errno : EIO));
    return CAL_OK;
}
