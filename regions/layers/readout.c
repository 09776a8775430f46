/* regions/layers/readout.c - see readout.h. */
#include "regions/layers/readout.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"
#include "core/head.h"
#include "core/rng.h"
#include "regions/layers/labels.h"

#define BOX_WEIGHT 5.0  /* of the boxes' loss */
#define BOX_KNEE 0.1    /* of smooth L1, as part of the picture */
#define BOX_SPREAD 0.1f /* of the first weights, against the classes' */
#define BOX_MEAN 0.5f   /* where boxes are guessed at first */
#define CE_SHARE 0.1    /* of cross-entropy in similarity matching */

const char *const cal_readout_alphas[] = {"2", "1.01", NULL};
const char *const cal_readout_locals[] = {"cross-entropy", "similarity", NULL};
static const double alphas[] = {2, 1.01};

/* Declare one linear layer with its gradients. */
static void declare_linear(struct cal_layout *l, struct cal_optim *o, const char *const name[4], size_t out, size_t in, float **w,
                           float **b, float **g_w, float **g_b)
{
    cal_layout_f32(l, CAL_STATE, name[0], w, (size_t[]){out, in, 0});
    cal_layout_f32(l, CAL_STATE, name[1], b, (size_t[]){out, 0});
    cal_layout_f32(l, CAL_SCRATCH, name[2], g_w, (size_t[]){out, in, 0});
    cal_layout_f32(l, CAL_SCRATCH, name[3], g_b, (size_t[]){out, 0});
    cal_optim_add(o, l, name[0], w, g_w, out * in);
    cal_optim_add(o, l, name[1], b, g_b, out);
}

void cal_readout_declare(struct cal_readout *k, const struct cal_readout_params *p, int batch, int channels, int height, int width,
                         struct cal_layout *l, struct cal_optim *o)
{
    size_t n = (size_t)batch, d = CAL_BLOCKS * CAL_BLOCKS * (size_t)channels, classes = (size_t)p->classes;
    *k = (struct cal_readout){.params = *p, .batch = batch, .channels = channels, .height = height, .width = width, .features = (int)d};
    declare_linear(l, o, (const char *const[]){"head.w", "head.b", "head.w.g", "head.b.g"}, classes, d, &k->w, &k->b, &k->g_w, &k->g_b);
    cal_layout_f32(l, CAL_SCRATCH, "label", &k->label, (size_t[]){n, 0});
    cal_layout_f32(l, CAL_SCRATCH, "logits.d", &k->g_logits, (size_t[]){n, classes, 0});
    cal_layout_f32(l, CAL_SCRATCH, "pooled.d", &k->g_pooled, (size_t[]){n, d, 0});
    if (p->boxes) {
        declare_linear(l, o, (const char *const[]){"box.w", "box.b", "box.w.g", "box.b.g"}, CAL_BOX, d, &k->box_w, &k->box_b, &k->g_box_w,
                       &k->g_box_b);
        cal_layout_f32(l, CAL_SCRATCH, "box", &k->box, (size_t[]){n, CAL_BOX, 0});
        cal_layout_f32(l, CAL_SCRATCH, "box.d", &k->g_box, (size_t[]){n, CAL_BOX, 0});
    }
    cal_gram_declare(&k->gram, batch, (int)d, l);
    cal_entropy_declare(&k->entropy, &k->gram, alphas[p->alpha], l);
    if (p->local == CAL_LOCAL_SIMILARITY)
        cal_similarity_declare(&k->similarity, &k->gram, l);
}

void cal_readout_declare_tape(const struct cal_readout *k, struct cal_readout_tape *t, struct cal_layout *l)
{
    size_t n = (size_t)k->batch, d = (size_t)k->features, classes = (size_t)k->params.classes;
    cal_layout_f32(l, CAL_TAPE, "pooled", &t->pooled, (size_t[]){n, d, 0});
    cal_layout_f32(l, CAL_TAPE, "logits", &t->logits, (size_t[]){n, classes, 0});
    cal_layout_f32(l, CAL_TAPE, "head.w", &t->w, (size_t[]){classes, d, 0});
    if (!k->params.boxes)
        return;
    cal_layout_f32(l, CAL_TAPE, "box", &t->box, (size_t[]){n, CAL_BOX, 0});
    cal_layout_f32(l, CAL_TAPE, "box.w", &t->box_w, (size_t[]){CAL_BOX, d, 0});
}

