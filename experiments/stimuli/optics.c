/* experiments/stimuli/optics.c - see optics.h. */
#include "experiments/stimuli/optics.h"

#include <math.h>

#include "core/mem.h"

void cal_optics_init(struct cal_optics *o, double sd, int longest)
{
    *o = (struct cal_optics){.reach = (int)ceil(3 * sd)};
    if (!o->reach)
        return;
    double sum = 0;
    int n = 2 * o->reach + 1;
    o->weight = cal_alloc((size_t)n * sizeof *o->weight);
    o->line = cal_alloc(((size_t)longest + 2 * (size_t)o->reach) * sizeof *o->line);
    for (int i = 0; i < n; i++)
        sum += exp(-0.5 * pow((i - o->reach) / sd, 2));
    for (int i = 0; i < n; i++)
        o->weight[i] = (float)(exp(-0.5 * pow((i - o->reach) / sd, 2)) / sum);
}

void cal_optics_finish(struct cal_optics *o)
{
    cal_free(o->weight);
    cal_free(o->line);
    *o = (struct cal_optics){.reach = 0};
}

/* n values that are `step` apart. */
static void blur_line(const struct cal_optics *o, int n, size_t step, float black, float *x)
{
    for (int i = 0; i < o->reach; i++)
        o->line[i] = o->line[o->reach + n + i] = black;
    for (int i = 0; i < n; i++)
        o->line[o->reach + i] = x[(size_t)i * step];
    for (int i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k <= 2 * o->reach; k++)
            sum += o->weight[k] * o->line[i + k];
        x[(size_t)i * step] = sum;
    }
}

void cal_optics_blur(const struct cal_optics *o, int h, int w, float black, float *x)
{
    for (int y = 0; o->reach && y < h; y++)
        blur_line(o, w, 1, black, x + (size_t)y * (size_t)w);
    for (int column = 0; o->reach && column < w; column++)
        blur_line(o, h, (size_t)w, black, x + column);
}
