/* tests/test_sparse.c - banks whose units read a few of the inputs: loops against their twins, and against a bank that reads all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/layers/bank.h"
#include "regions/layers/sparse.h"

enum { INPUTS = 9 };

struct net {
    struct cal_sparse k;
    struct cal_sparse_tape tape;
    struct cal_layout layout, on_tape;
    struct cal_optim optim;
};

static const struct cal_optim_params params = {.kind = CAL_SGD, .rate = 0.1};

static void draw(float *x, size_t n, int which)
{
    struct cal_rng rng = cal_rng_key(4, CAL_STREAM_TEST, (uint32_t)which, 0, 0);
    cal_rng_normal_fill(&rng, 0, x, n);
}

static void net_init(struct net *net, int units, int reads, int hidden, int pitch)
{
    memset(net, 0, sizeof *net);
    cal_layout_init(&net->layout);
    cal_layout_init(&net->on_tape);
    cal_optim_init(&net->optim, &params);
    cal_sparse_declare(&net->k, units, reads, hidden, &net->layout, &net->optim);
    cal_sparse_declare_tape(&net->k, &net->tape, pitch, &net->on_tape);
    cal_layout_alloc(&net->layout);
    cal_layout_alloc(&net->on_tape);
    for (int u = 0; u < units; u++)
        for (int i = 0; i < reads; i++)
            net->k.read[u * reads + i] = (u + 2 * i + i * i % 3) % INPUTS;
    cal_sparse_init(&net->k, 6, 1, 3, reads + 2);
    draw(net->k.bank.b1, (size_t)(units * hidden), 1);
    draw(net->k.bank.b2, (size_t)units, 2);
}

static void net_finish(struct net *net)
{
    cal_layout_finish(&net->layout);
    cal_layout_finish(&net->on_tape);
}

static void expect_close(const float *a, const float *b, size_t n)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)b[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    assert_true(largest > 0);
    if (worst > 1e-5 * largest)
        fail_msg("off by %g, the largest is %g", worst, largest);
}

/* Forward and backward, at numbers of hidden values that do and do not fill tiles. */
static void loops_are_their_twins(void **state)
{
    (void)state;
    const int sizes[][4] = {{5, 4, 4, 16}, {3, 1, 1, 32}, {4, 7, 6, 48}, {2, 5, 11, 16}}; /* units, reads, hidden, pitch */
    for (int c = 0; c < 4; c++) {
        int units = sizes[c][0], reads = sizes[c][1], hidden = sizes[c][2], pitch = sizes[c][3];
        size_t n = (size_t)(units * pitch), uh = (size_t)(units * hidden);
        struct net fast, slow;
        net_init(&fast, units, reads, hidden, pitch);
        net_init(&slow, units, reads, hidden, pitch);
        float *x = cal_alloc((size_t)(INPUTS * pitch) * sizeof *x), *dy = cal_alloc(3 * n * sizeof *dy), *y = dy + n, *y_twin = y + n;
        draw(x, (size_t)(INPUTS * pitch), 3);
        draw(dy, n, 4);
        cal_sparse_read(&fast.k, pitch, x, fast.tape.hidden, y);
        cal_sparse_read_twin(&slow.k, pitch, x, slow.tape.hidden, y_twin);
        expect_close(y, y_twin, n);
        expect_close(fast.tape.hidden, slow.tape.hidden, uh * (size_t)pitch);
        memcpy(fast.tape.hidden, slow.tape.hidden, uh * (size_t)pitch * sizeof *x); /* the same side of every kink */
        cal_sparse_back(&fast.k, pitch, x, fast.k.bank.w2, dy, fast.tape.hidden);
        cal_sparse_back_twin(&slow.k, pitch, x, slow.k.bank.w2, dy, slow.tape.hidden);
        expect_close(fast.tape.hidden, slow.tape.hidden, uh * (size_t)pitch);
        expect_close(fast.k.bank.g_w1, slow.k.bank.g_w1, uh * (size_t)reads);
        expect_close(fast.k.bank.g_b1, slow.k.bank.g_b1, uh);
        expect_close(fast.k.bank.g_w2, slow.k.bank.g_w2, uh);
        expect_close(fast.k.bank.g_b2, slow.k.bank.g_b2, (size_t)units);
        cal_free(x);
        cal_free(dy);
        net_finish(&fast);
        net_finish(&slow);
    }
}

