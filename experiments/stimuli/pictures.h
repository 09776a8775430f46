/* experiments/stimuli/pictures.h - the pictures of a stimulus file, in memory as the file has them.
 *
 * An HDF5 file with the datasets
 *   images   N x C x H x W, uint8 (0 ... 255, shown as 0 ... 1) or floating point (shown as it is)
 *   labels   N integers from 0, optional
 *   boxes    N x 4 floating point: centre x, centre y, width, height as parts of the picture's width and height, in [0,1]; optional
 * and, where the file has a test split of its own, test_images, test_labels, test_boxes: the same for other pictures. */
#ifndef CAL_EXPERIMENTS_STIMULI_PICTURES_H
#define CAL_EXPERIMENTS_STIMULI_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/h5.h"

struct cal_pictures {
    long n;
    int c, h, w;
    uint8_t *bytes; /* [own] (n,c,h,w), or NULL: then */
    float *floats;  /* [own] (n,c,h,w) */
    int32_t *label; /* [own] (n), or NULL */
    float *box;     /* [own] (n,4), or NULL */
};

/* Shape of dataset <prefix>images; nothing is read. Local. Errors: CAL_EINPUT. */
int cal_pictures_shape(struct cal_h5 *f, const char *path, const char *prefix, struct cal_pictures *p);

/* Read pictures first ... first+n-1 of <prefix>images, with their labels and boxes, in slabs of a few MiB. Local.
 *   prefix   "" or "test_"
 *   p        [give]; shape as cal_pictures_shape() has set it, n as wanted; free with cal_pictures_finish(), after an error too
 *   errors   CAL_EINPUT, with file, dataset and what was expected */
int cal_pictures_read(struct cal_h5 *f, const char *path, const char *prefix, long first, struct cal_pictures *p);
void cal_pictures_finish(struct cal_pictures *p);

/* Keep the pictures whose label is one of `classes` (n of them); the label becomes its number in that list. The pictures have labels. */
void cal_pictures_keep(struct cal_pictures *p, const int32_t *classes, int n);

/* Keep the pictures that are marked, keep[n], in their order. */
void cal_pictures_select(struct cal_pictures *p, const bool *keep);

/* The largest label of both splits plus one; 0 without labels. */
int cal_pictures_classes(const struct cal_pictures *train, const struct cal_pictures *held_out);

/* Copy a window of one picture; pixels outside repeat the edge.
 *   channel  0 ... c-1, or CAL_PICTURES_GREY: luma of the three channels (ITU-R BT.601)
 *   y, x     upper left corner, may be outside
 *   out      [out] (h,w) */
#define CAL_PICTURES_GREY (-1)
void cal_pictures_window(const struct cal_pictures *p, long picture, int channel, int y, int x, int h, int w, float *out);

#endif
