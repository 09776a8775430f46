/* tests/fixtures.h - what groups of tests end with. */
#ifndef CAL_TESTS_FIXTURES_H
#define CAL_TESTS_FIXTURES_H

#include "core/mem.h"

static inline int no_memory_left(void **state)
{
    (void)state;
    return cal_mem_now_bytes() == 0 ? 0 : -1;
}

#endif
