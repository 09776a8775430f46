/* regions/layers/layers.h - the loops between the matrix products of two-layer networks, LeakyReLU in the middle.
 *
 * Each is one pass over memory (layers_fast.c) and has a strict twin of the same meaning (layers_twin.c). The activity of the hidden layer
 * replaces what the product left, and its gradient replaces the activity: LeakyReLU keeps the sign, so the activity tells the slope. */
#ifndef CAL_REGIONS_LAYERS_LAYERS_H
#define CAL_REGIONS_LAYERS_LAYERS_H

#define CAL_LEAK 0.01f /* slope of LeakyReLU below 0; at 0 as well */

/* U hidden layers of H side by side, an output each. hidden (rows,U,H): in, the product; out, LeakyReLU(product + b1), b1 (U,H).
 * y (rows,U): y_u = b2_u + sum_h w2_uh hidden_uh. */
void cal_bank_read(int rows, int units, int n_hidden, float *hidden, const float *b1, const float *w2, const float *b2, float *y);
void cal_bank_read_twin(int rows, int units, int n_hidden, float *hidden, const float *b1, const float *w2, const float *b2, float *y);

/* Back through it. hidden: in, the activity; out, the gradient in the product. g_b1, g_w2 (U,H), g_b2 (U): gradients, overwritten. */
void cal_bank_back(int rows, int units, int n_hidden, float *hidden, const float *w2, const float *dy, float *g_b1, float *g_w2,
                   float *g_b2);
void cal_bank_back_twin(int rows, int units, int n_hidden, float *hidden, const float *w2, const float *dy, float *g_b1, float *g_w2,
                        float *g_b2);

/* hidden (rows,n) = LeakyReLU(hidden + b1), b1 (n). */
void cal_leaky_read(int rows, int n, float *hidden, const float *b1);
void cal_leaky_read_twin(int rows, int n, float *hidden, const float *b1);

/* Back through it: hidden: in, the activity; out, the gradient d (rows,n) in it times the slope. g_b1 (n): overwritten. */
void cal_leaky_back(int rows, int n, float *hidden, const float *d, float *g_b1);
void cal_leaky_back_twin(int rows, int n, float *hidden, const float *d, float *g_b1);

/* y += b in every row, and g_b = the sum of dy over rows (overwritten); y, dy (rows,n). Too plain for twins. */
void cal_bias_add(int rows, int n, float *y, const float *b);
void cal_bias_back(int rows, int n, const float *dy, float *g_b);

#endif
