/* analysis/nearest.c - see nearest.h. */
#include "analysis/nearest.h"

#include <math.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "experiments/stimuli/stimuli.h"

#define BLOCK 256 /* held-out samples at a time */

/* The training samples, each once. Arrays are [own]. */
struct known {
    size_t n;
    int cols;
    float *picture, *label; /* (n,cols), (n) */
};

/* In batches of one an epoch has neither rests nor repeats. */
static int learn_by_heart(const struct cal_dump *d, struct known *k)
{
    struct cal_stimulus *s;
    const struct cal_view view = {.split = CAL_SPLIT_TRAIN};
    int err = cal_stimulus_create(d->experiment->stimulus, d->experiment->stimulus_params, d->experiment->seed, 1, &s);
    if (err)
        return err;
    int label = cal_rep_find(&s->spec, "label");
    struct cal_batches *batches = cal_batches_create(s, 1);
    k->n = label >= 0 && s->samples[CAL_SPLIT_TRAIN] <= CAL_NEAREST_MAX ? (size_t)s->samples[CAL_SPLIT_TRAIN] : 0;
    k->cols = s->spec.slice[0].cols;
    k->picture = cal_alloc((k->n + 1) * (size_t)k->cols * sizeof *k->picture);
    k->label = cal_alloc((k->n + 1) * sizeof *k->label);
    for (size_t i = 0; !err && i < k->n; i++) {
        const struct cal_rep *rep;
        err = cal_batches_get(batches, &view, (long)i, &rep);
        if (err)
            break;
        cal_rep_pack(rep, 0, k->picture + i * (size_t)k->cols);
        cal_rep_pack(rep, label, k->label + i);
    }
    cal_batches_destroy(batches);
    cal_stimulus_destroy(s);
    return err;
}

/* How many of `rows` pictures are named rightly. |x - k|^2 = |x|^2 + |k|^2 - 2 x k, of which |x|^2 is the same for all k. */
static size_t count_right(const struct known *k, const double *squares, int rows, const float *picture, const float *label, float *product)
{
    size_t right = 0;
    cal_gemm(false, true, rows, (int)k->n, k->cols, 1, picture, k->cols, k->picture, k->cols, 0, product, (int)k->n);
    for (size_t b = 0; b < (size_t)rows; b++) {
        size_t best = 0;
        double least = INFINITY;
        for (size_t i = 0; i < k->n; i++) {
            double distance = squares[i] - 2 * (double)product[b * k->n + i];
            if (distance < least) {
                least = distance;
                best = i;
            }
        }
        right += k->label[best] == label[b];
    }
    return right;
}

static int name_all(struct cal_dump *d, const struct known *k, struct cal_measures *m)
{
    float *picture = NULL, *label = NULL;
    int cols, err = cal_dump_stimulus(d, d->stimulus->spec.slice[0].name, &cols, &picture);
    if (!err)
        err = cal_dump_stimulus(d, "label", &cols, &label);
    if (!err) {
        double *squares = cal_alloc(k->n * sizeof *squares);
        float *product = cal_alloc(BLOCK * k->n * sizeof *product);
        size_t right = 0;
        for (size_t i = 0; i < k->n; i++)
            squares[i] = cal_sum_squares(k->picture + i * (size_t)k->cols, (size_t)k->cols);
        for (size_t first = 0; first < d->frames; first += BLOCK) {
            size_t rows = d->frames - first < BLOCK ? d->frames - first : BLOCK;
            right += count_right(k, squares, (int)rows, picture + first * (size_t)k->cols, label + first, product);
        }
        cal_measures_add(m, (double)right / (double)d->frames, "accuracy_nearest");
        cal_free(product);
        cal_free(squares);
    }
    cal_free(label);
    cal_free(picture);
    return err;
}

int cal_nearest_measure(struct cal_dump *d, struct cal_measures *m)
{
    int phase = cal_dump_find(d, "logits", true);
    if (phase < 0 || cal_rep_find(&d->stimulus->spec, "label") < 0)
        return CAL_OK;
    struct known k = {.n = 0};
    int err = cal_dump_turn(d, phase);
    if (!err)
        err = learn_by_heart(d, &k);
    if (!err && k.n)
        err = name_all(d, &k, m);
    cal_free(k.picture);
    cal_free(k.label);
    return err;
}
