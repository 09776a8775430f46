/* core/rng.h - counter-based random numbers: Philox 4x32-10.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. A number is a function of
 * (seed, stream, owner, phase, presentation, index) and of nothing else: not of the rank, of time, of what was drawn
 * before, or of a restart. */
#ifndef CAL_CORE_RNG_H
#define CAL_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* One stream a use. Add at the end: the numbers are part of what makes a run repeatable. */
enum cal_stream {
    CAL_STREAM_INIT = 1, /* initial weights */
    CAL_STREAM_NOISE,    /* noise of the stimulus's views */
    CAL_STREAM_ORDER,    /* order of samples in an epoch */
    CAL_STREAM_WORLD,    /* built-in worlds: discs, tracks, signs */
    CAL_STREAM_MASK,     /* masks that both ends of a projection draw */
    CAL_STREAM_FRESH,    /* analysis: fresh networks, starting points */
    CAL_STREAM_TEST,
    CAL_STREAM_LOST,         /* messages that a lossy link loses */
    CAL_STREAM_WIRING,       /* who reads whom, where not all read all */
    CAL_STREAM_JITTER,       /* simulated time: how long a step takes */
    CAL_STREAM_SYNAPSES,     /* structure and first weights of populations; owner: the number of a population */
    CAL_STREAM_RELEASE,      /* synapses that pass a sample on; owner: the same */
    CAL_STREAM_DROPOUT,      /* inputs that a network does without */
    CAL_STREAM_PERTURBATION, /* of the weights of a readout */
    CAL_STREAM_FLUCTUATION,  /* of log weights of populations; owner: as of structure */
};

#define CAL_OWNER_SHARED 0xffffffu /* not a region: the same for all */

/* The key of one sequence of draws; no two different sequences have the same.
 *   key      {seed, stream << 24 | owner}
 *   counter  {block low, block high, presentation low, phase << 16 | presentation high}
 * A block is four words. The sequence goes by groups of 64 elements, the words of 16 blocks: element i is word i / 16 % 4
 * of block i / 64 * 16 + i % 16, so that 16 blocks side by side in vectors come out in order. */
struct cal_rng {
    uint32_t key[2];
    uint32_t counter[4]; /* of block 0 */
};

/* The sequence for (seed, stream, owner, phase, presentation). Owner: a region's number (0 to 2^24-2) or CAL_OWNER_SHARED;
 * seed in [0, 2^32), phase in [0, 2^16), presentation in [0, 2^48) (asserted). Pass 0 for what does not apply. */
struct cal_rng cal_rng_key(uint32_t seed, enum cal_stream stream, uint32_t owner, uint32_t phase, uint64_t presentation);

#define CAL_PHILOX_ROUNDS 10
#define CAL_PHILOX_M0 0xD2511F53u /* multipliers */
#define CAL_PHILOX_M1 0xCD9E8D57u
#define CAL_PHILOX_W0 0x9E3779B9u /* what a round adds to the key: golden ratio, sqrt(3) - 1 */
#define CAL_PHILOX_W1 0xBB67AE85u

/* One block: out[4] = Philox(counter, key), ten rounds. The known-answer vectors of Random123 test this function. */
void cal_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Element `index` of the sequence, as 32 bits; in [0,1) with 24 bits; in {0 ... n-1} (n < 2^31; by multiplication, bias < n/2^32). */
uint32_t cal_rng_u32(const struct cal_rng *r, uint64_t index);
float cal_rng_uniform(const struct cal_rng *r, uint64_t index);
uint32_t cal_rng_below(const struct cal_rng *r, uint64_t index, uint32_t n);

/* Fill x[n] with elements `first` ... `first`+n-1 of the sequence (first a multiple of 64, asserted). Fast loops; equal bits
 * for any split into calls at multiples of 64 and for any address.
 *   uniform  the very bits of cal_rng_uniform()
 *   normal   mean 0, variance 1, one an element. Box-Muller on 24-bit uniforms within a group: elements i and i + 32 are
 *            r cos a and r sin a, r = sqrt(-2 log((1 + u_i) / 2^24)), a = 2 pi u_(i+32) / 2^24, u the upper 24 bits of the words.
 *            |x| <= 5.77, beyond which 1 in 10^8 would lie. */
void cal_rng_uniform_fill(const struct cal_rng *r, uint64_t first, float *x, size_t n);
void cal_rng_normal_fill(const struct cal_rng *r, uint64_t first, float *x, size_t n);
/* The slow twin, in float64 by the C library, rounded once: the fast one is within 5e-7 (1 + |x|). */
void cal_rng_normal_fill_twin(const struct cal_rng *r, uint64_t first, float *x, size_t n);

/* A keyed permutation of {0 ... n-1} without a table: where element i goes. n in [1, 2^31), i < n (asserted).
 * Source: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002: a Feistel network on the least 2^b >= n,
 * walked along its cycle until it is below n. Its draws are none of the sequence's. */
uint32_t cal_rng_permute(const struct cal_rng *r, uint32_t i, uint32_t n);

#endif
