/* experiments/environment.c - see environment.h. */
#include "experiments/environment.h"

#include <stdio.h>
#include <string.h>

#include "core/h5.h"
#include "core/kernels.h"

/* The processor's own name. */
static void processor(char *name, size_t size)
{
    snprintf(name, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10))
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", colon + 2);
        break;
    }
    if (f)
        fclose(f);
}

const char *cal_environment(void)
{
    static char text[1024];
    if (text[0])
        return text;
    char cpu[128];
    processor(cpu, sizeof cpu);
    snprintf(text, sizeof text, "callosum: %s\nprocessor: %s\nblas: %s\nblas_kernel: %s\nblas_threads: %d\nhdf5: %s\n", CAL_VERSION, cpu,
             cal_kernels_library(), cal_kernels_core(), cal_kernels_threads(), cal_h5_library());
    return text;
}
