/* core/conv.h - 3x3 convolution of maps: stride 1, a border of zeros one wide, no bias.
 *
 * Maps are row-major (B,C,H,W), a representation's rows as they are. The loops (conv_fast.c) go a sample at a time, its maps in the cache, and
 * sum in an order that depends on struct cal_conv alone: equal bits wherever the arrays lie, and y and g_x of a sample whatever the others
 * are. The twins (conv_twin.c) are the definition, in float64. Arrays of one call do not overlap. */
#ifndef CAL_CORE_CONV_H
#define CAL_CORE_CONV_H

#include <stddef.h>

struct cal_conv {
    int batch, in, out; /* B samples, C channels in, K channels out */
    int height, width;  /* H, W of the maps, in and out alike */
};

/* Floats of scratch that forward and backward need: contents meaningless before and after. A few maps and two copies of w, whatever B is. */
size_t cal_conv_scratch(const struct cal_conv *c);

/* y (B,K,H,W), overwritten: y[b,k,i,j] = sum_{c,u,v} w[k,c,u,v] x[b,c,i+u-1,j+v-1]; x (B,C,H,W), w (K,C,3,3). */
void cal_conv_forward(const struct cal_conv *c, const float *x, const float *w, float *y, float *scratch);
/* From g_y (B,K,H,W): g_w (K,C,3,3) and g_x (B,C,H,W), both overwritten; g_x NULL: not wanted. */
void cal_conv_backward(const struct cal_conv *c, const float *x, const float *w, const float *g_y, float *g_w, float *g_x, float *scratch);

void cal_conv_forward_twin(const struct cal_conv *c, const double *x, const double *w, double *y);
void cal_conv_backward_twin(const struct cal_conv *c, const double *x, const double *w, const double *g_y, double *g_w, double *g_x);

#endif
