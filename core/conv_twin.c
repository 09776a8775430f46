/* core/conv_twin.c - the convolution of conv.h as its definition reads, in float64. */
#include "core/conv.h"

#include <string.h>

/* Calls visit(where, pixel of y, weight, pixel of x) for every product that the convolution sums. */
static void each_product(const struct cal_conv *c, void (*visit)(void *where, size_t y, size_t w, size_t x), void *where)
{
    size_t batch = (size_t)c->batch, in = (size_t)c->in, out = (size_t)c->out, height = (size_t)c->height, width = (size_t)c->width;
    for (size_t b = 0; b < batch; b++)
        for (size_t k = 0; k < out; k++)
            for (size_t i = 0; i < height; i++)
                for (size_t j = 0; j < width; j++)
                    for (size_t m = 0; m < in; m++)
                        for (size_t t = 0; t < 9; t++) {
                            size_t row = i + t / 3, col = j + t % 3; /* one more than the pixel seen */
                            if (row >= 1 && row <= height && col >= 1 && col <= width)
                                visit(where, ((b * out + k) * height + i) * width + j, (k * in + m) * 9 + t,
                                      ((b * in + m) * height + row - 1) * width + col - 1);
                        }
}

struct maps {
    const double *x, *w, *g_y;
    double *y, *g_w, *g_x;
};

static void add_forward(void *where, size_t y, size_t w, size_t x)
{
    struct maps *m = where;
    m->y[y] += m->w[w] * m->x[x];
}

static void add_backward(void *where, size_t y, size_t w, size_t x)
{
    struct maps *m = where;
    m->g_w[w] += m->g_y[y] * m->x[x];
    if (m->g_x)
        m->g_x[x] += m->g_y[y] * m->w[w];
}

void cal_conv_forward_twin(const struct cal_conv *c, const double *x, const double *w, double *y)
{
    struct maps m = {.x = x, .w = w, .y = y};
    memset(y, 0, (size_t)c->batch * (size_t)c->out * (size_t)c->height * (size_t)c->width * sizeof *y);
    each_product(c, add_forward, &m);
}

void cal_conv_backward_twin(const struct cal_conv *c, const double *x, const double *w, const double *g_y, double *g_w, double *g_x)
{
    struct maps m = {.x = x, .w = w, .g_y = g_y, .g_w = g_w, .g_x = g_x};
    memset(g_w, 0, (size_t)c->out * (size_t)c->in * 9 * sizeof *g_w);
    if (g_x)
        memset(g_x, 0, (size_t)c->batch * (size_t)c->in * (size_t)c->height * (size_t)c->width * sizeof *g_x);
    each_product(c, add_backward, &m);
}
