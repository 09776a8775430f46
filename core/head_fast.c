/* core/head_fast.c - the passes of head.h over maps. */
#include "core/head.h"

#include <stddef.h>

#include "core/err.h"

/* Compiled anew for each size of a block that it is called with; so is the way back. */
static inline __attribute__((always_inline)) void forward(size_t n, size_t h, size_t w, const float *restrict x, float *restrict p)
{
    float share = 1 / ((float)h * (float)w);
    for (size_t rows = 0; rows < n; rows++, x += h * CAL_BLOCKS * w)
        for (size_t block = 0; block < CAL_BLOCKS; block++) {
            float sum = 0;
            for (size_t i = 0; i < h; i++)
                for (size_t j = 0; j < w; j++)
                    sum += x[(i * CAL_BLOCKS + block) * w + j];
            *p++ = sum * share;
        }
}

static inline __attribute__((always_inline)) void backward(size_t n, size_t h, size_t w, const float *restrict g_p, float *restrict g_x)
{
    float share = 1 / ((float)h * (float)w);
    for (size_t rows = 0; rows < n; rows++, g_p += CAL_BLOCKS)
        for (size_t i = 0; i < h; i++)
            for (size_t block = 0; block < CAL_BLOCKS; block++)
                for (size_t j = 0; j < w; j++)
                    *g_x++ = g_p[block] * share;
}

void cal_blocks_forward(int maps, int height, int width, const float *x, float *p)
{
    size_t n = (size_t)maps * CAL_BLOCKS, h = (size_t)height / CAL_BLOCKS, w = (size_t)width / CAL_BLOCKS;
    CAL_ASSERT(height % CAL_BLOCKS == 0 && width % CAL_BLOCKS == 0);
    if (h == 2 && w == 2)
        forward(n, 2, 2, x, p);
    else if (h == 4 && w == 4)
        forward(n, 4, 4, x, p);
    else
        forward(n, h, w, x, p);
}

void cal_blocks_backward(int maps, int height, int width, const float *g_p, float *g_x)
{
    size_t n = (size_t)maps * CAL_BLOCKS, h = (size_t)height / CAL_BLOCKS, w = (size_t)width / CAL_BLOCKS;
    CAL_ASSERT(height % CAL_BLOCKS == 0 && width % CAL_BLOCKS == 0);
    if (h == 2 && w == 2)
        backward(n, 2, 2, g_p, g_x);
    else if (h == 4 && w == 4)
        backward(n, 4, 4, g_p, g_x);
    else
        backward(n, h, w, g_p, g_x);
}
