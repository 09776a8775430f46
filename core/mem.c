/* core/mem.c - see mem.h. Each block carries its size in the CAL_ALIGN bytes before it. */
#include "core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"

static size_t now_bytes, peak_bytes;

void *cal_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        cal_die(CAL_EINTERNAL, "asked for %zu bytes of memory", bytes);
    size_t padded = (bytes + CAL_ALIGN - 1) / CAL_ALIGN * CAL_ALIGN;
    char *block = aligned_alloc(CAL_ALIGN, padded + CAL_ALIGN);
    if (!block)
        cal_die(CAL_EIO, "out of memory: %zu bytes on top of %zu", bytes, now_bytes);
    memset(block, 0, padded + CAL_ALIGN);
    memcpy(block, &bytes, sizeof bytes);
    now_bytes += bytes;
    if (now_bytes > peak_bytes)
        peak_bytes = now_bytes;
    return block + CAL_ALIGN;
}

void cal_free(void *p)
{
    if (!p)
        return;
    char *block = (char *)p - CAL_ALIGN;
    size_t bytes;
    memcpy(&bytes, block, sizeof bytes);
    now_bytes -= bytes;
    free(block);
}

char *cal_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(cal_alloc(n), s, n);
}

char *cal_sprintf(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CAL_ASSERT(n >= 0);
    char *s = cal_alloc((size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

size_t cal_mem_now_bytes(void)
{
    return now_bytes;
}

size_t cal_mem_peak_bytes(void)
{
    return peak_bytes;
}

size_t cal_mem_machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

/* Not getrusage(): its ru_maxrss is inherited from whoever started us. */
size_t cal_mem_resident_peak_bytes(void)
{
    char line[128];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && !kib && fgets(line, sizeof line, f))
        if (!strncmp(line, "VmHWM:", 6))
            kib = strtoul(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return 1024 * kib;
}
