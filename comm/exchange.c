/* comm/exchange.c - see exchange.h. */
#include "comm/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "comm/checksum.h"
#include "comm/internal.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"

/* What an edge is to this rank. */
enum end {
    NONE,   /* between others; or it carries nothing */
    DIRECT, /* both ends here, used in the same step: a pointer */
    HELD,   /* both ends here, used later: a copy in the ring */
    SENDER,
    RECEIVER,
};

struct end_of_link {
    const struct cal_link *link;
    enum end end;
    int tag; /* where the ends are on two ranks, and one is here */
    size_t floats;
    long total, next_put, next_take, released, first;
    long posted; /* RECEIVER: messages whose receives have been started */
    int n_slots; /* HELD, RECEIVER: message k is in slot k mod n_slots */
    float **slot;
    MPI_Request *request; /* RECEIVER: one a slot; SENDER: one a buffer */
    float *out[2];        /* SENDER: message k is in buffer k mod 2 */
    struct cal_rep rep;   /* what take returns */
    struct cal_ledger sent, received;
};

struct cal_exchange {
    struct cal_world *world;
    int n;
    struct end_of_link *ends;
    double wait_s; /* since last asked */
};

static enum end end_at(const struct cal_link *l, int rank)
{
    if (cal_rep_spec_floats(l->spec) == 0)
        return NONE;
    if (l->from_rank == rank && l->to_rank == rank)
        return l->hold == 0 ? DIRECT : HELD;
    return l->from_rank == rank ? SENDER : l->to_rank == rank ? RECEIVER : NONE;
}

/* Buffers: the messages that wait for use, one more to receive into while the oldest is in use, and one ahead. */
static int n_buffers(const struct cal_link *l, enum end end)
{
    return end == SENDER ? 2 : end == HELD || end == RECEIVER ? l->hold + 2 : 0;
}

size_t cal_exchange_bytes(const struct cal_link *links, int n, int rank)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += cal_rep_spec_floats(links[i].spec) * sizeof(float) * (size_t)n_buffers(&links[i], end_at(&links[i], rank));
    return bytes;
}

/* The tag of an edge is its number among those that go from one rank to another; both ends see all of these, and in the same order.
 * So tags stay small, however many edges there are. */
static void number_tags(struct cal_exchange *x)
{
    int size = x->world->size, rank = x->world->rank;
    int *to = cal_alloc((size_t)size * sizeof *to), *from = cal_alloc((size_t)size * sizeof *from);
    for (int i = 0; i < x->n; i++) {
        const struct cal_link *l = x->ends[i].link;
        if (l->from_rank == l->to_rank)
            continue;
        if (l->from_rank == rank)
            x->ends[i].tag = CAL_TAG_EDGE + to[l->to_rank]++;
        else if (l->to_rank == rank)
            x->ends[i].tag = CAL_TAG_EDGE + from[l->from_rank]++;
    }
    cal_free(to);
    cal_free(from);
}

/* Both ends of every edge tell each other its size. */
static int check_sizes(struct cal_exchange *x)
{
    struct cal_world *w = x->world;
    int err = CAL_OK;
    long *sizes = cal_alloc((size_t)(x->n ? x->n : 1) * sizeof *sizes);
    MPI_Request *requests = cal_alloc((size_t)(x->n ? x->n : 1) * sizeof *requests);
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        const struct cal_link *l = e->link;
        requests[i] = MPI_REQUEST_NULL;
        sizes[i] = (long)e->floats;
        if (l->from_rank == l->to_rank)
            continue;
        if (l->from_rank == w->rank)
            cal_mpi_check(MPI_Isend(&sizes[i], 1, MPI_LONG, l->to_rank, e->tag, w->comm, &requests[i]), "size check");
        else if (l->to_rank == w->rank)
            cal_mpi_check(MPI_Irecv(&sizes[i], 1, MPI_LONG, l->from_rank, e->tag, w->comm, &requests[i]), "size check");
    }
    for (int i = 0; i < x->n; i++) {
        if (requests[i] != MPI_REQUEST_NULL)
            cal_wait(w, &requests[i]);
        if (!err && sizes[i] != (long)x->ends[i].floats)
            err = cal_fail(CAL_EUSAGE, "%s sends %ld values along `%s`, %s expects %zu: do both ranks read the same files?",
                           x->ends[i].link->from, sizes[i], x->ends[i].link->projection, x->ends[i].link->to, x->ends[i].floats);
    }
    cal_free(sizes);
    cal_free(requests);
    return cal_agree(w, err);
}

