/* tests/mpi.h - cmocka on several ranks: one world for all tests of a program, and verdicts that every rank sees. */
#ifndef CAL_TESTS_MPI_H
#define CAL_TESTS_MPI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "comm/world.h"
#include "core/kernels.h"

static struct cal_world *test_world;

/* True on all ranks, or the test fails on all. Collective. */
#define assert_all_true(condition)                                                                                                         \
    do {                                                                                                                                   \
        int failed_somewhere = cal_agree_quietly(test_world, (condition) ? 0 : 7);                                                         \
        assert_int_equal(failed_somewhere, 0);                                                                                             \
    } while (0)

/* main of such a program. `ranks N` as arguments: a world of another size ends with 77 (skipped), never silently green. */
static int test_mpi_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
    int wanted = argc > 2 && !strcmp(argv[1], "ranks") ? atoi(argv[2]) : 0;
    cal_kernels_init();
    test_world = cal_world_create(&argc, &argv, wanted == 1);
    int failed = 77;
    if (wanted == cal_world_size(test_world)) {
        if (cal_world_rank(test_world) > 0 && !freopen("/dev/null", "w", stdout)) /* one report is enough; errors go to stderr */
            return 1;
        failed = _cmocka_run_group_tests("mpi", tests, n, NULL, NULL);
    } else if (cal_world_rank(test_world) == 0) {
        printf("skipped: wants %d ranks, has %d\n", wanted, cal_world_size(test_world));
    }
    cal_world_destroy(test_world);
    return failed;
}

#endif
