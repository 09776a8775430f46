/* experiments/spec/graph.h - the regions of an experiment, wired: ports, lags, who is awake when, and the timeline.
 *
 * Regions are declared here, not allocated: whoever hosts one calls cal_region_init(). A process declares the regions that it hosts and no
 * others, and holds the edges that start or end in one of them. Of all the others it keeps a few small numbers each (the arrays with an
 * entry for each region); what they send is the same for many of them and kept once. Ranks play no part: numbers, lags and the timeline are the
 * same on one process and on a thousand. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_H

#include "experiments/spec/experiment.h"

/* One edge. What arrives is `spec`: the slices taken, in the order taken, narrowed to the target's columns where afferent. */
struct cal_edge {
    int number;                      /* among the experiment's */
    int from, to;                    /* regions; from may be CAL_FROM_STIMULUS */
    const char *from_name, *to_name; /* [borrow] of the graph */
    int port;                        /* number among the target's drives or contexts */
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

/* What a region sends, and what can be recorded of it. */
struct cal_offer {
    struct cal_rep_spec out;
    int n_variables;
    struct cal_variable variable[CAL_VARIABLES_MAX];
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
    int first, last;            /* regions first ... last - 1 are hosted here: all, in a whole graph */
    struct cal_region **region; /* [region]: NULL where it is not hosted */
    struct cal_edge *edge;      /* those that start or end in a hosted region, in the experiment's order */
    int *first_edge;            /* edges first_edge[r - first] ... first_edge[r - first + 1] - 1 end in hosted region r, stimulus first */
    int *first_out, *out_edge;  /* and out_edge[first_out[r - first]] ... start there; ascending */
    struct cal_name *name;      /* of hosted regions */
    struct cal_name *outside;   /* of other ends of edges, one an edge */
    struct cal_offer *offer;
    int n_offers, *offer_of; /* [region] */
    int *turn;               /* [region]: its place in an order in which undelayed drives come from earlier ones */
    int *lag;                /* region r works on presentation w - lag[r] in wall step w of a segment */
    int *learn_lag;          /* and learns from presentation w - learn_lag[r] */
    long *phase_steps;       /* presentations of each phase, epochs resolved */
    long *phase_total;       /* and in the whole run, however often it comes */
    uint16_t **record;       /* [phase][region]: bit i: variable i is recorded */
    uint16_t **learns;       /* [phase][region]: bit i: part i of the region learns; all bits: the whole; 0: nothing */
    bool **awake;            /* [phase][region]: learns, records, or feeds one that does */
    bool *loses;             /* [phase]: lossy edges lose messages in it, as something learns */
    int *lossy;              /* the nearest region, r itself or one on the way to it, whose one drive loses messages; -1: none */
    struct cal_segment *segment;
};

/* Wire the experiment for who hosts regions first ... last - 1; or the whole of it. Local; [give] *g. Errors: CAL_EUSAGE with the place in the
 * file; nothing is held after one. What is wrong with a region's ports or its edges, only its host is told. */
int cal_graph_create_part(const struct cal_experiment *e, const struct cal_stimulus *s, int first, int last, struct cal_graph **g);
int cal_graph_create(const struct cal_experiment *e, const struct cal_stimulus *s, struct cal_graph **g);
void cal_graph_destroy(struct cal_graph *g);

/* The part of a representation that the edge carries: pointers into `whole`, which lives on. */
void cal_edge_view(const struct cal_edge *e, const struct cal_rep *whole, struct cal_rep *part);

/* Is the edge in use in the phase: both ends awake, and a context only where its target learns. */
bool cal_edge_active(const struct cal_graph *g, int edge, int phase);
/* How many messages it carries in a segment of `count` presentations: those that will be used. */
long cal_edge_messages(const struct cal_graph *g, int edge, long count);
/* Is the message lost in the phase that a region's one drive brings of the presentation? Never the first; only while something learns. */
bool cal_graph_loses(const struct cal_graph *g, int region, int phase, long presentation);
/* The presentation that a region's presentation p really is of: p itself, or an earlier one where messages were lost on the way. */
long cal_graph_origin(const struct cal_graph *g, int region, int phase, long presentation);
/* Do two presentations of a phase belong to the same window? Where the world shows none, all do. */
bool cal_graph_same_window(const struct cal_graph *g, long presentation, long other);
/* Tapes that a region keeps: one, plus one for each step between forward and learning. */
int cal_graph_tapes(const struct cal_graph *g, int region);
/* The number of the variable called `name` of any region, or -1. */
int cal_graph_variable(const struct cal_graph *g, int region, const char *name);
/* Learning steps of a region in the whole run. */
long cal_graph_learn_total(const struct cal_graph *g, int region);
/* Wall steps of a segment: its presentations and the draining. */
long cal_graph_wall_steps(const struct cal_graph *g, const struct cal_segment *s);
/* What a region is told about presentation p of a phase, `learnt` aside. */
struct cal_step cal_graph_step(const struct cal_graph *g, int region, int phase, long presentation);
/* How the phase looks at the world. */
struct cal_view cal_graph_view(const struct cal_graph *g, int phase);

#endif
