/* regions/layers/direction.c - see direction.h. */
#include "regions/layers/direction.h"

#include <math.h>

#define SHORTEST 1e-12f

void cal_direction(size_t n, int d, float *z, float *length)
{
    for (size_t i = 0; i < n; i++, z += d) {
        float squares = 0;
        for (int k = 0; k < d; k++)
            squares += z[k] * z[k];
        length[i] = sqrtf(squares);
        float by = length[i] < SHORTEST ? 0 : 1 / length[i];
        for (int k = 0; k < d; k++)
            z[k] *= by;
    }
}

void cal_direction_back(size_t n, int d, const float *y, const float *length, float *dy)
{
    for (size_t i = 0; i < n; i++, y += d, dy += d) {
        float along = 0, by = length[i] < SHORTEST ? 0 : 1 / length[i];
        for (int k = 0; k < d; k++)
            along += dy[k] * y[k];
        for (int k = 0; k < d; k++)
            dy[k] = by * (dy[k] - along * y[k]);
    }
}
