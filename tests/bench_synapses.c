/* tests/bench_synapses.c - what populations cost on one core, by synapse, beside the matrix products that a dense layer of the same units would
 * take; and a whole step of populations and readout. The least processor time of several calls counts; the machine may be shared. */
#include <stdio.h>

#include "core/kernels.h"
#include "regions/populations/synapses.h"
#include "tests/pair.h"
#include "tests/used.h"

enum { BATCH = 100, SIDE = 28, CHANNELS = 2 * SIDE * SIDE, REPEATS = 25 };

static struct pair w;
static struct cal_synapses loops;
static struct cal_populations *k;
static struct cal_populations_tape *t;
static float *dense, *u, *gradient;

/* ---- what is timed ---- */

static void respond(void)
{
    cal_synapses_respond(&loops, k->w, k->mu, k->sd, t->z, t->h);
}

static void compare(void)
{
    cal_synapses_compare(&loops, k->top, t->z, t->h, k->difference, k->change, k->top_change, k->apart);
}

static void dense_forward(void)
{
    cal_gemm(false, false, k->units, BATCH, CHANNELS, 1, dense, CHANNELS, t->input, k->pitch, 0, u, BATCH);
}

static void dense_gradient(void)
{
    cal_gemm(false, true, k->units, CHANNELS, BATCH, 1, t->h, k->pitch, t->input, k->pitch, 0, gradient, CHANNELS);
}

static void step(void)
{
    static long presentation = 1;
    struct cal_step s = pair_step(presentation++ % 1000, true);
    if (pair_forward(&w, &s) || pair_learn(&w))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
}

static void look(void)
{
    struct cal_step s = pair_step(0, false);
    if (pair_forward(&w, &s))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
}

/* ---- how ---- */

static void bench(int populations, const char *more)
{
    char text[128];
    snprintf(text, sizeof text, "{populations: %d, units: 10, window: 7%s}", populations, more);
    if (pair_create(&w, 1, BATCH, SIDE, text, "{classes: 10}"))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
    k = (struct cal_populations *)w.region[0];
    t = w.tape[0].kind;
    size_t units = (size_t)k->units;
    dense = cal_alloc(units * CHANNELS * sizeof *dense);
    gradient = cal_alloc(units * CHANNELS * sizeof *gradient);
    u = cal_alloc(units * BATCH * sizeof *u);
    pair_show(&w, 0);
    step();
    for (long i = 0; i < k->units; i++)
        for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++)
            dense[i * CHANNELS + k->channel[s]] = k->w[s];
    loops = (struct cal_synapses){.units = k->units,
                                  .classes = 10,
                                  .batch = BATCH,
                                  .pitch = k->pitch,
                                  .row_start = k->row_start,
                                  .channel = t->contact ? NULL : k->channel,
                                  .a = t->contact ? t->contact : t->input,
                                  .error = k->error,
                                  .answer = k->answer,
                                  .slope = 3,
                                  .threshold = 0.5f,
                                  .feedback = 0.3f,
                                  .follow = 0.05f};
    printf("%5d units, %6zu synapses%-14s  step %6.3f ms, without learning %6.3f; respond %6.3f, compare %6.3f; dense product %6.3f, "
           "gradient %6.3f\n",
           k->units, k->synapses, more, least_ms(REPEATS, step), least_ms(REPEATS, look), least_ms(REPEATS, respond),
           least_ms(REPEATS, compare), least_ms(REPEATS, dense_forward), least_ms(REPEATS, dense_gradient));
    fflush(stdout);
    cal_free(dense);
    cal_free(gradient);
    cal_free(u);
    pair_destroy(&w);
}

int main(void)
{
    cal_kernels_init();
    printf("populations on 28 x 28 with ON and OFF, batch %d; least processor time of %d calls\n", BATCH, REPEATS);
    for (int populations = 20; populations <= 200; populations += populations < 100 ? 40 : 100)
        bench(populations, "");
    bench(100, ", release: 0.7");
    return 0;
}
