/* tests/bench_exchange.c - one step's exchange of a star against the same bytes by bare persistent MPI requests.
 *
 *   mpirun -n R bench_exchange     rank 0 is the hub; every other rank sends it a message and gets one back, as cortex and attention do
 *
 * Both sides wait with MPI_Test and sched_yield, take turns in blocks, and copy into and out of their buffers; ours also sums up every message, twice.
 * Medians, and the lowest and highest ratio of the pairs of blocks. */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/control.h"
#include "comm/exchange.h"
#include "core/clock.h"
#include "core/kernels.h"
#include "core/mem.h"

#define STEPS 400
#define BLOCKS 11

static struct cal_world *world;
static int rank, ranks;

static struct cal_rep_spec make_spec(int floats)
{
    struct cal_rep_spec s = {.rows = 1, .units = 1};
    cal_rep_spec_add(&s, "code", floats);
    return s;
}

static double ours(struct cal_exchange *x, int n_links, const struct cal_link *link, const float *mine, float *sink)
{
    struct cal_link_start *start = cal_alloc((size_t)n_links * sizeof *start);
    for (int i = 0; i < n_links; i++)
        start[i].total = STEPS;
    cal_world_barrier(world);
    double begin = cal_now_s();
    cal_exchange_open(x, start);
    for (long k = 0; k < STEPS; k++) {
        for (int up = 1; up >= 0; up--) {
            for (int i = 0; i < n_links; i++) {
                struct cal_rep rep = {.spec = link[i].spec, .presentation = k, .data = {mine}, .ld = {link[i].spec->slice[0].cols}};
                if ((link[i].to_rank == 0) == up && link[i].from_rank == rank)
                    cal_exchange_put(x, i, k, &rep);
            }
            for (int i = 0; i < n_links; i++)
                if ((link[i].to_rank == 0) == up && link[i].to_rank == rank) {
                    cal_rep_pack(cal_exchange_take(x, i, k), 0, sink);
                    cal_exchange_release(x, i, k);
                }
        }
    }
    cal_exchange_close(x);
    double seconds = cal_now_s() - begin;
    cal_free(start);
    return seconds / STEPS;
}

struct bare {
    MPI_Request send[64], receive[64];
    char *out[64], *in[64];
    int n;
    size_t up_bytes, down_bytes;
};

static void bare_wait(MPI_Request *r)
{
    for (int done = 0; !done;) {
        MPI_Test(r, &done, MPI_STATUS_IGNORE);
        if (!done)
            sched_yield();
    }
}

static void bare_create(struct bare *b, MPI_Comm comm, size_t up_bytes, size_t down_bytes)
{
    b->n = rank == 0 ? ranks - 1 : 1;
    b->up_bytes = up_bytes;
    b->down_bytes = down_bytes;
    for (int i = 0; i < b->n; i++) {
        int peer = rank == 0 ? i + 1 : 0;
        size_t out = rank == 0 ? down_bytes : up_bytes, in = rank == 0 ? up_bytes : down_bytes;
        b->out[i] = cal_alloc(out);
        b->in[i] = cal_alloc(in);
        MPI_Send_init(b->out[i], (int)out, MPI_BYTE, peer, 1, comm, &b->send[i]);
        MPI_Recv_init(b->in[i], (int)in, MPI_BYTE, peer, 1, comm, &b->receive[i]);
    }
}

static double bare(struct bare *b, const float *mine, float *sink)
{
    size_t out = rank == 0 ? b->down_bytes : b->up_bytes, in = rank == 0 ? b->up_bytes : b->down_bytes;
    cal_world_barrier(world);
    double begin = cal_now_s();
    for (int i = 0; i < b->n; i++)
        MPI_Start(&b->receive[i]);
    for (long k = 0; k < STEPS; k++) {
        for (int half = 0; half < 2; half++) {
            bool sending = (half == 0) == (rank != 0);
            for (int i = 0; i < b->n; i++) {
                if (sending) {
                    bare_wait(&b->send[i]);
                    memcpy(b->out[i], mine, out);
                    MPI_Start(&b->send[i]);
                } else {
                    bare_wait(&b->receive[i]);
                    memcpy(sink, b->in[i], in);
                    if (k + 1 < STEPS)
                        MPI_Start(&b->receive[i]);
                }
            }
        }
    }
    for (int i = 0; i < b->n; i++)
        bare_wait(&b->send[i]);
    return (cal_now_s() - begin) / STEPS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void compare(size_t up_bytes, size_t down_bytes, MPI_Comm comm)
{
    struct cal_rep_spec up = make_spec((int)(up_bytes / 4)), down = make_spec((int)(down_bytes / 4));
    int n = 2 * (ranks - 1);
    struct cal_link *link = cal_alloc((size_t)n * sizeof *link);
    for (int r = 1; r < ranks; r++) {
        link[2 * r - 2] = (struct cal_link){.from = "V", .to = "hub", .projection = "up", .from_rank = r, .to_rank = 0, .spec = &up};
        link[2 * r - 1] = (struct cal_link){.from = "hub", .to = "V", .projection = "down", .from_rank = 0, .to_rank = r, .spec = &down};
    }
    size_t most = up_bytes > down_bytes ? up_bytes : down_bytes;
    float *mine = cal_alloc(most), *sink = cal_alloc(most);
    struct cal_exchange *x;
    struct bare b;
    if (cal_exchange_create(world, link, n, &x))
        return;
    bare_create(&b, comm, up_bytes, down_bytes);
    double a[BLOCKS], c[BLOCKS], ratio[BLOCKS];
    for (int i = -1; i < BLOCKS; i++) {
        double t = ours(x, n, link, mine, sink), u = bare(&b, mine, sink);
        if (i >= 0) {
            a[i] = t;
            c[i] = u;
            ratio[i] = t / u;
        }
    }
    qsort(a, BLOCKS, sizeof *a, by_value);
    qsort(c, BLOCKS, sizeof *c, by_value);
    qsort(ratio, BLOCKS, sizeof *ratio, by_value);
    if (rank == 0)
        printf("exchange  %2d ranks, %6zu B up, %6zu B down: %7.1f us a step, bare MPI %7.1f us, ratio %.2f (%.2f to %.2f in %d pairs)\n",
               ranks, up_bytes, down_bytes, 1e6 * a[BLOCKS / 2], 1e6 * c[BLOCKS / 2], ratio[BLOCKS / 2], ratio[0], ratio[BLOCKS - 1],
               BLOCKS);
    for (int i = 0; i < b.n; i++) {
        MPI_Request_free(&b.send[i]);
        MPI_Request_free(&b.receive[i]);
        cal_free(b.out[i]);
        cal_free(b.in[i]);
    }
    cal_exchange_destroy(x);
    cal_free(link);
    cal_free(mine);
    cal_free(sink);
}

int main(int argc, char **argv)
{
    cal_kernels_init();
    world = cal_world_create(&argc, &argv, false);
    rank = cal_world_rank(world);
    ranks = cal_world_size(world);
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    if (ranks < 2 || ranks > 64) {
        if (rank == 0)
            printf("exchange  skipped: needs 2 to 64 ranks\n");
    } else {
        compare(8192, 4128, comm); /* bhn-patches: two views up, guesses and temperatures down */
        compare(1024, 1024, comm);
        compare(65536, 65536, comm);
    }
    MPI_Comm_free(&comm);
    cal_world_destroy(world);
    return 0;
}
