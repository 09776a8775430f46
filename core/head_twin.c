/* core/head_twin.c - head.h in float64, an element at a time. */
#include "core/head.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The block that value i of maps (maps,H,W) belongs to. */
static size_t block_of(int height, int width, size_t i)
{
    size_t h = (size_t)height, w = (size_t)width, map = i / (h * w), row = i / w % h, col = i % w;
    return (map * CAL_BLOCKS + row * CAL_BLOCKS / h) * CAL_BLOCKS + col * CAL_BLOCKS / w;
}

static double share_of(int height, int width)
{
    return (double)CAL_BLOCKS * CAL_BLOCKS / ((double)height * width);
}

void cal_blocks_forward_twin(int maps, int height, int width, const double *x, double *p)
{
    memset(p, 0, (size_t)maps * CAL_BLOCKS * CAL_BLOCKS * sizeof *p);
    for (size_t i = 0; i < (size_t)maps * (size_t)height * (size_t)width; i++)
        p[block_of(height, width, i)] += x[i] * share_of(height, width);
}

void cal_blocks_backward_twin(int maps, int height, int width, const double *g_p, double *g_x)
{
    for (size_t i = 0; i < (size_t)maps * (size_t)height * (size_t)width; i++)
        g_x[i] = g_p[block_of(height, width, i)] * share_of(height, width);
}

void cal_linear_forward_twin(int batch, int in, int out, const double *x, const double *w, const double *b, double *y)
{
    for (int q = 0; q < batch; q++)
        for (int k = 0; k < out; k++) {
            double sum = b[k];
            for (int i = 0; i < in; i++)
                sum += w[k * in + i] * x[q * in + i];
            y[q * out + k] = sum;
        }
}

void cal_linear_backward_twin(int batch, int in, int out, const double *x, const double *w, const double *g_y, double *g_w, double *g_b,
                              double *g_x)
{
    memset(g_w, 0, (size_t)out * (size_t)in * sizeof *g_w);
    memset(g_b, 0, (size_t)out * sizeof *g_b);
    for (int q = 0; q < batch; q++)
        for (int k = 0; k < out; k++) {
            g_b[k] += g_y[q * out + k];
            for (int i = 0; i < in; i++) {
                g_w[k * in + i] += g_y[q * out + k] * x[q * in + i];
                if (g_x)
                    g_x[q * in + i] += g_y[q * out + k] * w[k * in + i];
            }
        }
}

double cal_cross_entropy_twin(int batch, int classes, const double *logits, const double *labels, double *g_logits, int *right)
{
    double loss = 0;
    *right = 0;
    for (int q = 0; q < batch; q++, logits += classes, g_logits += classes) {
        int label = (int)labels[q], above = 0;
        double sum = 0;
        for (int k = 0; k < classes; k++) {
            sum += exp(logits[k]);
            above += logits[k] > logits[label] || (k < label && logits[k] == logits[label]);
        }
        for (int k = 0; k < classes; k++)
            g_logits[k] = (exp(logits[k]) / sum - (k == label ? 1 : 0)) / batch;
        loss -= log(exp(logits[label]) / sum) / batch;
        *right += above == 0;
    }
    return loss;
}

double cal_smooth_l1_twin(int batch, int n, double knee, const double *y, const double *target, double *g_y)
{
    double loss = 0;
    for (int i = 0; i < batch * n; i++) {
        double d = fabs(y[i] - target[i]);
        loss += (d < knee ? d * d / (2 * knee) : d - knee / 2) / batch;
        g_y[i] = copysign(fmin(d / knee, 1), y[i] - target[i]) / batch;
    }
    return loss;
}
