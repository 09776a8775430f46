/* core/param_write.c - see param.h: parameters written so that they read back, and as documentation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/param.h"

void cal_number_text(double x, char *text)
{
    CAL_ASSERT(isfinite(x));
    for (int digits = 6; digits <= 17; digits++) { /* %g drops the zeros that are not needed */
        snprintf(text, 32, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            return;
    }
}

/* Whole numbers in full: 1000000, not 1e+06. */
static void limit_text(double x, char *text)
{
    if (x == floor(x) && fabs(x) < 1e15)
        snprintf(text, 32, "%.0f", x);
    else
        cal_number_text(x, text);
}

const char *cal_param_range(const struct cal_param *p)
{
    static char buffers[4][80];
    static unsigned turn;
    char *range = buffers[turn++ % 4], min[32] = "", max[32] = "";
    /* the ends of a type are no limits worth telling */
    bool low = p->min > (p->type == CAL_INT ? -9e18 : -1e308), high = p->max < (p->type == CAL_INT ? 9e18 : 1e308);
    if (p->min == 0 && p->max == 0)
        low = high = false;
    if (low)
        limit_text(p->min, min);
    if (high)
        limit_text(p->max, max);
    const char *before = low && high ? "from " : low ? "at least " : high ? "at most " : "";
    snprintf(range, sizeof buffers[0], "%s%s%s%s", before, min, low && high ? " to " : "", max);
    return range;
}

static double number_at(const struct cal_param *p, const char *at)
{
    return p->type == CAL_INT ? (double)*(const long *)at : *(const double *)at;
}

static bool is_number(const struct cal_param *p)
{
    return p->type == CAL_INT || p->type == CAL_FLOAT;
}

static bool outside(const struct cal_param *p, double x)
{
    return (p->min != 0 || p->max != 0) && (x < p->min || x > p->max);
}

/* "not given", as param.h has it */
static bool is_given(const struct cal_param *p, const char *at)
{
    bool may_lack = p->value && p->value[0] == '\0';
    if (is_number(p))
        return !outside(p, number_at(p, at));
    if (p->type == CAL_STRING)
        return !may_lack || (*(char *const *)at)[0];
    if (p->type == CAL_STRINGS)
        return !may_lack || ((const struct cal_strings *)at)->n;
    return true;
}

static bool any_given(const struct cal_param *table, const char *from)
{
    for (const struct cal_param *p = table; p && p->name; p++)
        if (p->type == CAL_TABLE ? any_given(p->table, from + p->offset) : is_given(p, from + p->offset))
            return true;
    return false;
}

void cal_strings_write(const struct cal_strings *s, FILE *out)
{
    fputc('[', out);
    for (int i = 0; i < s->n; i++) {
        fputs(i ? ", " : "", out);
        cal_yaml_write_text(s->item[i], out);
    }
    fputc(']', out);
}

static void write_value(const struct cal_param *p, const char *at, FILE *out)
{
    char number[32];
    switch (p->type) {
    case CAL_INT:
        fprintf(out, "%ld", *(const long *)at);
        break;
    case CAL_FLOAT:
        cal_number_text(*(const double *)at, number);
        fputs(number, out);
        break;
    case CAL_BOOL:
        fputs(*(const bool *)at ? "true" : "false", out);
        break;
    case CAL_CHOICE:
        fputs(p->choices[*(const int *)at], out);
        break;
    case CAL_STRING:
        cal_yaml_write_text(*(char *const *)at, out);
        break;
    case CAL_STRINGS:
        cal_strings_write((const struct cal_strings *)at, out);
        break;
    case CAL_TABLE:
        break;
    }
}

void cal_params_write(const struct cal_param *table, const void *from, FILE *out, int indent)
{
    for (const struct cal_param *p = table; p && p->name; p++) {
        const char *at = (const char *)from + p->offset;
        if (p->type == CAL_TABLE) {
            bool any = any_given(p->table, at);
            fprintf(out, "%*s%s:%s\n", indent, "", p->name, any ? "" : " {}");
            if (any)
                cal_params_write(p->table, at, out, indent + 2);
        } else if (is_given(p, at)) {
            fprintf(out, "%*s%s: ", indent, "", p->name);
            write_value(p, at, out);
            fputc('\n', out);
        }
    }
}

static const char *type_word(enum cal_param_type type)
{
    static const char *const words[] = {
        [CAL_INT] = "integer",   [CAL_FLOAT] = "number", [CAL_BOOL] = "true or false", [CAL_STRING] = "text",
        [CAL_CHOICE] = "choice", [CAL_STRINGS] = "list", [CAL_TABLE] = "map"};
    return words[type];
}

static void document_default(const struct cal_param *p, FILE *out)
{
    if (!p->value)
        fputs("required", out);
    else if (!p->value[0] || (is_number(p) && outside(p, strtod(p->value, NULL))))
        fputs("none", out);
    else
        fprintf(out, "`%s`", p->value);
}

static void document_rows(const struct cal_param *table, const char *prefix, FILE *out)
{
    for (const struct cal_param *p = table; p && p->name; p++) {
        char name[200];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        if (p->type == CAL_TABLE) { /* its rows by their full path, as --set would have them */
            snprintf(name, sizeof name, "%s%s.", prefix, p->name);
            document_rows(p->table, name, out);
            continue;
        }
        fprintf(out, "| `%s` | %s | %s | ", name, type_word(p->type), p->unit && strcmp(p->unit, "1") != 0 ? p->unit : "");
        document_default(p, out);
        fputs(" | ", out);
        for (int i = 0; p->type == CAL_CHOICE && p->choices[i]; i++)
            fprintf(out, "%s`%s`", i ? ", " : "", p->choices[i]);
        fprintf(out, "%s | ", is_number(p) ? cal_param_range(p) : "");
        for (const char *c = p->help ? p->help : ""; *c; c++)
            fprintf(out, *c == '|' ? "\\%c" : "%c", *c);
        fputs(" |\n", out);
    }
}

void cal_params_document(const struct cal_param *table, FILE *out)
{
    fputs("| parameter | type | unit | default | range or choices | meaning |\n|---|---|---|---|---|---|\n", out);
    document_rows(table, "", out);
}
