/* regions/layers/sparse_fast.c - the vector loops of sparse.h. Reductions run in fixed lanes, samples along them. */
#include <string.h>

#include "regions/layers/layers.h"
#include "regions/layers/sparse.h"

enum { LANES = 16, TILE = 4 }; /* samples of one vector; hidden values that share what was loaded */

static inline float leaky(float x)
{
    return x > CAL_LEAK * x ? x : CAL_LEAK * x;
}

static inline float total(const float *x)
{
    float sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += x[l];
    return sum;
}

/* What TILE hidden values sum up, for all samples: z_h = b1_h + sum_k w1_hk x_(read_k); then LeakyReLU. */
static void read_tile(int reads, int pitch, const float *restrict x, const long *restrict read, const float *restrict w1,
                      const float *restrict b1, float *restrict hidden)
{
    const float *w[TILE];
    for (int h = 0; h < TILE; h++)
        w[h] = w1 + (size_t)h * (size_t)reads;
    for (int b = 0; b < pitch; b += LANES) {
        float z0[LANES], z1[LANES], z2[LANES], z3[LANES];
        for (int l = 0; l < LANES; l++) {
            z0[l] = b1[0];
            z1[l] = b1[1];
            z2[l] = b1[2];
            z3[l] = b1[3];
        }
        for (int k = 0; k < reads; k++) {
            const float *restrict row = x + (size_t)read[k] * (size_t)pitch + (size_t)b;
            float f0 = w[0][k], f1 = w[1][k], f2 = w[2][k], f3 = w[3][k];
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                z0[l] += f0 * row[l];
                z1[l] += f1 * row[l];
                z2[l] += f2 * row[l];
                z3[l] += f3 * row[l];
            }
        }
        for (int l = 0; l < LANES; l++) {
            hidden[b + l] = leaky(z0[l]);
            hidden[pitch + b + l] = leaky(z1[l]);
            hidden[2 * pitch + b + l] = leaky(z2[l]);
            hidden[3 * pitch + b + l] = leaky(z3[l]);
        }
    }
}

/* The same for one hidden value, where there are no TILE left. */
static void read_one(int reads, int pitch, const float *restrict x, const long *restrict read, const float *restrict w1, float b1,
                     float *restrict hidden)
{
    for (int b = 0; b < pitch; b += LANES) {
        float z[LANES];
        for (int l = 0; l < LANES; l++)
            z[l] = b1;
        for (int k = 0; k < reads; k++) {
            const float *restrict row = x + (size_t)read[k] * (size_t)pitch + (size_t)b;
            for (int l = 0; l < LANES; l++)
                z[l] += w1[k] * row[l];
        }
        for (int l = 0; l < LANES; l++)
            hidden[b + l] = leaky(z[l]);
    }
}

void cal_sparse_read(const struct cal_sparse *k, int pitch, const float *x, float *restrict hidden, float *restrict y)
{
    size_t p = (size_t)pitch, n = (size_t)k->bank.hidden, reads = (size_t)k->bank.inputs;
    for (size_t u = 0; u < (size_t)k->bank.units; u++) {
        const long *read = k->read + u * reads;
        const float *w1 = k->bank.w1 + u * n * reads, *b1 = k->bank.b1 + u * n, *w2 = k->bank.w2 + u * n;
        float *restrict activity = hidden + u * n * p, *restrict out = y + u * p;
        size_t h = 0;
        for (; h + TILE <= n; h += TILE)
            read_tile(k->bank.inputs, pitch, x, read, w1 + h * reads, b1 + h, activity + h * p);
        for (; h < n; h++)
            read_one(k->bank.inputs, pitch, x, read, w1 + h * reads, b1[h], activity + h * p);
        for (int b = 0; b < pitch; b++)
            out[b] = k->bank.b2[u];
        for (h = 0; h < n; h++)
            for (int b = 0; b < pitch; b++)
                out[b] += w2[h] * activity[h * p + (size_t)b];
    }
}

/* Hidden value h's own gradients, and its activity to the gradient dz in what it has summed up. */
static void back_hidden(int pitch, float w2, const float *restrict dy, float *restrict hidden, float *restrict g_b1, float *restrict g_w2)
{
    float of_w2[LANES] = {0}, of_b1[LANES] = {0};
    for (int b = 0; b < pitch; b += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float activity = hidden[b + l], d = dy[b + l], dz = w2 * (activity > 0 ? d : CAL_LEAK * d);
            of_w2[l] += activity * d;
            of_b1[l] += dz;
            hidden[b + l] = dz;
        }
    *g_w2 = total(of_w2);
    *g_b1 = total(of_b1);
}

/* dL/dw1_hk = sum over samples of dz_h x_(read_k), for TILE hidden values. */
static void back_tile(int reads, int pitch, const float *restrict x, const long *restrict read, const float *restrict dz,
                      float *restrict g_w1)
{
    for (int k = 0; k < reads; k++) {
        const float *restrict row = x + (size_t)read[k] * (size_t)pitch;
        float s0[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, s3[LANES] = {0};
        for (int b = 0; b < pitch; b += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                float value = row[b + l];
                s0[l] += dz[b + l] * value;
                s1[l] += dz[pitch + b + l] * value;
                s2[l] += dz[2 * pitch + b + l] * value;
                s3[l] += dz[3 * pitch + b + l] * value;
            }
        g_w1[k] = total(s0);
        g_w1[reads + k] = total(s1);
        g_w1[2 * reads + k] = total(s2);
        g_w1[3 * reads + k] = total(s3);
    }
}

static void back_one(int reads, int pitch, const float *restrict x, const long *restrict read, const float *restrict dz,
                     float *restrict g_w1)
{
    for (int k = 0; k < reads; k++) {
        const float *restrict row = x + (size_t)read[k] * (size_t)pitch;
        float s[LANES] = {0};
        for (int b = 0; b < pitch; b += LANES)
            for (int l = 0; l < LANES; l++)
                s[l] += dz[b + l] * row[b + l];
        g_w1[k] = total(s);
    }
}

void cal_sparse_back(struct cal_sparse *k, int pitch, const float *x, const float *w2, const float *dy, float *restrict hidden)
{
    size_t p = (size_t)pitch, n = (size_t)k->bank.hidden, reads = (size_t)k->bank.inputs;
    for (size_t u = 0; u < (size_t)k->bank.units; u++) {
        const long *read = k->read + u * reads;
        const float *restrict d = dy + u * p;
        float *dz = hidden + u * n * p, *g_w1 = k->bank.g_w1 + u * n * reads, sum[LANES] = {0};
        for (int b = 0; b < pitch; b += LANES)
            for (int l = 0; l < LANES; l++)
                sum[l] += d[b + l];
        k->bank.g_b2[u] = total(sum);
        size_t h = 0;
        for (; h < n; h++)
            back_hidden(pitch, w2[u * n + h], d, dz + h * p, &k->bank.g_b1[u * n + h], &k->bank.g_w2[u * n + h]);
        for (h = 0; h + TILE <= n; h += TILE)
            back_tile(k->bank.inputs, pitch, x, read, dz + h * p, g_w1 + h * reads);
        for (; h < n; h++)
            back_one(k->bank.inputs, pitch, x, read, dz + h * p, g_w1 + h * reads);
    }
}
