/* regions/objectives/gram_fast.c - the vector loops of gram.h. */
#include <math.h>
#include <stddef.h>

#include "regions/objectives/gram.h"

void cal_gram_unit_rows(int rows, int cols, const float *restrict p, double *restrict z, double *restrict norm)
{
    for (size_t i = 0, d = (size_t)cols; i < (size_t)rows; i++) {
        double squares = 0;
        for (size_t k = 0; k < d; k++)
            squares += (double)p[i * d + k] * (double)p[i * d + k];
        norm[i] = sqrt(squares);
        double scale = 1 / (norm[i] + CAL_GRAM_EPSILON);
        for (size_t k = 0; k < d; k++)
            z[i * d + k] = scale * (double)p[i * d + k];
    }
}

/* With r = |p|, u = p / r:  dp = (dz - (dz . z) u) / (r + e), and u = z (r + e) / r. */
void cal_gram_unit_rows_back(int rows, int cols, const double *restrict z, const double *restrict norm, const double *restrict dz,
                             float *restrict dp)
{
    for (size_t i = 0, d = (size_t)cols; i < (size_t)rows; i++) {
        if (!(norm[i] > 0))
            continue;
        double dot = 0, scale = 1 / (norm[i] + CAL_GRAM_EPSILON);
        for (size_t k = 0; k < d; k++)
            dot += dz[i * d + k] * z[i * d + k];
        double along = dot / norm[i];
        for (size_t k = 0; k < d; k++)
            dp[i * d + k] += (float)(scale * dz[i * d + k] - along * z[i * d + k]);
    }
}
