/* analysis/attack.c - see attack.h. */
#include "analysis/attack.h"

#include <math.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"

#define PGD_STEPS 20
#define PGD_REACH 2.5 /* how many eps all steps together could go */

static const struct {
    int steps;
    bool start, margin, smooth;
} how[] = {
    [CAL_ATTACK_FGSM] = {1, false, false, false},
    [CAL_ATTACK_PGD] = {PGD_STEPS, true, false, false},
    [CAL_ATTACK_MARGIN] = {PGD_STEPS, true, true, false},
    [CAL_ATTACK_BPDA] = {PGD_STEPS, true, false, true},
    [CAL_ATTACK_BPDA_MARGIN] = {PGD_STEPS, true, true, true},
};

/* ---- what is lost on one row of logits ---- */

static int largest_wrong(const float *logits, int classes, int label)
{
    int best = label == 0 ? 1 : 0;
    for (int c = best + 1; c < classes; c++)
        if (c != label && logits[c] > logits[best])
            best = c;
    return best;
}

static bool judge(const float *logits, int classes, float label, float *margin)
{
    int right = (int)label, wrong = largest_wrong(logits, classes, right);
    *margin = logits[wrong] - logits[right];
    return *margin < 0 || (*margin == 0 && right < wrong);
}

/* g: the slope of cross-entropy of logits / scale, or of the margin. */
static void slope(const float *logits, int classes, float label, bool margin, double scale, float *g)
{
    int right = (int)label;
    if (margin) {
        memset(g, 0, (size_t)classes * sizeof *g);
        g[largest_wrong(logits, classes, right)] = 1;
        g[right] = -1;
        return;
    }
    double sum = 0, top = (double)logits[right];
    for (int c = 0; c < classes; c++)
        top = fmax(top, (double)logits[c]);
    for (int c = 0; c < classes; c++)
        sum += exp(((double)logits[c] - top) / scale);
    for (int c = 0; c < classes; c++)
        g[c] = (float)(exp(((double)logits[c] - top) / scale) / sum - (c == right));
}

/* ---- one batch ---- */

/* What an attack needs for one batch. Arrays are [own] but for picture and label. */
struct trial {
    struct cal_still *net;
    enum cal_attack kind;
    float eps;
    double scale;
    size_t first; /* number of the first picture */
    int rows;
    const float *picture, *label; /* of the first */
    float *now, *g, *logits, *g_logits, *worst;
};

static void trial_init(struct trial *t, struct cal_still *net)
{
    size_t batch = (size_t)net->batch, logits = batch * (size_t)net->classes;
    *t = (struct trial){.net = net};
    t->now = cal_alloc(batch * net->pixels * sizeof *t->now);
    t->g = cal_alloc(batch * net->pixels * sizeof *t->g);
    t->logits = cal_alloc(logits * sizeof *t->logits);
    t->g_logits = cal_alloc(logits * sizeof *t->g_logits);
    t->worst = cal_alloc(batch * sizeof *t->worst);
}

static void trial_finish(struct trial *t)
{
    cal_free(t->worst);
    cal_free(t->g_logits);
    cal_free(t->logits);
    cal_free(t->g);
    cal_free(t->now);
}

/* Within eps of the picture and from 0 to 1. */
static float within(float x, float picture, float eps)
{
    return fminf(fmaxf(fminf(fmaxf(x, picture - eps), picture + eps), 0), 1);
}

static void start(struct trial *t)
{
    size_t pixels = t->net->pixels;
    memcpy(t->now, t->picture, (size_t)t->rows * pixels * sizeof *t->now);
    for (size_t b = 0; b < (size_t)t->rows; b++) {
        t->worst[b] = -INFINITY;
        if (!how[t->kind].start)
            continue;
        struct cal_rng rng =
            cal_rng_key(t->net->dump->experiment->seed, CAL_STREAM_FRESH, CAL_OWNER_SHARED, (uint32_t)t->kind, (uint64_t)(t->first + b));
        cal_rng_uniform_fill(&rng, 0, t->g, pixels);
        for (size_t i = 0; i < pixels; i++)
            t->now[b * pixels + i] = within(t->picture[b * pixels + i] + t->eps * (2 * t->g[i] - 1), t->picture[b * pixels + i], t->eps);
    }
}

