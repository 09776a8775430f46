/* experiments/stimuli/patches.h - square patches of pictures: blurred, cut on a grid, standardised one by one.
 *
 * Tiles that are nearly of one grey are left out, for dividing by their standard deviation would show nothing but rounding. */
#ifndef CAL_EXPERIMENTS_STIMULI_PATCHES_H
#define CAL_EXPERIMENTS_STIMULI_PATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 3 x 3 blur, weights .24 .52 .24 each way.
 *   in   [in]   (h+2, w+2), a border of one pixel around what is wanted
 *   row  [out]  scratch, w+2 floats
 *   out  [out]  (h,w); may be `in` itself */
void cal_patches_blur(const float *in, size_t h, size_t w, float *row, float *out);

/* Subtract the mean of x[n] and divide by its standard deviation (over n). False, and x as it was, when that is under min_sd (> 0). */
bool cal_patches_standardise(float *x, size_t n, double min_sd);

/* Write tile number `tile` of `who`, standardised, to out; false when it is too flat. */
typedef bool cal_patches_cut_fn(const void *who, uint32_t tile, float *out);

/* Number the tiles 0 ... n-1 that are worth showing: the *kept numbers, rising. [give] the list, NULL when there are none.
 *   scratch  [out]  one tile */
uint32_t *cal_patches_keep(cal_patches_cut_fn *cut, const void *who, uint32_t n, float *scratch, long *kept);

#endif
