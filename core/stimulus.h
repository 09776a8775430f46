/* core/stimulus.h - the type of a world: what every process can show itself without asking anybody.
 *
 * The worlds are in experiments/stimuli/. A batch is a function of (seed, phase, presentation), so every rank makes or reads
 * its own copy and all copies are equal, bit for bit. */
#ifndef CAL_CORE_STIMULUS_H
#define CAL_CORE_STIMULUS_H

#include <stdint.h>

#include "core/param.h"
#include "core/rep.h"

struct cal_stimulus;

enum cal_split { CAL_SPLIT_TRAIN, CAL_SPLIT_HELD_OUT };

/* How a phase looks at the world. */
struct cal_view {
    int phase; /* number in the experiment file, for keys */
    enum cal_split split;
    double noise; /* standard deviation, where the world has noisy views; < 0: the world's own */
};

/* Pictures cost most. */
enum cal_spares { CAL_SPARES_NOTHING, CAL_SPARES_MAPS /* all of them at once */, CAL_SPARES_SLICES /* any */ };

struct cal_stimulus_ops {
    const char *kind, *help;
    const struct cal_param *params;
    size_t params_size;
    /* Open. Sets s->spec (slices: image, view1, view2, label, box ...) and s->samples for both splits. Local.
     * Errors: CAL_EINPUT, CAL_EUSAGE; nothing is held after one. */
    int (*open)(struct cal_stimulus *s);
    /* Write batch `presentation` of the view to out[slice] (rows x cols, packed). Local, keeps no memory of earlier calls.
     * May return CAL_EINPUT or CAL_EIO. */
    int (*batch)(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out);
    /* Slice `slice`, one of s->lends, of batch `presentation` where the world has it itself, *ld floats from row to row, so that it is not copied: the bits
     * are those that batch() writes. [borrow] until another presentation is asked for. Called after a batch() of the same that went well. Local. */
    const float *(*lend)(struct cal_stimulus *s, const struct cal_view *view, long presentation, int slice, int *ld);
    enum cal_spares spares; /* what batch() can do without, where nobody wants it: out of that is NULL */
    void (*close)(struct cal_stimulus *s);
};

/* How the picture of a sample becomes slice 0 of what is shown: (value - mean) / sd of its channel, values from 0 to 1, in a frame of `pad` black
 * pixels. For those who change pictures (analysis/attack.h). */
struct cal_pixels {
    const float *mean, *sd; /* [borrow] of each channel; NULL: what the world shows is no such picture */
    int pad;                /* px */
};

struct cal_stimulus {
    const struct cal_stimulus_ops *ops;
    const void *params; /* [borrow] the kind's own, parsed */
    uint32_t seed;
    int batch;                /* B */
    struct cal_rep_spec spec; /* what it offers */
    unsigned lends;           /* these slices (a bit each) may be lent; set by open */
    long samples[2];          /* how many samples each split has; an epoch is samples / B batches */
    long window;              /* T: presentations kT ... kT + T-1 of a view are frames in a row of B sequences; 0: each stands alone */
    int classes;              /* labels are 0 ... classes-1; 0 without labels */
    struct cal_pixels pixels; /* set by open where there are any */
    void *state;              /* [own] by the kind */
};

#endif
