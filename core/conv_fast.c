/* core/conv_fast.c - the convolution of conv.h, straight from the maps: unfolding them for a matrix product would cost a pass over nine times as
 * much memory, and OpenBLAS's products of such shapes are no faster than these loops. */
#include "core/conv.h"

#include <string.h>

/* A map with a border of zeros is stored with a row distance of W + 1: the zero after a row is also the one before the next. Pixel (i,j) is at
 * position p = i (W + 1) + j, and what tap (u,v) of the kernel sees there is at p + u (W + 1) + v, whatever p: so a tile of consecutive
 * positions is computed with whole vectors, and the positions j = W, which mean nothing, are dropped at the end. */

enum {
    TAPS = 9,
#if defined(__AVX512F__) /* 32 registers of 16 floats; otherwise 16 of 8 */
    LANES = 16,
    ROWS = 8,  /* output maps of a tile */
    PANEL = 2, /* vectors of output maps of a tile of the weights' gradient: PANEL x TAPS sums in registers */
#else
    LANES = 8,
    ROWS = 4,
    PANEL = 1,
#endif
    VECTORS = 3, /* of positions of a tile: ROWS x VECTORS sums stay in registers, and leave some for what they are made of */
};

/* A register's worth of floats, at any address. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t pitch_of(const struct cal_conv *c)
{
    return (size_t)c->width + 1;
}

/* Positions of a map, the last tile filled up. */
static size_t positions(const struct cal_conv *c)
{
    return round_up((size_t)c->height * pitch_of(c), LANES);
}

/* Floats of a bordered map: what the taps of all positions reach. */
static size_t plane_of(const struct cal_conv *c)
{
    return round_up(positions(c) + 2 * pitch_of(c) + 2, LANES);
}

/* Maps x (n,H,W) of one sample into bordered ones; the zeros are there already. */
static void border(const struct cal_conv *c, int n, const float *restrict x, float *restrict bordered)
{
    size_t height = (size_t)c->height, width = (size_t)c->width, pitch = pitch_of(c), plane = plane_of(c);
    for (size_t m = 0; m < (size_t)n; m++)
        for (size_t i = 0; i < height; i++)
            memcpy(bordered + m * plane + (i + 1) * pitch + 1, x + (m * height + i) * width, width * sizeof *x);
}

/* Sums of a tile: to[r * ld + p] for ROWS maps and `vectors` vectors of positions. x: bordered maps at the tile's first position;
 * w (n_in,TAPS,ROWS). */
static inline __attribute__((always_inline)) void tile(int vectors, int n_in, size_t plane, const size_t *restrict reach,
                                                       const float *restrict x, const float *restrict w, float *restrict to, size_t ld)
{
    lanes sum[ROWS][VECTORS] = {{{0}}};
    for (int m = 0; m < n_in; m++, x += plane) {
#pragma GCC unroll 1 /* so that nothing is added up beside the sums: there are no registers for it */
        for (size_t t = 0; t < TAPS; t++, w += ROWS) {
            lanes at[VECTORS];
            for (int q = 0; q < vectors; q++)
                at[q] = *(const lanes *)(x + reach[t] + q * LANES);
            for (int r = 0; r < ROWS; r++)
                for (int q = 0; q < vectors; q++)
                    sum[r][q] += w[r] * at[q];
        }
    }
    for (size_t r = 0; r < ROWS; r++)
        for (int q = 0; q < vectors; q++)
            *(lanes *)(to + r * ld + q * LANES) = sum[r][q];
}

