/* tests/test_exchange.c - the exchange plan on any number of ranks: stars, chains and rings with holds, in the same order and with the same
 * bits wherever the ends are. Ranks beyond the nodes of a graph idle. */
#include "tests/mpi.h"

#include <string.h>

#include "comm/checksum.h"
#include "comm/exchange.h"
#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"

#define N_LINKS_MAX 16

/* Two slices, one of them a row for all; columns narrowed out of a wider array, so that packing is tested. */
static struct cal_rep_spec make_spec(int rows, int cols)
{
    struct cal_rep_spec s = {.rows = rows, .units = cols};
    cal_rep_spec_add(&s, "code", cols);
    cal_rep_spec_add(&s, "tau", cols)->shared = true;
    return s;
}

/* What node `from` sends as message k. */
static float content(int from, long k, int slice, int i)
{
    struct cal_rng r = cal_rng_key(7, CAL_STREAM_TEST, (uint32_t)from, (uint32_t)slice, (uint64_t)k);
    return cal_rng_uniform(&r, (uint64_t)i);
}

struct fixture {
    struct cal_rep_spec spec;
    bool in_place; /* messages are written where they go out from, where there is such a place */
    struct cal_link link[N_LINKS_MAX];
    int from[N_LINKS_MAX], n;
    char name[N_LINKS_MAX][16];
};

static void join(struct fixture *f, int from, int to, int hold)
{
    int ranks = cal_world_size(test_world);
    snprintf(f->name[f->n], sizeof f->name[f->n], "N.%d", from);
    f->from[f->n] = from;
    f->link[f->n] = (struct cal_link){.from = f->name[f->n],
                                      .to = "target",
                                      .projection = "test",
                                      .from_rank = from % ranks,
                                      .to_rank = to % ranks,
                                      .hold = hold,
                                      .spec = &f->spec};
    f->n++;
}

/* Message k of a link as its sender has it: columns 3 ... of an array 5 wider, or in place. */
static void put(struct cal_exchange *x, const struct fixture *f, int link, long k, float *wide)
{
    float *room = f->in_place ? cal_exchange_room(x, link, k) : NULL;
    int cols = f->spec.slice[0].cols, ld = room ? cols : cols + 5;
    float *code = room ? room : wide + 3, *shared = room ? room + f->spec.rows * cols : wide + f->spec.rows * ld;
    for (int b = 0; b < f->spec.rows; b++)
        for (int c = 0; c < cols; c++)
            code[b * ld + c] = content(f->from[link], k, 0, b * cols + c);
    for (int c = 0; c < cols; c++)
        shared[c] = content(f->from[link], k, 1, c);
    struct cal_rep rep = {.spec = &f->spec, .presentation = k, .data = {code, shared}, .ld = {ld, cols}};
    cal_exchange_put(x, link, k, &rep);
}

static bool holds(const struct cal_rep *rep, const struct fixture *f, int link, long k)
{
    int cols = f->spec.slice[0].cols;
    bool good = rep->presentation == k;
    for (int b = 0; b < f->spec.rows; b++)
        for (int c = 0; c < cols; c++)
            good = good && rep->data[0][b * rep->ld[0] + c] == content(f->from[link], k, 0, b * cols + c);
    for (int c = 0; c < cols; c++)
        good = good && rep->data[1][c] == content(f->from[link], k, 1, c);
    return good;
}

/* Run `steps` steps of all links: send message t, take message t - hold. Returns whether all that came was right. */
static bool run(struct cal_exchange *x, const struct fixture *f, long steps)
{
    int rank = cal_world_rank(test_world), deepest = 0;
    struct cal_link_start start[N_LINKS_MAX] = {{.total = 0}};
    float *wide[N_LINKS_MAX];
    bool good = true;
    for (int i = 0; i < f->n; i++) {
        start[i].total = steps;
        wide[i] = cal_alloc((size_t)(f->spec.rows + 1) * (size_t)(f->spec.slice[0].cols + 5) * sizeof(float));
        deepest = f->link[i].hold > deepest ? f->link[i].hold : deepest;
    }
    cal_exchange_open(x, start);
    for (long t = 0; t < steps + deepest; t++) {
        for (int i = 0; i < f->n; i++)
            if (f->link[i].from_rank == rank && t < steps)
                put(x, f, i, t, wide[i]);
        for (int i = 0; i < f->n; i++) {
            long k = t - f->link[i].hold;
            if (f->link[i].to_rank != rank || k < 0 || k >= steps)
                continue;
            good = holds(cal_exchange_take(x, i, k), f, i, k) && good;
            cal_exchange_release(x, i, k);
        }
    }
    cal_exchange_close(x);
    for (int i = 0; i < f->n; i++)
        cal_free(wide[i]);
    return good;
}

