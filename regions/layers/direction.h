/* regions/layers/direction.h - directions: unit vectors y = z / |z| of D components; by themselves, or read by units from R values of their own.
 *
 *     z_u = W_u a_u + b_u,    y_u = z_u / |z_u|
 * Where z is (next to) 0 there is no direction: y = 0, and no gradient. `inverse` is 1/|z|, or 0 there. */
#ifndef CAL_REGIONS_LAYERS_DIRECTION_H
#define CAL_REGIONS_LAYERS_DIRECTION_H

#include <stddef.h>

#define CAL_DIRECTION_LEAST 1e-24f /* of |z|^2 */

/* n vectors of d components, one after the other. z: in, z; out, y. inverse (n). */
void cal_direction_of(size_t n, int d, float *z, float *inverse);
/* dy (n,d): in, the gradient in y; out, in z: (dy - (dy . y) y) / |z|. */
void cal_direction_of_back(size_t n, int d, const float *y, const float *inverse, float *dy);

/* a (rows,U,R), w (U,D,R), b (U,D); y (rows,U,D), inverse (rows,U). */
void cal_direction_read(int rows, int units, int width, int n, const float *a, const float *w, const float *b, float *y, float *inverse);
void cal_direction_read_twin(int rows, int units, int width, int n, const float *a, const float *w, const float *b, float *y,
                             float *inverse);
/* Back through it. dy: in, the gradient in y; out, that in z. da (rows,U,R): overwritten. g_w, g_b: added to. */
void cal_direction_back(int rows, int units, int width, int n, const float *a, const float *w, const float *y, const float *inverse,
                        float *dy, float *da, float *g_w, float *g_b);
void cal_direction_back_twin(int rows, int units, int width, int n, const float *a, const float *w, const float *y, const float *inverse,
                             float *dy, float *da, float *g_w, float *g_b);

#endif
