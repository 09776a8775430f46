/* analysis/decoder.c - see decoder.h. */
#include "analysis/decoder.h"

#include <math.h>
#include <string.h>

#include "core/err.h"
#include "core/head.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "core/rng.h"
#include "regions/layers/bank.h"
#include "regions/layers/layers.h"

#define RIDGE 1e-3     /* times the diagonal */
#define CONSTANT 1e-12 /* a column whose variance is below this share of its mean square says nothing */

static const struct cal_optim_params adam = {
    .kind = CAL_ADAM, .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .schedule = CAL_CONSTANT};

/* ---- scales ---- */

/* Mean, variance and mean square of each column; square[] is 0 before. */
static void moments(const float *x, size_t rows, size_t cols, float *mean, double *variance, double *square)
{
    double *sum = cal_alloc(cols * sizeof *sum);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < cols; c++) {
            double v = (double)x[i * cols + c];
            sum[c] += v;
            square[c] += v * v;
        }
    for (size_t c = 0; c < cols; c++) {
        double m = sum[c] / (double)rows;
        mean[c] = (float)m;
        square[c] /= (double)rows;
        variance[c] = fmax(0, square[c] - m * m);
    }
    cal_free(sum);
}

static void find_scales(struct cal_decoder *d, const struct cal_pairs *train)
{
    size_t in = (size_t)d->inputs, out = (size_t)d->outputs, most = in > out ? in : out;
    double *variance = cal_alloc(most * sizeof *variance), *square = cal_alloc(most * sizeof *square), sum = 0;
    moments(train->x, train->rows, in, d->mean_x, variance, square);
    for (size_t c = 0; c < in; c++)
        d->scale_x[c] = variance[c] > CONSTANT * square[c] ? (float)(1 / sqrt(variance[c])) : 0;
    memset(square, 0, most * sizeof *square);
    moments(train->t, train->rows, out, d->mean_t, variance, square);
    for (size_t c = 0; c < out; c++)
        sum += variance[c] / (double)out;
    d->scale_t = sum > 0 ? (float)sqrt(sum) : 1;
    cal_free(square);
    cal_free(variance);
}

/* ---- the network ---- */

static void declare(struct cal_decoder *d)
{
    static const char *const names[CAL_DECODER_LAYERS][4] = {
        {"w1", "b1", "w1.g", "b1.g"}, {"w2", "b2", "w2.g", "b2.g"}, {"w3", "b3", "w3.g", "b3.g"}};
    const size_t batch = CAL_DECODER_BATCH, hidden = CAL_DECODER_HIDDEN;
    struct cal_layout *l = &d->layout;
    cal_layout_f32(l, CAL_STATE, "mean.x", &d->mean_x, (size_t[]){(size_t)d->inputs, 0});
    cal_layout_f32(l, CAL_STATE, "scale.x", &d->scale_x, (size_t[]){(size_t)d->inputs, 0});
    cal_layout_f32(l, CAL_STATE, "mean.t", &d->mean_t, (size_t[]){(size_t)d->outputs, 0});
    cal_layout_f32(l, CAL_SCRATCH, "x", &d->x, (size_t[]){batch, (size_t)d->inputs, 0});
    cal_layout_f32(l, CAL_SCRATCH, "y1", &d->y[0], (size_t[]){batch, hidden, 0});
    cal_layout_f32(l, CAL_SCRATCH, "y2", &d->y[1], (size_t[]){batch, hidden, 0});
    cal_layout_f32(l, CAL_SCRATCH, "y3", &d->y[2], (size_t[]){batch, (size_t)d->outputs, 0});
    cal_layout_f32(l, CAL_SCRATCH, "y1.g", &d->d_hidden[0], (size_t[]){batch, hidden, 0});
    cal_layout_f32(l, CAL_SCRATCH, "y2.g", &d->d_hidden[1], (size_t[]){batch, hidden, 0});
    for (int i = 0; i < CAL_DECODER_LAYERS; i++) {
        struct cal_decoder_layer *k = &d->layer[i];
        k->inputs = i ? CAL_DECODER_HIDDEN : d->inputs;
        k->outputs = i < CAL_DECODER_LAYERS - 1 ? CAL_DECODER_HIDDEN : d->outputs;
        size_t in = (size_t)k->inputs, out = (size_t)k->outputs;
        cal_layout_f32(l, CAL_STATE, names[i][0], &k->w, (size_t[]){out, in, 0});
        cal_layout_f32(l, CAL_STATE, names[i][1], &k->b, (size_t[]){out, 0});
        cal_layout_f32(l, CAL_SCRATCH, names[i][2], &k->g_w, (size_t[]){out, in, 0});
        cal_layout_f32(l, CAL_SCRATCH, names[i][3], &k->g_b, (size_t[]){out, 0});
        cal_optim_add(&d->optim, l, names[i][0], &k->w, &k->g_w, out * in);
        cal_optim_add(&d->optim, l, names[i][1], &k->b, &k->g_b, out);
    }
}

