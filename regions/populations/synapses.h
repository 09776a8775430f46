/* regions/populations/synapses.h - the loops of populations over their synapses, sparse, and over samples.
 *
 * Values are unit-major: a row of P samples for each channel, unit or class, P a multiple of 16. So what a synapse reads is a whole row, nothing is
 * gathered, every loop runs along memory, and the cost is that of synapses, not of units times channels. A unit's results depend on its own rows
 * alone. What lies behind the batch is 0 in inputs, answers and errors, and of no meaning in z and h. The loops (synapses_fast.c) have strict twins in
 * float64 (synapses_twin.c). */
#ifndef CAL_REGIONS_POPULATIONS_SYNAPSES_H
#define CAL_REGIONS_POPULATIONS_SYNAPSES_H

struct cal_synapses {
    int units, classes;          /* U, C */
    int batch, pitch;            /* B, P */
    const long *row_start;       /* (U + 1) */
    const long *channel;         /* (S) row of the input that a synapse reads; NULL: synapse s has row s, a copy of its own */
    const float *a;              /* (channels,P), or (S,P) */
    const float *answer, *error; /* p and y - p, (C,P) */
    float slope, threshold, feedback;
    float follow; /* share by which mu and sd move to those of the batch; 0: they stay */
};

#define CAL_SD_FLOOR 1e-4f /* added to the deviation of a batch: a unit without synapses has none */

/* u = W a; mu and sd (U) follow it; z and h (U,P) from it. w (S). */
void cal_synapses_respond(const struct cal_synapses *k, const float *w, float *mu, float *sd, float *z, float *h);
void cal_synapses_respond_twin(const struct cal_synapses *k, const float *w, float *mu, float *sd, float *z, float *h);

/* Sums over samples: change (S) of (h+ - h-) a, top_change (U,C) of (y - p) h, apart (U) of |h+ - h-|. top (U,C): L. d (P): scratch. */
void cal_synapses_compare(const struct cal_synapses *k, const float *top, const float *z, const float *h, float *d, float *change,
                          float *top_change, float *apart);
void cal_synapses_compare_twin(const struct cal_synapses *k, const float *top, const float *z, const float *h, float *change,
                               float *top_change, float *apart);

/* contact (n,P): what n synapses pass on of their channels (n), with probability `passes`: nothing, or 1/passes of it. In: uniform draws. */
void cal_synapses_release(int n, int pitch, const long *channel, const float *a, float passes, float *contact);

#endif
