/* tests/bench_regions.c - what a step of eight cortices of eight units and their attention costs, on one core: the matrix products, the
 * optimiser, the contrast, and the whole. The least of several steps counts; the machine may be shared. */
#include <stdio.h>
#include <stdlib.h>

#include "core/kernels.h"
#include "core/rng.h"
#include "tests/star.h"
#include "tests/used.h"

enum { CORTICES = 8, UNITS = 8, HIDDEN = 128, INPUTS = 256 };

static struct star star;
static struct star *const s = &star;
static float *picture; /* (3,B,INPUTS) image and views */

static void step(void)
{
    size_t n = (size_t)s->setup.batch * INPUTS;
    if (star_forward(s, 0, picture, picture + n, picture + 2 * n) || star_learn(s))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
}

/* The step's large products alone, on its own arrays: forward and weights of all cortices. */
static void products(void)
{
    int rows = 2 * s->setup.batch, uh = UNITS * HIDDEN;
    for (int i = 0; i < CORTICES; i++) {
        struct cal_bank *k = &((struct cal_cortex *)s->cortex[i])->bank;
        struct cal_bank_tape *t = s->tape[i].kind; /* a cortex's tape begins with its bank's */
        cal_gemm(false, true, rows, uh, INPUTS, 1, t->x, INPUTS, k->w1, INPUTS, 0, t->hidden, uh);
        cal_gemm(true, false, uh, INPUTS, rows, 1, t->hidden, uh, t->x, INPUTS, 0, k->g_w1, INPUTS);
    }
}

/* The cortices' updates alone. */
static void updates(void)
{
    struct cal_step at = star_at(s, 0);
    for (int i = 0; i < CORTICES; i++)
        cal_optim_update(&((struct cal_cortex *)s->cortex[i])->optim, &at);
}

/* Both sides' contrasts alone, on random codes. */
static struct cal_contrast contrast;
static float *gradient; /* (3,U,P) */

static void contrasts(void)
{
    struct cal_contrast_value value;
    size_t n = (size_t)s->units * (size_t)contrast.pitch;
    cal_contrast_codes(&contrast, gradient, gradient + n, &value);
    cal_contrast_weights(&contrast, gradient, gradient + n, gradient + 2 * n, &value);
}

static float *contrast_begin(const struct cal_contrast_rule *rule, int batch)
{
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 1, 0, 0);
    struct cal_step at = {.presentation = 0};
    int units = CORTICES * UNITS;
    contrast = cal_contrast_of(rule, units, batch, 1e-4f);
    size_t pitch = (size_t)contrast.pitch, n = (size_t)units * pitch;
    float *block = cal_alloc((8 * n + CAL_CONTRAST_ROWS * pitch) * sizeof *block);
    cal_rng_normal_fill(&rng, 0, block, 4 * n);
    for (size_t i = 0; i < n; i++)
        block[n + i] = block[i] + 0.1f * block[n + i];
    contrast.y1 = block;
    contrast.y2 = block + n;
    contrast.query = block + 2 * n;
    contrast.key = rule->negatives == CAL_MASKED ? block + 3 * n : block;
    for (int u = 0; u < units; u++) {
        block[4 * n + (size_t)u] = rule->negatives == CAL_UNIFORM ? 0.0f : 1.0f;
        cal_contrast_mask(rule, 1, &at, u, batch, block + 5 * n + (size_t)u * pitch);
    }
    contrast.tau = block + 4 * n;
    contrast.counted = rule->negatives == CAL_MASKED ? block + 5 * n : NULL;
    contrast.rows = block + 8 * n;
    gradient = cal_alloc(3 * n * sizeof *gradient);
    return block;
}

static void bench(const struct cal_contrast_rule *rule, const char *name, int batch)
{
    struct star_setup setup = {.cortices = CORTICES,
                               .batch = batch,
                               .inputs = INPUTS,
                               .hidden = HIDDEN,
                               .seed = 1,
                               .rate = 1e-3,
                               .momentum = 0.9,
                               .decay = 1e-3,
                               .learn_total = 1000,
                               .rule = *rule};
    for (int i = 0; i < CORTICES; i++)
        setup.units[i] = UNITS;
    if (star_create(s, &setup))
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
    float *block = contrast_begin(rule, batch);
    int repeats = batch > 128 ? 10 : 60;
    double whole = least_ms(repeats, step), gemm = least_ms(repeats, products), update = least_ms(repeats, updates);
    double both = least_ms(repeats, contrasts);
    printf("batch %3d, %-9s  step %7.2f ms = products %7.2f (%2.0f %%) + the rest %6.2f, of that updates %5.2f, contrasts %6.2f\n", batch,
           name, whole, gemm, 100 * gemm / whole, whole - gemm, update, both);
    cal_free(block);
    cal_free(gradient);
    star_destroy(s);
}

int main(void)
{
    static const char *const name[] = {"predictor", "masked", "uniform"};
    cal_kernels_init();
    printf("%d cortices x %d units, hidden %d, %d inputs; %s, kernels %s, %d thread(s)\n", CORTICES, UNITS, HIDDEN, INPUTS,
           cal_kernels_library(), cal_kernels_core(), cal_kernels_threads());
    for (int batch = 128; batch <= 512; batch *= 4) {
        struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 0);
        size_t n = 3 * (size_t)batch * INPUTS;
        picture = cal_alloc(n * sizeof *picture);
        cal_rng_normal_fill(&rng, 0, picture, n);
        for (int form = 0; form < 3; form++)
            bench(&(struct cal_contrast_rule){form, 0.2, 8, -1}, name[form], batch);
        cal_free(picture);
    }
    return 0;
}
