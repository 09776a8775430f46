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
    int phase;               /* the probe of codes, unless turned to another phase; -1: there is none */
    long *shown;             /* [own] the presentations that were recorded the last time it ran */
    long n_shown, n_repeats;
    size_t frames;          /* n_shown x B: rows of what follows */
    uint64_t stimulus_hash; /* of all batches that the probe's recorder saw, made again */
    uint64_t *hashes;       /* [own] of each phase that was turned to; else 0 */
};

/* Open. [give] *d; nothing is held after an error. Local. Errors: CAL_EINPUT (a file is missing or damaged), CAL_EUSAGE (used.yml). */
int cal_dump_open(const char *dir, struct cal_dump **d);
void cal_dump_close(struct cal_dump *d);

/* Does nobody learn in the phase? Then what it records is of weights that stay as they are. */
bool cal_dump_still(const struct cal_dump *d, int phase);
/* The still phase that ran last of those that record the variable of some region, and show the held-out split where `held_out` says so;
 * -1: there is none. */
int cal_dump_find(const struct cal_dump *d, const char *variable, bool held_out);
/* The first still phase within another that records the variable of some region and shows the held-out split; -1: there is none. */
int cal_dump_find_recurring(const struct cal_dump *d, const char *variable);
/* Look at another phase, one that runs: `phase` and what follows it in the struct, and all functions below, are about that one then.
 * Local. Errors: those of the stimulus. */
int cal_dump_turn(struct cal_dump *d, int phase);

/* Did the region record the variable in the probe? */
bool cal_dump_has(const struct cal_dump *d, int region, const char *variable);
/* What it recorded: [give] *data (frames, *cols). Errors: CAL_EINPUT (missing, damaged, unfinished, or of another stimulus). */
int cal_dump_read(const struct cal_dump *d, int region, const char *variable, int *cols, float **data);
/* The first `rows` frames (at most d->frames) of every time that it ran: [give] *data (n_repeats, rows, *cols). Errors: the same. */
int cal_dump_read_times(const struct cal_dump *d, int region, const char *variable, size_t rows, int *cols, float **data);
/* All regions that recorded the variable, side by side in region order: [give] *data (frames, *cols). *cols is 0 when none did. */
int cal_dump_read_all(const struct cal_dump *d, const char *variable, int *cols, float **data);
/* What the world showed in those frames: [give] *data (frames, *cols). *cols is 0 when it offers no such slice. */
int cal_dump_stimulus(const struct cal_dump *d, const char *slice, int *cols, float **data);
/* The same in the first `rows` of those frames. */
int cal_dump_stimulus_rows(const struct cal_dump *d, const char *slice, size_t rows, int *cols, float **data);

/* Load what the region has learnt from the newest checkpoint into a region of the same declaration, allocated. Error: CAL_EINPUT. */
int cal_dump_load(const struct cal_dump *d, struct cal_region *r);

#endif
