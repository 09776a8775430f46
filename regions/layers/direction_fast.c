/* regions/layers/direction_fast.c - the vector loops of direction.h. */
#include <math.h>
#include <stddef.h>

#include "regions/layers/direction.h"

void cal_direction_read(int rows, int units, int width, int n, const float *restrict a, const float *restrict w, const float *restrict b,
                        float *restrict y, float *restrict inverse)
{
    for (int row = 0; row < rows; row++)
        for (int u = 0; u < units; u++) {
            size_t at = (size_t)row * (size_t)units + (size_t)u;
            const float *restrict from = a + at * (size_t)n;
            float *restrict to = y + at * (size_t)width, squares = 0;
            for (int d = 0; d < width; d++) {
                const float *restrict weight = w + ((size_t)u * (size_t)width + (size_t)d) * (size_t)n;
                float sum = 0;
                for (int i = 0; i < n; i++)
                    sum += weight[i] * from[i];
                to[d] = b[(size_t)u * (size_t)width + (size_t)d] + sum;
                squares += to[d] * to[d];
            }
            float scale = squares > CAL_DIRECTION_LEAST ? 1.0f / sqrtf(squares) : 0.0f;
            for (int d = 0; d < width; d++)
                to[d] *= scale;
            inverse[at] = scale;
        }
}

void cal_direction_back(int rows, int units, int width, int n, const float *restrict a, const float *restrict w, const float *restrict y,
                        const float *restrict inverse, float *restrict dy, float *restrict da, float *restrict g_w, float *restrict g_b)
{
    for (int row = 0; row < rows; row++)
        for (int u = 0; u < units; u++) {
            size_t at = (size_t)row * (size_t)units + (size_t)u, first = (size_t)u * (size_t)width;
            const float *restrict from = a + at * (size_t)n, *restrict said = y + at * (size_t)width;
            float *restrict d_said = dy + at * (size_t)width, *restrict d_from = da + at * (size_t)n, along = 0;
            for (int d = 0; d < width; d++)
                along += said[d] * d_said[d];
            for (int i = 0; i < n; i++)
                d_from[i] = 0;
            for (int d = 0; d < width; d++) {
                const float *restrict weight = w + (first + (size_t)d) * (size_t)n;
                float *restrict g_weight = g_w + (first + (size_t)d) * (size_t)n, dz = inverse[at] * (d_said[d] - along * said[d]);
                d_said[d] = dz;
                g_b[first + (size_t)d] += dz;
                for (int i = 0; i < n; i++) {
                    d_from[i] += dz * weight[i];
                    g_weight[i] += dz * from[i];
                }
            }
        }
}
