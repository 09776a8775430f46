/* core/step.h - what a region is told about the step it is in. */
#ifndef CAL_CORE_STEP_H
#define CAL_CORE_STEP_H

#include <stdbool.h>

struct cal_step {
    long presentation; /* number of the batch within its phase, from 0: keys of random draws use it */
    int phase;         /* number of the phase in the experiment file, from 0: likewise */
    bool learn;        /* this region learns from this presentation */
    unsigned parts;    /* and in which parts: bit i is the kind's part i; all bits where the phase names none */
    long frame;        /* of a world of windows: presentation % T, 0 where a window begins; else 0 */
    bool blind;        /* the stimulus is off: drives from it bring nothing */
    bool perceive;     /* what is remembered of this frame is what was seen, not what was predicted; false where blind */
    double rate;       /* the phase's factor on the learning rate */
    long learnt;       /* the region's own learning steps so far, over all phases */
    long learn_total;  /* and in the whole run */
    unsigned record;   /* bit i: the region's variable i will be recorded */
};

#endif
