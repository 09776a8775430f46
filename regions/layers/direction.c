/* regions/layers/direction.c - directions by themselves; see direction.h. */
#include "regions/layers/direction.h"

#include <math.h>

void cal_direction_of(size_t n, int d, float *z, float *inverse)
{
    for (size_t i = 0; i < n; i++, z += d) {
        float squares = 0;
        for (int k = 0; k < d; k++)
            squares += z[k] * z[k];
        inverse[i] = squares > CAL_DIRECTION_LEAST ? 1 / sqrtf(squares) : 0;
        for (int k = 0; k < d; k++)
            z[k] *= inverse[i];
    }
}

void cal_direction_of_back(size_t n, int d, const float *y, const float *inverse, float *dy)
{
    for (size_t i = 0; i < n; i++, y += d, dy += d) {
        float along = 0;
        for (int k = 0; k < d; k++)
            along += dy[k] * y[k];
        for (int k = 0; k < d; k++)
            dy[k] = inverse[i] * (dy[k] - along * y[k]);
    }
}
