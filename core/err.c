/* core/err.c - see err.h. */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char message[1024];
static void (*die_hook)(int code);

int cal_fail(int code, const char *format, ...)
{
    char text[sizeof message]; /* apart: an argument may be cal_err_message() itself */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    return code;
}

int cal_fail_in(int code, const char *prefix)
{
    return cal_fail(code, "%s: %s", prefix, message);
}

const char *cal_err_message(void)
{
    return message;
}

void cal_err_clear(void)
{
    message[0] = '\0';
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void say(const char *before, const char *format, va_list args)
{
    char line[1200];
    int n = snprintf(line, sizeof line, "callosum: %s", before);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    size_t length = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    fflush(stdout);
    if (write(STDERR_FILENO, line, length) < 0)
        return; /* nowhere left to say so */
}

static void say_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void cal_complain(void)
{
    say_line("%s", message);
}

void cal_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("warning: ", format, args);
    va_end(args);
}

void cal_die_set_hook(void (*hook)(int code))
{
    die_hook = hook;
}

void cal_die(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
    if (die_hook)
        die_hook(code);
    exit(code);
}

void cal_assert_failed(const char *what, const char *file, int line)
{
    cal_die(CAL_EINTERNAL, "%s:%d: our bug: `%s` does not hold", file, line, what);
}
