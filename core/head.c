/* core/head.c - see head.h: the linear layer on OpenBLAS, and losses over so few values that they are summed in float64 as they stand. */
#include "core/head.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/kernels.h"

void cal_linear_forward(int batch, int in, int out, const float *x, const float *w, const float *b, float *y)
{
    for (ptrdiff_t q = 0; q < batch; q++)
        memcpy(y + q * out, b, (size_t)out * sizeof *y);
    cal_gemm(false, true, batch, out, in, 1, x, in, w, in, 1, y, out);
}

void cal_linear_backward(int batch, int in, int out, const float *x, const float *w, const float *g_y, float *g_w, float *g_b, float *g_x)
{
    cal_gemm(true, false, out, in, batch, 1, g_y, out, x, in, 0, g_w, in);
    memset(g_b, 0, (size_t)out * sizeof *g_b);
    for (ptrdiff_t q = 0; q < batch; q++)
        for (int k = 0; k < out; k++)
            g_b[k] += g_y[q * out + k];
    if (g_x)
        cal_gemm(false, false, batch, in, out, 1, g_y, out, w, in, 1, g_x, in);
}

/* The first of the largest of n. */
static int largest(int n, const float *x)
{
    int at = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[at])
            at = i;
    return at;
}

double cal_cross_entropy(int batch, int classes, const float *logits, const float *labels, float *g_logits, int *right)
{
    double loss = 0;
    *right = 0;
    for (int q = 0; q < batch; q++, logits += classes, g_logits += classes) {
        int label = (int)labels[q], top = largest(classes, logits);
        double sum = 0;
        CAL_ASSERT(labels[q] == (float)label && 0 <= label && label < classes);
        for (int k = 0; k < classes; k++) /* no logit above 0: nothing overflows */
            sum += exp((double)logits[k] - (double)logits[top]);
        for (int k = 0; k < classes; k++)
            g_logits[k] = (float)((exp((double)logits[k] - (double)logits[top]) / sum - (k == label)) / batch);
        loss += log(sum) - ((double)logits[label] - (double)logits[top]);
        *right += top == label;
    }
    return loss / batch;
}

double cal_smooth_l1(int batch, int n, double knee, const float *y, const float *target, float *g_y)
{
    double loss = 0;
    CAL_ASSERT(knee > 0);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)batch * n; i++) {
        double d = (double)y[i] - (double)target[i];
        bool near = fabs(d) < knee;
        loss += near ? d * d / (2 * knee) : fabs(d) - knee / 2;
        g_y[i] = (float)((near ? d / knee : d > 0 ? 1 : -1) / batch);
    }
    return loss / batch;
}
