/* tests/bench_columns.c - what a frame of a predictive cortex of one column costs, on one core: the products of the first layer, the copy of what
 * was seen, recurrent units, the update, and the whole. The least of several chunks counts; the machine may be shared. */
#include <stdio.h>

#include "core/kernels.h"
#include "core/product.h"
#include "tests/columns.h"
#include "tests/used.h"

enum { CHUNK = 8, REGIONS = 8, INPUTS = 4096, BATCH = 64 };

static struct columns columns;
static struct columns *const c = &columns;
static long presentation = CHUNK;
static float *x, *d_hidden;

static struct cal_column *first_column(void)
{
    return &((struct cal_predictive *)c->region[0])->column[0];
}

/* Chunks follow each other within a window; its first is left out, where not all frames count. */
static long next_chunk(void)
{
    long t = presentation;
    presentation += CHUNK;
    if (presentation % c->setup.window == 0)
        presentation += CHUNK;
    return t;
}

static void whole_chunk(void)
{
    long t = next_chunk();
    for (long i = t; i < t + CHUNK; i++) {
        struct cal_step step = columns_at(c, i);
        if (columns_forward(c, &step) || columns_learn(c))
            cal_die(CAL_EINTERNAL, "%s", cal_err_message());
    }
}

static void looks(void)
{
    for (long i = next_chunk(), end = i + CHUNK; i < end; i++) {
        struct cal_step step = columns_at(c, i);
        step.learn = false;
        if (columns_forward(c, &step))
            cal_die(CAL_EINTERNAL, "%s", cal_err_message());
    }
}

static void first_layer(void)
{
    int hidden = c->setup.hidden;
    cal_panels_read(BATCH, INPUTS, hidden, x, first_column()->w1, d_hidden);
}

static void first_layer_back(void)
{
    int hidden = c->setup.hidden;
    cal_panels_back(BATCH, INPUTS, hidden, x, d_hidden, first_column()->g_w1);
}

static void copy(void)
{
    cal_panels_put(BATCH, INPUTS, 0, INPUTS, c->x, INPUTS, x);
}

static void steps(void)
{
    for (int k = 0; k < CHUNK; k++)
        cal_gru_step(&first_column()->gru, k, ((struct cal_predictive *)c->region[0])->memory);
}

static void steps_back(void)
{
    cal_gru_back(&first_column()->gru, 0, CHUNK - 1, ((struct cal_predictive *)c->region[0])->memory);
}

static void update(void)
{
    struct cal_step step = columns_at(c, presentation);
    cal_optim_update(&first_column()->optim, &step);
}

static void bench(int hidden)
{
    const struct columns_setup setup = {
        .regions = REGIONS,
        .columns = 1,
        .units = 2,
        .width = 2,
        .query = 2,
        .hidden = hidden,
        .encoder = 32,
        .recurrent = 32,
        .batch = BATCH,
        .inputs = INPUTS,
        .window = 96,
        .delay = 4,
        .learn_total = 1000000000,
        .rule = {.negatives = CAL_NCE_WEIGHTED, .groups = 8, .tau = 10, .begin = 4, .chunk = CHUNK},
        .optimiser = {.kind = CAL_ADAM, .rate = 1e-6, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 1, .schedule = CAL_CONSTANT}};
    if (columns_create(c, &setup))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
    columns_show(c, 0);
    x = cal_alloc((size_t)(BATCH * INPUTS) * sizeof *x);
    d_hidden = cal_alloc((size_t)(BATCH * hidden) * sizeof *d_hidden);
    whole_chunk();
    double whole = least_ms(30, whole_chunk) / (CHUNK * REGIONS), look = least_ms(30, looks) / (CHUNK * REGIONS);
    double there = least_ms(100, first_layer), back = least_ms(100, first_layer_back), copied = least_ms(100, copy);
    double recurrent = least_ms(50, steps) / CHUNK, recurrent_back = least_ms(50, steps_back) / CHUNK,
           updated = least_ms(50, update) / CHUNK;
    printf("hidden %3d: a frame %6.3f ms, %6.3f without learning; first layer %6.3f and back %6.3f, copy %6.3f, recurrent %6.3f and back "
           "%6.3f, update %6.3f\n",
           hidden, whole, look, there, back, copied, recurrent, recurrent_back, updated);
    cal_free(x);
    cal_free(d_hidden);
    columns_destroy(c);
}

int main(void)
{
    cal_kernels_init();
    printf("a column of 2 units, %d inputs, batch %d; %s, kernels %s, %d thread(s)\n", INPUTS, BATCH, cal_kernels_library(),
           cal_kernels_core(), cal_kernels_threads());
    bench(16);
    bench(128);
    return 0;
}