/* y (n_out,H,W) of one sample from bordered maps and packed weights; row: ROWS x positions. */
static void convolve(const struct cal_conv *c, int n_in, int n_out, const float *restrict bordered, const float *restrict packed,
                     float *restrict row, float *restrict y)
{
    size_t height = (size_t)c->height, width = (size_t)c->width, pitch = pitch_of(c), plane = plane_of(c), n = positions(c);
    size_t reach[TAPS];
    for (size_t t = 0; t < TAPS; t++)
        reach[t] = t / 3 * pitch + t % 3;
    for (int k = 0; k < n_out; k += ROWS, packed += (size_t)n_in * TAPS * ROWS) {
        size_t p = 0;
        for (; p + VECTORS * LANES <= n; p += VECTORS * LANES)
            tile(VECTORS, n_in, plane, reach, bordered + p, packed, row + p, n);
        if (n - p == 2 * LANES)
            tile(2, n_in, plane, reach, bordered + p, packed, row + p, n);
        else if (n - p == LANES)
            tile(1, n_in, plane, reach, bordered + p, packed, row + p, n);
        for (size_t r = 0; r < ROWS && (size_t)k + r < (size_t)n_out; r++)
            for (size_t i = 0; i < height; i++)
                memcpy(y + (((size_t)k + r) * height + i) * width, row + r * n + i * pitch, width * sizeof *y);
    }
}

/* Weights into the order in which tiles read them: (n_out/ROWS,n_in,TAPS,ROWS), zeros beyond the last map. */
static void pack_forward(const struct cal_conv *c, const float *restrict w, float *restrict packed)
{
    size_t in = (size_t)c->in, out = (size_t)c->out;
    for (size_t k = 0; k < round_up(out, ROWS); k++)
        for (size_t s = 0; s < in * TAPS; s++)
            packed[(k / ROWS * in * TAPS + s) * ROWS + k % ROWS] = k < out ? w[k * in * TAPS + s] : 0;
}

/* Likewise for the way back: the input maps are what comes out, and the kernel is turned by half a turn. */
static void pack_backward(const struct cal_conv *c, const float *restrict w, float *restrict packed)
{
    size_t in = (size_t)c->in, out = (size_t)c->out;
    for (size_t m = 0; m < round_up(in, ROWS); m++)
        for (size_t k = 0; k < out; k++)
            for (size_t t = 0; t < TAPS; t++)
                packed[((m / ROWS * out + k) * TAPS + t) * ROWS + m % ROWS] = m < in ? w[(k * in + m) * TAPS + TAPS - 1 - t] : 0;
}

/* sum (TAPS,vectors x LANES) += over pixels: what the taps see of one bordered map x times a panel of g, (H W, vectors x LANES). */
static inline __attribute__((always_inline)) void panel(int vectors, size_t height, size_t width, const float *restrict x,
                                                        const float *restrict g, float *restrict to)
{
    lanes sum[TAPS][PANEL] = {{{0}}};
    for (size_t i = 0; i < height; i++, x++)
        for (size_t j = 0; j < width; j++, x++, g += vectors * LANES)
            for (int t = 0; t < TAPS; t++)
                for (int q = 0; q < vectors; q++)
                    sum[t][q] += x[(size_t)(t / 3) * (width + 1) + (size_t)(t % 3)] * *(const lanes *)(g + q * LANES);
    for (int t = 0; t < TAPS; t++)
        for (int q = 0; q < vectors; q++)
            *(lanes *)(to + (t * vectors + q) * LANES) += sum[t][q];
}

/* Maps g (n,H,W) of one sample, n <= cols, to (H W, cols). */
static void transpose(size_t pixels, size_t n, size_t cols, const float *restrict g, float *restrict to)
{
    for (size_t p0 = 0; p0 < pixels; p0 += LANES)
        for (size_t k = 0; k < n; k++)
            for (size_t p = p0; p < pixels && p < p0 + LANES; p++)
                to[p * cols + k] = g[k * pixels + p];
}

/* Where in scratch things are, in floats. */
struct places {
    size_t bordered, packed, row, panel, sums, end;
};

