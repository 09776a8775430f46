/* tests/bench_layers.c - what the layers over maps cost on one core, forward and backward, at the shapes of a stage; and a stage's step of
 * them. The least processor time of several calls counts; the machine may be shared. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/conv.h"
#include "core/head.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/norm.h"
#include "core/rng.h"
#include "tests/used.h"

enum { CLASSES = 10, REPEATS = 25 };

/* A stage's arrays: maps x, a = conv(x), y = norm(a), block averages p, logits; gradients g_. */
static struct cal_conv conv;
static struct cal_norm norm;
static float *x, *w, *a, *y, *p, *head_w, *head_b, *logits, *labels, *scratch;
static float *mean, *variance, *gain, *beta;
static float *g_x, *g_w, *g_a, *g_y, *g_p, *g_head_w, *g_head_b, *g_logits, *g_gamma, *g_beta;

/* ---- what is timed ---- */

static void conv_forward(void)
{
    cal_conv_forward(&conv, x, w, a, scratch);
}

static void conv_backward(void)
{
    cal_conv_backward(&conv, x, w, g_a, g_w, NULL, scratch);
}

static void conv_backward_to_input(void)
{
    cal_conv_backward(&conv, x, w, g_a, g_w, g_x, scratch);
}

static void norm_forward(void)
{
    cal_norm_statistics(&norm, a, mean, variance);
    cal_norm_forward(&norm, a, mean, variance, gain, beta, y);
}

static void norm_backward(void)
{
    cal_norm_backward(&norm, a, mean, variance, gain, beta, g_y, g_gamma, g_beta, g_a);
}

static int height_y(void)
{
    return norm.pool ? norm.height / 2 : norm.height;
}

static void head(void)
{
    int maps = norm.batch * norm.channels, in = norm.channels * CAL_BLOCKS * CAL_BLOCKS, right;
    cal_blocks_forward(maps, height_y(), height_y(), y, p);
    cal_linear_forward(norm.batch, in, CLASSES, p, head_w, head_b, logits);
    cal_cross_entropy(norm.batch, CLASSES, logits, labels, g_logits, &right);
    cal_linear_backward(norm.batch, in, CLASSES, p, head_w, g_logits, g_head_w, g_head_b, g_p);
    cal_blocks_backward(maps, height_y(), height_y(), g_p, g_y);
}

static void step(void)
{
    conv_forward();
    norm_forward();
    head();
    norm_backward();
    conv_backward();
}

/* ---- how ---- */

static float *filled(size_t n)
{
    static uint64_t which;
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which++);
    float *values = cal_alloc(n * sizeof *values);
    cal_rng_normal_fill(&r, 0, values, n);
    return values;
}

static void bench(int in, int out, int size, bool pool)
{
    enum { BATCH = 128 };
    size_t map = (size_t)size * (size_t)size, n_x = BATCH * (size_t)in * map, n_a = BATCH * (size_t)out * map, channels = (size_t)out;
    size_t n_w = channels * (size_t)in * 9, n_p = channels * CAL_BLOCKS * CAL_BLOCKS;
    conv = (struct cal_conv){BATCH, in, out, size, size};
    norm = (struct cal_norm){BATCH, out, size, size, pool};
    struct {
        float **array;
        size_t n;
    } all[] = {
        {&x, n_x},
        {&w, n_w},
        {&a, n_a},
        {&y, n_a},
        {&p, BATCH * n_p},
        {&logits, 2048},
        {&labels, BATCH},
        {&scratch, cal_conv_scratch(&conv)},
        {&mean, channels},
        {&gain, n_w},
        {&variance, n_w},
        {&beta, channels},
        {&g_x, n_x},
        {&g_w, n_w},
        {&g_a, n_a},
        {&g_y, n_a},
        {&g_p, BATCH * n_p},
        {&g_logits, 2048},
        {&g_gamma, channels},
        {&g_beta, channels},
        {&head_w, CLASSES * n_p},
        {&head_b, CLASSES},
        {&g_head_w, CLASSES * n_p},
        {&g_head_b, CLASSES},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i].array = filled(all[i].n);
    for (int q = 0; q < BATCH; q++)
        labels[q] = (float)(q % CLASSES);
    double products = 2e-6 * (double)n_a * in * 9; /* millions of operations: a ms, GF/s */
    double whole = least_ms(REPEATS, step), forward = least_ms(REPEATS, conv_forward), backward = least_ms(REPEATS, conv_backward);
    double to_input = least_ms(REPEATS, conv_backward_to_input) - backward, norm_ms = least_ms(REPEATS, norm_forward),
           norm_back = least_ms(REPEATS, norm_backward);
    printf("%3d -> %3d, %2d x %2d%s  step %6.2f ms; conv %6.2f (%3.0f GF/s), to weights %6.2f (%3.0f), to input %6.2f (%3.0f); "
           "norm %5.2f, back %5.2f; head %5.2f\n",
           in, out, size, size, pool ? " pooled" : "       ", whole, forward, products / forward, backward, products / backward, to_input,
           products / to_input, norm_ms, norm_back, least_ms(REPEATS, head));
    fflush(stdout);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(*all[i].array);
}

int main(void)
{
    static const int shapes[][3] = {{1, 16, 32}, {3, 32, 32}, {32, 64, 16}, {64, 64, 8}, {64, 128, 8}};
    cal_kernels_init();
    printf("layers over maps, batch 128; least processor time of %d calls\n", REPEATS);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int pool = 0; pool < 2; pool++)
            bench(shapes[i][0], shapes[i][1], shapes[i][2], pool);
    return 0;
}