struct cal_decoder *cal_decoder_create(const struct cal_pairs *train, uint32_t seed)
{
    CAL_ASSERT(train->rows > 0 && train->inputs > 0 && train->outputs > 0);
    struct cal_decoder *d = cal_alloc(sizeof *d);
    d->inputs = train->inputs;
    d->outputs = train->outputs;
    cal_layout_init(&d->layout);
    cal_optim_init(&d->optim, &adam);
    declare(d);
    cal_layout_alloc(&d->layout);
    for (int i = 0; i < CAL_DECODER_LAYERS; i++) {
        struct cal_decoder_layer *k = &d->layer[i];
        cal_xavier(seed, CAL_OWNER_SHARED, i, k->inputs, k->outputs, 0, k->w, (size_t)k->inputs * (size_t)k->outputs);
    }
    find_scales(d, train);
    return d;
}

void cal_decoder_destroy(struct cal_decoder *d)
{
    if (d)
        cal_layout_finish(&d->layout);
    cal_free(d);
}

/* From x (rows,inputs), not scaled, to y[]; the last is the scaled guess. */
static void forward(struct cal_decoder *d, int rows, const float *x)
{
    const struct cal_decoder_layer *last = &d->layer[CAL_DECODER_LAYERS - 1];
    const float *below = d->x;
    size_t in = (size_t)d->inputs;
    for (size_t b = 0; b < (size_t)rows; b++)
        for (size_t c = 0; c < in; c++)
            d->x[b * in + c] = (x[b * in + c] - d->mean_x[c]) * d->scale_x[c];
    for (int i = 0; i < CAL_DECODER_LAYERS - 1; i++) {
        const struct cal_decoder_layer *k = &d->layer[i];
        cal_gemm(false, true, rows, k->outputs, k->inputs, 1, below, k->inputs, k->w, k->inputs, 0, d->y[i], k->outputs);
        cal_leaky_read(rows, k->outputs, d->y[i], k->b);
        below = d->y[i];
    }
    cal_linear_forward(rows, last->inputs, last->outputs, below, last->w, last->b, d->y[CAL_DECODER_LAYERS - 1]);
}

/* From the gradient in the guess, which is in the last y[], to all g_w and g_b. The hidden y[] are used up. */
static void backward(struct cal_decoder *d, int rows)
{
    for (int i = CAL_DECODER_LAYERS - 1; i >= 0; i--) {
        const struct cal_decoder_layer *k = &d->layer[i];
        const float *below = i ? d->y[i - 1] : d->x;
        if (i == CAL_DECODER_LAYERS - 1)
            cal_bias_back(rows, k->outputs, d->y[i], k->g_b);
        else
            cal_leaky_back(rows, k->outputs, d->y[i], d->d_hidden[i], k->g_b);
        cal_gemm(true, false, k->outputs, k->inputs, rows, 1, d->y[i], k->outputs, below, k->inputs, 0, k->g_w, k->inputs);
        if (i)
            cal_gemm(false, false, rows, k->inputs, k->outputs, 1, d->y[i], k->outputs, k->w, k->inputs, 0, d->d_hidden[i - 1], k->inputs);
    }
}

