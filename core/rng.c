/* core/rng.c - see rng.h. The fast fills are in rng_fast.c. */
#include "core/rng.h"

#include <math.h>

#include "core/err.h"

struct cal_rng cal_rng_key(uint32_t seed, enum cal_stream stream, uint32_t owner, uint32_t phase, uint64_t presentation)
{
    uint32_t number = (uint32_t)stream;
    CAL_ASSERT(number < 1u << 8 && owner <= CAL_OWNER_SHARED && phase < 1u << 16 && presentation >> 48 == 0);
    return (struct cal_rng){
        .key = {seed, number << 24 | owner},
        .counter = {0, 0, (uint32_t)presentation, phase << 16 | (uint32_t)(presentation >> 32)},
    };
}

void cal_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < CAL_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)CAL_PHILOX_M0 * c0, p1 = (uint64_t)CAL_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += CAL_PHILOX_W0;
        k1 += CAL_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t cal_rng_u32(const struct cal_rng *r, uint64_t index)
{
    uint64_t block = index / 64 * 16 + index % 16;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), r->counter[2], r->counter[3]}, out[4];
    cal_philox(counter, r->key, out);
    return out[index / 16 % 4];
}

float cal_rng_uniform(const struct cal_rng *r, uint64_t index)
{
    return (float)(cal_rng_u32(r, index) >> 8) * 0x1p-24f;
}

uint32_t cal_rng_below(const struct cal_rng *r, uint64_t index, uint32_t n)
{
    return (uint32_t)((uint64_t)cal_rng_u32(r, index) * n >> 32);
}

void cal_rng_normal_fill_twin(const struct cal_rng *r, uint64_t first, float *x, size_t n)
{
    CAL_ASSERT(first % 64 == 0);
    const double pi = 3.14159265358979323846;
    for (size_t j = 0; j < n; j++) {
        uint64_t i = first + j, lower = i - (i % 64 < 32 ? 0 : 32);
        double share = ((cal_rng_u32(r, lower) >> 8) + 1) * 0x1p-24; /* in (0,1]: its logarithm is finite */
        double angle = 2 * pi * (cal_rng_u32(r, lower + 32) >> 8) * 0x1p-24;
        x[j] = (float)(sqrt(-2 * log(share)) * (i == lower ? cos(angle) : sin(angle)));
    }
}

/* A bijection of {0 ... 2^(high_bits + low_bits) - 1}: by turns a random function of one half is added to
 * the other. Added, not xored: that would only make even permutations. */
static uint32_t feistel(const struct cal_rng *r, uint32_t i, int high_bits, int low_bits)
{
    enum { ROUNDS = 8 };
    uint32_t high_mask = (1u << high_bits) - 1, low_mask = (1u << low_bits) - 1;
    uint32_t high = i >> low_bits, low = i & low_mask;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t *to = round % 2 ? &low : &high, from = round % 2 ? high : low;
        /* Blocks of the sequence number less than 2^62: with the top bit set, no draw of it has this counter. */
        uint32_t counter[4] = {from, 1u << 31 | round, r->counter[2], r->counter[3]}, out[4];
        cal_philox(counter, r->key, out);
        *to = (*to + out[0]) & (round % 2 ? low_mask : high_mask);
    }
    return high << low_bits | low;
}

uint32_t cal_rng_permute(const struct cal_rng *r, uint32_t i, uint32_t n)
{
    CAL_ASSERT(i < n && n < 1u << 31);
    int bits = 6; /* halves of three bits: in smaller ones the rounds mix too little */
    while (n > 1u << bits)
        bits++;
    do
        i = feistel(r, i, (bits + 1) / 2, bits / 2);
    while (i >= n);
    return i;
}
