/* core/rng_fast.c - the fast fills of rng.h: Philox across vector lanes, Box-Muller by polynomials. */
#include "core/rng.h"

#include <math.h>
#include <string.h>

#include "core/err.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* A 32-bit word in the lower half of each 64-bit lane, so that one multiplication gives both halves of its product. The upper
 * halves hold rests that do not count; a compiler cannot know that and would multiply them too, hence the intrinsics. */
#if defined(__AVX512F__)
typedef uint64_t lanes __attribute__((vector_size(64)));
#define MULTIPLY(a, m) ((lanes)_mm512_mul_epu32((__m512i)(a), _mm512_set1_epi64(m)))
#elif defined(__AVX2__)
typedef uint64_t lanes __attribute__((vector_size(32)));
#define MULTIPLY(a, m) ((lanes)_mm256_mul_epu32((__m256i)(a), _mm256_set1_epi64x(m)))
#else
typedef uint64_t lanes __attribute__((vector_size(16)));
#define MULTIPLY(a, m) (((a)&0xffffffffu) * (uint64_t)(m))
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "even blocks are stored in the lower half of a lane");

enum {
    GROUP = 64,                  /* elements, rng.h */
    GROUPS = 2,                  /* made at once */
    LANES = sizeof(lanes) / 8,   /* blocks in a vector */
    CHAINS = 4,                  /* vectors at once, to hide the multiplier's latency */
    CHUNK = CHAINS * LANES,      /* blocks at once */
    BLOCKS = GROUPS * GROUP / 4, /* blocks in all */
};

/* CHUNK blocks from `block` on, the `at`-th of the groups in words[]. Chain 2p has the even blocks of pair p, chain 2p + 1 the
 * odd ones: laid into each other they are in order. */
static void philox_chunk(const struct cal_rng *r, uint64_t block, uint32_t *words, size_t at)
{
    lanes zero = {0}, twice, c[CHAINS][4];
    for (int l = 0; l < LANES; l++)
        twice[l] = 2 * (uint64_t)l;
#pragma GCC unroll 4
    for (int v = 0; v < CHAINS; v++) {
        uint64_t b = block + (uint64_t)(v / 2 * 2 * LANES + v % 2); /* no pair straddles a multiple of 2^32 */
        c[v][0] = twice + (uint32_t)b;
        c[v][1] = zero + (b >> 32);
        c[v][2] = zero + r->counter[2];
        c[v][3] = zero + r->counter[3];
    }
    uint32_t k0 = r->key[0], k1 = r->key[1];
#pragma GCC unroll 10
    for (int round = 0; round < CAL_PHILOX_ROUNDS; round++) {
#pragma GCC unroll 4
        for (int v = 0; v < CHAINS; v++) {
            lanes p0 = MULTIPLY(c[v][0], CAL_PHILOX_M0), p1 = MULTIPLY(c[v][2], CAL_PHILOX_M1);
            c[v][0] = (p1 >> 32) ^ c[v][1] ^ (uint64_t)k0;
            c[v][1] = p1;
            c[v][2] = (p0 >> 32) ^ c[v][3] ^ (uint64_t)k1;
            c[v][3] = p0;
        }
        k0 += CAL_PHILOX_W0;
        k1 += CAL_PHILOX_W1;
    }
#pragma GCC unroll 2
    for (size_t p = 0; p < CHAINS / 2; p++) {
        size_t b = at + p * 2 * LANES;
#pragma GCC unroll 4
        for (size_t w = 0; w < 4; w++) {
            lanes both = (c[2 * p][w] & 0xffffffffu) | c[2 * p + 1][w] << 32;
            memcpy(words + b / 16 * GROUP + w * 16 + b % 16, &both, sizeof both);
        }
    }
}

/* The words of GROUPS groups from `group` on, in the order of the elements. */
static void philox_groups(const struct cal_rng *r, uint64_t group, uint32_t words[GROUPS * GROUP])
{
    for (size_t at = 0; at < BLOCKS; at += CHUNK)
        philox_chunk(r, group * 16 + at, words, at);
}