double cal_decoder_gradient(struct cal_decoder *d, int rows, const float *x, const float *t)
{
    CAL_ASSERT(rows >= 1 && rows <= CAL_DECODER_BATCH);
    size_t out = (size_t)d->outputs;
    float *y = d->y[CAL_DECODER_LAYERS - 1], shrink = 1 / (float)rows, scale = 1 / d->scale_t;
    forward(d, rows, x);
    for (size_t b = 0; b < (size_t)rows; b++)
        for (size_t c = 0; c < out; c++)
            y[b * out + c] = shrink * (y[b * out + c] - (t[b * out + c] - d->mean_t[c]) * scale);
    double loss = 0.5 * rows * cal_sum_squares(y, (size_t)rows * out);
    backward(d, rows);
    return loss;
}

void cal_decoder_fit(struct cal_decoder *d, const struct cal_pairs *train, uint32_t seed)
{
    size_t in = (size_t)d->inputs, out = (size_t)d->outputs;
    size_t batch = train->rows < CAL_DECODER_BATCH ? train->rows : CAL_DECODER_BATCH, batches = train->rows / batch;
    float *x = cal_alloc(batch * in * sizeof *x), *t = cal_alloc(batch * out * sizeof *t);
    struct cal_step s = {.rate = 1, .learn_total = (long)(CAL_DECODER_PASSES * batches)};
    for (uint64_t pass = 0; pass < CAL_DECODER_PASSES; pass++) {
        struct cal_rng order = cal_rng_key(seed, CAL_STREAM_FRESH, CAL_OWNER_SHARED, 1, pass);
        for (size_t i = 0; i < batches; i++, s.learnt++) {
            for (size_t b = 0; b < batch; b++) {
                size_t row = cal_rng_permute(&order, (uint32_t)(i * batch + b), (uint32_t)train->rows);
                memcpy(x + b * in, train->x + row * in, in * sizeof *x);
                memcpy(t + b * out, train->t + row * out, out * sizeof *t);
            }
            cal_decoder_gradient(d, (int)batch, x, t);
            cal_optim_update(&d->optim, &s);
        }
    }
    cal_free(t);
    cal_free(x);
}

void cal_decoder_read(struct cal_decoder *d, size_t rows, const float *x, float *guess)
{
    const float *y = d->y[CAL_DECODER_LAYERS - 1];
    size_t in = (size_t)d->inputs, out = (size_t)d->outputs;
    for (size_t first = 0; first < rows; first += CAL_DECODER_BATCH) {
        size_t n = rows - first < CAL_DECODER_BATCH ? rows - first : CAL_DECODER_BATCH;
        forward(d, (int)n, x + first * in);
        for (size_t b = 0; b < n; b++)
            for (size_t c = 0; c < out; c++)
                guess[(first + b) * out + c] = d->mean_t[c] + d->scale_t * y[b * out + c];
    }
}

/* ---- errors ---- */

/* `mse` over that of the training mean image. */
static int normalise(const struct cal_pairs *train, const struct cal_pairs *test, double mse, double *value)
{
    double variance = cal_mean_error(train, test);
    *value = variance > 0 ? mse / variance : NAN;
    return isfinite(mse) ? CAL_OK : cal_fail(CAL_ENUMERICS, "decoder: what was recorded, or what was shown, is not finite");
}

int cal_decoder_error(const struct cal_pairs *train, const struct cal_pairs *test, uint32_t seed, double *value)
{
    struct cal_decoder *d = cal_decoder_create(train, seed);
    size_t in = (size_t)d->inputs, out = (size_t)d->outputs;
    float *guess = cal_alloc(CAL_DECODER_BATCH * out * sizeof *guess);
    double sum = 0;
    cal_decoder_fit(d, train, seed);
    for (size_t first = 0; first < test->rows; first += CAL_DECODER_BATCH) {
        size_t n = test->rows - first < CAL_DECODER_BATCH ? test->rows - first : CAL_DECODER_BATCH;
        cal_decoder_read(d, n, test->x + first * in, guess);
        cal_axpy(n * out, -1, test->t + first * out, guess);
        sum += cal_sum_squares(guess, n * out);
    }
    cal_free(guess);
    cal_decoder_destroy(d);
    return normalise(train, test, sum / (double)(test->rows * out), value);
}

int cal_decoder_ridge(const struct cal_pairs *train, const struct cal_pairs *test, double *value)
{
    double mse;
    int err = cal_ridge_transfer(train, test, RIDGE, &mse);
    return err ? err : normalise(train, test, mse, value);
}
