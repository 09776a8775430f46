/* analysis/still.h - a finished run as one function from pictures to logits, and the way back: its regions, chained.
 *
 * The experimenter's own chain, from a run directory alone: the regions that the last one with `logits` hangs on by its drives, with the weights of
 * the newest checkpoint, none of them learning. Delays play no part, as a picture stays; contexts neither, as nobody learns. The
 * way back goes through the kinds' probes (regions/probe.h). Pictures are as the world has them: values from 0 to 1, without the frame and the
 * scale in which a region sees them, so that runs which see them differently can look at the same ones. */
#ifndef CAL_ANALYSIS_STILL_H
#define CAL_ANALYSIS_STILL_H

#include <stdbool.h>

#include "analysis/dump.h"

struct cal_still_part; /* a region at work */

struct cal_still {
    struct cal_dump *dump; /* [own] */
    int channels, height, width;
    size_t pixels; /* channels x height x width */
    int classes;   /* columns of the logits */
    int batch;     /* pictures at a time, at most */
    int reader;    /* the region whose logits they are */
    bool threshold;

    int n_parts;
    struct cal_still_part *part; /* [own] of each region of the graph; those in use: */
    int *order;                  /* [own] (n_parts) who drives comes first */
    float *shown, *g_shown;      /* [own] (B, floats of slice 0) */
};

/* Open the run. [give] *s. Local. Errors: those of cal_dump_open(); CAL_EINPUT (no checkpoint); CAL_EUSAGE: nobody reads out classes, regions drive
 * one another in a circle, a kind without a probe, a world that shows no pictures. */
int cal_still_open(const char *dir, struct cal_still **s);
void cal_still_close(struct cal_still *s);

/* The first `n` held-out pictures in the order of the run, all of them where there are fewer (whole batches): [give] *picture (*n, pixels),
 * *label (*n). Error: CAL_EUSAGE: values that are not from 0 to 1; labels that are no class. */
int cal_still_pictures(struct cal_still *s, size_t *n, float **picture, float **label);

/* How many of n pictures make the next batch, `first` being behind us. */
int cal_still_rows(const struct cal_still *s, size_t n, size_t first);
/* logits (rows,classes) of `rows` pictures, at most a batch of them. Error: CAL_ENUMERICS. */
int cal_still_forward(struct cal_still *s, int rows, const float *picture, float *logits);
/* After that, for the same pictures: g_picture (rows,pixels), overwritten, from g_logits (rows,classes).
 *   smooth  go back through smooth stand-ins of thresholds; makes a difference only where s->threshold */
void cal_still_back(struct cal_still *s, int rows, bool smooth, const float *g_logits, float *g_picture);

#endif
