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

/* Tags: the control word has its own; edge i has CAL_TAG_EDGE + i. */
enum { CAL_TAG_CONTROL_UP = 1, CAL_TAG_CONTROL_DOWN, CAL_TAG_EDGE };

/* A failed MPI call in the middle of an exchange: nothing to agree on any more. Dies through MPI_Abort. */
void cal_mpi_check(int code, const char *what);

/* Wait until the request is complete, giving up the core between looks, so that more ranks than cores still runs well. The
 * control word moves on meanwhile. Returns the seconds waited (0 when it was there at the first look). */
double cal_wait(struct cal_world *w, MPI_Request *request);

/* Let the control word of the world move on, if there is one (comm/control.c). */
void cal_control_poke(struct cal_control *c);

#endif
