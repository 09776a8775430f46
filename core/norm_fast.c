/* core/norm_fast.c - the passes of norm.h over maps, as few as the sums allow.
 *
 * Sums run over a map in float32 lanes, over the batch in float64. Where a channel is passed over twice, channels go in groups small enough to
 * be still in the cache the second time. */
#include "core/norm.h"

#include <math.h>
#include <stddef.h>

#include "core/err.h"

enum {
    GROUP = 16,           /* channels at most that go together */
    GROUP_VALUES = 65536, /* of a; as many or fewer of g_y beside it: half a MiB */
    NARROW = 8            /* width of maps that pooling has loops of its own for, as rows are shorter than a vector: 3 times as fast */
};

static size_t map_of(const struct cal_norm *n)
{
    return (size_t)n->height * (size_t)n->width;
}

/* Channels that go together. */
static size_t group_of(const struct cal_norm *n)
{
    size_t fit = GROUP_VALUES / ((size_t)n->batch * map_of(n));
    return fit < 1 ? 1 : fit > GROUP ? GROUP : fit;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is known of a channel while the batch goes by. */
struct moments {
    double n, mean, squares; /* values, their mean, the sum of their squared distances from it */
};

/* A map of n values more. About its float32 mean the sums are small and exact enough to mend that mean with; the two parts combine as in
 * Chan, Golub and LeVeque 1983. */
static void add_map(struct moments *m, size_t n, const float *restrict a)
{
    float sum = 0, rest = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i];
    float near = sum / (float)n;
    for (size_t i = 0; i < n; i++) {
        rest += a[i] - near;
        squares += (a[i] - near) * (a[i] - near);
    }
    double off = (double)rest / (double)n, apart = (double)near + off - m->mean, all = m->n + (double)n;
    m->mean += apart * (double)n / all;
    m->squares += (double)squares - off * off * (double)n + apart * apart * m->n * (double)n / all;
    m->n = all;
}

void cal_norm_statistics(const struct cal_norm *n, const float *a, float *mean, float *variance)
{
    size_t batch = (size_t)n->batch, channels = (size_t)n->channels, map = map_of(n);
    for (size_t first = 0; first < channels; first += GROUP) {
        struct moments moments[GROUP] = {{0}};
        size_t group = least(GROUP, channels - first);
        for (size_t b = 0; b < batch; b++)
            for (size_t k = 0; k < group; k++)
                add_map(&moments[k], map, a + (b * channels + first + k) * map);
        for (size_t k = 0; k < group; k++) {
            mean[first + k] = (float)moments[k].mean;
            variance[first + k] = (float)(moments[k].squares / moments[k].n);
        }
    }
}

/* A channel's v = scale a + shift, the same to the bit in forward and backward. */
struct line {
    float scale, shift;
};

static struct line line_of(float mean, float variance, float gamma, float beta)
{
    float scale = gamma / sqrtf(variance + CAL_NORM_EPSILON);
    return (struct line){scale, beta - mean * scale};
}

