/* regions/objectives/lanes_fast.h - what the loops of the objectives share: a short exponential, and sums in lanes.
 *
 * For files called *_fast.c. Sample k is in lane k mod LANES, so a group (k mod G, G dividing LANES) is a set of lanes. */
#ifndef CAL_REGIONS_OBJECTIVES_LANES_FAST_H
#define CAL_REGIONS_OBJECTIVES_LANES_FAST_H

#include <stdint.h>
#include <string.h>

#define LANES 16         /* of one vector; contrast.c has the same */
#define UNIT 12102203.2f /* 2^23 / log 2: distances are measured in steps of a float's exponent field, so that exp() needs no product */
#define FAR (87 * UNIT)  /* exp(-87) = 1.6e-38, the least normal number: what is farther counts the same, as nothing */
#define AWAY 1e30f       /* the distance of who is not there: padding, and a sample itself where it is no negative of its own */

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(-d / UNIT) for 0 <= d <= FAR, to about 2e-7 + 6e-8 d/UNIT, relative. The bits of 1.0f less d are those of 2^n m with m in [1,2) for
 * which n + (m-1) = -d / 2^23; left to do is 2^(m-1), by a polynomial fitted for the least relative error. Inline and short: most of a step
 * that is not GEMM is spent here. */
static inline float exp_minus(float d)
{
    uint32_t bits = 0x3f800000u - (uint32_t)(int32_t)d;
    float m = float_of((bits & 0x007fffffu) | 0x3f800000u), power = float_of(bits & 0xff800000u);
    float p = 0.0384030984f + m * (-0.000318622131f + m * 0.00186713037f);
    return power * (0.498363124f + m * (0.353489685f + m * (0.108195584f + m * p)));
}

static inline float least(float a, float b)
{
    return a < b ? a : b;
}

static inline float total(const float *x)
{
    float s = 0;
    for (int l = 0; l < LANES; l++)
        s += x[l];
    return s;
}

/* Each lane gets the sum over its group. */
static inline void fold(float *x, int groups)
{
    for (int width = LANES / 2; width >= groups; width /= 2)
        for (int l = 0; l < width; l++)
            x[l] += x[l + width];
    for (int l = groups; l < LANES; l++)
        x[l] = x[l & (groups - 1)];
}

/* Each lane gets the least of its group. */
static inline void fold_least(float *x, int groups)
{
    for (int width = LANES / 2; width >= groups; width /= 2)
        for (int l = 0; l < width; l++)
            x[l] = least(x[l], x[l + width]);
    for (int l = groups; l < LANES; l++)
        x[l] = x[l & (groups - 1)];
}

#endif
