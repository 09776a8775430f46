/* tests/bench_numerics.c - how fast the fast loops are: against their slow twins, and in absolute terms. One line each. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/optim.h"
#include "core/rng.h"

enum { N = 1 << 16 }; /* values: 256 kB, within the second-level cache */

static float *x, *y, *z;
static struct cal_rng sequence;
static volatile double sink;

/* ---- what is timed ---- */

static void normals(void)
{
    cal_rng_normal_fill(&sequence, 0, x, N);
}

static void normals_twin(void)
{
    cal_rng_normal_fill_twin(&sequence, 0, x, N);
}

static void uniforms(void)
{
    cal_rng_uniform_fill(&sequence, 0, x, N);
}

static void uniforms_one_by_one(void)
{
    for (uint64_t i = 0; i < N; i++)
        x[i] = cal_rng_uniform(&sequence, i);
}

static void permutation(void)
{
    for (uint32_t i = 0; i < N; i++)
        x[i] = (float)cal_rng_permute(&sequence, i, N);
}

static void sum(void)
{
    sink = cal_sum(y, N);
}

static void sum_twin(void)
{
    sink = cal_sum_twin(y, N);
}

static void transpose(void)
{
    cal_transpose(256, 256, y, 256, z, 256);
}

static const struct cal_optim_pass pass = {.scale = 1,
                                           .rate = 1e-3f,
                                           .momentum = 0.9f,
                                           .weight_decay = 1e-3f,
                                           .epsilon = 1e-8f,
                                           .fresh1 = 0.1f,
                                           .fresh2 = 1e-3f,
                                           .unbias1 = 1,
                                           .unbias2 = 1};

static void sgd(void)
{
    cal_sgd_pass(&pass, N, x, y, z);
}

static void sgd_twin(void)
{
    cal_sgd_pass_twin(&pass, N, x, y, z);
}

static float *moment;

static void adam(void)
{
    cal_adam_pass(&pass, N, x, y, z, moment);
}

static void adam_twin(void)
{
    cal_adam_pass_twin(&pass, N, x, y, z, moment);
}

/* The two products of a cortex region's first layer (2B = 256 rows, 256 pixels, 8 x 128 hidden) that a step consists of. */
enum { ROWS = 256, PIXELS = 256, HIDDEN = 1024 };
static float *image, *weight, *hidden;

static void gemm_forward(void) /* (ROWS,PIXELS) x (HIDDEN,PIXELS)^T */
{
    cal_gemm(false, true, ROWS, HIDDEN, PIXELS, 1, image, PIXELS, weight, PIXELS, 0, hidden, HIDDEN);
}

static void gemm_forward_twin(void)
{
    cal_gemm_twin(false, true, ROWS, HIDDEN, PIXELS, 1, image, PIXELS, weight, PIXELS, 0, hidden, HIDDEN);
}

static void gemm_backward(void) /* (ROWS,HIDDEN)^T x (ROWS,PIXELS) */
{
    cal_gemm(true, false, HIDDEN, PIXELS, ROWS, 1, hidden, HIDDEN, image, PIXELS, 0, weight, PIXELS);
}

static void gemm_backward_twin(void)
{
    cal_gemm_twin(true, false, HIDDEN, PIXELS, ROWS, 1, hidden, HIDDEN, image, PIXELS, 0, weight, PIXELS);
}

/* ---- how ---- */

/* Seconds of the fastest call: of many for 0.2 s, or of one if that takes longer. */
static double fastest_s(void (*call)(void))
{
    double best = INFINITY, start = cal_now_s();
    do {
        double t = cal_now_s();
        call();
        best = fmin(best, cal_now_s() - t);
    } while (cal_now_s() - start < 0.2);
    return best;
}

/* name, what `work` units of `unit` a nanosecond come to, how many times faster than the slow one (NULL: none). */
static void compare(const char *name, void (*fast)(void), void (*slow)(void), double work, const char *unit)
{
    double s = fastest_s(fast);
    printf("%-28s %8.3f ns/element %8.1f %-5s", name, 1e9 * s / N, 1e-9 * work / s, unit);
    if (slow)
        printf(" %7.1f x its twin", fastest_s(slow) / s);
    printf("\n");
    fflush(stdout);
}

static void compare_gemm(const char *name, void (*fast)(void), void (*slow)(void))
{
    double s = fastest_s(fast);
    printf("%-28s %8.3f ms %16.1f GF/s  %7.1f x its twin\n", name, 1e3 * s, 2e-9 * ROWS * PIXELS * HIDDEN / s, fastest_s(slow) / s);
    fflush(stdout);
}

static float *filled(size_t n, uint32_t which)
{
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which);
    float *a = cal_alloc(n * sizeof *a);
    cal_rng_normal_fill(&r, 0, a, n);
    return a;
}

int main(void)
{
    cal_kernels_init();
    printf("%s, %s kernels, %d thread(s)\n", cal_kernels_library(), cal_kernels_core(), cal_kernels_threads());
    sequence = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 0);
    x = filled(N, 1);
    y = filled(N, 2);
    z = filled(N, 3);
    moment = cal_alloc(N * sizeof *moment);
    image = filled(ROWS * PIXELS, 4);
    weight = filled(HIDDEN * PIXELS, 5);
    hidden = filled(ROWS * HIDDEN, 6);

    compare("normals", normals, normals_twin, 4.0 * N, "GB/s");
    compare("uniforms", uniforms, uniforms_one_by_one, 4.0 * N, "GB/s");
    compare("permutation", permutation, NULL, 4.0 * N, "GB/s");
    compare("sum", sum, sum_twin, 4.0 * N, "GB/s");
    compare("transpose", transpose, NULL, 8.0 * N, "GB/s");
    compare("sgd update", sgd, sgd_twin, 20.0 * N, "GB/s");
    compare("adam update", adam, adam_twin, 28.0 * N, "GB/s");
    compare_gemm("gemm 256x256 x (1024x256)^T", gemm_forward, gemm_forward_twin);
    compare_gemm("gemm (256x1024)^T x 256x256", gemm_backward, gemm_backward_twin);

    float *all[] = {x, y, z, moment, image, weight, hidden};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
    return 0;
}
