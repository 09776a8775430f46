/* regions/objectives/gram_fast.c - the vector loops of gram.h. */
#include <math.h>
#include <stddef.h>

#include "regions/objectives/gram.h"

void cal_gram_unit_rows(int rows, int cols, const float *restrict p, float *restrict z, float *restrict norm)
{
    for (size_t i = 0, d = (size_t)cols; i < (size_t)rows; i++) {
        float squares = 0;
        for (size_t k = 0; k < d; k++)
            squares += p[i * d + k] * p[i * d + k];
        norm[i] = sqrtf(squares);
        float scale = 1 / (norm[i] + CAL_GRAM_EPSILON);
        for (size_t k = 0; k < d; k++)
            z[i * d + k] = scale * p[i * d + k];
    }
}

/* With r = |p|, u = p / r:  dp = (dz - (dz . z) u) / (r + e), and u = z (r + e) / r. */
void cal_gram_unit_rows_back(int rows, int cols, const float *restrict z, const float *restrict norm, const float *restrict dz,
                             float *restrict dp)
{
    for (size_t i = 0, d = (size_t)cols; i < (size_t)rows; i++) {
        if (!(norm[i] > 0))
            continue;
        float dot = 0, scale = 1 / (norm[i] + CAL_GRAM_EPSILON);
        for (size_t k = 0; k < d; k++)
            dot += dz[i * d + k] * z[i * d + k];
        float along = dot / norm[i];
        for (size_t k = 0; k < d; k++)
            dp[i * d + k] += scale * dz[i * d + k] - along * z[i * d + k];
    }
}
