/* core/head.h - what reads a map out: block averages, a linear layer, and the losses on it.
 *
 * Row-major float32; each has a twin in float64 (head_twin.c), the definition. Gradients are overwritten, except where they are said to be
 * added to. Arrays of one call do not overlap. */
#ifndef CAL_CORE_HEAD_H
#define CAL_CORE_HEAD_H

#define CAL_BLOCKS 4 /* a side: a map is read as 4x4 block averages */

/* p (maps,4,4): averages over blocks of H/4 x W/4 of x (maps,H,W), maps = B C; H and W multiples of 4 (asserted). Overwritten. */
void cal_blocks_forward(int maps, int height, int width, const float *x, float *p);
/* g_x (maps,H,W), overwritten: each value's share of its block's g_p (maps,4,4). */
void cal_blocks_backward(int maps, int height, int width, const float *g_p, float *g_x);

/* y (B,K) = x w^T + b in every row; x (B,D), w (K,D), b (K). */
void cal_linear_forward(int batch, int in, int out, const float *x, const float *w, const float *b, float *y);
/* From g_y (B,K): g_w (K,D) and g_b (K), overwritten; g_x (B,D), added to, so that several heads may read one x; NULL: not wanted. */
void cal_linear_backward(int batch, int in, int out, const float *x, const float *w, const float *g_y, float *g_w, float *g_b, float *g_x);

/* Softmax cross-entropy, the mean over B of -log softmax(logits)[label], in nats. logits (B,K); labels (B): whole numbers 0 ... K-1
 * (asserted). g_logits (B,K): of that mean. *right: how many rows have their largest logit (the first of equals) at the label. */
double cal_cross_entropy(int batch, int classes, const float *logits, const float *labels, float *g_logits, int *right);

/* Smooth L1 (Girshick 2015), the mean over B of the sum over columns: |d| - knee/2, or d^2 / (2 knee) where |d| < knee; d = y - target,
 * both (B,n); knee > 0. g_y (B,n): of that mean. */
double cal_smooth_l1(int batch, int n, double knee, const float *y, const float *target, float *g_y);

void cal_blocks_forward_twin(int maps, int height, int width, const double *x, double *p);
void cal_blocks_backward_twin(int maps, int height, int width, const double *g_p, double *g_x);
void cal_linear_forward_twin(int batch, int in, int out, const double *x, const double *w, const double *b, double *y);
void cal_linear_backward_twin(int batch, int in, int out, const double *x, const double *w, const double *g_y, double *g_w, double *g_b,
                              double *g_x);
double cal_cross_entropy_twin(int batch, int classes, const double *logits, const double *labels, double *g_logits, int *right);
double cal_smooth_l1_twin(int batch, int n, double knee, const double *y, const double *target, double *g_y);

#endif
