/* comm/wait_simulated.c - the other way to wait for a message; see internal.h. */
#include "comm/internal.h"
#include "core/clock.h"

/* Block until the request is complete, or something is there that the control word awaits; was it the request? */
static bool block(struct cal_world *w, MPI_Request *request)
{
    MPI_Request any[3] = {*request}, awaited[2];
    int n = 1, which = 0, n_awaited = w->control ? cal_control_awaited(w->control, awaited) : 0;
    for (int i = 0; i < n_awaited; i++)
        if (awaited[i] != *request)
            any[n++] = awaited[i];
    cal_mpi_check(n == 1 ? MPI_Wait(request, MPI_STATUS_IGNORE) : MPI_Waitany(n, any, &which, MPI_STATUS_IGNORE), "message");
    return which == 0;
}

/* SMPI leaves the flag of MPI_Test alone where there is no request any more. */
static bool complete(MPI_Request *request)
{
    int done = 1;
    if (*request != MPI_REQUEST_NULL)
        cal_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), "message");
    return done;
}

double cal_wait(struct cal_world *w, MPI_Request *request)
{
    double start = cal_now_s();
    while (!complete(request) && !block(w, request))
        cal_control_poke(w->control); /* may complete what is waited for: an inactive request counts as complete */
    return cal_now_s() - start;
}