static inline float rectified(struct line l, float a)
{
    float v = l.scale * a + l.shift;
    return v > 0 ? v : 0;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static void forward_map(struct line l, size_t n, const float *restrict a, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = rectified(l, a[i]);
}

static inline __attribute__((always_inline)) void forward_pooled_rows(struct line l, size_t height, size_t width, const float *restrict a,
                                                                      float *restrict y)
{
    for (size_t i = 0; i < height; i += 2, a += 2 * width, y += width / 2)
        for (size_t j = 0; j < width / 2; j++)
            y[j] = larger(larger(rectified(l, a[2 * j]), rectified(l, a[2 * j + 1])),
                          larger(rectified(l, a[width + 2 * j]), rectified(l, a[width + 2 * j + 1])));
}

static void forward_pooled(struct line l, size_t height, size_t width, const float *a, float *y)
{
    if (width == NARROW)
        forward_pooled_rows(l, height, NARROW, a, y);
    else
        forward_pooled_rows(l, height, width, a, y);
}

void cal_norm_forward(const struct cal_norm *n, const float *a, const float *mean, const float *variance, const float *gamma,
                      const float *beta, float *y)
{
    size_t batch = (size_t)n->batch, channels = (size_t)n->channels, map = map_of(n);
    CAL_ASSERT(!n->pool || (n->height % 2 == 0 && n->width % 2 == 0));
    for (size_t b = 0; b < batch; b++)
        for (size_t k = 0; k < channels; k++, a += map) {
            struct line l = line_of(mean[k], variance[k], gamma[k], beta[k]);
            if (n->pool)
                forward_pooled(l, (size_t)n->height, (size_t)n->width, a, y);
            else
                forward_map(l, map, a, y);
            y += n->pool ? map / 4 : map;
        }
}

/* With d the gradient in v: the sums of d and of d (a - mean), which is all that mean and variance need on the way back. */
struct sums {
    double d, d_a;
};

static void sum_map(struct sums *s, struct line l, float mean, size_t n, const float *restrict a, const float *restrict g)
{
    float d = 0, d_a = 0;
    for (size_t i = 0; i < n; i++) {
        float here = rectified(l, a[i]) > 0 ? g[i] : 0;
        d += here;
        d_a += here * (a[i] - mean);
    }
    s->d += (double)d;
    s->d_a += (double)d_a;
}

/* The four values of a 2x2 block, r after ReLU; and which of them the gradient goes to: the first that is largest, if that is above 0. */
struct block {
    float a[4], r[4];
};

static inline struct block block_at(struct line l, size_t width, const float *a)
{
    struct block b = {{a[0], a[1], a[width], a[width + 1]}, {0}};
    for (int i = 0; i < 4; i++)
        b.r[i] = rectified(l, b.a[i]);
    return b;
}

static inline __attribute__((always_inline)) void sum_pooled_rows(struct sums *s, struct line l, float mean, size_t height, size_t width,
                                                                  const float *restrict a, const float *restrict g)
{
    float d = 0, d_a = 0;
    for (size_t i = 0; i < height; i += 2, a += 2 * width, g += width / 2)
        for (size_t j = 0; j < width / 2; j++) {
            struct block b = block_at(l, width, a + 2 * j);
            float upper = larger(b.r[0], b.r[1]), lower = larger(b.r[2], b.r[3]);
            float from_upper = b.r[0] >= b.r[1] ? b.a[0] : b.a[1], from_lower = b.r[2] >= b.r[3] ? b.a[2] : b.a[3];
            float here = larger(upper, lower) > 0 ? g[j] : 0;
            d += here;
            d_a += here * ((upper >= lower ? from_upper : from_lower) - mean);
        }
    s->d += (double)d;
    s->d_a += (double)d_a;
}

static void sum_pooled(struct sums *s, struct line l, float mean, size_t height, size_t width, const float *a, const float *g)
{
    if (width == NARROW)
        sum_pooled_rows(s, l, mean, height, NARROW, a, g);
    else
        sum_pooled_rows(s, l, mean, height, width, a, g);
}

/* g_a = rate d - offset - slope a, for all of a channel. */
struct back {
    float rate, offset, slope;
};

static struct back back_of(const struct sums *s, double values, float mean, float variance, float gamma)
{
    double inverse = 1 / sqrt((double)variance + (double)CAL_NORM_EPSILON), rate = (double)gamma * inverse;
    double slope = rate * s->d_a * inverse * inverse / values;
    return (struct back){(float)rate, (float)(rate * s->d / values - slope * (double)mean), (float)slope};
}

static void back_map(struct back k, struct line l, size_t n, const float *a, const float *g, float *g_a)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        g_a[i] = (rectified(l, a[i]) > 0 ? k.rate * g[i] : 0) - k.offset - k.slope * a[i];
}

