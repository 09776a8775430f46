/* experiments/stimuli/scene_fast.c - the loops over texels and samples; see scene.h. */
#include "experiments/stimuli/scene.h"

#include <math.h>

#define MASK (CAL_SCENE_SIDE - 1)
#define BITS 10 /* of MASK, and of a point's number */

/* 31 texels squared, in units, are below 2^22. */
void cal_scene_stamp(double x, double dy2, double reach, uint32_t point, uint32_t *restrict key)
{
    int first = (int)(x - reach), end = (int)(x + reach) + 2;
    float limit = (float)(reach * reach), from = (float)(x - first), square = (float)dy2;
    uint32_t *at = key + first;
    for (int i = 0; i < end - first; i++) {
        float dx = (float)i - from, d2 = dx * dx + square;
        uint32_t mine = (uint32_t)(int)(d2 * CAL_SCENE_FINE) << BITS | point;
        mine = d2 < limit ? mine : CAL_SCENE_NOWHERE;
        at[i] = mine < at[i] ? mine : at[i];
    }
}

/* Places count from a multiple of the side on, far enough below for all of them to be positive: what is cut off is what floor() would. */
static float above_zero(double x)
{
    return (float)(x - floor(x / CAL_SCENE_SIDE) * CAL_SCENE_SIDE + CAL_SCENE_SIDE);
}

void cal_scene_sample(const uint32_t *restrict texel, double x, double y, double dx, double dy, int n, float *restrict grey)
{
    float x0 = above_zero(x), y0 = above_zero(y), step_x = (float)dx, step_y = (float)dy;
    for (int i = 0; i < n; i++) {
        float at_x = x0 + (float)i * step_x, at_y = y0 + (float)i * step_y;
        int column = (int)at_x, row = (int)at_y;
        float right = at_x - (float)column, up = at_y - (float)row;
        uint32_t four = texel[(row & MASK) << BITS | (column & MASK)];
        float a = (float)(int)(four & 255), b = (float)(int)(four >> 8 & 255), c = (float)(int)(four >> 16 & 255),
              d = (float)(int)(four >> 24);
        float low = a + right * (b - a), high = c + right * (d - c);
        grey[i] = low + up * (high - low);
    }
}

void cal_scene_find_road(const uint32_t *restrict texel, double x, double y, double dx, double dy, int n, uint8_t *restrict road)
{
    float x0 = above_zero(x + 0.5), y0 = above_zero(y + 0.5), step_x = (float)dx, step_y = (float)dy;
    for (int i = 0; i < n; i++) {
        int column = (int)(x0 + (float)i * step_x), row = (int)(y0 + (float)i * step_y);
        uint32_t grey = texel[(row & MASK) << BITS | (column & MASK)] & 255;
        road[i] = grey == CAL_SCENE_ROAD_GREY || grey == CAL_SCENE_DASH_GREY;
    }
}

/* The common cases have loops of their own, for the compiler to know the stride. */
void cal_scene_pool(const float *restrict line, int each, int n, float *restrict sum)
{
    if (each == 1)
        for (int j = 0; j < n; j++)
            sum[j] += line[j];
    else if (each == 2)
        for (int j = 0; j < n; j++)
            sum[j] += line[2 * j] + line[2 * j + 1];
    else
        for (int j = 0; j < n; j++)
            for (int s = 0; s < each; s++)
                sum[j] += line[j * each + s];
}