/* x[n] uniform in middle +- spread. */
static void draw(uint32_t seed, int owner, int which, float middle, float spread, float *x, size_t n)
{
    struct cal_rng rng = cal_rng_key(seed, CAL_STREAM_INIT, (uint32_t)owner, 0, (uint64_t)which);
    cal_rng_uniform_fill(&rng, 0, x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = middle + spread * (2 * x[i] - 1);
}

void cal_readout_init(struct cal_readout *k, uint32_t seed, int owner, int which)
{
    size_t d = (size_t)k->features, classes = (size_t)k->params.classes;
    float spread = 1 / sqrtf((float)d);
    draw(seed, owner, which, 0, spread, k->w, classes * d);
    draw(seed, owner, which + 1, 0, spread, k->b, classes);
    if (!k->params.boxes)
        return;
    draw(seed, owner, which + 2, 0, BOX_SPREAD * spread, k->box_w, CAL_BOX * d);
    for (int i = 0; i < CAL_BOX; i++)
        k->box_b[i] = BOX_MEAN;
}

void cal_readout_forward(const struct cal_readout *k, struct cal_readout_tape *t, const float *map)
{
    int classes = (int)k->params.classes;
    size_t d = (size_t)k->features;
    cal_blocks_forward(k->batch * k->channels, k->height, k->width, map, t->pooled);
    cal_linear_forward(k->batch, k->features, classes, t->pooled, k->w, k->b, t->logits);
    memcpy(t->w, k->w, (size_t)classes * d * sizeof *t->w);
    if (!k->params.boxes)
        return;
    cal_linear_forward(k->batch, k->features, CAL_BOX, t->pooled, k->box_w, k->box_b, t->box);
    memcpy(t->box_w, k->box_w, CAL_BOX * d * sizeof *t->box_w);
}

/* Label and box of the context's presentation, packed. */
static int see(struct cal_readout *k, const struct cal_rep *context)
{
    int error = cal_labels_take(context, (int)k->params.classes, k->label);
    if (!error && k->params.boxes)
        cal_rep_pack(context, cal_rep_find(context->spec, "box"), k->box);
    return error;
}

static void scale(float *x, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= (float)factor;
}

/* What the classes lose, with its gradients. */
static void learn_classes(struct cal_readout *k, const struct cal_readout_tape *t, struct cal_readout_value *value)
{
    int classes = (int)k->params.classes, right = 0;
    bool similarity = k->params.local == CAL_LOCAL_SIMILARITY;
    double share = similarity ? CE_SHARE : 1;
    value->loss += share * cal_cross_entropy(k->batch, classes, t->logits, k->label, k->g_logits, &right);
    value->accuracy = (double)right / k->batch;
    if (similarity) {
        scale(k->g_logits, (size_t)k->batch * (size_t)classes, share);
        value->loss += (1 - share) * cal_similarity(&k->similarity, t->pooled, k->label, 1 - share, k->g_pooled);
    }
    cal_linear_backward(k->batch, k->features, classes, t->pooled, t->w, k->g_logits, k->g_w, k->g_b, k->g_pooled);
}

/* The same of the boxes. */
static void learn_boxes(struct cal_readout *k, const struct cal_readout_tape *t, struct cal_readout_value *value)
{
    value->loss += BOX_WEIGHT * cal_smooth_l1(k->batch, CAL_BOX, BOX_KNEE, t->box, k->box, k->g_box);
    scale(k->g_box, (size_t)k->batch * CAL_BOX, BOX_WEIGHT);
    cal_linear_backward(k->batch, k->features, CAL_BOX, t->pooled, t->box_w, k->g_box, k->g_box_w, k->g_box_b, k->g_pooled);
}

int cal_readout_backward(struct cal_readout *k, const struct cal_readout_tape *t, const struct cal_rep *context, float *g_map,
                         struct cal_readout_value *value)
{
    const struct cal_readout_params *p = &k->params;
    int error = see(k, context);
    if (error)
        return error;
    memset(k->g_pooled, 0, (size_t)k->batch * (size_t)k->features * sizeof *k->g_pooled);
    *value = (struct cal_readout_value){0};
    learn_classes(k, t, value);
    if (p->boxes)
        learn_boxes(k, t, value);
    error = cal_entropy(&k->entropy, t->pooled, p->conditional ? k->label : NULL, g_map ? p->beta : 0, k->g_pooled, &value->entropy);
    value->loss += p->beta * value->entropy;
    if (!error && g_map)
        cal_blocks_backward(k->batch * k->channels, k->height, k->width, k->g_pooled, g_map);
    return error;
}
