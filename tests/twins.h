/* tests/twins.h - arrays in both precisions, and what is asked of a fast layer and its twin, for the tests of layers over maps. */
#ifndef CAL_TESTS_TWINS_H
#define CAL_TESTS_TWINS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/rng.h"

/* n normals, a function of `which`. [give] */
static inline float *normals(uint64_t which, size_t n)
{
    struct cal_rng r = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, which);
    float *x = cal_alloc((n + 1) * sizeof *x);
    cal_rng_normal_fill(&r, 0, x, n);
    return x;
}

/* The same values in float64. [give] */
static inline double *exact(const float *x, size_t n)
{
    double *copy = cal_alloc(n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (double)x[i];
    return copy;
}

static inline double *exact_normals(uint64_t which, size_t n)
{
    float *x = normals(which, n);
    double *copy = exact(x, n);
    cal_free(x);
    return copy;
}

/* Something that is neither zero nor right, for what has to be overwritten; one value more, to see that it ends there. [give] */
static inline float *rubbish(size_t n)
{
    float *x = cal_alloc((n + 1) * sizeof *x);
    for (size_t i = 0; i <= n; i++)
        x[i] = 12345;
    return x;
}

/* |fast - slow| within `tolerance` of the largest value of slow, and nothing written behind. */
static inline void expect_close(const float *fast, const double *slow, size_t n, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(slow[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)fast[i] - slow[i]) <= tolerance * largest))
            fail_msg("value %zu is %.9g, its twin says %.9g", i, (double)fast[i], slow[i]);
    assert_true(fast[n] == 12345);
}

static inline double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* g is the gradient of loss(layer) in x (n,): central differences in float64. */
static inline void expect_gradient(double (*loss)(void *layer), void *layer, double *x, const double *g, size_t n)
{
    const double h = 1e-6;
    for (size_t i = 0; i < n; i++) {
        double was = x[i];
        x[i] = was + h;
        double above = loss(layer);
        x[i] = was - h;
        double difference = (above - loss(layer)) / (2 * h);
        x[i] = was;
        if (!(fabs(difference - g[i]) <= 1e-6 * (1 + fabs(g[i]))))
            fail_msg("gradient %zu is %.9g, differences say %.9g", i, g[i], difference);
    }
}

#endif
