/* comm/checksum.h - the sum that both ends of an edge keep. */
#ifndef CAL_COMM_CHECKSUM_H
#define CAL_COMM_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* sum_i word_i x (2 (first + i) + 1) mod 2^64 over the 32-bit patterns of x[n]. A message may be summed in any pieces. */
uint64_t cal_checksum(const float *x, size_t n, uint32_t first);
/* The same while x is copied to out[n], at the price of the copy. */
uint64_t cal_checksum_copy(float *restrict out, const float *restrict x, size_t n, uint32_t first);

#endif
