/* comm/checksum_fast.c - see checksum.h. Integers alone: vector lanes change no bit. */
#include "comm/checksum.h"

#include <string.h>

enum { PAIRS = 8, ROWS = 16, WORDS = 2 * PAIRS * ROWS };

/* WORDS words as ROWS rows of PAIRS pairs: word 2l of row j has the weight of the first row's plus 4 PAIRS j. So one product a column does, of sums that need none:
 * with S_j the sum of rows 0 to j, sum_j j row_j = (ROWS-1) S_(ROWS-1) - (S_0 + ... + S_(ROWS-2)). Pairs are read as they lie on a little-endian machine. */
static uint64_t block(const float *x, uint64_t first)
{
    uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int l = 0; l < PAIRS; l++) {
        uint64_t even = 0, odd = 0, before = 0, weight = 2 * (first + 2 * (uint64_t)l) + 1;
#pragma GCC unroll 16
        for (int j = 0; j < ROWS; j++) {
            uint64_t pair;
            memcpy(&pair, x + 2 * (j * PAIRS + l), sizeof pair);
            before += even + odd;
            even += pair & 0xffffffffu;
            odd += pair >> 32;
        }
        sum += even * weight + odd * (weight + 2) + 4 * PAIRS * ((ROWS - 1) * (even + odd) - before);
    }
    return sum;
}

uint64_t cal_checksum(const float *x, size_t n, uint32_t first)
{
    uint64_t sum = 0;
    size_t i = 0;
    for (; i + WORDS <= n; i += WORDS)
        sum += block(x + i, first + i);
    for (; i < n; i++) {
        uint32_t word;
        memcpy(&word, x + i, sizeof word);
        sum += word * (2 * (first + (uint64_t)i) + 1);
    }
    return sum;
}
