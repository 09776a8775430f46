/* core/product_fast.c - the loops of product.h. */
#include "core/product.h"

#include <stddef.h>
#include <string.h>

/* A tile of C stays in registers, `vectors` vectors of each of some rows; for each l a row's A(i,l) meets the vectors of B(l,.). */
enum {
#if defined(__AVX512F__) /* 32 registers of 16 floats; otherwise 16 of 8 */
    LANES = 16,
    ROWS = 8,
    TALL = 16, /* rows of a tile of one vector, where rows alone have to fill the registers */
#else
    LANES = 8,
    ROWS = 4,
    TALL = 8,
#endif
    VECTORS = 3,
    NEAR = 16, /* rows that are copied side by side: streams that a processor can follow */
};

/* A register's worth of floats, at any address. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

struct product {
    size_t m, n, k, ldb, ldc;
    bool add;
    const float *ahead; /* as many floats as A, to be fetched on the way as they will be read next; or NULL */
};

/* A(i,l) is a[i a_row + l a_col]; one of the two is a constant. */
static inline __attribute__((always_inline)) void tile(int rows, int vectors, bool fetch, const struct product *p, size_t a_row,
                                                       size_t a_col, const float *restrict a, const float *restrict b, float *restrict c,
                                                       const float *ahead)
{
    lanes sum[TALL][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < vectors; q++)
            sum[r][q] = p->add ? *(const lanes *)(c + (size_t)r * p->ldc + q * LANES) : (lanes){0};
#pragma GCC unroll 1
    for (size_t l = 0; l < p->k; l++) {
        lanes at[VECTORS];
        if (fetch)
            __builtin_prefetch(ahead + l * (size_t)rows);
        for (int q = 0; q < vectors; q++)
            at[q] = *(const lanes *)(b + l * p->ldb + q * LANES);
        for (int r = 0; r < rows; r++)
            for (int q = 0; q < vectors; q++)
                sum[r][q] += a[(size_t)r * a_row + l * a_col] * at[q];
    }
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < vectors; q++)
            *(lanes *)(c + (size_t)r * p->ldc + q * LANES) = sum[r][q];
}

/* All rows of some whole vectors of columns. */
static inline __attribute__((always_inline)) void columns(int rows, int vectors, bool fetch, const struct product *p, size_t a_row,
                                                          size_t a_col, const float *a, const float *b, float *c)
{
    size_t i = 0;
    for (; i + (size_t)rows <= p->m; i += (size_t)rows)
        tile(rows, vectors, fetch, p, a_row, a_col, a + i * a_row, b, c + i * p->ldc, fetch ? p->ahead + i * p->k : NULL);
    for (; i < p->m; i++)
        tile(1, vectors, false, p, a_row, a_col, a + i * a_row, b, c + i * p->ldc, NULL);
}

/* The columns from `first` on, which do not fill a vector. */
static void rest(const struct product *p, size_t first, size_t a_row, size_t a_col, const float *restrict a, const float *restrict b,
                 float *restrict c)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = first; j < p->n; j++) {
            float sum = p->add ? c[i * p->ldc + j] : 0;
            for (size_t l = 0; l < p->k; l++)
                sum += a[i * a_row + l * a_col] * b[l * p->ldb + j];
            c[i * p->ldc + j] = sum;
        }
}

static inline __attribute__((always_inline)) void product(int tall, bool fetch, const struct product *p, size_t a_row, size_t a_col,
                                                          const float *a, const float *b, float *c)
{
    size_t j = 0;
    for (; j + VECTORS * LANES <= p->n; j += VECTORS * LANES)
        columns(ROWS, VECTORS, fetch && !j, p, a_row, a_col, a, b + j, c + j);
    for (; j + 2 * LANES <= p->n; j += 2 * LANES)
        columns(ROWS, 2, fetch && !j, p, a_row, a_col, a, b + j, c + j);
    for (; j + LANES <= p->n; j += LANES)
        columns(tall, 1, fetch && !j, p, a_row, a_col, a, b + j, c + j);
    if (j < p->n)
        rest(p, j, a_row, a_col, a, b, c);
}

void cal_product(bool transpose_a, int m, int n, int k, const float *a, int lda, const float *b, int ldb, bool add, float *c, int ldc)
{
    const struct product p = {.m = (size_t)m, .n = (size_t)n, .k = (size_t)k, .ldb = (size_t)ldb, .ldc = (size_t)ldc, .add = add};
    if (transpose_a)
        product(TALL, false, &p, 1, (size_t)lda, a, b, c);
    else
        product(ROWS, false, &p, (size_t)lda, 1, a, b, c); /* an address for each row: no more than there are registers */
}

static int width_of(int inputs, int first)
{
    return inputs - first < CAL_PANEL ? inputs - first : CAL_PANEL;
}

void cal_panels_put(int rows, int inputs, int first, int n, const float *x, int ld, float *panels)
{
    for (int near = 0; near < rows; near += NEAR)
        for (int at = first, end = first + n; at < end;) {
            int begin = at / CAL_PANEL * CAL_PANEL, width = width_of(inputs, begin);
            int here = begin + width < end ? begin + width - at : end - at; /* columns that fall into this panel */
            float *to = panels + (ptrdiff_t)begin * rows + at - begin;
            const float *from = x + at - first;
            for (ptrdiff_t b = near; b < rows && b < near + NEAR; b++)
                if (here == CAL_PANEL)
                    memcpy(to + b * CAL_PANEL, from + b * ld, CAL_PANEL * sizeof *to);
                else
                    memcpy(to + b * width, from + b * ld, (size_t)here * sizeof *to);
            at += here;
        }
}

/* The panel after the one of columns `at` on, a; behind the last, the same again. */
static const float *next_panel(int rows, int whole, int at, const float *a)
{
    return at + CAL_PANEL < whole ? a + (ptrdiff_t)rows * CAL_PANEL : a;
}

void cal_panels_read(int rows, int inputs, int n, const float *panels, const float *w, float *y)
{
    struct product p = {.m = (size_t)rows, .n = (size_t)n, .k = CAL_PANEL, .ldb = (size_t)n, .ldc = (size_t)n};
    int whole = inputs / CAL_PANEL * CAL_PANEL;
    for (int at = 0; at < whole; at += CAL_PANEL, p.add = true) {
        const float *a = panels + (ptrdiff_t)at * rows;
        p.ahead = next_panel(rows, whole, at, a);
        product(TALL, true, &p, CAL_PANEL, 1, a, w + (ptrdiff_t)at * n, y);
    }
    if (whole < inputs)
        cal_product(false, rows, n, inputs - whole, panels + (ptrdiff_t)whole * rows, inputs - whole, w + (ptrdiff_t)whole * n, n, p.add, y,
                    n);
}

void cal_panels_back(int rows, int inputs, int n, const float *panels, const float *dy, float *g)
{
    struct product p = {.m = CAL_PANEL, .n = (size_t)n, .k = (size_t)rows, .ldb = (size_t)n, .ldc = (size_t)n, .add = true};
    int whole = inputs / CAL_PANEL * CAL_PANEL;
    for (int at = 0; at < whole; at += CAL_PANEL) {
        const float *a = panels + (ptrdiff_t)at * rows;
        p.ahead = next_panel(rows, whole, at, a);
        product(TALL, true, &p, 1, CAL_PANEL, a, dy, g + (ptrdiff_t)at * n);
    }
    if (whole < inputs)
        cal_product(true, inputs - whole, n, rows, panels + (ptrdiff_t)whole * rows, inputs - whole, dy, n, true, g + (ptrdiff_t)whole * n,
                    n);
}
