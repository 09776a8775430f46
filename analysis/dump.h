/* analysis/dump.h - a finished run, opened for those who look at it: what it recorded, what it was shown then, what it has learnt.
 *
 * From the files of a run directory alone (docs/design.md, "A run directory"). Recorded activity is that of the run's probe: of the
 * phases that record codes and learn nothing the one that ran last; of a phase that recurs, its last time. The world is not recorded:
 * it is made again from used.yml and held against the hash that the recorder left with the activity. */
#ifndef CAL_ANALYSIS_DUMP_H
#define CAL_ANALYSIS_DUMP_H

#include <stddef.h>
#include <stdint.h>

#include "experiments/spec/graph.h"

struct cal_dump {
    char *dir; /* [own] */
    struct cal_experiment *experiment;
    struct cal_stimulus *stimulus;
    struct cal_graph *graph; /* regions declared, not allocated */
    int phase;               /* the probe, -1: there is none */
    long *shown;             /* [own] the presentations that were recorded the last time it ran */
    long n_shown, n_repeats;
    size_t frames;          /* n_shown x B: rows of what follows */
    uint64_t stimulus_hash; /* of all batches that the probe's recorder saw, made again */
};

/* Open. [give] *d; nothing is held after an error. Local. Errors: CAL_EINPUT (a file is missing or damaged), CAL_EUSAGE (used.yml). */
int cal_dump_open(const char *dir, struct cal_dump **d);
void cal_dump_close(struct cal_dump *d);

/* Did the region record the variable in the probe? */
bool cal_dump_has(const struct cal_dump *d, int region, const char *variable);
/* What it recorded: [give] *data (frames, *cols). Errors: CAL_EINPUT (missing, damaged, unfinished, or of another stimulus). */
int cal_dump_read(const struct cal_dump *d, int region, const char *variable, int *cols, float **data);
/* All regions that recorded the variable, side by side in region order: [give] *data (frames, *cols). *cols is 0 when none did. */
int cal_dump_read_all(const struct cal_dump *d, const char *variable, int *cols, float **data);
/* What the world showed in those frames: [give] *data (frames, *cols). *cols is 0 when it offers no such slice. */
int cal_dump_stimulus(const struct cal_dump *d, const char *slice, int *cols, float **data);

/* Load what the region has learnt from the newest checkpoint into a region of the same declaration, allocated. Error: CAL_EINPUT. */
int cal_dump_load(const struct cal_dump *d, struct cal_region *r);

#endif
