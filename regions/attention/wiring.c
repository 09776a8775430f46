/* regions/attention/wiring.c - who reads whom: the regions that a shard reads, and the units that a unit's predictor reads. See attention.h.
 *
 * A small world. Most of what a shard reads are the regions that it answers for; with `fan_in` it reads `far` more, each from another shard at
 * a drawn distance around the ring of shards. The distances are the same for all shards, so all are read by equally many: what a shard
 * receives, and how often a region is sent, do not grow with the number of shards. */
#include <stdlib.h>

#include "regions/attention/attention.h"

static int ascending(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

static int ascending_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Add `far` of the afferents that other shards answer for to afferent[n...]; returns how many there are then. Each round goes once through the
 * other shards, in drawn order of distance, and takes a region of each; who comes as the i-th takes the i-th, so that none is taken by all. */
static int add_far(const struct cal_share *s, uint32_t seed, int far, int *afferent, int n)
{
    struct cal_rng rng = cal_rng_key(seed, CAL_STREAM_WIRING, (uint32_t)s->hub, 0, 0);
    int others = s->shards - 1;
    for (int round = 0; far > 0; round++)
        for (int i = 0; i < others && far > 0; i++) {
            int distance = 1 + (int)cal_rng_permute(&rng, (uint32_t)i, (uint32_t)others), shard = (s->shard + distance) % s->shards;
            int first = cal_share_first(s, shard), size = cal_share_first(s, shard + 1) - first;
            if (round >= size)
                continue;
            afferent[n++] = first + (i + round) % size;
            far--;
        }
    return n;
}

int cal_attention_reads(const void *params, uint32_t seed, const struct cal_share *s, int *afferent)
{
    const struct cal_attention_params *p = params;
    int first = cal_share_first(s, s->shard), last = cal_share_first(s, s->shard + 1), n = 0, others = s->afferents - (last - first);
    bool all = p->fan_in == 0 || p->far >= others;
    for (int i = all ? 0 : first; i < (all ? s->afferents : last); i++)
        afferent[n++] = i;
    if (!all)
        n = add_far(s, seed, (int)p->far, afferent, n);
    qsort(afferent, (size_t)n, sizeof *afferent, ascending_int);
    return n;
}

/* The i-th of all columns but those from `gap` on, `size` of them. */
static long beside(uint32_t i, int gap, int size)
{
    return (long)i < gap ? (long)i : (long)i + size;
}

/* What unit u of a region whose columns are first ... first+size-1 reads: the others of the region, and then drawn ones of all that is
 * received; where even those are too many, drawn ones of the region. */
static void draw_reads(const struct cal_attention *a, const struct cal_port *port, int first, int u, int n, long *read)
{
    struct cal_rng rng =
        cal_rng_key(a->base.seed, CAL_STREAM_WIRING, (uint32_t)a->base.share.hub, 0, 1 + (uint64_t)(port->unit_offset + u));
    int neighbours = port->units - 1, near = neighbours < n ? neighbours : n;
    for (int i = 0; i < near; i++)
        read[i] = first + beside(near < neighbours ? cal_rng_permute(&rng, (uint32_t)i, (uint32_t)neighbours) : (uint32_t)i, u, 1);
    for (int i = near; i < n; i++)
        read[i] = beside(cal_rng_permute(&rng, (uint32_t)(i - near), (uint32_t)(a->seen - port->units)), first, port->units);
    qsort(read, (size_t)n, sizeof *read, ascending);
}

void cal_attention_draw_reads(const struct cal_attention *a, int reads, long *read)
{
    int first = 0;
    for (int i = 0; i < a->base.n_drives; i++) {
        const struct cal_port *port = &a->base.drive[i];
        for (int u = 0; u < port->units && !port->far; u++, read += a->sparse.bank.inputs)
            draw_reads(a, port, first, u, reads, read);
        first += port->units;
    }
}