/* Reading everything, with the same weights, is what a bank does. */
static void reading_all_is_a_bank(void **state)
{
    (void)state;
    enum { U = 3, H = 4, P = 16 };
    struct net net;
    struct cal_bank bank = {0};
    struct cal_bank_tape tape;
    struct cal_layout layout, on_tape;
    struct cal_optim optim;
    net_init(&net, U, INPUTS, H, P);
    cal_layout_init(&layout);
    cal_layout_init(&on_tape);
    cal_optim_init(&optim, &params);
    cal_bank_declare(&bank, U, INPUTS, H, &layout, &optim);
    cal_bank_declare_tape(&bank, &tape, P, &on_tape);
    cal_layout_alloc(&layout);
    cal_layout_alloc(&on_tape);
    for (int i = 0; i < U * INPUTS; i++)
        net.k.read[i] = i % INPUTS;
    cal_bank_init(&bank, 1, 1, 0);
    memcpy(net.k.bank.w1, bank.w1, U * H * INPUTS * sizeof(float));
    memcpy(net.k.bank.w2, bank.w2, U * H * sizeof(float));
    memcpy(bank.b1, net.k.bank.b1, U * H * sizeof(float));
    memcpy(bank.b2, net.k.bank.b2, U * sizeof(float));
    float x[INPUTS * P], y[U * P], y_bank[P * U], turned[U * P];
    draw(x, INPUTS * P, 3);
    cal_transpose(INPUTS, P, x, P, tape.x, INPUTS);
    cal_sparse_forward(&net.k, &net.tape, P, x, y);
    cal_bank_forward(&bank, &tape, P, y_bank);
    cal_transpose(P, U, y_bank, U, turned, P);
    expect_close(y, turned, U * P);
    cal_sparse_backward(&net.k, &net.tape, P, x, y); /* any gradient will do */
    cal_bank_backward(&bank, &tape, P, y_bank);
    expect_close(net.k.bank.g_w1, bank.g_w1, U * H * INPUTS);
    expect_close(net.k.bank.g_w2, bank.g_w2, U * H);
    cal_layout_finish(&layout);
    cal_layout_finish(&on_tape);
    net_finish(&net);
}

/* A unit's first weights go by its number among all, whoever holds it: any stretch of a matrix is a stretch of the whole. */
static void weights_go_by_number(void **state)
{
    (void)state;
    enum { N = 400 };
    float whole[N], part[N];
    cal_xavier(3, 2, 0, 5, 4, 0, whole, N);
    const int stretches[][2] = {{0, 400}, {0, 1}, {1, 3}, {63, 2}, {64, 64}, {70, 200}, {130, 61}, {131, 269}};
    for (int i = 0; i < 8; i++) {
        int first = stretches[i][0], n = stretches[i][1];
        memset(part, 0, sizeof part);
        cal_xavier(3, 2, 0, 5, 4, (size_t)first, part, (size_t)n);
        assert_memory_equal(part, whole + first, (size_t)n * sizeof *part);
        assert_true(n == N || part[n] == 0);
    }
}

/* The bits of a unit's product are those of its block, whatever stands beside it. */
static void blocks_keep_their_bits(void **state)
{
    (void)state;
    enum { U = 15, H = 4, D = 70, ROWS = 37 };
    const int block[] = {3, 5, 4, 3};
    float y[ROWS * U], y_part[ROWS * 5];
    struct cal_bank all = {.block = block}, part = {.block = block + 1};
    struct cal_bank *bank[] = {&all, &part};
    struct cal_bank_tape tape[2];
    struct cal_layout layout[2], on_tape[2];
    struct cal_optim optim[2];
    for (int i = 0; i < 2; i++) {
        cal_layout_init(&layout[i]);
        cal_layout_init(&on_tape[i]);
        cal_optim_init(&optim[i], &params);
        cal_bank_declare(bank[i], i ? 5 : U, D, H, &layout[i], &optim[i]);
        cal_bank_declare_tape(bank[i], &tape[i], ROWS, &on_tape[i]);
        cal_layout_alloc(&layout[i]);
        cal_layout_alloc(&on_tape[i]);
        cal_bank_init(bank[i], 1, 1, i ? 3 : 0);
        draw(tape[i].x, ROWS * D, 5);
        cal_bank_forward(bank[i], &tape[i], ROWS, i ? y_part : y);
    }
    for (int q = 0; q < ROWS; q++)
        assert_memory_equal(y_part + q * 5, y + q * U + 3, 5 * sizeof(float));
    cal_bank_backward(&all, &tape[0], ROWS, y);
    cal_bank_backward(&part, &tape[1], ROWS, y_part);
    assert_memory_equal(part.g_w1, all.g_w1 + 3 * H * D, 5 * H * D * sizeof(float));
    assert_memory_equal(part.g_w2, all.g_w2 + 3 * H, 5 * H * sizeof(float));
    for (int i = 0; i < 2; i++) {
        cal_layout_finish(&layout[i]);
        cal_layout_finish(&on_tape[i]);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_are_their_twins),
        cmocka_unit_test(reading_all_is_a_bank),
        cmocka_unit_test(weights_go_by_number),
        cmocka_unit_test(blocks_keep_their_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
