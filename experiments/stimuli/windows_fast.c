/* experiments/stimuli/windows_fast.c - bytes to channels; see windows.h. */
#include "experiments/stimuli/windows.h"

void cal_windows_shade(size_t n, const uint8_t *restrict from, float scale, float shift, float sd, const float *restrict noise,
                       float *restrict out)
{
    if (noise)
        for (size_t i = 0; i < n; i++)
            out[i] = (float)from[i] * scale + shift + sd * noise[i];
    else
        for (size_t i = 0; i < n; i++)
            out[i] = (float)from[i] * scale + shift;
}
