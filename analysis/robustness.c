/* analysis/robustness.c - see robustness.h. */
#include "analysis/robustness.h"

#include <math.h>

#include "core/err.h"
#include "core/files.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"

#define NOISE_EPS 2           /* standard deviation of the noise, in eps */
#define NOISE_KEY CAL_ATTACKS /* in place of an attack's number */

const char *const cal_robust_names[CAL_ROBUST_COLUMNS] = {[CAL_ATTACK_FGSM] = "fgsm",
                                                          [CAL_ATTACK_PGD] = "pgd",
                                                          [CAL_ATTACK_MARGIN] = "margin",
                                                          [CAL_ATTACK_BPDA] = "bpda",
                                                          [CAL_ATTACK_BPDA_MARGIN] = "bpda-margin",
                                                          [CAL_ROBUST_TRANSFER] = "transfer"};

static void add_noise(const struct cal_still *s, double sd, size_t n, const float *picture, float *changed)
{
    for (size_t b = 0; b < n; b++) {
        struct cal_rng rng = cal_rng_key(s->dump->experiment->seed, CAL_STREAM_FRESH, CAL_OWNER_SHARED, NOISE_KEY, (uint64_t)b);
        float *row = changed + b * s->pixels;
        cal_rng_normal_fill(&rng, 0, row, s->pixels);
        for (size_t i = 0; i < s->pixels; i++)
            row[i] = fminf(fmaxf(picture[b * s->pixels + i] + (float)sd * row[i], 0), 1);
    }
}

/* ---- a run ---- */

/* What one run is attacked with. Arrays are [own]. */
struct battle {
    struct cal_still *net, *other; /* other: transfer's, or NULL */
    double scale, other_scale;
    size_t n;
    float *picture, *label, *changed, *margin;
    bool *right, *ever; /* named rightly; so far under all attacks */
};

static double share(const bool *right, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += right[i];
    return (double)count / (double)n;
}

static int judge_changed(struct battle *b, const float *picture, double *right)
{
    int err = cal_attack_judge(b->net, b->n, picture, b->label, b->right, b->margin);
    *right = err ? NAN : share(b->right, b->n);
    return err;
}

static int attack(struct battle *b, int kind, double eps, double *right)
{
    bool smooth = kind == CAL_ATTACK_BPDA || kind == CAL_ATTACK_BPDA_MARGIN, transfer = kind == CAL_ROBUST_TRANSFER;
    *right = NAN;
    if ((smooth && !b->net->threshold) || (transfer && !b->other))
        return CAL_OK;
    struct cal_still *net = transfer ? b->other : b->net;
    enum cal_attack method = !transfer ? (enum cal_attack)kind : net->threshold ? CAL_ATTACK_BPDA : CAL_ATTACK_PGD;
    int err = cal_attack_change(net, method, eps, transfer ? b->other_scale : b->scale, b->n, b->picture, b->label, b->changed);
    if (!err)
        err = judge_changed(b, b->changed, right);
    for (size_t i = 0; !err && i < b->n; i++)
        b->ever[i] = b->ever[i] && b->right[i];
    return err;
}

static int fight(struct battle *b, struct cal_robustness *r)
{
    int err = judge_changed(b, b->picture, &r->clean);
    for (int e = 0; !err && e < r->asked.n_eps; e++) {
        for (size_t i = 0; i < b->n; i++)
            b->ever[i] = true;
        for (int kind = 0; !err && kind < CAL_ROBUST_COLUMNS; kind++)
            err = attack(b, kind, r->asked.eps[e], &r->at[e].right[kind]);
        r->at[e].worst = share(b->ever, b->n);
        if (!err) {
            add_noise(b->net, NOISE_EPS * r->asked.eps[e], b->n, b->picture, b->changed);
            err = judge_changed(b, b->changed, &r->at[e].noise);
        }
    }
    return err;
}

/* The run that pictures are transferred from. */
static int open_other(struct battle *b, const char *from)
{
    int err = cal_still_open(from, &b->other);
    if (err)
        return err;
    if (b->other->channels != b->net->channels || b->other->height != b->net->height || b->other->width != b->net->width ||
        b->other->classes < b->net->classes)
        return cal_fail(CAL_EUSAGE,
                        "%s: sees pictures of %d x %d x %d and names %d classes, expected %d x %d x %d and %d as the run attacked", from,
                        b->other->channels, b->other->height, b->other->width, b->other->classes, b->net->channels, b->net->height,
                        b->net->width, b->net->classes);
    return cal_attack_scale(b->other, b->n, b->picture, &b->other_scale);
}

static int prepare(struct battle *b, const char *dir, const struct cal_robust_options *o)
{
    b->n = o->images;
    int err = cal_still_open(dir, &b->net);
    if (!err)
        err = cal_still_pictures(b->net, &b->n, &b->picture, &b->label);
    if (!err)
        err = cal_attack_scale(b->net, b->n, b->picture, &b->scale);
    if (!err && o->from)
        err = open_other(b, o->from);
    if (err)
        return err;
    b->changed = cal_alloc(b->n * b->net->pixels * sizeof *b->changed);
    b->margin = cal_alloc(b->n * sizeof *b->margin);
    b->right = cal_alloc(b->n * sizeof *b->right);
    b->ever = cal_alloc(b->n * sizeof *b->ever);
    return CAL_OK;
}

int cal_robustness_measure(const char *dir, const struct cal_robust_options *o, struct cal_robustness *r)
{
    struct battle b = {.net = NULL};
    int err = prepare(&b, dir, o);
    *r = (struct cal_robustness){.asked = *o, .images = b.n};
    if (!err)
        err = fight(&b, r);
    cal_free(b.ever);
    cal_free(b.right);
    cal_free(b.margin);
    cal_free(b.changed);
    cal_free(b.label);
    cal_free(b.picture);
    cal_still_close(b.other);
    cal_still_close(b.net);
    return err;
}

int cal_robustness_write(const char *dir, const struct cal_robustness *r)
{
    char *path = cal_sprintf("%s/attack.json", dir);
    FILE *f;
    int err = cal_file_begin(path, &f);
    if (!err) {
        struct cal_json j;
        cal_json_init(&j, f, true);
        cal_json_object(&j, NULL);
        cal_json_integer(&j, "images", (int64_t)r->images);
        cal_json_string(&j, "from", r->asked.from);
        cal_json_number(&j, "clean", r->clean);
        cal_json_array(&j, "eps");
        for (int e = 0; e < r->asked.n_eps; e++) {
            cal_json_object(&j, NULL);
            cal_json_number(&j, "eps", r->asked.eps[e]);
            for (int k = 0; k < CAL_ROBUST_COLUMNS; k++)
                if (!isnan(r->at[e].right[k]))
                    cal_json_number(&j, cal_robust_names[k], r->at[e].right[k]);
            cal_json_number(&j, "worst", r->at[e].worst);
            cal_json_number(&j, "noise", r->at[e].noise);
            cal_json_end(&j);
        }
        cal_json_end(&j);
        cal_json_end(&j);
        err = cal_file_settle(path, f, cal_json_finish(&j));
    }
    cal_free(path);
    return err;
}
