/* regions/populations/probe.c - see probe.h. */
#include "regions/populations/probe.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "regions/populations/populations.h"

/* phi'(y) for y >= 0: 1/2 (1 - tanh^2(y / 2)), without the difference. */
static float phi_slope(float y)
{
    float e = expf(-y);
    return 2 * e / ((1 + e) * (1 + e));
}

/* dh/dz; smooth: of phi(log(1 + exp(z))). */
static float slope_of(float z, bool smooth)
{
    if (smooth)
        return phi_slope(z > 0 ? z + log1pf(expf(-z)) : log1pf(expf(z))) / (1 + expf(-z));
    return z > 0 ? phi_slope(z) : 0;
}

/* g_a (channels,P), overwritten, from g_h (B,U): through phi, the unit's gain, and its synapses. */
static void back_units(const struct cal_populations *k, const struct cal_probe_pass *p, float *g_a, float *g_u)
{
    const struct cal_populations_params *params = k->base.params;
    const struct cal_populations_tape *t = p->tape;
    size_t pitch = (size_t)k->pitch, batch = (size_t)k->base.batch, units = (size_t)k->units;
    memset(g_a, 0, (size_t)k->channels * pitch * sizeof *g_a);
    for (size_t i = 0; i < units; i++) {
        float gain = (float)params->slope / k->sd[i];
        for (size_t b = 0; b < batch; b++)
            g_u[b] = p->g_out[0][b * units + i] * gain * slope_of(t->z[i * pitch + b], p->smooth);
        for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++) {
            float w = expf(k->log_w[s]), *row = g_a + (size_t)k->channel[s] * pitch;
            for (size_t b = 0; b < batch; b++)
                row[b] += w * g_u[b];
        }
    }
}

static void back(const struct cal_probe_pass *p, float *const *g_drive)
{
    const struct cal_populations *k = (const struct cal_populations *)p->region;
    const struct cal_populations_tape *t = p->tape;
    const struct cal_rep_spec *spec = p->drive[0]->spec;
    float contrast = (float)((const struct cal_populations_params *)k->base.params)->contrast;
    size_t pitch = (size_t)k->pitch, batch = (size_t)k->base.batch, inputs = (size_t)k->inputs;
    float *g_a = cal_alloc((size_t)k->channels * pitch * sizeof *g_a), *g_u = cal_alloc(batch * sizeof *g_u);
    back_units(k, p, g_a, g_u);
    memset(g_drive[0], 0, cal_rep_spec_floats(spec) * sizeof *g_drive[0]);
    float *g_seen = g_drive[0] + cal_probe_offset(spec, cal_sight_slice(spec));
    for (size_t b = 0; b < batch; b++)
        for (size_t j = 0; j < inputs; j++) {
            bool off = (size_t)k->channels > inputs; /* channel D + j is 1 less value j */
            g_seen[b * inputs + j] =
                (g_a[j * pitch + b] - (off ? g_a[(inputs + j) * pitch + b] : 0)) * cal_sight_slope(contrast, t->input[j * pitch + b]);
        }
    cal_free(g_u);
    cal_free(g_a);
}

static bool weights(const struct cal_region *r, int i, struct cal_probe_weights *w)
{
    const struct cal_populations *k = (const struct cal_populations *)r;
    *w = (struct cal_probe_weights){.name = "w",
                                    .units = k->units,
                                    .inputs = k->channels,
                                    .n = k->synapses,
                                    .w = k->log_w,
                                    .log = true,
                                    .row_start = k->row_start,
                                    .channel = k->channel};
    return i == 0;
}

const struct cal_probe cal_populations_probe = {.kind = &cal_populations_ops, .threshold = true, .back = back, .weights = weights};
