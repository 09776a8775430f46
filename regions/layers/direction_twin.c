/* regions/layers/direction_twin.c - the strict twins of direction_fast.c: an element at a time, sums in float64. */
#include <math.h>
#include <stddef.h>

#include "regions/layers/direction.h"

void cal_direction_read_twin(int rows, int units, int width, int n, const float *a, const float *w, const float *b, float *y,
                             float *inverse)
{
    for (ptrdiff_t at = 0; at < (ptrdiff_t)rows * units; at++) {
        ptrdiff_t first = at % units * width;
        double squares = 0;
        for (int pass = 0; pass < 2; pass++) /* the norm, then what is divided by it */
            for (int d = 0; d < width; d++) {
                double z = (double)b[first + d];
                for (int i = 0; i < n; i++)
                    z += (double)w[(first + d) * n + i] * (double)a[at * n + i];
                if (!pass)
                    squares += z * z;
                else
                    y[at * width + d] = squares > (double)CAL_DIRECTION_LEAST ? (float)(z / sqrt(squares)) : 0;
            }
        inverse[at] = squares > (double)CAL_DIRECTION_LEAST ? (float)(1 / sqrt(squares)) : 0;
    }
}

void cal_direction_back_twin(int rows, int units, int width, int n, const float *a, const float *w, const float *y, const float *inverse,
                             float *dy, float *da, float *g_w, float *g_b)
{
    for (ptrdiff_t at = 0; at < (ptrdiff_t)rows * units; at++) {
        double along = 0;
        for (int d = 0; d < width; d++)
            along += (double)y[at * width + d] * (double)dy[at * width + d];
        for (int d = 0; d < width; d++)
            dy[at * width + d] = (float)((double)inverse[at] * ((double)dy[at * width + d] - along * (double)y[at * width + d]));
    }
    for (int u = 0; u < units; u++)
        for (int d = 0; d < width; d++) {
            ptrdiff_t out = (ptrdiff_t)u * width + d;
            double sum = (double)g_b[out];
            for (int row = 0; row < rows; row++)
                sum += (double)dy[((ptrdiff_t)row * units + u) * width + d];
            g_b[out] = (float)sum;
            for (int i = 0; i < n; i++) {
                double sum_w = (double)g_w[out * n + i];
                for (ptrdiff_t at = u; at < (ptrdiff_t)rows * units; at += units)
                    sum_w += (double)dy[at * width + d] * (double)a[at * n + i];
                g_w[out * n + i] = (float)sum_w;
            }
        }
    for (ptrdiff_t at = 0; at < (ptrdiff_t)rows * units; at++)
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int d = 0; d < width; d++)
                sum += (double)dy[at * width + d] * (double)w[(at % units * width + d) * n + i];
            da[at * n + i] = (float)sum;
        }
}