static void check(const struct fixture *f, uint64_t *checksum)
{
    struct cal_exchange *x;
    assert_all_true(cal_exchange_create(test_world, f->link, f->n, &x) == CAL_OK);
    bool first = run(x, f, 20), second = run(x, f, 3);
    struct cal_ledger total;
    int err = cal_exchange_settle(x, &total);
    cal_exchange_destroy(x);
    assert_all_true(first && second && err == CAL_OK);
    assert_all_true(total.messages == 23 * f->n && total.bytes == total.messages * (int64_t)cal_rep_spec_floats(&f->spec) * 4);
    *checksum = total.checksum;
}

static void star_there_and_back(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(8, 6)};
    for (int i = 1; i <= 4; i++) {
        join(&f, i, 0, 0);
        join(&f, 0, i, 1);
    }
    uint64_t sum;
    check(&f, &sum);
}

static void chain_with_delays(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(5, 3)};
    for (int i = 0; i < 5; i++)
        join(&f, i, i + 1, i % 3);
    uint64_t sum;
    check(&f, &sum);
}

static void ring_with_delay_four(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(16, 16)};
    for (int i = 0; i < 6; i++)
        join(&f, i, (i + 1) % 6, 4);
    uint64_t sum;
    check(&f, &sum);
}

/* The sum is what its header says, at any length and start, and of pieces. */
static void checksum_by_its_definition(void **state)
{
    (void)state;
    enum { N = 1100 };
    float x[N], y[N];
    struct cal_rng key = cal_rng_key(5, CAL_STREAM_TEST, 0, 0, 0);
    cal_rng_normal_fill(&key, 0, x, N);
    bool good = true;
    for (size_t n = 0; n < N; n += 1 + n / 9) {
        uint32_t first = (uint32_t)(n * 7919);
        uint64_t slow = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t word;
            memcpy(&word, x + i, sizeof word);
            slow += word * (2 * ((uint64_t)first + i) + 1);
        }
        size_t cut = n / 3;
        good = good && cal_checksum(x, n, first) == slow;
        good = good && cal_checksum(x, cut, first) + cal_checksum(x + cut, n - cut, first + (uint32_t)cut) == slow;
        y[n] = 2;
        good = good && cal_checksum_copy(y, x, n, first) == slow && !memcmp(x, y, n * sizeof *x) && y[n] == 2;
    }
    assert_all_true(good);
}

/* The checksum of the ledger depends on what was sent, not on where the ends were. */
static void checksum_is_the_same_anywhere(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(4, 4)};
    for (int i = 0; i < 6; i++)
        join(&f, i, (i + 1) % 6, 1);
    uint64_t spread, together;
    check(&f, &spread);
    for (int i = 0; i < f.n; i++)
        f.link[i].from_rank = f.link[i].to_rank = 0;
    check(&f, &together);
    assert_all_true(spread == together && spread != 0);
}

/* Writing messages where they go out from changes nothing, not even the order in which they may be under way. */
static void in_place_or_packed(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(256, 48)};
    for (int i = 0; i < 4; i++)
        for (int hold = 0; hold < 3; hold++)
            join(&f, i, (i + 1 + hold) % 4, hold);
    uint64_t packed, in_place;
    check(&f, &packed);
    f.in_place = true;
    check(&f, &in_place);
    assert_all_true(packed == in_place && packed != 0);
}

/* A message larger than any eager limit. */
static void large_messages(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(512, 300)};
    join(&f, 0, 1, 0);
    join(&f, 1, 2, 2);
    join(&f, 2, 0, 1);
    uint64_t sum;
    check(&f, &sum);
}

