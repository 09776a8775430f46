/* experiments/stimuli/sign.h - one picture of a traffic sign: what is in it, and how it is painted.
 *
 * Five shapes, each with colours of its own for border, fill and glyph, times four glyphs make 20 classes. The sign has any place and size, a
 * slight turn and a stretch; it stands before a ground of smooth colours and some rectangles, and in three pictures of ten a rectangle hides
 * a part of it. Light, blur and noise vary from picture to picture. Everything comes from signed distances in pixels: negative inside,
 * and a pixel is covered by 1/2 - distance, cut to 0 ... 1, which smooths the edges of the sign. Rectangles have hard edges. */
#ifndef CAL_EXPERIMENTS_STIMULI_SIGN_H
#define CAL_EXPERIMENTS_STIMULI_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/stimulus.h"

enum cal_sign_shape { CAL_SIGN_CIRCLE, CAL_SIGN_TRIANGLE, CAL_SIGN_DIAMOND, CAL_SIGN_OCTAGON, CAL_SIGN_SQUARE, CAL_SIGN_SHAPES };
enum cal_sign_glyph { CAL_SIGN_BAR, CAL_SIGN_POST, CAL_SIGN_CROSS, CAL_SIGN_RING, CAL_SIGN_GLYPHS }; /* bar lies, post stands */

#define CAL_SIGN_CLASSES (CAL_SIGN_SHAPES * CAL_SIGN_GLYPHS) /* class = shape x 4 + glyph */
#define CAL_SIGN_GRID 4
#define CAL_SIGN_RECTANGLES 3

struct cal_rgb {
    float at[3]; /* 0 ... 1 */
};

struct cal_sign_rectangle {
    float x, y, half_width, half_height; /* centre and half the sides, px */
    struct cal_rgb colour;
};

/* What is in a picture. Places are in px from its upper left corner, y downwards; the centre of pixel (i,j) is (j + 1/2, i + 1/2). */
struct cal_sign {
    int size; /* side of the picture, px */
    enum cal_sign_shape shape;
    enum cal_sign_glyph glyph;
    float x, y, radius; /* px; the radius of the circle, triangle, diamond and octagon around; a square has sides of 1.6 radius */
    float angle;        /* rad, from x to y */
    float aspect;       /* stretch along the sign's own x; along its y it is 1 / aspect */
    struct cal_rgb border, fill, mark;
    struct cal_rgb ground[CAL_SIGN_GRID * CAL_SIGN_GRID];
    int rectangles; /* so many of: */
    struct cal_sign_rectangle rectangle[CAL_SIGN_RECTANGLES], occluder;
    bool occluded;
    float contrast, brightness; /* x -> contrast (x - 1/2) + 1/2 + brightness */
    int blurs;                  /* times (1 2 1)/4, each way */
    float noise;                /* standard deviation */
    struct cal_rng key;         /* of the noise */
};

/* Class of sample `index`: they come in turn, so that every split has as many of each. */
int cal_sign_class(uint32_t index);

/* The picture number `index` of a split, a function of (seed, split, index, size) and of nothing else; lengths scale with size / 32. */
struct cal_sign cal_sign_draw(uint32_t seed, enum cal_split split, uint32_t index, int size);

/* Paint it.
 *   image    [out]  (3,size,size) RGB, 0 ... 1
 *   scratch  [out]  (size,size), size at least 4
 *   box      [out]  centre x, centre y, width, height as parts of the side: the tight box of all pixels whose centre is inside the sign,
 *                   hidden or not; the sign has at least one in the picture (asserted) */
void cal_sign_paint(const struct cal_sign *s, float *image, float *scratch, float box[4]);

#endif
