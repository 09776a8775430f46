/* regions/layers/direction.h - vectors as directions: y = z / |z|, and back.
 *
 * A vector shorter than 1e-12 has no direction: y = 0, and no gradient goes through it. */
#ifndef CAL_REGIONS_LAYERS_DIRECTION_H
#define CAL_REGIONS_LAYERS_DIRECTION_H

#include <stddef.h>

/* n vectors of d components, one after the other. z: in, z; out, y. length (n): |z|. */
void cal_direction(size_t n, int d, float *z, float *length);
/* dy (n,d): in, the gradient in y; out, in z: (dy - (dy . y) y) / |z|. */
void cal_direction_back(size_t n, int d, const float *y, const float *length, float *dy);

#endif
