/* regions/layers/gru_fast.c - the vector loops of gru.h. */
#include <math.h>
#include <stddef.h>

#include "regions/layers/gru.h"

#define FAR 30.0f /* from here on 1 + exp(-x) is 1 in float32, or its inverse next to 0; exp() stays finite */

static inline float sigmoid(float x)
{
    x = x > FAR ? FAR : x < -FAR ? -FAR : x;
    return 1.0f / (1.0f + expf(-x));
}

static inline float hyperbolic_tangent(float x)
{
    return 2.0f * sigmoid(2.0f * x) - 1.0f;
}

void cal_gru_read(int rows, int units, int n, const float *restrict gx, const float *restrict gh, const float *restrict bx,
                  const float *restrict bh, const float *restrict h, float *restrict gates, float *restrict next)
{
    for (int b = 0; b < rows; b++)
        for (int u = 0; u < units; u++) {
            size_t at = (size_t)b * (size_t)units + (size_t)u, w = (size_t)n;
            const float *restrict x = gx + at * 3 * w, *restrict s = gh + at * 3 * w, *restrict was = h + at * w;
            const float *restrict cx = bx + (size_t)u * 3 * w, *restrict ch = bh + (size_t)u * 3 * w;
            float *restrict to = gates + at * 4 * w, *restrict is = next + at * w;
            for (size_t i = 0; i < w; i++) {
                float r = sigmoid(x[i] + cx[i] + (s[i] + ch[i])), z = sigmoid(x[w + i] + cx[w + i] + (s[w + i] + ch[w + i]));
                float by_h = s[2 * w + i] + ch[2 * w + i], new = hyperbolic_tangent(x[2 * w + i] + cx[2 * w + i] + r * by_h);
                to[i] = new;
                to[w + i] = r;
                to[2 * w + i] = z;
                to[3 * w + i] = by_h;
                is[i] = new + z *(was[i] - new);
            }
        }
}

static inline void back(size_t w, float *restrict g, const float *restrict was, const float *restrict d, float *restrict before)
{
    for (size_t i = 0; i < w; i++) {
        float new = g[i], r = g[w + i], z = g[2 * w + i], by_h = g[3 * w + i];
        float d_new = d[i] * (1 - z) * (1 - new *new);
        g[i] = d_new;
        g[w + i] = d_new * by_h * r * (1 - r);
        g[2 * w + i] = d[i] * (was[i] - new) * z * (1 - z);
        g[3 * w + i] = d_new * r;
        if (before)
            before[i] += d[i] * z;
    }
}

void cal_gru_read_back(int rows, int units, int n, float *restrict gates, const float *restrict h, const float *restrict dh,
                       float *restrict before)
{
    size_t w = (size_t)n;
    for (size_t at = 0; at < (size_t)rows * (size_t)units; at++)
        if (before)
            back(w, gates + at * 4 * w, h + at * w, dh + at * w, before + at * w);
        else
            back(w, gates + at * 4 * w, h + at * w, dh + at * w, NULL);
}
