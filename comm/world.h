/* comm/world.h - the processes of one run: MPI, or none.
 *
 * A world of one process never touches MPI, so `--single` needs no mpirun. Everything else of ours in comm/ works through a world; nobody
 * outside comm/ sees a communicator. */
#ifndef CAL_COMM_WORLD_H
#define CAL_COMM_WORLD_H

#include <stdbool.h>
#include <stddef.h>

struct cal_world;

/* The world. single: this process alone; else MPI is started (MPI_THREAD_FUNNELED, errors returned, our own duplicate of
 * MPI_COMM_WORLD). Collective, once a process. [give] */
struct cal_world *cal_world_create(int *argc, char ***argv, bool single);
/* Collective: ends MPI. NULL is fine. */
void cal_world_destroy(struct cal_world *w);

int cal_world_rank(const struct cal_world *w);
int cal_world_size(const struct cal_world *w);
const char *cal_world_library(void); /* "Open MPI 4.1.4" */

/* Agree on an error at the end of a phase that all ranks ran. Collective.
 *   err     this rank's verdict; if not 0, its reason has been noted by cal_fail()
 * Returns on all ranks the code of the lowest failing rank, 0 when none failed. That rank prints its message, once: `callosum: ...`. */
int cal_agree(struct cal_world *w, int err);
/* The same, silently: for a caller that can go on another way. */
int cal_agree_quietly(struct cal_world *w, int err);

/* Wait for all. Collective. */
void cal_world_barrier(struct cal_world *w);
/* Rank 0 gets everybody's n numbers, rank after rank (size x n); others may pass NULL. Collective. */
void cal_world_gather(struct cal_world *w, const double *mine, int n, double *all);
/* A number over all ranks: the least, the mean, the most, and the first rank that has the most. */
struct cal_spread {
    double min, mean, max;
    int most;
};
/* Rank 0 gets those of each of n numbers; for others `all` is room to work in. What a rank holds does not grow with their number. Collective. */
void cal_world_spread(struct cal_world *w, const double *mine, int n, struct cal_spread *all);
/* Everybody gets rank 0's bytes. Collective. */
void cal_world_share(struct cal_world *w, void *bytes, size_t n);

#endif
