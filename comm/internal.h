/* comm/internal.h - what the files of comm/ share and nobody else sees: the communicator and the one wait function. */
#ifndef CAL_COMM_INTERNAL_H
#define CAL_COMM_INTERNAL_H

#include <mpi.h>

#include "comm/world.h"

struct cal_control;

struct cal_world {
    int rank, size;
    MPI_Comm comm;               /* MPI_COMM_NULL in a world of one */
    struct cal_control *control; /* moved on while waiting; NULL: none */
};

/* Tags: the control word has its own; edge i of those from one rank to another has CAL_TAG_EDGE + i. */
enum { CAL_TAG_CONTROL_UP = 1, CAL_TAG_CONTROL_DOWN, CAL_TAG_EDGE };

/* A failed MPI call in the middle of an exchange: nothing to agree on any more. Dies through MPI_Abort. */
void cal_mpi_check(int code, const char *what);

/* Wait until the request is complete, while the control word moves on. Returns the seconds waited (0 when it was there at the first look).
 * Two bodies, chosen at build: wait.c polls and gives up the core between looks, so that more ranks than cores still runs well;
 * wait_simulated.c blocks, since in simulated time a look costs nothing and brings nothing nearer. */
double cal_wait(struct cal_world *w, MPI_Request *request);

/* A message of so many bytes has been packed and summed up. In real time that has cost what it cost; a simulated clock has to be told. */
void cal_moved(size_t bytes);

/* Let the control word of the world move on, if there is one (comm/control.c). */
void cal_control_poke(struct cal_control *c);
/* The requests that it waits for now; returns how many. */
int cal_control_awaited(const struct cal_control *c, MPI_Request request[2]);

#endif
