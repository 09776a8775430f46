/* regions/readout/probe.c - see probe.h. */
#include "regions/readout/probe.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/mem.h"
#include "regions/readout/readout.h"

/* Add to g_logits the gradient through p = softmax(logits), p's being g_p. */
static void back_softmax(int rows, int cols, const float *logits, const float *g_p, float *g_logits)
{
    for (int b = 0; b < rows; b++, logits += cols, g_p += cols, g_logits += cols) {
        double most = (double)logits[0], sum = 0, mean = 0;
        for (int c = 1; c < cols; c++)
            most = fmax(most, (double)logits[c]);
        for (int c = 0; c < cols; c++) {
            sum += exp((double)logits[c] - most);
            mean += exp((double)logits[c] - most) * (double)g_p[c];
        }
        for (int c = 0; c < cols; c++)
            g_logits[c] += (float)(exp((double)logits[c] - most) / sum * ((double)g_p[c] - mean / sum));
    }
}

static void back(const struct cal_probe_pass *p, float *const *g_drive)
{
    const struct cal_reader *k = (const struct cal_reader *)p->region;
    const struct cal_reader_tape *t = p->tape;
    int batch = k->base.batch, classes = (int)((const struct cal_reader_params *)k->base.params)->classes, first = 0;
    size_t n = (size_t)batch * (size_t)classes;
    float *g = cal_alloc(n * sizeof *g);
    if (p->g_logits)
        memcpy(g, p->g_logits, n * sizeof *g);
    back_softmax(batch, classes, t->logits, p->g_out[0], g);
    for (int i = 0; i < k->base.n_drives; i++) {
        int cols = p->drive[i]->spec->slice[0].cols;
        cal_gemm(false, false, batch, cols, classes, 1, g, classes, k->v + first, k->units, 0, g_drive[i], cols);
        first += cols;
    }
    cal_free(g);
}

static bool weights(const struct cal_region *r, int i, struct cal_probe_weights *w)
{
    const struct cal_reader *k = (const struct cal_reader *)r;
    int classes = (int)((const struct cal_reader_params *)r->params)->classes;
    *w = (struct cal_probe_weights){.name = "V", .units = classes, .inputs = k->units, .n = (size_t)classes * (size_t)k->units, .w = k->v};
    return i == 0;
}

const struct cal_probe cal_readout_probe = {.kind = &cal_readout_ops, .back = back, .weights = weights};
