/* tests/used.h - what calls cost, for benchmarks: processor time, as the machine may be shared. */
#ifndef CAL_TESTS_USED_H
#define CAL_TESTS_USED_H

#include <time.h>

/* Processor time of this process, ms. */
static inline double used_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* The least time of `repeats` calls, ms. */
static inline double least_ms(int repeats, void (*call)(void))
{
    double least = 1e30;
    for (int i = 0; i < repeats; i++) {
        double begin = used_ms();
        call();
        double ms = used_ms() - begin;
        least = ms < least ? ms : least;
    }
    return least;
}

#endif
