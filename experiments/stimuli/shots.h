/* experiments/stimuli/shots.h - a few pictures of each class, for learning from little. */
#ifndef CAL_EXPERIMENTS_STIMULI_SHOTS_H
#define CAL_EXPERIMENTS_STIMULI_SHOTS_H

#include "experiments/stimuli/pictures.h"

/* Keep `shots` of the pictures of each class that there is, in their order; which, is a function of seed, class and how many there are, and those of
 * fewer shots are among those of more. `name`: of the file, for messages. Errors: CAL_EUSAGE: no labels, or a class with fewer pictures. */
int cal_shots_draw(struct cal_pictures *p, long shots, uint32_t seed, const char *name);

#endif
