/* comm/control.h - the control word: one small word a step, reduced over all ranks along a binary tree.
 *
 * What each rank submits after step t, all act upon after step t+1: so an error, a wish to stop or to save anywhere ends or
 * saves all ranks at the same step, and nobody runs ahead by more than two steps. Persistent messages; it moves on whenever
 * somebody waits. No region sees it. */
#ifndef CAL_COMM_CONTROL_H
#define CAL_COMM_CONTROL_H

#include <stdbool.h>

#include "comm/world.h"

#define CAL_CONTROL_VALUES 8

struct cal_word {
    int status;                       /* enum cal_err: the highest wins */
    int status_place;                 /* where in the step it came up: of equal statuses the lowest place wins, then the lowest rank */
    int status_rank;                  /* who has the message of that status */
    int stop, save;                   /* wishes: any wins */
    double value[CAL_CONTROL_VALUES]; /* summed */
};

struct cal_control;

/* Collective in that all ranks must make one. [give] */
struct cal_control *cal_control_create(struct cal_world *w);
void cal_control_destroy(struct cal_control *c);

/* Hand in this rank's word. Order: (submit < collect)*; one word is under way at a time. */
void cal_control_submit(struct cal_control *c, const struct cal_word *mine);
/* The word of all ranks for the last submit. Waits for it; adds the seconds waited to *wait_s. Collective, split phase. */
void cal_control_collect(struct cal_control *c, struct cal_word *all, double *wait_s);
bool cal_control_pending(const struct cal_control *c); /* submitted, not collected */

long cal_control_messages(const struct cal_control *c); /* sent by this rank so far */

#endif
