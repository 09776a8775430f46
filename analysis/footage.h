/* analysis/footage.h - some of the frames that a phase recorded, and what the world showed in them: for worlds of windows.
 *
 * A moment is a presentation; it has a frame in each of the B rows of the batch. Rows of what follows are moment x B + row. */
#ifndef CAL_ANALYSIS_FOOTAGE_H
#define CAL_ANALYSIS_FOOTAGE_H

#include "analysis/dump.h"

struct cal_footage {
    struct cal_dump *dump; /* [borrow] */
    int phase;
    long n;         /* moments */
    long *moment;   /* [own] (n) each one's presentation */
    long *recorded; /* [own] (n) and its number among those that were recorded */
    size_t rows;    /* n x B */
};

/* Which frames of each window: first, first + step, ... up to last. */
struct cal_frames_chosen {
    long first, last, step;
};

/* Choose among the frames that the phase recorded. Turns the dump. Errors: those of the stimulus. */
int cal_footage_init(struct cal_footage *f, struct cal_dump *d, int phase, struct cal_frames_chosen which);
void cal_footage_finish(struct cal_footage *f);

/* What all regions recorded of the variable, side by side in region order: [give] *data (rows, *cols); NULL and 0 when none did. Errors: those of
 * cal_dump_read(). */
int cal_footage_read(const struct cal_footage *f, const char *variable, int *cols, float **data);
/* What the world showed, n slices in one go: [give] data[i] (rows, cols[i]); NULL and 0 when it offers no such slice. Of a map of several channels
 * the last: the latest frame of a stack. `at`: -1, or the frame of the moments' windows that is shown in place of their own. */
int cal_footage_show(const struct cal_footage *f, int n, const char *const *slice, long at, int *cols, float **data);

#endif
