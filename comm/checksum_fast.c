/* comm/checksum_fast.c - see checksum.h. Integers alone: vector lanes change no bit. */
#include "comm/checksum.h"

#include <stdbool.h>
#include <string.h>

enum { PAIRS = 8, ROW = 2 * PAIRS };

/* Whole rows of ROW words, a lane a pair, read as it lies on a little-endian machine; to `out` as well, if `copies`. Word 2l of row j has the weight of the
 * first row's plus 2 ROW j. So sums that need no product do: with S_j that of rows 0 to j, sum_j j row_j = rows S_(rows-1) - (S_0 + ... + S_(rows-1)). */
static inline uint64_t sum_rows(float *restrict out, const float *restrict x, size_t rows, uint64_t first, bool copies)
{
    uint64_t even[PAIRS] = {0}, odd[PAIRS] = {0}, upto[PAIRS] = {0}, sum = 0;
    for (size_t j = 0; j < rows; j++) {
#pragma omp simd
        for (int l = 0; l < PAIRS; l++) {
            uint64_t pair;
            memcpy(&pair, x + j * ROW + 2 * l, sizeof pair);
            if (copies)
                memcpy(out + j * ROW + 2 * l, &pair, sizeof pair);
            even[l] += pair & 0xffffffffu;
            odd[l] += pair >> 32;
            upto[l] += even[l] + odd[l];
        }
    }
    for (int l = 0; l < PAIRS; l++) {
        uint64_t weight = 2 * (first + 2 * (uint64_t)l) + 1, both = even[l] + odd[l];
        sum += even[l] * weight + odd[l] * (weight + 2) + 2 * ROW * (rows * both - upto[l]);
    }
    return sum;
}

/* The words after whole rows, fewer than ROW. */
static uint64_t sum_rest(const float *x, size_t n, uint64_t first)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, x + i, sizeof word);
        sum += word * (2 * (first + i) + 1);
    }
    return sum;
}

uint64_t cal_checksum(const float *x, size_t n, uint32_t first)
{
    size_t done = n - n % ROW;
    return sum_rows(NULL, x, n / ROW, first, false) + sum_rest(x + done, n - done, (uint64_t)first + done);
}

uint64_t cal_checksum_copy(float *restrict out, const float *restrict x, size_t n, uint32_t first)
{
    size_t done = n - n % ROW;
    memcpy(out + done, x + done, (n - done) * sizeof *x);
    return sum_rows(out, x, n / ROW, first, true) + sum_rest(x + done, n - done, (uint64_t)first + done);
}
