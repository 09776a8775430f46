/* regions/populations/populations.h - hypercolumns of excitatory units on few synapses, which learn without any gradient.
 *
 * A population is n units that compete for the channels of one window (their arbor): each channel ends up with one of them, before anything is
 * learnt. From then on weights only grow and shrink, log w += rate x (what the unit does with the label fed to it - what it does with the
 * network's own answer) x input. So no weight changes sign (Dale's law), none appears, and log weights walk, to near a lognormal.
 *
 *     u_i = sum_j w_ij a_j          z_i = slope ((u_i - mu_i) / sd_i - threshold)          h_i = phi(z_i) = tanh(max(z_i, 0) / 2)
 *     h+_i = phi(z_i + feedback sum_c L_ic y_c)          h-_i = phi(z_i + feedback sum_c L_ic p_c)
 *
 * Synapses may also change of themselves, log w = (1 - restoring) log w + noise: with nothing learnt, log weights come to be normal, with the
 * standard deviation `fluctuation` (Yasumatsu et al. 2008, "Principles of long-term dynamics of dendritic spines").
 *
 * Drive: a picture of values from 0 to 1. Contexts: the answer p of the region that all this drives (regions/readout), in the same step, and
 * the labels y of the stimulus. Sends h; logs the mean of |h+ - h-| as its loss, though nothing descends it.
 *
 * All random numbers of a population are keyed by the number of its first unit among all that drive the readout, and its arithmetic is its
 * own: however many regions share the populations, the bits are the same.
 *
 * Sources: Inoue, Roehrbein, Knoblauch, arXiv:2603.03234 (excitatory, sparse, Dale's law); Cornford et al. 2024 (exponentiated updates keep the
 * sign); clamped and free phase: Movellan 1991, O'Reilly 1996. The competition is neutral: it does not look at data. */
#ifndef CAL_REGIONS_POPULATIONS_POPULATIONS_H
#define CAL_REGIONS_POPULATIONS_POPULATIONS_H

#include "regions/layers/sight.h"
#include "regions/region.h"

enum cal_scaling { CAL_SCALE_GEO, CAL_SCALE_ROW, CAL_SCALE_NONE };

struct cal_populations_params {
    long populations; /* G */
    long units;       /* n, of each */
    long window;      /* px, side of an arbor; 0: the whole picture */
    long margin;      /* px between a window and the picture's edge */
    int channels;     /* enum cal_channels */
    double contrast;  /* of the response to a value */
    int scaling;      /* enum cal_scaling */
    double release;   /* probability that a contact passes a sample on while learning */
    double rate, top_rate, last;
    double feedback, threshold, slope;
    double homeostasis;
    double fluctuation, restoring; /* of log weights, by chance */
};

/* Compressed rows: the synapses of unit i are row_start[i] ... row_start[i + 1] - 1, by channel. Channel j < D is value j of the picture,
 * channel D + j is 1 - that value. */
struct cal_populations {
    struct cal_region base;
    int units;                  /* U = G n */
    int inputs;                 /* D, values of the picture */
    int channels;               /* D, or 2 D with ON and OFF */
    int classes;                /* C */
    int first;                  /* number of my first unit among all that drive the readout */
    int pitch;                  /* P: B rounded up; what lies behind B is 0 in inputs */
    size_t reach;               /* K: channels of a window, and so synapses of a population */
    size_t synapses;            /* S = G K, and it stays */
    long *row_start;            /* (U + 1) */
    long *channel;              /* (S) */
    float *log_w;               /* (S) */
    float *mu, *sd;             /* (U) of u, as homeostasis has them */
    float *top;                 /* "L" (U,C): weights of what comes from above, at least 0 */
    long *adapted;              /* (1) batches that homeostasis has seen */
    float *w;                   /* (S) scratch: exp(log_w) */
    float *answer, *error;      /* (C,P) scratch: p and y - p */
    float *label;               /* (B) scratch */
    float *change, *top_change; /* (S), (U,C) scratch */
    float *difference;          /* (P) scratch: h+ - h- of a unit */
    float *apart;               /* (U) scratch: sum of |h+ - h-| over samples */
};

struct cal_populations_tape {
    float *input;   /* (channels,P) a */
    float *contact; /* (S,P) what each synapse passed on; only with release */
    float *z, *h;   /* (U,P) */
};

/* Draws windows, settles who gets which synapse (row_start, channel), draws L. log_w stays: all weights are 1. */
void cal_populations_build(struct cal_populations *k);

extern const struct cal_region_ops cal_populations_ops;

#endif
