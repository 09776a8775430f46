/* experiments/stimuli/optics.h - what an eye's optics leave of a picture: a Gaussian blur over black surroundings. */
#ifndef CAL_EXPERIMENTS_STIMULI_OPTICS_H
#define CAL_EXPERIMENTS_STIMULI_OPTICS_H

#include <stddef.h>

struct cal_optics {
    int reach;     /* px: 3 standard deviations, rounded up; 0: the picture stays */
    float *weight; /* [own] (2 reach + 1), of sum 1 */
    float *line;   /* [own] scratch: a row or column with `reach` values of black on each side */
};

/* sd in px, at least 0; pictures of at most `longest` px each way. [borrow] until cal_optics_finish(). */
void cal_optics_init(struct cal_optics *o, double sd, int longest);
void cal_optics_finish(struct cal_optics *o);

/* x (h,w), in place; all around it is `black`. */
void cal_optics_blur(const struct cal_optics *o, int h, int w, float black, float *x);

#endif
