/* experiments/spec/graph_wiring.h - what is needed of all regions while a graph is made, and is then forgotten: for graph*.c alone. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_WIRING_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_WIRING_H

#include "experiments/spec/graph.h"

/* The experiment's edges of one role, by the region that they start in: edge[first[r]] ... edge[first[r + 1] - 1], which end in to[...]. */
struct cal_outgoing {
    int *first, *edge, *to; /* [own] */
};
void cal_outgoing_find(const struct cal_experiment *e, enum cal_role role, struct cal_outgoing *o);
void cal_outgoing_finish(struct cal_outgoing *o);

/* Who drives a hub: the shards of one task, or a region by itself. Each afferent has one shard that answers for it, and the shards' blocks follow
 * one another; so those of hub h are source[first[h]] ... source[first[h + shards] - 1], in region order. */
struct cal_hubs {
    int *first;  /* [region + 1] */
    int *source; /* [own] regions */
    int *units;  /* units of all sources before, of all hubs; 0 until cal_hubs_sum() */
};
void cal_hubs_find(const struct cal_experiment *e, struct cal_hubs *h);
/* All regions have said what they send. */
void cal_hubs_sum(const struct cal_graph *g, struct cal_hubs *h);
void cal_hubs_finish(struct cal_hubs *h);
/* The share of a region: how many drive its hub is known here. */
struct cal_share cal_hubs_share(const struct cal_experiment *e, const struct cal_hubs *h, int region);
/* The number of `region` among those that drive the hub of `s`, or -1. */
int cal_hubs_number(const struct cal_hubs *h, const struct cal_share *s, int region);
/* Where the units of number i start, among those of the hub; of s->afferents: how many they are. */
int cal_hubs_offset(const struct cal_hubs *h, const struct cal_share *s, int i);

struct cal_wiring {
    int *order; /* [own] of all regions, forward */
    struct cal_hubs hubs;
    struct cal_outgoing contexts;
};

/* What a region, or the stimulus, sends; NULL: it has not said yet. */
const struct cal_rep_spec *cal_graph_offer(const struct cal_graph *g, int region);
/* The projection that edge `number` is of. */
const struct cal_projection_spec *cal_graph_projection(const struct cal_graph *g, int number);
/* Edge `number` of the experiment, as asked for. */
struct cal_edge cal_edge_of(const struct cal_graph *g, int number, int to);
/* What crosses it: x->spec, slice, first. Its source has said what it sends. Errors: CAL_EUSAGE at the projection. */
int cal_edge_fill(const struct cal_graph *g, const struct cal_wiring *w, struct cal_edge *x);
/* The target's end of it, `peer` apart, as far as is known: where units start once all have said what they send. */
struct cal_port cal_port_of(const struct cal_graph *g, const struct cal_wiring *w, const struct cal_edge *x);

/* Forward order of all regions. Error: CAL_EUSAGE. */
int cal_graph_find_order(const struct cal_experiment *e, int *order);
/* A region has said what it sends: so can be recorded what it sends, and what the world says of the sample. */
void cal_graph_add_variables(const struct cal_graph *g, struct cal_region *r);

#endif
