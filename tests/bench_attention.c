/* tests/bench_attention.c - what a step of one attention costs by its units and by how many of them each unit reads, on one core: forward,
 * learning, and of that the contrast. Regions of eight units, batch 128. The least of several steps counts; the machine may be shared. */
#include <stdio.h>

#include "core/kernels.h"
#include "core/rng.h"
#include "tests/star.h"
#include "tests/used.h"

enum { UNITS = 8, BATCH = 128, INPUTS = 16 };

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void must(int error)
{
    if (error)
        cal_die(CAL_EINTERNAL, "%s", cal_err_message());
}

static void bench(int units, long fan_in)
{
    static struct star s;
    struct star_setup setup = {.cortices = units / UNITS,
                               .batch = BATCH,
                               .inputs = INPUTS,
                               .hidden = 4,
                               .seed = 1,
                               .rate = 1e-3,
                               .momentum = 0.9,
                               .decay = 1e-3,
                               .learn_total = 1000,
                               .fan_in = fan_in,
                               .rule = {CAL_PREDICTOR, 0.2, 8, -1}};
    float picture[3 * BATCH * INPUTS];
    struct cal_rng rng = cal_rng_key(1, CAL_STREAM_TEST, 0, 0, 0);
    const struct cal_rep *codes[STAR_MAX];
    for (int i = 0; i < setup.cortices; i++)
        setup.units[i] = UNITS;
    must(star_create(&s, &setup));
    cal_rng_normal_fill(&rng, 0, picture, sizeof picture / sizeof *picture);
    must(star_forward(&s, 0, picture, picture + BATCH * INPUTS, picture + 2 * BATCH * INPUTS));
    for (int i = 0; i < setup.cortices; i++)
        codes[i] = &s.sent[i];
    double forward = 1e30, learn = 1e30, contrast = 1e30;
    struct cal_step at = star_at(&s, 0);
    struct cal_attention *a = (struct cal_attention *)s.attention;
    for (int i = 0; i < (units > 256 ? 10 : 40); i++) {
        struct cal_contrast_value value;
        double begin = used_ms();
        must(cal_region_forward(s.attention, &at, codes, &s.attention_tape, s.attention_out));
        double middle = used_ms();
        must(cal_region_learn(s.attention, NULL, &s.attention_tape, s.attention_metric));
        double end = used_ms();
        struct cal_contrast k = cal_contrast_of(&setup.rule, units, BATCH, 1e-4f);
        k.y1 = k.key = a->y1;
        k.y2 = a->y2;
        k.query = a->query;
        k.tau = a->w_tau;
        k.rows = a->rows;
        cal_contrast_weights(&k, a->dkey, a->dquery, a->g_tau, &value);
        contrast = least(contrast, used_ms() - end);
        forward = least(forward, middle - begin);
        learn = least(learn, end - middle);
    }
    size_t state = cal_layout_bytes(&s.attention->layout, CAL_STATE);
    printf("%5d units, fan_in %3ld%s: forward %7.3f ms, learn %8.3f ms, of that contrast %8.3f ms; step %8.3f ms; state %9.1f KiB\n", units,
           fan_in, fan_in ? "      " : " (all)", forward, learn, contrast, forward + learn, (double)state / 1024);
    star_destroy(&s);
}

int main(void)
{
    static const int units[] = {64, 256, 1024};
    static const long fan_in[] = {0, 64, 16};
    cal_kernels_init();
    printf("one attention, batch %d, hidden 4; %s, kernels %s\n", BATCH, cal_kernels_library(), cal_kernels_core());
    for (int u = 0; u < 3; u++)
        for (int f = 0; f < 3; f++)
            bench(units[u], fan_in[f]);
    return 0;
}
