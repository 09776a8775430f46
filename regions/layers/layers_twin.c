/* regions/layers/layers_twin.c - the strict twins of layers_fast.c: an element at a time, sums in float64. */
#include <stddef.h>

#include "regions/layers/layers.h"

static float leaky(float x)
{
    return x > 0 ? x : CAL_LEAK * x;
}

static float slope(float activity)
{
    return activity > 0 ? 1.0f : CAL_LEAK;
}

void cal_bank_read_twin(int rows, int units, int n_hidden, float *hidden, const float *b1, const float *w2, const float *b2, float *y)
{
    for (int r = 0; r < rows; r++) {
        cal_leaky_read_twin(1, units * n_hidden, hidden + (ptrdiff_t)r * units * n_hidden, b1);
        for (int u = 0; u < units; u++) {
            double sum = (double)b2[u];
            for (int h = 0; h < n_hidden; h++)
                sum += (double)w2[u * n_hidden + h] * (double)hidden[((ptrdiff_t)r * units + u) * n_hidden + h];
            y[r * units + u] = (float)sum;
        }
    }
}

void cal_bank_back_twin(int rows, int units, int n_hidden, float *hidden, const float *w2, const float *dy, float *g_b1, float *g_w2,
                        float *g_b2)
{
    for (int u = 0; u < units; u++) {
        double sum = 0;
        for (int r = 0; r < rows; r++)
            sum += (double)dy[r * units + u];
        g_b2[u] = (float)sum;
        for (int h = 0; h < n_hidden; h++) {
            double sum_w2 = 0, sum_b1 = 0;
            for (int r = 0; r < rows; r++) {
                float *at = hidden + ((ptrdiff_t)r * units + u) * n_hidden + h, d = dy[r * units + u];
                sum_w2 += (double)d * (double)*at;
                *at = d * w2[u * n_hidden + h] * slope(*at);
                sum_b1 += (double)*at;
            }
            g_w2[u * n_hidden + h] = (float)sum_w2;
            g_b1[u * n_hidden + h] = (float)sum_b1;
        }
    }
}

void cal_leaky_read_twin(int rows, int n, float *hidden, const float *b1)
{
    for (ptrdiff_t i = 0; i < (ptrdiff_t)rows * n; i++)
        hidden[i] = leaky(hidden[i] + b1[i % n]);
}

void cal_leaky_back_twin(int rows, int n, float *hidden, const float *d, float *g_b1)
{
    for (int h = 0; h < n; h++) {
        double sum = 0;
        for (ptrdiff_t i = h; i < (ptrdiff_t)rows * n; i += n) {
            hidden[i] = d[i] * slope(hidden[i]);
            sum += (double)hidden[i];
        }
        g_b1[h] = (float)sum;
    }
}
