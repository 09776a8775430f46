/* tests/test_control.c - the control word: what one rank says, all hear one step later, at the same step. */
#include "tests/mpi.h"

#include "comm/control.h"
#include "core/err.h"

static void sums_over_all_ranks(void **state)
{
    (void)state;
    int rank = cal_world_rank(test_world), ranks = cal_world_size(test_world);
    struct cal_control *c = cal_control_create(test_world);
    bool good = true;
    double waited = 0;
    for (int step = 0; step < 200; step++) {
        struct cal_word mine = {.value = {rank, 1, step}}, all;
        cal_control_submit(c, &mine);
        cal_control_collect(c, &all, &waited);
        good = good && all.value[0] == ranks * (ranks - 1) / 2.0 && all.value[1] == ranks && all.value[2] == (double)ranks * step;
        good = good && all.status == 0 && !all.stop && !all.save;
    }
    long messages = cal_control_messages(c);
    cal_control_destroy(c);
    assert_all_true(good);
    assert_all_true(ranks == 1 || messages >= 200);
}

/* The loop of a run in small: collect last step's word, submit this step's. Returns the step after which this rank stopped. */
static int stop_step(int who, int when, bool status)
{
    struct cal_control *c = cal_control_create(test_world);
    double waited = 0;
    int step = 0;
    for (bool going = true; going; step++) {
        struct cal_word all = {0}, mine = {0};
        if (cal_control_pending(c))
            cal_control_collect(c, &all, &waited);
        going = !all.stop && !all.status && step < 50;
        if (step == when && cal_world_rank(test_world) == who) {
            mine.stop = !status;
            mine.status = status ? CAL_ENUMERICS : 0;
        }
        cal_control_submit(c, &mine);
    }
    struct cal_word rest;
    cal_control_collect(c, &rest, &waited);
    cal_control_destroy(c);
    return step;
}

static void a_wish_to_stop_anywhere_stops_all_one_step_later(void **state)
{
    (void)state;
    for (int who = 0; who < cal_world_size(test_world); who++)
        assert_all_true(stop_step(who, 10, false) == 12);
}

static void an_error_anywhere_stops_all_one_step_later(void **state)
{
    (void)state;
    for (int who = 0; who < cal_world_size(test_world); who++)
        assert_all_true(stop_step(who, 7, true) == 9);
}

/* The highest status wins; of equals, the lowest rank has the message. */
static void one_rank_has_the_message(void **state)
{
    (void)state;
    int rank = cal_world_rank(test_world), ranks = cal_world_size(test_world);
    struct cal_control *c = cal_control_create(test_world);
    struct cal_word mine = {.status = rank == 0 ? CAL_OK : CAL_ENUMERICS}, all;
    double waited = 0;
    cal_control_submit(c, &mine);
    cal_control_collect(c, &all, &waited);
    bool good = ranks == 1 ? all.status == CAL_OK : all.status == CAL_ENUMERICS && all.status_rank == 1;
    mine.status = rank == ranks - 1 ? CAL_EINTERNAL : CAL_EIO;
    cal_control_submit(c, &mine);
    cal_control_collect(c, &all, &waited);
    cal_control_destroy(c);
    assert_all_true(good && all.status == CAL_EINTERNAL && all.status_rank == ranks - 1);
}

/* Agreement: the lowest failing rank's code, on all ranks. */
static void ranks_agree_on_an_error(void **state)
{
    (void)state;
    int rank = cal_world_rank(test_world), ranks = cal_world_size(test_world);
    assert_int_equal(cal_agree(test_world, CAL_OK), CAL_OK);
    for (int who = 0; who < ranks; who++) {
        int err = rank >= who ? cal_fail(rank == who ? CAL_EINPUT : CAL_EIO, "test: rank %d fails on purpose", rank) : CAL_OK;
        assert_int_equal(cal_agree(test_world, err), CAL_EINPUT);
    }
}

static void rank_zero_gathers_and_shares(void **state)
{
    (void)state;
    int rank = cal_world_rank(test_world), ranks = cal_world_size(test_world);
    double mine[2] = {rank, 10 * rank}, all[2 * 64] = {0};
    cal_world_gather(test_world, mine, 2, all);
    bool good = true;
    for (int r = 0; rank == 0 && r < ranks; r++)
        good = good && all[2 * r] == r && all[2 * r + 1] == 10 * r;
    long secret = rank == 0 ? 42 : 0;
    cal_world_share(test_world, &secret, sizeof secret);
    assert_all_true(good && secret == 42);
}

/* Over ranks 0 ... n - 1: what goes up, what goes down, and what is the same for all, so that the first has the most. */
static void rank_zero_hears_of_the_spread(void **state)
{
    (void)state;
    int rank = cal_world_rank(test_world), ranks = cal_world_size(test_world);
    double mine[3] = {rank, -10 * rank, 7}, mean = (ranks - 1) / 2.0;
    struct cal_spread all[3];
    cal_world_spread(test_world, mine, 3, all);
    bool up = all[0].min == 0 && all[0].mean == mean && all[0].max == ranks - 1 && all[0].most == ranks - 1;
    bool down = all[1].min == -10 * (ranks - 1) && all[1].mean == -10 * mean && all[1].max == 0 && all[1].most == 0;
    bool same = all[2].min == 7 && all[2].mean == 7 && all[2].max == 7 && all[2].most == 0;
    assert_all_true(rank > 0 || (up && down && same));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_over_all_ranks),
        cmocka_unit_test(a_wish_to_stop_anywhere_stops_all_one_step_later),
        cmocka_unit_test(an_error_anywhere_stops_all_one_step_later),
        cmocka_unit_test(one_rank_has_the_message),
        cmocka_unit_test(ranks_agree_on_an_error),
        cmocka_unit_test(rank_zero_gathers_and_shares),
        cmocka_unit_test(rank_zero_hears_of_the_spread),
    };
    return test_mpi_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
