/* analysis/measures.c - see measures.h. */
#include "analysis/measures.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/err.h"

void cal_measures_add(struct cal_measures *m, double value, const char *format, ...)
{
    if (!isfinite(value))
        return;
    CAL_ASSERT(m->n < CAL_MEASURES_MAX);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->item[m->n].name, sizeof m->item[m->n].name, format, arguments);
    va_end(arguments);
    m->item[m->n++].value = value;
}