/* One end expects another size: both names in the message, the same verdict everywhere. */
static void sizes_that_differ_are_refused(void **state)
{
    (void)state;
    if (cal_world_size(test_world) < 2)
        skip();
    struct fixture f = {.spec = make_spec(4, 4)};
    join(&f, 0, 1, 0);
    if (cal_world_rank(test_world) == 1)
        f.spec = make_spec(4, 5);
    struct cal_exchange *x;
    int err = cal_exchange_create(test_world, f.link, f.n, &x);
    assert_all_true(err == CAL_EUSAGE && x == NULL);
    assert_all_true(cal_world_rank(test_world) != 1 || (strstr(cal_err_message(), "N.0") && strstr(cal_err_message(), "target")));
}

/* All stop after the same step: what is in flight is dropped, and the plan can be used again. */
static void abandon_and_go_on(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(300, 40)};
    for (int i = 0; i < 5; i++)
        join(&f, i, (i + 1) % 5, 2);
    struct cal_exchange *x;
    assert_all_true(cal_exchange_create(test_world, f.link, f.n, &x) == CAL_OK);
    struct cal_link_start start[N_LINKS_MAX] = {{.total = 0}};
    long sent[N_LINKS_MAX] = {0};
    float *wide = cal_alloc(301 * 45 * sizeof(float));
    for (int i = 0; i < f.n; i++)
        start[i].total = 100;
    cal_exchange_open(x, start);
    for (int i = 0; i < f.n; i++) {
        if (f.link[i].from_rank == cal_world_rank(test_world))
            put(x, &f, i, 0, wide);
        sent[i] = 1;
    }
    cal_exchange_abandon(x, sent);
    cal_free(wide);
    bool good = run(x, &f, 5);
    cal_exchange_destroy(x);
    assert_all_true(good);
}

/* Messages in flight can be read, and put back into a fresh plan. */
static void flight_is_saved_and_restored(void **state)
{
    (void)state;
    struct fixture f = {.spec = make_spec(8, 4)};
    join(&f, 0, 1, 2);
    join(&f, 1, 0, 2);
    const size_t floats = cal_rep_spec_floats(&f.spec);
    int rank = cal_world_rank(test_world);
    float *saved[2][2], *wide = cal_alloc(9 * 9 * sizeof(float));
    struct cal_exchange *x, *y;
    assert_all_true(cal_exchange_create(test_world, f.link, f.n, &x) == CAL_OK);
    struct cal_link_start start[2] = {{.total = 6}, {.total = 6}};
    long sent[2] = {2, 2};
    cal_exchange_open(x, start);
    for (long k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++)
            if (f.link[i].from_rank == rank)
                put(x, &f, i, k, wide);
    for (int i = 0; i < 2; i++)
        for (long k = 0; k < 2; k++) {
            saved[i][k] = cal_alloc(floats * sizeof(float));
            if (f.link[i].to_rank == rank)
                memcpy(saved[i][k], cal_exchange_pending(x, i, k), floats * sizeof(float));
        }
    cal_exchange_abandon(x, sent);
    cal_exchange_destroy(x);
    assert_all_true(cal_exchange_create(test_world, f.link, f.n, &y) == CAL_OK);
    for (int i = 0; i < 2; i++) {
        for (long k = 0; k < 2; k++)
            if (f.link[i].to_rank == rank)
                cal_exchange_restore(y, i, k, saved[i][k]);
        start[i].next_send = 2;
    }
    bool good = true;
    cal_exchange_open(y, start);
    for (long t = 2; t < 8; t++)
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < 2; i++) {
                if (pass == 0 && t < 6 && f.link[i].from_rank == rank)
                    put(y, &f, i, t, wide);
                if (pass == 1 && f.link[i].to_rank == rank) {
                    good = holds(cal_exchange_take(y, i, t - 2), &f, i, t - 2) && good;
                    cal_exchange_release(y, i, t - 2);
                }
            }
    cal_exchange_close(y);
    cal_exchange_destroy(y);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            cal_free(saved[i][k]);
    cal_free(wide);
    assert_all_true(good);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_by_its_definition),
        cmocka_unit_test(star_there_and_back),
        cmocka_unit_test(chain_with_delays),
        cmocka_unit_test(ring_with_delay_four),
        cmocka_unit_test(checksum_is_the_same_anywhere),
        cmocka_unit_test(in_place_or_packed),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(sizes_that_differ_are_refused),
        cmocka_unit_test(abandon_and_go_on),
        cmocka_unit_test(flight_is_saved_and_restored),
    };
    return test_mpi_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
