/* regions/layers/sight_fast.c - the vector loop of sight.h. */
#include <math.h>

#include "regions/layers/sight.h"

void cal_sight_respond(float contrast, size_t n, float *restrict x)
{
    if (contrast < CAL_CONTRAST_LEAST)
        return;
    float least = expf(contrast / 2), scale = 0.5f * (least + 1) / (least - 1); /* (1 + tanh(y / 2)) / 2 = 1 / (1 + exp(-y)) */
    for (size_t i = 0; i < n; i++) {
        float e = expf(-contrast * (x[i] - 0.5f));
        x[i] = 0.5f + scale * (1 - e) / (1 + e);
    }
}