static inline __attribute__((always_inline)) void back_pooled_rows(struct back k, struct line l, size_t height, size_t width,
                                                                   const float *a, const float *g, float *g_a)
{
    for (size_t i = 0; i < height; i += 2, a += 2 * width, g_a += 2 * width, g += width / 2) {
#pragma omp simd
        for (size_t j = 0; j < width / 2; j++) {
            struct block b = block_at(l, width, a + 2 * j);
            float upper = larger(b.r[0], b.r[1]), lower = larger(b.r[2], b.r[3]), d = larger(upper, lower) > 0 ? k.rate * g[j] : 0;
            float d_upper = upper >= lower ? d : 0, d_lower = upper >= lower ? 0 : d;
            g_a[2 * j] = (b.r[0] >= b.r[1] ? d_upper : 0) - k.offset - k.slope * b.a[0];
            g_a[2 * j + 1] = (b.r[0] >= b.r[1] ? 0 : d_upper) - k.offset - k.slope * b.a[1];
            g_a[width + 2 * j] = (b.r[2] >= b.r[3] ? d_lower : 0) - k.offset - k.slope * b.a[2];
            g_a[width + 2 * j + 1] = (b.r[2] >= b.r[3] ? 0 : d_lower) - k.offset - k.slope * b.a[3];
        }
    }
}

static void back_pooled(struct back k, struct line l, size_t height, size_t width, const float *a, const float *g, float *g_a)
{
    if (width == NARROW)
        back_pooled_rows(k, l, height, NARROW, a, g, g_a);
    else
        back_pooled_rows(k, l, height, width, a, g, g_a);
}

void cal_norm_backward(const struct cal_norm *n, const float *a, const float *mean, const float *variance, const float *gamma,
                       const float *beta, const float *g_y, float *g_gamma, float *g_beta, float *g_a)
{
    size_t batch = (size_t)n->batch, channels = (size_t)n->channels, height = (size_t)n->height, width = (size_t)n->width;
    size_t map = height * width, map_y = n->pool ? map / 4 : map, most = group_of(n);
    CAL_ASSERT(!n->pool || (n->height % 2 == 0 && n->width % 2 == 0));
    for (size_t first = 0; first < channels; first += most) {
        struct sums sums[GROUP] = {{0}};
        size_t last = least(first + most, channels);
        for (size_t b = 0; b < batch; b++)
            for (size_t k = first; k < last; k++) {
                struct line l = line_of(mean[k], variance[k], gamma[k], beta[k]);
                const float *a_k = a + (b * channels + k) * map, *g_k = g_y + (b * channels + k) * map_y;
                if (n->pool)
                    sum_pooled(&sums[k - first], l, mean[k], height, width, a_k, g_k);
                else
                    sum_map(&sums[k - first], l, mean[k], map, a_k, g_k);
            }
        for (size_t k = first; k < last; k++) {
            g_beta[k] = (float)sums[k - first].d;
            g_gamma[k] = (float)(sums[k - first].d_a / sqrt((double)variance[k] + (double)CAL_NORM_EPSILON));
        }
        for (size_t b = 0; b < batch && g_a; b++)
            for (size_t k = first; k < last; k++) {
                struct line l = line_of(mean[k], variance[k], gamma[k], beta[k]);
                struct back back = back_of(&sums[k - first], (double)(batch * map), mean[k], variance[k], gamma[k]);
                const float *a_k = a + (b * channels + k) * map, *g_k = g_y + (b * channels + k) * map_y;
                if (n->pool)
                    back_pooled(back, l, height, width, a_k, g_k, g_a + (b * channels + k) * map);
                else
                    back_map(back, l, map, a_k, g_k, g_a + (b * channels + k) * map);
            }
    }
}

void cal_norm_track(const struct cal_norm *n, const float *mean, const float *variance, float *running_mean, float *running_variance)
{
    double values = (double)n->batch * (double)map_of(n);
    float unbias = (float)(values / (values - 1));
    CAL_ASSERT(values > 1);
    for (int k = 0; k < n->channels; k++) {
        running_mean[k] += CAL_NORM_MOMENTUM * (mean[k] - running_mean[k]);
        running_variance[k] += CAL_NORM_MOMENTUM * (unbias * variance[k] - running_variance[k]);
    }
}
