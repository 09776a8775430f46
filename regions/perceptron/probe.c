/* regions/perceptron/probe.c - see probe.h. */
#include "regions/perceptron/probe.h"

#include <string.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "regions/layers/layers.h"
#include "regions/perceptron/perceptron.h"

static void back(const struct cal_probe_pass *p, float *const *g_drive)
{
    const struct cal_perceptron *k = (const struct cal_perceptron *)p->region;
    const struct cal_perceptron_tape *t = p->tape;
    const struct cal_mlp *net = &k->net;
    const struct cal_rep_spec *spec = p->drive[0]->spec;
    float contrast = (float)((const struct cal_perceptron_params *)k->base.params)->contrast;
    size_t batch = (size_t)k->base.batch, inputs = (size_t)k->inputs, channels = (size_t)net->inputs, units = batch * (size_t)net->hidden;
    float *g_hidden = cal_alloc(units * sizeof *g_hidden), *g_x = cal_alloc(batch * channels * sizeof *g_x);
    memcpy(g_hidden, p->g_out[0], units * sizeof *g_hidden);
    if (p->g_logits)
        cal_gemm(false, false, k->base.batch, net->hidden, net->outputs, 1, p->g_logits, net->outputs, net->w2, net->hidden, 1, g_hidden,
                 net->hidden);
    for (size_t i = 0; i < units; i++)
        g_hidden[i] *= t->net.hidden[i] > 0 ? 1 : CAL_LEAK;
    cal_gemm(false, false, k->base.batch, net->inputs, net->hidden, 1, g_hidden, net->hidden, net->w1, net->inputs, 0, g_x, net->inputs);
    memset(g_drive[0], 0, cal_rep_spec_floats(spec) * sizeof *g_drive[0]);
    float *g_seen = g_drive[0] + cal_probe_offset(spec, cal_sight_slice(spec));
    for (size_t b = 0; b < batch; b++)
        for (size_t j = 0; j < inputs; j++) /* channel D + j is 1 less value j */
            g_seen[b * inputs + j] = (g_x[b * channels + j] - (channels > inputs ? g_x[b * channels + inputs + j] : 0)) *
                                     cal_sight_slope(contrast, t->net.x[b * channels + j]);
    cal_free(g_x);
    cal_free(g_hidden);
}

static bool weights(const struct cal_region *r, int i, struct cal_probe_weights *w)
{
    const struct cal_mlp *net = &((const struct cal_perceptron *)r)->net;
    if (i > 1)
        return false;
    *w = i ? (struct cal_probe_weights){.name = "w2", .units = net->outputs, .inputs = net->hidden, .w = net->w2}
           : (struct cal_probe_weights){.name = "w1", .units = net->hidden, .inputs = net->inputs, .w = net->w1};
    w->n = (size_t)w->units * (size_t)w->inputs;
    return true;
}

const struct cal_probe cal_perceptron_probe = {.kind = &cal_perceptron_ops, .back = back, .weights = weights};
