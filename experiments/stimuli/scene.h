/* experiments/stimuli/scene.h - what a track looks like from above, and the picture around a car on it.
 *
 * The ground is 1024 x 1024 texels of 0.2 m and wraps. By the nearest point of the centre line, at distance D and s m along it, a texel within
 * 6.2 m is a dash of the middle line (D < 0.4 m and s mod 12 m < 5 m: grey 230), asphalt (D < 5 m: 150) or kerb (235 and 20 by turns, every 3 m of
 * s). All else is grass, cells of 6.4 m: 90 or 55 as on a chessboard, plus -8 ... 7 drawn for each cell.
 *
 * A picture shows 40 x 40 m, up is where the car heads. The car is in the middle column, three quarters down: white, with a dark
 * window. A pixel is the mean of n x n samples, n = ceil(64 / size), each interpolated between four texels. */
#ifndef CAL_EXPERIMENTS_STIMULI_SCENE_H
#define CAL_EXPERIMENTS_STIMULI_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "experiments/stimuli/car.h"

#define CAL_SCENE_SIDE 1024  /* texels */
#define CAL_SCENE_TEXEL 0.2  /* m */
#define CAL_SCENE_SPAN 40.0  /* m that a picture shows, each way */
#define CAL_SCENE_AHEAD 30.0 /* of these ahead of the car */
#define CAL_SCENE_ROAD 5.0   /* m on each side of the centre line */
#define CAL_SCENE_KERB 6.2   /* and with the kerb */
#define CAL_SCENE_DASH_GREY 230
#define CAL_SCENE_ROAD_GREY 150

/* Paint the ground.
 *   grass    the key of the cells' draws
 *   texel    [out] (1024,1024), row y column x, centres at (x + 1/2) 0.2 m: the grey in the lowest byte, above it those of the texels at
 *            (x+1,y), (x,y+1) and (x+1,y+1), so that one load brings all that a sample needs */
void cal_scene_paint(const struct cal_rng *grass, const struct cal_track *track, uint32_t *texel);

/* The picture around the car.
 *   grey  [out] (size,size), 0 ... 255
 *   road  [out] (size,size) as bits, pixel i is bit i % 8 of byte i / 8: the ground at the pixel's centre is road, kerb apart; the car does
 *         not hide it. NULL: not wanted */
void cal_scene_show(const uint32_t *texel, const struct cal_car *car, int size, uint8_t *grey, uint8_t *road);

/* --- scene_fast.c --- */

/* Disc number `point` on one row of keys: key = min(key, square of the distance << 10 | point), within `reach` of x.
 *   x, dy2   centre along the row in texels, square of its distance from the row in texels^2
 *   key      [inout] (1024) */
#define CAL_SCENE_NOWHERE UINT32_MAX
#define CAL_SCENE_FINE 4096.0f /* a unit of the squares in keys is 1 texel^2 / 4096 */
void cal_scene_stamp(double x, double dy2, double reach, uint32_t point, uint32_t *key);

/* n samples from (x,y) on, (dx,dy) from one to the next, in texels, counted from the first one's centre. */
void cal_scene_sample(const uint32_t *texel, double x, double y, double dx, double dy, int n, float *grey);
/* The same, of the nearest texel: 1 where it is road, else 0. */
void cal_scene_find_road(const uint32_t *texel, double x, double y, double dx, double dy, int n, uint8_t *road);
/* sum[j] += each of the samples line[each j] ... line[each j + each - 1], j < n */
void cal_scene_pool(const float *line, int each, int n, float *sum);

#endif
