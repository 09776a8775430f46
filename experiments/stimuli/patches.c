/* experiments/stimuli/patches.c - see patches.h. */
#include "experiments/stimuli/patches.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"

#define SIDE 0.24f
#define MIDDLE 0.52f

/* Row y of the result needs rows y ... y+2 of the input and is no longer than they are, so in place it never runs over a row
 * that is still to be read. */
void cal_patches_blur(const float *in, size_t h, size_t w, float *row, float *out)
{
    size_t stride = w + 2;
    for (size_t y = 0; y < h; y++) {
        const float *above = in + y * stride, *here = above + stride, *below = here + stride;
        for (size_t x = 0; x < stride; x++)
            row[x] = SIDE * (above[x] + below[x]) + MIDDLE * here[x];
        for (size_t x = 0; x < w; x++)
            out[y * w + x] = SIDE * (row[x] + row[x + 2]) + MIDDLE * row[x + 1];
    }
}

bool cal_patches_standardise(float *x, size_t n, double min_sd)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    double sd = sqrt(variance / (double)n);
    if (sd < min_sd)
        return false;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((x[i] - mean) / sd);
    return true;
}

uint32_t *cal_patches_keep(cal_patches_cut_fn *cut, const void *who, uint32_t n, float *scratch, long *kept)
{
    uint32_t *all = cal_alloc((size_t)n * sizeof *all), *list = NULL;
    size_t count = 0;
    for (uint32_t tile = 0; tile < n; tile++)
        if (cut(who, tile, scratch))
            all[count++] = tile;
    if (count) {
        list = cal_alloc(count * sizeof *list);
        memcpy(list, all, count * sizeof *list);
    }
    cal_free(all);
    *kept = (long)count;
    return list;
}
