/* analysis/blind.h - working memory: how well predictions that are fed back show a world that is off.
 *
 * A network (analysis/decoder.h) is fitted to read the frame from what was predicted of it, on the predictions of a blind phase of the training
 * sequences, while they see and while they do not, and then reads the same phase of the held-out ones. A frame's error is the mean over sequences and
 * pixels, normalised by that of the training mean image over all frames. */
#ifndef CAL_ANALYSIS_BLIND_H
#define CAL_ANALYSIS_BLIND_H

#include "analysis/dump.h"

#define CAL_BLIND_LAST 63 /* the last frame that is looked at */

enum cal_blind_guess { CAL_BLIND_MODEL, CAL_BLIND_MEAN, CAL_BLIND_STILL /* the last frame seen */, CAL_BLIND_GUESSES };

struct cal_blind {
    long blind_from, n;                 /* n frames, from the first that was predicted on */
    long *frame;                        /* [own] (n) number in the window */
    double (*image)[CAL_BLIND_GUESSES]; /* [own] (n,3) errors of the frame; of the last frame seen NaN before blind_from */
    double (*road)[CAL_BLIND_GUESSES];  /* [own] likewise, of the road mask; NULL: the world has none */
    int height, width, sequences;       /* px; the first held-out ones: */
    float *truth, *generated;           /* [own] (sequences,n,height,width) */
};

/* From two phases that recorded p and are blind from the same frame on; of the world `image` is a map. [give] what *b owns, nothing after an error. n is 0
 * where nothing was recorded of those frames. Errors: those of cal_dump_read(), CAL_ENUMERICS. */
int cal_blind_measure(struct cal_dump *d, int train, int test, struct cal_blind *b);
void cal_blind_finish(struct cal_blind *b);

/* Of the blind frames of a curve; all NaN where there are none. */
struct cal_blind_score {
    double better;   /* frames in which the model is better than both others */
    double better_5; /* by at least 5 % of the error of the mean image */
    double first;    /* frames in a row in which it is better, from the second blind one on */
    double mean;     /* error over that of the mean image, mean over frames */
};
struct cal_blind_score cal_blind_score(long blind_from, long n, const long *frame, double (*curve)[CAL_BLIND_GUESSES]);

#endif
