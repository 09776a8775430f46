/* regions/layers/gru_twin.c - the strict twins of gru.h: an element at a time, in float64. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/mem.h"
#include "regions/layers/gru.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

void cal_gru_read_twin(int rows, int units, int n, const float *gx, const float *gh, const float *bx, const float *bh, const float *h,
                       float *gates, float *next)
{
    for (ptrdiff_t at = 0; at < (ptrdiff_t)rows * units; at++)
        for (int i = 0; i < n; i++) {
            double x[3], s[3];
            for (int k = 0; k < 3; k++) {
                x[k] = (double)gx[at * 3 * n + k * n + i] + (double)bx[at % units * 3 * n + k * n + i];
                s[k] = (double)gh[at * 3 * n + k * n + i] + (double)bh[at % units * 3 * n + k * n + i];
            }
            double r = sigmoid(x[0] + s[0]), z = sigmoid(x[1] + s[1]), new = tanh(x[2] + r * s[2]);
            float *to = gates + at * 4 * n + i;
            to[0] = (float)new;
            to[n] = (float)r;
            to[2 * n] = (float)z;
            to[3 * n] = (float)s[2];
            next[at * n + i] = (float)(new + z *((double)h[at * n + i] - new));
        }
}

void cal_gru_read_back_twin(int rows, int units, int n, float *gates, const float *h, const float *dh, float *before)
{
    for (ptrdiff_t at = 0; at < (ptrdiff_t)rows * units; at++)
        for (int i = 0; i < n; i++) {
            float *g = gates + at * 4 * n + i;
            double new = (double)g[0], r = (double)g[n], z = (double)g[2 * n], by_h = (double)g[3 * n], d = (double)dh[at * n + i];
            double d_new = d * (1 - z) * (1 - new *new);
            g[0] = (float)d_new;
            g[n] = (float)(d_new * by_h * r * (1 - r));
            g[2 * n] = (float)(d * ((double)h[at * n + i] - new) * z * (1 - z));
            g[3 * n] = (float)(d_new * r);
            if (before)
                before[at * n + i] += (float)(d * z);
        }
}

/* One row's gates r, z, n, and h Wh_n + bh_n, in that order: (4,R). */
static void row_gates(const struct cal_gru_twin *t, const double *x, const double *h, double *gate)
{
    int n = t->hidden;
    for (int j = 0; j < 3 * n; j++) {
        double by_x = t->bx[j], by_h = t->bh[j];
        for (int i = 0; i < t->inputs; i++)
            by_x += t->wx[i * 3 * n + j] * x[i];
        for (int i = 0; i < n; i++)
            by_h += t->wh[i * 3 * n + j] * h[i];
        gate[j] = j < 2 * n ? sigmoid(by_x + by_h) : tanh(by_x + gate[j - 2 * n] * by_h);
        if (j >= 2 * n)
            gate[j + n] = by_h;
    }
}

/* Back through one row of one step: dh (R) in the state after it becomes that in the state before it. */
static void row_back(const struct cal_gru_twin *t, const double *x, const double *h, const double *gate, double *by_x, double *dh)
{
    int n = t->hidden;
    for (int i = 0; i < n; i++) {
        double r = gate[i], z = gate[n + i], new = gate[2 * n + i];
        by_x[2 * n + i] = dh[i] * (1 - z) * (1 - new *new);
        by_x[n + i] = dh[i] * (h[i] - new) * z * (1 - z);
        by_x[i] = by_x[2 * n + i] * gate[3 * n + i] * r * (1 - r);
        dh[i] *= z;
    }
    for (int j = 0; j < 3 * n; j++) {
        double by_h = by_x[j] * (j < 2 * n ? 1 : gate[j - 2 * n]);
        t->g_bx[j] += by_x[j];
        t->g_bh[j] += by_h;
        for (int i = 0; i < t->inputs; i++)
            t->g_wx[i * 3 * n + j] += by_x[j] * x[i];
        for (int i = 0; i < n; i++) {
            t->g_wh[i * 3 * n + j] += by_h * h[i];
            dh[i] += by_h * t->wh[i * 3 * n + j];
        }
    }
}

void cal_gru_twin(struct cal_gru_twin *t)
{
    size_t n = (size_t)t->hidden, inputs = (size_t)t->inputs, rows = (size_t)t->rows, state = rows * n;
    size_t row_steps = (size_t)t->steps * rows;
    double *gates = cal_alloc((row_steps * 4 * n + 3 * n + state) * sizeof *gates), *by_x = gates + row_steps * 4 * n, *dh = by_x + 3 * n;
    memset(t->g_wx, 0, 3 * n * inputs * sizeof *t->g_wx);
    memset(t->g_bx, 0, 3 * n * sizeof *t->g_bx);
    memset(t->g_wh, 0, 3 * n * n * sizeof *t->g_wh);
    memset(t->g_bh, 0, 3 * n * sizeof *t->g_bh);
    for (size_t row = 0; row < row_steps; row++) { /* slot k of the states holds rows k B to (k + 1) B */
        double *gate = gates + row * 4 * n, *h = t->h + row * n;
        row_gates(t, t->x + row * inputs, h, gate);
        for (size_t i = 0; i < n; i++)
            h[state + i] = gate[2 * n + i] + gate[n + i] * (h[i] - gate[2 * n + i]);
    }
    for (size_t row = row_steps; row-- > 0;) {
        double *d = dh + row % rows * n;
        for (size_t i = 0; i < n; i++)
            d[i] += t->dh[row * n + i];
        row_back(t, t->x + row * inputs, t->h + row * n, gates + row * 4 * n, by_x, d);
    }
    cal_free(gates);
}
