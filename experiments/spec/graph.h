/* experiments/spec/graph.h - the regions of an experiment, wired: ports, lags, who is awake when, and the timeline.
 *
 * Made from an experiment and its stimulus on every rank alike. Regions are declared here, not allocated: whoever hosts one calls
 * cal_region_init(). Ranks play no part: the graph is the same on one process and on a thousand. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_H

#include "experiments/spec/experiment.h"

/* One edge. What arrives is `spec`: the slices taken, in the order taken, narrowed to the target's columns where afferent. */
struct cal_edge {
    int from, to; /* regions; from may be CAL_FROM_STIMULUS */
    int port;     /* number among the target's drives or contexts */
    enum cal_role role;
    bool far;    /* see struct cal_port */
    int delay;   /* steps, as asked for */
    double drop; /* probability that a message is lost */
    int hold;    /* steps between sending and use: the delay; longer for a context whose presentation is learnt later */
    const char *projection;
    struct cal_rep_spec spec;
    int slice[CAL_SLICES_MAX]; /* number of the slice at the sender */
    int first[CAL_SLICES_MAX]; /* and its first column there */
};

/* Who drives a hub: the shards of one task, or a region by itself. */
struct cal_hub {
    int n;
    int *source; /* [own] regions, in order */
    int *offset; /* [own] n + 1: where the units of each start; in the end, how many they are */
};

/* A stretch of one phase, run without a break. */
struct cal_segment {
    int phase;
    long first, count; /* presentations */
    int repeat;        /* how often the phase was run before (phases `within` another) */
    bool last;         /* of its phase */
};

struct cal_graph {
    const struct cal_experiment *experiment; /* [borrow] */
    const struct cal_stimulus *stimulus;     /* [borrow] */
    int n_regions, n_edges, n_segments;
    struct cal_region **region;
    struct cal_edge *edge;
    int *first_edge;     /* edges first_edge[r] ... first_edge[r + 1] - 1 end in region r */
    struct cal_hub *hub; /* [region]: in place of the first shard's; empty for other shards */
    int *order;          /* region numbers such that undelayed drives come from earlier ones */
    int *lag;            /* region r works on presentation w - lag[r] in wall step w of a segment */
    int *learn_lag;      /* and learns from presentation w - learn_lag[r] */
    long *phase_steps;   /* presentations of each phase, epochs resolved */
    unsigned **record;   /* [phase][region]: bit i: variable i is recorded */
    unsigned **learns;   /* [phase][region]: bit i: part i of the region learns; all bits: the whole; 0: nothing */
    bool **awake;        /* [phase][region]: learns, records, or feeds one that does */
    bool *loses;         /* [phase]: lossy edges lose messages in it, as something learns */
    int *lossy;          /* the lossy edge that is nearest on the way to region r; -1: nothing is lost on the way */
    long *learn_total;   /* learning steps of each region in the whole run */
    struct cal_segment *segment;
    struct cal_port **ports; /* [own] */
};

/* Wire the experiment. Local; [give] *g. Errors: CAL_EUSAGE with the place in the file; nothing is held after one. */
int cal_graph_create(const struct cal_experiment *e, const struct cal_stimulus *s, struct cal_graph **g);
void cal_graph_destroy(struct cal_graph *g);

/* The part of a representation that the edge carries: pointers into `whole`, which lives on. */
void cal_edge_view(const struct cal_edge *e, const struct cal_rep *whole, struct cal_rep *part);

/* Is the edge in use in the phase: both ends awake, and a context only where its target learns. */
bool cal_edge_active(const struct cal_graph *g, int edge, int phase);
/* How many messages it carries in a segment of `count` presentations: those that will be used. */
long cal_edge_messages(const struct cal_graph *g, int edge, long count);
/* Is the message of the presentation lost in the phase? Never the first; only while something learns. */
bool cal_edge_loses(const struct cal_graph *g, int edge, int phase, long presentation);
/* The presentation that a region's presentation p really is of: p itself, or an earlier one where messages were lost on the way. */
long cal_graph_origin(const struct cal_graph *g, int region, int phase, long presentation);
/* Tapes that a region keeps: one, plus one for each step between forward and learning. */
int cal_graph_tapes(const struct cal_graph *g, int region);
/* Wall steps of a segment: its presentations and the draining. */
long cal_graph_wall_steps(const struct cal_graph *g, const struct cal_segment *s);
/* What a region is told about presentation p of a phase, `learnt` aside. */
struct cal_step cal_graph_step(const struct cal_graph *g, int region, int phase, long presentation);
/* How the phase looks at the world. */
struct cal_view cal_graph_view(const struct cal_graph *g, int phase);

#endif
