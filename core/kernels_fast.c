/* core/kernels_fast.c - the vector loops of kernels.h. */
#include "core/kernels.h"

#include <stdint.h>
#include <string.h>

/* A sum in LANES partial sums, element i in lane i mod LANES, then these in order: what a compiler may do with it depends on n alone. */
enum { LANES = 16 };

double cal_sum(const float *restrict x, size_t n)
{
    double lane[LANES] = {0}, sum = 0;
    size_t whole = n / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l];
    for (size_t i = whole; i < n; i++)
        lane[i - whole] += (double)x[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

double cal_sum_squares(const float *restrict x, size_t n)
{
    double lane[LANES] = {0}, sum = 0;
    size_t whole = n / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    for (size_t i = whole; i < n; i++)
        lane[i - whole] += (double)x[i] * (double)x[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

/* In integers: isfinite() is true by definition under -ffast-math. Infinity and NaN are what has all bits of the exponent set. */
bool cal_all_finite(const float *restrict x, size_t n)
{
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !found;
}

void cal_axpy(size_t n, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}
