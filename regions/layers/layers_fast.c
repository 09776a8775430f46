/* regions/layers/layers_fast.c - the vector loops of layers.h. */
#include "regions/layers/layers.h"

#include <stddef.h>
#include <string.h>

static inline float leaky(float x)
{
    return x > CAL_LEAK * x ? x : CAL_LEAK * x;
}

void cal_bank_read(int rows, int units, int n_hidden, float *restrict hidden, const float *restrict b1, const float *restrict w2,
                   const float *restrict b2, float *restrict y)
{
    for (int r = 0; r < rows; r++)
        for (int u = 0; u < units; u++) {
            float *restrict row = hidden + ((size_t)r * (size_t)units + (size_t)u) * (size_t)n_hidden, sum = 0;
            size_t at = (size_t)u * (size_t)n_hidden;
            for (int h = 0; h < n_hidden; h++) {
                row[h] = leaky(row[h] + b1[at + (size_t)h]);
                sum += row[h] * w2[at + (size_t)h];
            }
            y[(size_t)r * (size_t)units + (size_t)u] = b2[u] + sum;
        }
}

void cal_bank_back(int rows, int units, int n_hidden, float *restrict hidden, const float *restrict w2, const float *restrict dy,
                   float *restrict g_b1, float *restrict g_w2, float *restrict g_b2)
{
    memset(g_b1, 0, (size_t)units * (size_t)n_hidden * sizeof *g_b1);
    memset(g_w2, 0, (size_t)units * (size_t)n_hidden * sizeof *g_w2);
    memset(g_b2, 0, (size_t)units * sizeof *g_b2);
    for (int r = 0; r < rows; r++)
        for (int u = 0; u < units; u++) {
            float *restrict row = hidden + ((size_t)r * (size_t)units + (size_t)u) * (size_t)n_hidden;
            float d = dy[(size_t)r * (size_t)units + (size_t)u], leaked = CAL_LEAK * d;
            size_t at = (size_t)u * (size_t)n_hidden;
            g_b2[u] += d;
            for (int h = 0; h < n_hidden; h++) {
                float activity = row[h], gradient = w2[at + (size_t)h] * (activity > 0 ? d : leaked);
                g_w2[at + (size_t)h] += activity * d;
                g_b1[at + (size_t)h] += gradient;
                row[h] = gradient;
            }
        }
}

void cal_leaky_read(int rows, int n, float *restrict hidden, const float *restrict b1)
{
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < n; h++)
            hidden[(size_t)r * (size_t)n + (size_t)h] = leaky(hidden[(size_t)r * (size_t)n + (size_t)h] + b1[h]);
}

void cal_leaky_back(int rows, int n, float *restrict hidden, const float *restrict d, float *restrict g_b1)
{
    memset(g_b1, 0, (size_t)n * sizeof *g_b1);
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < n; h++) {
            size_t at = (size_t)r * (size_t)n + (size_t)h;
            hidden[at] = hidden[at] > 0 ? d[at] : CAL_LEAK * d[at];
            g_b1[h] += hidden[at];
        }
}

void cal_bias_add(int rows, int n, float *restrict y, const float *restrict b)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++)
            y[(size_t)r * (size_t)n + (size_t)i] += b[i];
}

void cal_bias_back(int rows, int n, const float *restrict dy, float *restrict g_b)
{
    memset(g_b, 0, (size_t)n * sizeof *g_b);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++)
            g_b[i] += dy[(size_t)r * (size_t)n + (size_t)i];
}
