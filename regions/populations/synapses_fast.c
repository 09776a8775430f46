/* regions/populations/synapses_fast.c - the vector loops of synapses.h. Samples go along the lanes; sums over them run in fixed lanes. */
#include <math.h>
#include <stddef.h>

#include "regions/populations/synapses.h"

enum { LANES = 16, TILE = 4 }; /* samples of one vector; vectors that share a weight */

static inline float total(const float *x)
{
    float sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += x[l];
    return sum;
}

/* tanh(max(z, 0) / 2) */
static inline float phi(float z)
{
    float e = expf(z > 0 ? -z : 0.0f);
    return (1 - e) / (1 + e);
}

/* Row of the input that synapse s reads. */
static inline const float *row_of(const struct cal_synapses *k, long s)
{
    return k->a + (size_t)(k->channel ? k->channel[s] : s) * (size_t)k->pitch;
}

/* N vectors of u, from sample b on. N is known where this is inlined, so that z stays in registers. */
static inline void sum_tile(const struct cal_synapses *k, long first, long end, const float *restrict w, int b, const int n,
                            float *restrict u)
{
    float z[TILE][LANES] = {{0}};
    for (long s = first; s < end; s++) {
        const float *restrict x = row_of(k, s) + b;
        for (int v = 0; v < n; v++)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++)
                z[v][l] += w[s] * x[LANES * v + l];
    }
    for (int v = 0; v < n; v++)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++)
            u[b + LANES * v + l] = z[v][l];
}

/* u (P) = sum over the synapses from `first` to `end` of w a; the sum of u over samples. */
static float sum_up(const struct cal_synapses *k, long first, long end, const float *restrict w, float *restrict u)
{
    float sum[LANES] = {0};
    int b = 0;
    for (; b + TILE * LANES <= k->pitch; b += TILE * LANES)
        sum_tile(k, first, end, w, b, TILE, u);
    for (; b + 2 * LANES <= k->pitch; b += 2 * LANES)
        sum_tile(k, first, end, w, b, 2, u);
    for (; b < k->pitch; b += LANES)
        sum_tile(k, first, end, w, b, 1, u);
    for (b = 0; b < k->pitch; b += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += u[b + l];
    return total(sum);
}

/* The mean over the batch of (u - mu)^2. */
static float spread(const struct cal_synapses *k, const float *restrict u, float mu)
{
    float sum[LANES] = {0};
    int whole = k->batch / LANES * LANES;
    for (int b = 0; b < whole; b += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += (u[b + l] - mu) * (u[b + l] - mu);
    for (int b = whole; b < k->batch; b++)
        sum[b - whole] += (u[b] - mu) * (u[b] - mu);
    return total(sum) / (float)k->batch;
}

void cal_synapses_respond(const struct cal_synapses *k, const float *w, float *mu, float *sd, float *z, float *h)
{
    for (int i = 0; i < k->units; i++) {
        float *restrict u = z + (size_t)i * (size_t)k->pitch, *restrict out = h + (size_t)i * (size_t)k->pitch; /* z takes u's place */
        float sum = sum_up(k, k->row_start[i], k->row_start[i + 1], w, u);
        if (k->follow > 0) {
            mu[i] += k->follow * (sum / (float)k->batch - mu[i]);
            sd[i] += k->follow * (sqrtf(spread(k, u, mu[i])) + CAL_SD_FLOOR - sd[i]);
        }
        float gain = k->slope / sd[i], mean = mu[i], shift = k->slope * k->threshold;
        for (int b = 0; b < k->pitch; b += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                u[b + l] = gain * (u[b + l] - mean) - shift;
                out[b + l] = phi(u[b + l]);
            }
    }
}

/* d (P) = h+ - h-: what a unit does with the label from above, less what it does with the answer. Returns the sum of |d|. */
static float phases(const struct cal_synapses *k, const float *restrict top, const float *restrict z, float *restrict d)
{
    float sum[LANES] = {0};
    for (int b = 0; b < k->pitch; b += LANES) {
        float alone[LANES] = {0}, more[LANES] = {0};
        for (int c = 0; c < k->classes; c++) {
            size_t at = (size_t)c * (size_t)k->pitch + (size_t)b;
            const float *restrict p = k->answer + at, *restrict e = k->error + at;
            float v = k->feedback * top[c];
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                alone[l] += v * p[l];
                more[l] += v * e[l];
            }
        }
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float at = z[b + l] + alone[l];
            d[b + l] = phi(at + more[l]) - phi(at);
            sum[l] += fabsf(d[b + l]);
        }
    }
    return total(sum);
}

/* out[i] = sum_b x_b row_ib, for n rows; TILE of them share what was loaded of x. */
static void dots(int pitch, int n, const float *restrict x, const float *const *row, float *restrict out)
{
    int i = 0;
    for (; i + TILE <= n; i += TILE) {
        float s0[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, s3[LANES] = {0};
        const float *restrict r0 = row[i], *restrict r1 = row[i + 1], *restrict r2 = row[i + 2], *restrict r3 = row[i + 3];
        for (int b = 0; b < pitch; b += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                float v = x[b + l];
                s0[l] += v * r0[b + l];
                s1[l] += v * r1[b + l];
                s2[l] += v * r2[b + l];
                s3[l] += v * r3[b + l];
            }
        out[i] = total(s0);
        out[i + 1] = total(s1);
        out[i + 2] = total(s2);
        out[i + 3] = total(s3);
    }
    for (; i < n; i++) {
        float sum[LANES] = {0};
        const float *restrict r = row[i];
        for (int b = 0; b < pitch; b += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++)
                sum[l] += x[b + l] * r[b + l];
        out[i] = total(sum);
    }
}

void cal_synapses_compare(const struct cal_synapses *k, const float *top, const float *z, const float *h, float *d, float *change,
                          float *top_change, float *apart)
{
    enum { ROWS = 64 }; /* of which the addresses are gathered at a time; a multiple of TILE, so that a row's place in its tile stays */
    const float *row[ROWS];
    size_t p = (size_t)k->pitch, classes = (size_t)k->classes;
    for (size_t i = 0; i < (size_t)k->units; i++) {
        apart[i] = phases(k, top + i * classes, z + i * p, d);
        for (long s = k->row_start[i], n; s < k->row_start[i + 1]; s += n) {
            for (n = 0; n < ROWS && s + n < k->row_start[i + 1]; n++)
                row[n] = row_of(k, s + n);
            dots(k->pitch, (int)n, d, row, change + s);
        }
        for (size_t c = 0, n; c < classes; c += n) {
            for (n = 0; n < ROWS && c + n < classes; n++)
                row[n] = k->error + (c + n) * p;
            dots(k->pitch, (int)n, h + i * p, row, top_change + i * classes + c);
        }
    }
}

void cal_synapses_release(int n, int pitch, const long *channel, const float *a, float passes, float *contact)
{
    float more = 1 / passes;
    for (int s = 0; s < n; s++) {
        const float *restrict x = a + (size_t)channel[s] * (size_t)pitch;
        float *restrict at = contact + (size_t)s * (size_t)pitch;
        for (int b = 0; b < pitch; b += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++)
                at[b + l] = at[b + l] < passes ? more * x[b + l] : 0;
    }
}
