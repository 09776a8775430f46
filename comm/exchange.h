/* comm/exchange.h - carry representations along the edges of the region graph.
 *
 * A plan is made once from the edges; then messages go by number k = 0, 1, ... on each edge. An edge between two regions of one process
 * hands over a pointer (or copies, when the message is used steps later); one between processes is a persistent message into a ring of
 * receive buffers. The caller cannot tell them apart, and the bits are the same. Only struct cal_rep crosses.
 * Idea after star forests: Zhang et al. 2022, "The PetscSF Scalable Communication Layer". */
#ifndef CAL_COMM_EXCHANGE_H
#define CAL_COMM_EXCHANGE_H

#include <stdint.h>

#include "comm/world.h"
#include "core/rep.h"

/* One edge. */
struct cal_link {
    const char *from, *to, *projection; /* [borrow] for messages */
    int from_rank, to_rank;
    int hold;                        /* steps between sending and use */
    const struct cal_rep_spec *spec; /* [borrow] what arrives */
};

/* What one end of an edge has carried. */
struct cal_ledger {
    int64_t messages, bytes;
    uint64_t checksum; /* sum over messages, see comm/checksum.h */
};

/* Where a stretch of messages starts: 0 and 0, except in the middle of a resumed one. */
struct cal_link_start {
    long total;     /* messages in this stretch; 0: the edge is not in use */
    long next_send; /* number of the next one to be sent */
    long next_take; /* and to be taken; those between are in flight */
    long first;     /* presentation of message 0 */
};

struct cal_exchange;

/* Make the plan. Collective. [give] *x.
 *   links  every edge that starts or ends on this rank, in one order on all ranks; others may be among them, and do nothing. [borrow]
 * Errors (agreed, printed): CAL_EUSAGE when the two ends of an edge disagree on its size (nodes that see different files); names both regions. */
int cal_exchange_create(struct cal_world *w, const struct cal_link *links, int n, struct cal_exchange **x);
/* Local; every stretch must have been closed. */
void cal_exchange_destroy(struct cal_exchange *x);
/* Bytes of buffers that rank `rank` will hold for these links. Local; for `callosum check`. */
size_t cal_exchange_bytes(const struct cal_link *links, int n, int rank);

/* Begin a stretch: post the receives. Local. Order: open < (put, take, release)* < close. Messages in flight must have been restored. */
void cal_exchange_open(struct cal_exchange *x, const struct cal_link_start *start);
/* Memory from which message k (the next one) will go out, packed: what its sender writes there needs no copy. Waits until it is free. [borrow] until
 * cal_exchange_put() of k. NULL where the receiver is given a pointer, and nothing goes out. */
float *cal_exchange_room(struct cal_exchange *x, int link, long k);
/* Hand in message k of an edge (k in order), at its sender.
 *   rep  [borrow] alive and unchanged until the end of the step in which it is used, where the edge has no hold and stays in the process; else until return */
void cal_exchange_put(struct cal_exchange *x, int link, long k, const struct cal_rep *rep);
/* Message k of an edge (in order), at its receiver; waits for it. [borrow] until cal_exchange_release().
 * Its presentation is that of the sender's. */
const struct cal_rep *cal_exchange_take(struct cal_exchange *x, int link, long k);
/* Done with message k: its buffer may be used again. */
void cal_exchange_release(struct cal_exchange *x, int link, long k);
/* End of a stretch: every message has been sent and taken (asserted). Local; waits for own sends. */
void cal_exchange_close(struct cal_exchange *x);
/* The same where the stretch ends early because all ranks stop after the same step: what is in flight is received and dropped.
 *   sent  how many messages of each edge have been sent by now, by whoever sends them
 * Collective. */
void cal_exchange_abandon(struct cal_exchange *x, const long *sent);

/* Messages in flight towards this rank between two steps: to be saved, and put back before open. `floats` each.
 *   pending  waits until message k (sent by now) is here; [borrow]
 *   restore  before open */
const float *cal_exchange_pending(struct cal_exchange *x, int link, long k);
void cal_exchange_restore(struct cal_exchange *x, int link, long k, const float *data);

/* Seconds that this rank has waited for others since the last call. What putting and taking cost beside that is for the caller to clock: a pair of
 * looks at the clock takes longer than a small message. */
double cal_exchange_waited(struct cal_exchange *x);

/* Compare both ends of every edge. Collective.
 *   total  [out] on all ranks: the sum over all edges
 * Errors (agreed, printed): CAL_EINTERNAL, naming the edge. */
int cal_exchange_settle(struct cal_exchange *x, struct cal_ledger *total);
/* The ledger of an edge, as this rank's end has it: for checkpoints. The sending end when both are here. */
struct cal_ledger *cal_exchange_ledger(struct cal_exchange *x, int link, bool sender);

#endif