/* log(k / 2^24), k in 1 ... 2^24: k / 2^24 = 2^e (1 + m), m in [sqrt(1/2) - 1, sqrt(2) - 1), and a minimax polynomial for
 * (log(1 + m) - m + m^2/2) / m^3, in pairs of pairs for a short chain. Relative error 6e-9 before rounding. */
static inline float log_share(uint32_t k)
{
    float share = (float)(int32_t)k * 0x1p-24f, m;
    uint32_t bits;
    memcpy(&bits, &share, sizeof bits);
    int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23; /* the bits of sqrt(1/2) */
    bits -= (uint32_t)e << 23;
    memcpy(&m, &bits, sizeof m);
    m -= 1.0f;
    float m2 = m * m, m4 = m2 * m2;
    float low = (3.333333135e-1f - 2.500081956e-1f * m) + (2.000122666e-1f - 1.662335694e-1f * m) * m2;
    float high = (1.420175731e-1f - 1.316018254e-1f * m) + (1.276157796e-1f - 7.634497434e-2f * m) * m2;
    return (float)e * 0.693147181f + (m - 0.5f * m2 + m * m2 * (low + high * m4));
}

/* x[i], x[i + 32] = r cos a, r sin a, as rng.h has it. The angle is split exactly, in 24-bit integers, in quarter turns and
 * a rest of at most 1/8 turn; there sine and cosine are minimax polynomials (error 4e-9 before rounding). */
static void box_muller(const uint32_t words[GROUP], float x[GROUP])
{
    for (int i = 0; i < GROUP / 2; i++) {
        float r = sqrtf(-2.0f * log_share((words[i] >> 8) + 1));
        int32_t turn = (int32_t)(words[i + GROUP / 2] >> 8), quarter = (turn + (1 << 21)) >> 22;
        float t = (float)(turn - quarter * (1 << 22)) * (6.28318531f * 0x1p-24f), t2 = t * t;
        float s = t + t * t2 * (-1.666665524e-1f + t2 * (8.332160302e-3f - 1.951528247e-4f * t2));
        float c = 1.0f - 0.5f * t2 + t2 * t2 * (4.166664556e-2f + t2 * (-1.388736768e-3f + 2.443845187e-5f * t2));
        float cosine = quarter & 1 ? s : c, sine = quarter & 1 ? c : s;
        x[i] = ((quarter + 1) & 2 ? -r : r) * cosine;
        x[i + GROUP / 2] = (quarter & 2 ? -r : r) * sine;
    }
}

static void uniform(const uint32_t words[GROUP], float x[GROUP])
{
    for (int i = 0; i < GROUP; i++)
        x[i] = (float)(int32_t)(words[i] >> 8) * 0x1p-24f;
}

/* Whole groups only, the last ones aside when x ends before them: so neither n nor the address of x chooses the arithmetic. */
static void fill(const struct cal_rng *r, uint64_t first, float *x, size_t n, void (*shape)(const uint32_t *words, float *x))
{
    CAL_ASSERT(first % GROUP == 0);
    _Alignas(64) uint32_t words[GROUPS * GROUP];
    _Alignas(64) float last[GROUPS * GROUP];
    for (size_t done = 0; done < n; done += GROUPS * GROUP) {
        size_t left = n - done;
        float *to = left < GROUPS * GROUP ? last : x + done;
        philox_groups(r, (first + done) / GROUP, words);
        for (int g = 0; g < GROUPS; g++)
            shape(words + g * GROUP, to + g * GROUP);
        if (to == last)
            memcpy(x + done, last, left * sizeof *x);
    }
}

void cal_rng_uniform_fill(const struct cal_rng *r, uint64_t first, float *x, size_t n)
{
    fill(r, first, x, n, uniform);
}

void cal_rng_normal_fill(const struct cal_rng *r, uint64_t first, float *x, size_t n)
{
    fill(r, first, x, n, box_muller);
}