/* One step along the sign of the gradient at what the last forward pass saw. */
static void step(struct trial *t, float size)
{
    size_t classes = (size_t)t->net->classes;
    for (size_t b = 0; b < (size_t)t->rows; b++)
        slope(t->logits + b * classes, t->net->classes, t->label[b], how[t->kind].margin, t->scale, t->g_logits + b * classes);
    cal_still_back(t->net, t->rows, how[t->kind].smooth, t->g_logits, t->g);
    for (size_t i = 0; i < (size_t)t->rows * t->net->pixels; i++) {
        float sign = t->g[i] > 0 ? 1.0f : t->g[i] < 0 ? -1.0f : 0.0f;
        t->now[i] = within(t->now[i] + size * sign, t->picture[i], t->eps);
    }
}

/* See what the net makes of it now, and keep those pictures in `changed` that are worse than all before. */
static int look(struct trial *t, float *changed)
{
    size_t pixels = t->net->pixels, classes = (size_t)t->net->classes;
    int err = cal_still_forward(t->net, t->rows, t->now, t->logits);
    for (size_t b = 0; !err && changed && b < (size_t)t->rows; b++) {
        float margin;
        judge(t->logits + b * classes, t->net->classes, t->label[b], &margin);
        if (margin <= t->worst[b])
            continue;
        t->worst[b] = margin;
        memcpy(changed + b * pixels, t->now + b * pixels, pixels * sizeof *changed);
    }
    return err;
}

static int change_batch(struct trial *t, float *changed)
{
    int steps = how[t->kind].steps;
    float size = steps == 1 ? t->eps : (float)(PGD_REACH * (double)t->eps / steps);
    start(t);
    int err = look(t, NULL);
    for (int i = 0; !err && i < steps; i++) {
        step(t, size);
        err = look(t, changed);
    }
    return err;
}

/* ---- all pictures ---- */

int cal_attack_change(struct cal_still *s, enum cal_attack kind, double eps, double scale, size_t n, const float *picture,
                      const float *label, float *changed)
{
    struct trial t;
    int err = CAL_OK;
    trial_init(&t, s);
    t.kind = kind;
    t.eps = (float)eps;
    t.scale = scale;
    for (size_t first = 0; !err && first < n; first += (size_t)s->batch) {
        t.first = first;
        t.rows = cal_still_rows(s, n, first);
        t.picture = picture + first * s->pixels;
        t.label = label + first;
        err = change_batch(&t, changed + first * s->pixels);
    }
    trial_finish(&t);
    return err;
}

int cal_attack_judge(struct cal_still *s, size_t n, const float *picture, const float *label, bool *right, float *margin)
{
    size_t classes = (size_t)s->classes;
    float *logits = cal_alloc((size_t)s->batch * classes * sizeof *logits);
    int err = CAL_OK;
    for (size_t first = 0; !err && first < n; first += (size_t)s->batch) {
        int rows = cal_still_rows(s, n, first);
        err = cal_still_forward(s, rows, picture + first * s->pixels, logits);
        for (size_t b = 0; !err && b < (size_t)rows; b++)
            right[first + b] = judge(logits + b * classes, s->classes, label[first + b], &margin[first + b]);
    }
    cal_free(logits);
    return err;
}

int cal_attack_scale(struct cal_still *s, size_t n, const float *picture, double *scale)
{
    size_t classes = (size_t)s->classes;
    float *logits = cal_alloc((size_t)s->batch * classes * sizeof *logits);
    double squares = 0;
    int err = CAL_OK;
    for (size_t first = 0; !err && first < n; first += (size_t)s->batch) {
        int rows = cal_still_rows(s, n, first);
        err = cal_still_forward(s, rows, picture + first * s->pixels, logits);
        for (size_t b = 0; !err && b < (size_t)rows; b++) {
            const float *row = logits + b * classes;
            double mean = 0;
            for (size_t c = 0; c < classes; c++)
                mean += (double)row[c] / (double)classes;
            for (size_t c = 0; c < classes; c++)
                squares += ((double)row[c] - mean) * ((double)row[c] - mean);
        }
    }
    cal_free(logits);
    *scale = squares > 0 ? sqrt(squares / (double)(n * classes)) : 1;
    return err;
}