static void create_end(struct cal_exchange *x, int i)
{
    struct cal_world *w = x->world;
    struct end_of_link *e = &x->ends[i];
    const struct cal_link *l = e->link;
    int n = n_buffers(l, e->end);
    size_t bytes = e->floats * sizeof(float);
    CAL_ASSERT(bytes <= 0x7fffffff);
    e->rep.spec = l->spec;
    if (e->end == SENDER || e->end == RECEIVER)
        e->request = cal_alloc((size_t)n * sizeof *e->request);
    if (e->end == SENDER)
        for (int b = 0; b < 2; b++) {
            e->out[b] = cal_alloc(bytes);
            cal_mpi_check(MPI_Send_init(e->out[b], (int)bytes, MPI_BYTE, l->to_rank, e->tag, w->comm, &e->request[b]), "exchange plan");
        }
    if (e->end == HELD || e->end == RECEIVER) {
        e->n_slots = n;
        e->slot = cal_alloc((size_t)n * sizeof *e->slot);
        for (int s = 0; s < n; s++) {
            e->slot[s] = cal_alloc(bytes);
            if (e->end == RECEIVER)
                cal_mpi_check(MPI_Recv_init(e->slot[s], (int)bytes, MPI_BYTE, l->from_rank, e->tag, w->comm, &e->request[s]),
                              "exchange plan");
        }
    }
}

int cal_exchange_create(struct cal_world *w, const struct cal_link *links, int n, struct cal_exchange **out)
{
    struct cal_exchange *x = cal_alloc(sizeof *x);
    x->world = w;
    x->n = n;
    x->ends = cal_alloc((size_t)(n ? n : 1) * sizeof *x->ends);
    for (int i = 0; i < n; i++) {
        x->ends[i].link = &links[i];
        x->ends[i].end = end_at(&links[i], w->rank);
        x->ends[i].floats = cal_rep_spec_floats(links[i].spec);
    }
    number_tags(x);
    *out = NULL;
    int err = w->size > 1 ? check_sizes(x) : CAL_OK;
    if (err) {
        cal_free(x->ends);
        cal_free(x);
        return err;
    }
    for (int i = 0; i < n; i++)
        create_end(x, i);
    *out = x;
    return CAL_OK;
}

void cal_exchange_destroy(struct cal_exchange *x)
{
    if (!x)
        return;
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        int n = e->end == SENDER ? 2 : e->n_slots;
        for (int s = 0; e->request && s < n; s++)
            MPI_Request_free(&e->request[s]);
        for (int s = 0; s < e->n_slots; s++)
            cal_free(e->slot[s]);
        cal_free(e->out[0]);
        cal_free(e->out[1]);
        cal_free(e->slot);
        cal_free(e->request);
    }
    cal_free(x->ends);
    cal_free(x);
}

/* Start the receives for which there are free slots. */
static void post(struct end_of_link *e)
{
    for (; e->posted < e->total && e->posted < e->released + e->n_slots; e->posted++)
        cal_mpi_check(MPI_Start(&e->request[e->posted % e->n_slots]), "receive");
}

void cal_exchange_open(struct cal_exchange *x, const struct cal_link_start *start)
{
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        e->total = start[i].total;
        e->first = start[i].first;
        e->next_put = start[i].next_send;
        e->next_take = e->released = start[i].next_take;
        e->posted = e->next_put;
        if (e->end == RECEIVER)
            post(e);
    }
}

/* Enter one message in the ledger. */
static void enter(struct cal_ledger *l, size_t floats, uint64_t sum)
{
    cal_moved(floats * sizeof(float));
    l->messages++;
    l->bytes += (int64_t)(floats * sizeof(float));
    l->checksum += sum;
}

/* The sum over slice i, whose first word is word `position` of the message, wherever its columns lie; packed to `out` as well, unless that is NULL or
 * where the slice lies already. */