static struct places places_in(const struct cal_conv *c)
{
    size_t in = (size_t)c->in, out = (size_t)c->out, most = in > out ? in : out;
    struct places at = {.bordered = 0};
    at.packed = at.bordered + most * plane_of(c);
    at.row = at.packed + round_up(in, ROWS) * round_up(out, ROWS) * TAPS;
    at.panel = at.row + ROWS * positions(c);
    at.sums = at.panel + (size_t)c->height * (size_t)c->width * PANEL * LANES;
    at.end = at.sums + round_up(out, LANES) * in * TAPS;
    return at;
}

size_t cal_conv_scratch(const struct cal_conv *c)
{
    return places_in(c).end;
}

/* All samples' maps (B,n_in,H,W) to (B,n_out,H,W), with the weights that are packed in scratch. */
static void convolve_all(const struct cal_conv *c, int n_in, int n_out, const float *from, float *to, float *scratch)
{
    struct places at = places_in(c);
    size_t map = (size_t)c->height * (size_t)c->width;
    memset(scratch + at.bordered, 0, (at.packed - at.bordered) * sizeof *scratch);
    for (int b = 0; b < c->batch; b++, from += (size_t)n_in * map, to += (size_t)n_out * map) {
        border(c, n_in, from, scratch + at.bordered);
        convolve(c, n_in, n_out, scratch + at.bordered, scratch + at.packed, scratch + at.row, to);
    }
}

void cal_conv_forward(const struct cal_conv *c, const float *x, const float *w, float *y, float *scratch)
{
    pack_forward(c, w, scratch + places_in(c).packed);
    convolve_all(c, c->in, c->out, x, y, scratch);
}

/* Columns of the panel that begins with output map `first`: the last panel may be a single vector. */
static size_t panel_cols(const struct cal_conv *c, size_t first)
{
    return (size_t)c->out - first > LANES ? PANEL * LANES : LANES;
}

/* One sample's part of the sums, which are a panel after the other (C,TAPS,cols). */
static void add_products(const struct cal_conv *c, const float *bordered, const float *g_y, float *g, float *sums)
{
    size_t in = (size_t)c->in, out = (size_t)c->out, height = (size_t)c->height, width = (size_t)c->width, map = height * width;
    for (size_t first = 0; first < out; first += PANEL * LANES) {
        size_t left = out - first, cols = panel_cols(c, first);
        transpose(map, left < cols ? left : cols, cols, g_y + first * map, g);
        for (size_t m = 0; m < in; m++, sums += TAPS * cols)
            if (cols == LANES)
                panel(1, height, width, bordered + m * plane_of(c), g, sums);
            else
                panel(PANEL, height, width, bordered + m * plane_of(c), g, sums);
    }
}

static void back_to_weights(const struct cal_conv *c, const float *x, const float *g_y, float *g_w, float *scratch)
{
    struct places at = places_in(c);
    size_t in = (size_t)c->in, out = (size_t)c->out, map = (size_t)c->height * (size_t)c->width;
    float *sums = scratch + at.sums;
    memset(scratch + at.bordered, 0, (at.packed - at.bordered) * sizeof *scratch);
    memset(scratch + at.panel, 0, (at.end - at.panel) * sizeof *scratch);
    for (int b = 0; b < c->batch; b++, x += in * map, g_y += out * map) {
        border(c, c->in, x, scratch + at.bordered);
        add_products(c, scratch + at.bordered, g_y, scratch + at.panel, sums);
    }
    for (size_t k = 0; k < out; k++) {
        size_t first = k / (PANEL * LANES) * PANEL * LANES, cols = panel_cols(c, first);
        for (size_t s = 0; s < in * TAPS; s++)
            g_w[k * in * TAPS + s] = sums[first * in * TAPS + s * cols + k - first];
    }
}

void cal_conv_backward(const struct cal_conv *c, const float *x, const float *w, const float *g_y, float *g_w, float *g_x, float *scratch)
{
    back_to_weights(c, x, g_y, g_w, scratch);
    if (!g_x)
        return;
    pack_backward(c, w, scratch + places_in(c).packed);
    convolve_all(c, c->out, c->in, g_y, g_x, scratch);
}
