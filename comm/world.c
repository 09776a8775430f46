/* comm/world.c - see world.h. */
#include "comm/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

void cal_mpi_check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    cal_die(CAL_EINTERNAL, "%s failed: %.*s", what, length, text);
}

static void abort_job(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

struct cal_world *cal_world_create(int *argc, char ***argv, bool single)
{
    struct cal_world *w = cal_alloc(sizeof *w);
    w->size = 1;
    w->comm = MPI_COMM_NULL;
    if (single)
        return w;
    int provided;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &w->comm);
    MPI_Comm_set_errhandler(w->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(w->comm, &w->rank);
    MPI_Comm_size(w->comm, &w->size);
    cal_die_set_hook(abort_job);
    return w;
}

void cal_world_destroy(struct cal_world *w)
{
    if (!w)
        return;
    if (w->comm != MPI_COMM_NULL) {
        cal_die_set_hook(NULL);
        MPI_Comm_free(&w->comm);
        MPI_Finalize();
    }
    cal_free(w);
}

int cal_world_rank(const struct cal_world *w)
{
    return w->rank;
}

int cal_world_size(const struct cal_world *w)
{
    return w->size;
}

const char *cal_world_library(void)
{
    static char name[64];
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(text, &length);
    int major = 0, minor = 0, patch = 0;
    if (sscanf(text, "Open MPI v%d.%d.%d", &major, &minor, &patch) == 3)
        snprintf(name, sizeof name, "Open MPI %d.%d.%d", major, minor, patch);
    else
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "\n,"), text);
    return name;
}

int cal_agree_quietly(struct cal_world *w, int err)
{
    if (w->size == 1)
        return err;
    /* the lowest failing rank, and its code */
    struct {
        int failed, rank;
    } mine = {err ? 0 : 1, w->rank}, first;
    cal_mpi_check(MPI_Allreduce(&mine, &first, 1, MPI_2INT, MPI_MINLOC, w->comm), "agreement");
    if (first.failed)
        return CAL_OK;
    int code = err;
    cal_mpi_check(MPI_Bcast(&code, 1, MPI_INT, first.rank, w->comm), "agreement");
    return first.rank == w->rank ? err : -code; /* negative: somebody else has the message */
}

int cal_agree(struct cal_world *w, int err)
{
    int agreed = cal_agree_quietly(w, err);
    if (agreed > 0)
        cal_complain();
    return abs(agreed);
}

void cal_world_barrier(struct cal_world *w)
{
    if (w->size > 1)
        cal_mpi_check(MPI_Barrier(w->comm), "barrier");
}

void cal_world_gather(struct cal_world *w, const double *mine, int n, double *all)
{
    if (w->size == 1)
        memcpy(all, mine, (size_t)n * sizeof *mine);
    else
        cal_mpi_check(MPI_Gather(mine, n, MPI_DOUBLE, all, n, MPI_DOUBLE, 0, w->comm), "gather");
}

/* MPI's form of an operation: into[i] becomes what both are together. Sums stand in `mean`. */
static void join(void *from, void *into, int *n, MPI_Datatype *type)
{
    const struct cal_spread *a = from;
    struct cal_spread *b = into;
    (void)type;
    for (int i = 0; i < *n; i++) {
        bool more = a[i].max > b[i].max || (!(a[i].max < b[i].max) && a[i].most < b[i].most);
        b[i].most = more ? a[i].most : b[i].most;
        b[i].max = more ? a[i].max : b[i].max;
        b[i].min = a[i].min < b[i].min ? a[i].min : b[i].min;
        b[i].mean += a[i].mean;
    }
}

void cal_world_spread(struct cal_world *w, const double *mine, int n, struct cal_spread *all)
{
    for (int i = 0; i < n; i++)
        all[i] = (struct cal_spread){.min = mine[i], .mean = mine[i], .max = mine[i], .most = w->rank};
    if (w->size == 1)
        return;
    MPI_Datatype type;
    MPI_Op op;
    cal_mpi_check(MPI_Type_contiguous((int)sizeof *all, MPI_BYTE, &type), "spread");
    cal_mpi_check(MPI_Type_commit(&type), "spread");
    cal_mpi_check(MPI_Op_create(join, 1, &op), "spread");
    cal_mpi_check(MPI_Reduce(w->rank == 0 ? MPI_IN_PLACE : all, all, n, type, op, 0, w->comm), "spread");
    cal_mpi_check(MPI_Op_free(&op), "spread");
    cal_mpi_check(MPI_Type_free(&type), "spread");
    for (int i = 0; i < n; i++)
        all[i].mean /= w->size;
}

void cal_world_share(struct cal_world *w, void *bytes, size_t n)
{
    if (w->size > 1)
        cal_mpi_check(MPI_Bcast(bytes, (int)n, MPI_BYTE, 0, w->comm), "broadcast");
}
