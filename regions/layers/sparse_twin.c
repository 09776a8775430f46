/* regions/layers/sparse_twin.c - the strict twins of sparse_fast.c: an element at a time, sums in float64. */
#include <stddef.h>

#include "regions/layers/layers.h"
#include "regions/layers/sparse.h"

/* What unit u's k-th read holds for sample b. */
static double seen(const struct cal_sparse *k, int pitch, const float *x, size_t u, size_t i, size_t b)
{
    return (double)x[(size_t)k->read[u * (size_t)k->bank.inputs + i] * (size_t)pitch + b];
}

void cal_sparse_read_twin(const struct cal_sparse *k, int pitch, const float *x, float *hidden, float *y)
{
    size_t p = (size_t)pitch, n = (size_t)k->bank.hidden, reads = (size_t)k->bank.inputs;
    for (size_t u = 0; u < (size_t)k->bank.units; u++)
        for (size_t b = 0; b < p; b++) {
            double out = (double)k->bank.b2[u];
            for (size_t h = u * n; h < (u + 1) * n; h++) {
                double z = (double)k->bank.b1[h];
                for (size_t i = 0; i < reads; i++)
                    z += (double)k->bank.w1[h * reads + i] * seen(k, pitch, x, u, i, b);
                hidden[h * p + b] = (float)(z > 0 ? z : (double)CAL_LEAK * z);
                out += (double)k->bank.w2[h] * (double)hidden[h * p + b];
            }
            y[u * p + b] = (float)out;
        }
}

void cal_sparse_back_twin(struct cal_sparse *k, int pitch, const float *x, const float *w2, const float *dy, float *hidden)
{
    size_t p = (size_t)pitch, n = (size_t)k->bank.hidden, reads = (size_t)k->bank.inputs;
    for (size_t u = 0; u < (size_t)k->bank.units; u++) {
        double of_b2 = 0;
        for (size_t b = 0; b < p; b++)
            of_b2 += (double)dy[u * p + b];
        k->bank.g_b2[u] = (float)of_b2;
        for (size_t h = u * n; h < (u + 1) * n; h++) {
            double of_w2 = 0, of_b1 = 0;
            for (size_t b = 0; b < p; b++) {
                float *at = &hidden[h * p + b], d = dy[u * p + b];
                of_w2 += (double)*at * (double)d;
                *at = w2[h] * d * (*at > 0 ? 1.0f : CAL_LEAK);
                of_b1 += (double)*at;
            }
            k->bank.g_w2[h] = (float)of_w2;
            k->bank.g_b1[h] = (float)of_b1;
            for (size_t i = 0; i < reads; i++) {
                double of_w1 = 0;
                for (size_t b = 0; b < p; b++)
                    of_w1 += (double)hidden[h * p + b] * seen(k, pitch, x, u, i, b);
                k->bank.g_w1[h * reads + i] = (float)of_w1;
            }
        }
    }
}