static uint64_t sum_of_slice(const struct cal_rep *rep, int i, size_t position, float *out)
{
    const float *from = rep->data[i];
    size_t cols = (size_t)rep->spec->slice[i].cols, rows = (size_t)cal_slice_rows(rep->spec, i), ld = (size_t)rep->ld[i];
    if (out && out != from && ld == cols)
        return cal_checksum_copy(out, from, rows * cols, (uint32_t)position);
    if (out && out != from) { /* narrow rows are summed better when they lie together */
        cal_rep_pack(rep, i, out);
        from = out;
        ld = cols;
    }
    if (ld == cols)
        return cal_checksum(from, rows * cols, (uint32_t)position);
    uint64_t sum = 0;
    for (size_t b = 0; b < rows; b++)
        sum += cal_checksum(from + b * ld, cols, (uint32_t)(position + b * cols));
    return sum;
}

/* The sum over a message in the packed order of its words; packed to `out`, unless that is NULL. */
static uint64_t sum_of(const struct cal_rep *rep, float *out)
{
    uint64_t sum = 0;
    size_t position = 0;
    for (int i = 0; i < rep->spec->n; i++) {
        sum += sum_of_slice(rep, i, position, out ? out + position : NULL);
        position += (size_t)cal_slice_rows(rep->spec, i) * (size_t)rep->spec->slice[i].cols;
    }
    return sum;
}

/* Where message k goes out from, or NULL: its receiver is given a pointer. */
static float *outgoing(const struct end_of_link *e, long k)
{
    return e->end == SENDER ? e->out[k % 2] : e->end == HELD ? e->slot[k % e->n_slots] : NULL;
}

float *cal_exchange_room(struct cal_exchange *x, int link, long k)
{
    struct end_of_link *e = &x->ends[link];
    if (e->end == NONE)
        return NULL;
    CAL_ASSERT(k == e->next_put && k < e->total);
    CAL_ASSERT(e->end != HELD || k < e->released + e->n_slots);
    if (e->end == SENDER)
        x->wait_s += cal_wait(x->world, &e->request[k % 2]);
    return outgoing(e, k);
}

void cal_exchange_put(struct cal_exchange *x, int link, long k, const struct cal_rep *rep)
{
    struct end_of_link *e = &x->ends[link];
    if (e->end == NONE)
        return;
    CAL_ASSERT(k == e->next_put && k < e->total);
    CAL_ASSERT(e->end != HELD || k < e->released + e->n_slots);
    if (e->end == SENDER)
        x->wait_s += cal_wait(x->world, &e->request[k % 2]);
    uint64_t sum = sum_of(rep, outgoing(e, k));
    if (e->end == SENDER)
        cal_mpi_check(MPI_Start(&e->request[k % 2]), "send");
    if (e->end == DIRECT)
        e->rep = *rep;
    enter(&e->sent, e->floats, sum);
    e->next_put++;
}

/* Message k is in its slot when this returns. */
static void arrive(struct cal_exchange *x, struct end_of_link *e, long k)
{
    if (e->end == RECEIVER)
        x->wait_s += cal_wait(x->world, &e->request[k % e->n_slots]);
    else
        CAL_ASSERT(k < e->next_put);
}

const struct cal_rep *cal_exchange_take(struct cal_exchange *x, int link, long k)
{
    struct end_of_link *e = &x->ends[link];
    if (e->end == NONE) { /* an edge that carries no slices */
        e->rep.spec = e->link->spec;
        e->rep.presentation = e->first + k;
        return &e->rep;
    }
    CAL_ASSERT(k == e->next_take && k < e->total);
    arrive(x, e, k);
    if (e->end != DIRECT)
        cal_rep_point(&e->rep, e->slot[k % e->n_slots]);
    e->rep.presentation = e->first + k;
    enter(&e->received, e->floats, sum_of(&e->rep, NULL));
    e->next_take++;
    return &e->rep;
}

void cal_exchange_release(struct cal_exchange *x, int link, long k)
{
    struct end_of_link *e = &x->ends[link];
    if (e->end == NONE)
        return;
    CAL_ASSERT(k == e->released && k < e->next_take);
    e->released++;
    if (e->end == RECEIVER)
        post(e);
}

static void finish_sends(struct cal_exchange *x, struct end_of_link *e)
{
    for (int b = 0; e->end == SENDER && b < 2; b++)
        x->wait_s += cal_wait(x->world, &e->request[b]);
}

