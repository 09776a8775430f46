/* regions/populations/synapses_twin.c - the strict twins of synapses_fast.c: an element at a time, in float64. */
#include <math.h>
#include <stddef.h>

#include "regions/populations/synapses.h"

static double phi(double z)
{
    return tanh(fmax(z, 0) / 2);
}

static double read(const struct cal_synapses *k, long s, int b)
{
    return (double)k->a[(size_t)(k->channel ? k->channel[s] : s) * (size_t)k->pitch + (size_t)b];
}

void cal_synapses_respond_twin(const struct cal_synapses *k, const float *w, float *mu, float *sd, float *z, float *h)
{
    for (int i = 0; i < k->units; i++) {
        float *u = z + (size_t)i * (size_t)k->pitch;
        double mean = 0, square = 0, middle = (double)mu[i], deviation = (double)sd[i];
        for (int b = 0; b < k->batch; b++) {
            double sum = 0;
            for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++)
                sum += (double)w[s] * read(k, s, b);
            u[b] = (float)sum;
            mean += sum / k->batch;
        }
        middle += (double)k->follow * (mean - middle);
        for (int b = 0; b < k->batch; b++)
            square += ((double)u[b] - middle) * ((double)u[b] - middle) / k->batch;
        deviation += (double)k->follow * (sqrt(square) + (double)CAL_SD_FLOOR - deviation);
        mu[i] = (float)middle;
        sd[i] = (float)deviation;
        for (int b = 0; b < k->batch; b++) {
            double x = (double)k->slope * (((double)u[b] - middle) / deviation - (double)k->threshold);
            u[b] = (float)x;
            h[(size_t)i * (size_t)k->pitch + (size_t)b] = (float)phi(x);
        }
    }
}

/* h+ - h- of unit i for sample b. */
static double difference(const struct cal_synapses *k, const float *top, const float *z, int i, int b)
{
    double clamped = (double)z[(size_t)i * (size_t)k->pitch + (size_t)b], alone = clamped;
    for (int c = 0; c < k->classes; c++) {
        size_t at = (size_t)c * (size_t)k->pitch + (size_t)b;
        double weight = (double)k->feedback * (double)top[(size_t)i * (size_t)k->classes + (size_t)c];
        alone += weight * (double)k->answer[at];
        clamped += weight * ((double)k->answer[at] + (double)k->error[at]);
    }
    return phi(clamped) - phi(alone);
}

void cal_synapses_compare_twin(const struct cal_synapses *k, const float *top, const float *z, const float *h, float *change,
                               float *top_change, float *apart)
{
    for (int i = 0; i < k->units; i++) {
        double distance = 0;
        for (int b = 0; b < k->batch; b++)
            distance += fabs(difference(k, top, z, i, b));
        apart[i] = (float)distance;
        for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++) {
            double sum = 0;
            for (int b = 0; b < k->batch; b++)
                sum += difference(k, top, z, i, b) * read(k, s, b);
            change[s] = (float)sum;
        }
        for (int c = 0; c < k->classes; c++) {
            double sum = 0;
            for (int b = 0; b < k->batch; b++)
                sum += (double)k->error[(size_t)c * (size_t)k->pitch + (size_t)b] * (double)h[(size_t)i * (size_t)k->pitch + (size_t)b];
            top_change[(size_t)i * (size_t)k->classes + (size_t)c] = (float)sum;
        }
    }
}
