/* tests/fixtures.h - what tests begin and end with: a folder of their own, and no memory left. */
#ifndef CAL_TESTS_FIXTURES_H
#define CAL_TESTS_FIXTURES_H

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

/* Make a folder that nobody else has: its path, of 20 characters, into dir[size]. 0, or -1. */
static inline int scratch_folder(char *dir, size_t size)
{
    snprintf(dir, size, "/tmp/callosum-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int no_memory_left(void **state)
{
    (void)state;
    return cal_mem_now_bytes() == 0 ? 0 : -1;
}

#endif