void cal_exchange_close(struct cal_exchange *x)
{
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        CAL_ASSERT(e->end == NONE || e->end == RECEIVER || e->next_put == e->total);
        CAL_ASSERT(e->end == NONE || e->end == SENDER || e->released == e->total);
        finish_sends(x, e);
    }
}

void cal_exchange_abandon(struct cal_exchange *x, const long *sent)
{
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        if (e->end != RECEIVER)
            continue;
        for (long k = e->next_take; k < e->posted; k++) {
            MPI_Request *request = &e->request[k % e->n_slots];
            if (k >= sent[i])
                cal_mpi_check(MPI_Cancel(request), "receive");
            cal_wait(x->world, request);
        }
    }
    for (int i = 0; i < x->n; i++)
        finish_sends(x, &x->ends[i]);
    cal_world_barrier(x->world); /* no message of a later stretch may meet a receive that is yet to be cancelled */
}

const float *cal_exchange_pending(struct cal_exchange *x, int link, long k)
{
    struct end_of_link *e = &x->ends[link];
    CAL_ASSERT(e->end == HELD || e->end == RECEIVER);
    arrive(x, e, k);
    return e->slot[k % e->n_slots];
}

void cal_exchange_restore(struct cal_exchange *x, int link, long k, const float *data)
{
    struct end_of_link *e = &x->ends[link];
    CAL_ASSERT(e->end == HELD || e->end == RECEIVER);
    memcpy(e->slot[k % e->n_slots], data, e->floats * sizeof *data);
}

double cal_exchange_waited(struct cal_exchange *x)
{
    double seconds = x->wait_s;
    x->wait_s = 0;
    return seconds;
}

struct cal_ledger *cal_exchange_ledger(struct cal_exchange *x, int link, bool sender)
{
    return sender ? &x->ends[link].sent : &x->ends[link].received;
}

static bool ledgers_agree(const struct cal_ledger *a, const struct cal_ledger *b)
{
    return a->messages == b->messages && a->bytes == b->bytes && a->checksum == b->checksum;
}

int cal_exchange_settle(struct cal_exchange *x, struct cal_ledger *total)
{
    struct cal_world *w = x->world;
    int err = CAL_OK;
    uint64_t sums[3] = {0, 0, 0};
    MPI_Request *requests = cal_alloc((size_t)(x->n ? x->n : 1) * sizeof *requests);
    struct cal_ledger *theirs = cal_alloc((size_t)(x->n ? x->n : 1) * sizeof *theirs);
    const int bytes = (int)sizeof *theirs;
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        requests[i] = MPI_REQUEST_NULL;
        theirs[i] = e->sent;
        if (e->end == SENDER)
            cal_mpi_check(MPI_Isend(&e->sent, bytes, MPI_BYTE, e->link->to_rank, e->tag, w->comm, &requests[i]), "ledger");
        if (e->end == RECEIVER)
            cal_mpi_check(MPI_Irecv(&theirs[i], bytes, MPI_BYTE, e->link->from_rank, e->tag, w->comm, &requests[i]), "ledger");
        sums[0] += (uint64_t)e->sent.messages;
        sums[1] += (uint64_t)e->sent.bytes;
        sums[2] += e->sent.checksum;
    }
    for (int i = 0; i < x->n; i++) {
        struct end_of_link *e = &x->ends[i];
        if (requests[i] != MPI_REQUEST_NULL)
            cal_wait(w, &requests[i]);
        if (!err && (e->end == RECEIVER || e->end == DIRECT || e->end == HELD) && !ledgers_agree(&theirs[i], &e->received))
            err = cal_fail(CAL_EINTERNAL,
                           "the ledgers of %s -> %s (`%s`) differ: %lld messages sent, %lld received, checksums %016llx, %016llx",
                           e->link->from, e->link->to, e->link->projection, (long long)theirs[i].messages, (long long)e->received.messages,
                           (unsigned long long)theirs[i].checksum, (unsigned long long)e->received.checksum);
    }
    cal_free(theirs);
    cal_free(requests);
    err = cal_agree(w, err);
    if (w->size > 1)
        cal_mpi_check(MPI_Allreduce(MPI_IN_PLACE, sums, 3, MPI_UINT64_T, MPI_SUM, w->comm), "ledger");
    *total = (struct cal_ledger){.messages = (int64_t)sums[0], .bytes = (int64_t)sums[1], .checksum = sums[2]};
    return err;
}
