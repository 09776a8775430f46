/* comm/control.c - see control.h.
 *
 * Rank r's parent is (r-1)/2. A word goes up when both children's have come, and the root's result comes down. */
#include "comm/control.h"

#include <string.h>

#include "comm/internal.h"
#include "core/err.h"
#include "core/mem.h"

enum stage { IDLE, UP, DOWN, READY };

struct cal_control {
    struct cal_world *world;
    enum stage stage;
    int n_children;
    bool arrived[2];
    struct cal_word word; /* mine and what has come from below; later the result */
    struct cal_word child[2], parent_in, out_up, out_down;
    MPI_Request recv_child[2], send_child[2], send_parent, recv_parent;
    bool sending_up, sending_down;
    long messages;
};

static void open_channel(int code)
{
    cal_mpi_check(code, "control word");
}

struct cal_control *cal_control_create(struct cal_world *w)
{
    struct cal_control *c = cal_alloc(sizeof *c);
    c->world = w;
    if (w->size == 1)
        return c;
    const int n = (int)sizeof(struct cal_word);
    for (int i = 0; i < 2; i++) {
        int child = 2 * w->rank + 1 + i;
        if (child >= w->size)
            break;
        open_channel(MPI_Recv_init(&c->child[i], n, MPI_BYTE, child, CAL_TAG_CONTROL_UP, w->comm, &c->recv_child[i]));
        open_channel(MPI_Send_init(&c->out_down, n, MPI_BYTE, child, CAL_TAG_CONTROL_DOWN, w->comm, &c->send_child[i]));
        c->n_children++;
    }
    if (w->rank > 0) {
        int parent = (w->rank - 1) / 2;
        open_channel(MPI_Send_init(&c->out_up, n, MPI_BYTE, parent, CAL_TAG_CONTROL_UP, w->comm, &c->send_parent));
        open_channel(MPI_Recv_init(&c->parent_in, n, MPI_BYTE, parent, CAL_TAG_CONTROL_DOWN, w->comm, &c->recv_parent));
    }
    w->control = c;
    return c;
}

/* What is still being sent from our buffers must be gone before they are used again. */
static void finish_sends(struct cal_control *c)
{
    if (c->sending_up)
        cal_wait(c->world, &c->send_parent);
    for (int i = 0; c->sending_down && i < c->n_children; i++)
        cal_wait(c->world, &c->send_child[i]);
    c->sending_up = c->sending_down = false;
}

void cal_control_destroy(struct cal_control *c)
{
    if (!c)
        return;
    CAL_ASSERT(c->stage == IDLE);
    finish_sends(c);
    for (int i = 0; i < c->n_children; i++) {
        MPI_Request_free(&c->recv_child[i]);
        MPI_Request_free(&c->send_child[i]);
    }
    if (c->world->size > 1 && c->world->rank > 0) {
        MPI_Request_free(&c->send_parent);
        MPI_Request_free(&c->recv_parent);
    }
    c->world->control = NULL;
    cal_free(c);
}

static void merge(struct cal_word *into, const struct cal_word *from)
{
    bool earlier =
        from->status_place < into->status_place || (from->status_place == into->status_place && from->status_rank < into->status_rank);
    if (from->status > into->status || (from->status == into->status && earlier)) {
        into->status = from->status;
        into->status_place = from->status_place;
        into->status_rank = from->status_rank;
    }
    into->stop |= from->stop;
    into->save |= from->save;
    for (int i = 0; i < CAL_CONTROL_VALUES; i++)
        into->value[i] += from->value[i];
}

static void send_down(struct cal_control *c)
{
    c->out_down = c->word;
    for (int i = 0; i < c->n_children; i++)
        cal_mpi_check(MPI_Start(&c->send_child[i]), "control word");
    c->messages += c->n_children;
    c->sending_down = c->n_children > 0;
    c->stage = READY;
}

static void come_down(struct cal_control *c)
{
    c->word = c->parent_in;
    send_down(c);
}

static void go_up(struct cal_control *c)
{
    if (c->world->rank == 0) {
        send_down(c);
        return;
    }
    c->out_up = c->word;
    cal_mpi_check(MPI_Start(&c->recv_parent), "control word");
    cal_mpi_check(MPI_Start(&c->send_parent), "control word");
    c->messages++;
    c->sending_up = true;
    c->stage = DOWN;
}

void cal_control_poke(struct cal_control *c)
{
    int done;
    if (c->stage == UP) {
        bool all = true;
        for (int i = 0; i < c->n_children; i++) {
            if (!c->arrived[i]) {
                cal_mpi_check(MPI_Test(&c->recv_child[i], &done, MPI_STATUS_IGNORE), "control word");
                c->arrived[i] = done;
            }
            all = all && c->arrived[i];
        }
        if (all) {
            for (int i = 0; i < c->n_children; i++) /* in this order, whoever came first */
                merge(&c->word, &c->child[i]);
            go_up(c);
        }
    }
    if (c->stage == DOWN) {
        cal_mpi_check(MPI_Test(&c->recv_parent, &done, MPI_STATUS_IGNORE), "control word");
        if (done)
            come_down(c);
    }
}

int cal_control_awaited(const struct cal_control *c, MPI_Request request[2])
{
    int n = 0;
    for (int i = 0; c->stage == UP && i < c->n_children; i++)
        if (!c->arrived[i])
            request[n++] = c->recv_child[i];
    if (c->stage == DOWN)
        request[n++] = c->recv_parent;
    return n;
}

void cal_control_submit(struct cal_control *c, const struct cal_word *mine)
{
    CAL_ASSERT(c->stage == IDLE);
    c->word = *mine;
    c->word.status_rank = c->world->rank;
    if (c->world->size == 1) {
        c->stage = READY;
        return;
    }
    finish_sends(c);
    for (int i = 0; i < c->n_children; i++) {
        c->arrived[i] = false;
        cal_mpi_check(MPI_Start(&c->recv_child[i]), "control word");
    }
    c->stage = UP;
    cal_control_poke(c);
}

void cal_control_collect(struct cal_control *c, struct cal_word *all, double *wait_s)
{
    CAL_ASSERT(c->stage != IDLE);
    while (c->stage != READY) {
        cal_control_poke(c); /* may complete what is waited for: an inactive request counts as complete */
        for (int i = 0; c->stage == UP && i < c->n_children; i++)
            if (!c->arrived[i]) {
                *wait_s += cal_wait(c->world, &c->recv_child[i]);
                c->arrived[i] = true;
            }
        if (c->stage == DOWN) {
            *wait_s += cal_wait(c->world, &c->recv_parent);
            if (c->stage == DOWN)
                come_down(c);
        }
    }
    *all = c->word;
    c->stage = IDLE;
}

bool cal_control_pending(const struct cal_control *c)
{
    return c->stage != IDLE;
}

long cal_control_messages(const struct cal_control *c)
{
    return c->messages;
}
