/* experiments/sim.h - one process's part of a run: the regions it hosts, their tapes and buffers, and the plan that joins them to
 * the others. */
#ifndef CAL_EXPERIMENTS_SIM_H
#define CAL_EXPERIMENTS_SIM_H

#include "comm/control.h"
#include "comm/exchange.h"
#include "core/sonata.h"
#include "experiments/spec/graph.h"
#include "experiments/stimuli/stimuli.h"

/* Which rank hosts which region. */
enum cal_place {
    CAL_PLACE_BLOCK,   /* blocks in region order */
    CAL_PLACE_REVERSE, /* the same from the last region backwards */
};
/* The rank of a region, for any 1 <= ranks <= regions. */
int cal_place_rank(enum cal_place place, int region, int n_regions, int n_ranks);
/* And back: the regions of a rank are first ... last - 1. */
void cal_place_regions(enum cal_place place, int rank, int n_regions, int n_ranks, int *first, int *last);

/* A recorded variable of a hosted region, while its phase runs. */
struct cal_recording {
    bool open;
    struct cal_sonata report;
};

/* What a hosted region has recorded in one phase so far, over all its repeats. */
struct cal_recorded {
    long frames[CAL_VARIABLES_MAX];
    long stimulus_hash; /* over the batches shown */
};
#define CAL_RECORDED_COUNTS (CAL_VARIABLES_MAX + 1)

/* Sums of what a region's learn() reported, since the last line. */
struct cal_metrics {
    FILE *file; /* metrics/<region>.jsonl; NULL: not yet opened */
    double sum[CAL_METRICS_MAX];
    long n;
};

/* A region that this process hosts. */
struct cal_host {
    struct cal_region *region;      /* [borrow] of the graph */
    int turn;                       /* its place in the forward order */
    int *drive_edge, *context_edge; /* edge of each port */
    const int *out_edge;            /* [borrow] of the graph: edges to other regions */
    int n_out;
    int *link, n_links;             /* links that start or end here, ascending */
    struct cal_rep *part;           /* what a port takes of the stimulus, or of a lossy link: drives first, then contexts */
    const struct cal_rep **arrived; /* what forward and learn are given, a port each */
    int n_tapes;
    struct cal_tape *tape; /* presentation p is on tape p mod n_tapes */
    float *out[CAL_SLICES_MAX];
    int whole_edge;     /* of those to other regions, the one that sends most, of slices undivided, and not by pointer; -1: none */
    float *kept[2];     /* the last message of its lossy drive, packed; the second in phases within others. NULL: it has none */
    size_t n_kept;      /* floats of one */
    struct cal_rep rep; /* what it sends: points at out, or to where its whole edge sends from */
    long learnt;
    double forward_s, learn_s; /* spent in its calls, in this process */
    long forwards, learns;
    struct cal_metrics metrics;
    struct cal_recording recording[CAL_VARIABLES_MAX];
    struct cal_recorded *recorded; /* [phase] */
    bool failed;                   /* its mathematics gave up; it idles until all stop */
};

/* Where the run is: about to do wall step `wall` of segment `segment`; `step` counts all wall steps before it. */
struct cal_position {
    int segment;
    long wall, step;
};

/* Seconds of this rank in one phase. */
enum cal_clock { CAL_COMPUTE, CAL_STIMULUS, CAL_WAIT, CAL_TRANSFER, CAL_RECORD, CAL_CHECKPOINT, CAL_TOTAL, CAL_CLOCKS };

struct cal_sim {
    const struct cal_experiment *experiment; /* [borrow] */
    struct cal_world *world;                 /* [borrow] */
    struct cal_stimulus *stimulus;
    struct cal_graph *graph;
    bool borrowed; /* these two */
    struct cal_batches *batches;
    enum cal_place place;
    struct cal_link *link; /* one an edge that starts or ends here; those from the stimulus carry nothing between ranks and are left out */
    int *edge_of;          /* number of a link's edge, ascending */
    int n_links;
    struct cal_exchange *exchange;
    struct cal_control *control;
    int n_hosts;
    struct cal_host *host; /* in forward order */
    char *dir;             /* of the run */
    struct cal_position at;
    double (*clock)[CAL_CLOCKS]; /* [phase] */
    long *shown;                 /* [phase]: presentations that this process has begun */
};

/* Assemble this process's part: opens the stimulus, wires the graph, makes the plan, draws the first weights. Collective.
 * [give] *s. Errors (agreed, printed): CAL_EUSAGE, CAL_EINPUT. */
int cal_sim_create(const struct cal_experiment *e, struct cal_world *w, enum cal_place place, const char *dir, struct cal_sim **s);
/* The same from a stimulus and a graph that are there already, and stay the caller's. A region must not be hosted twice. Collective.
 * [give] *s, [borrow] stimulus, g. Errors (agreed, printed): CAL_EUSAGE. */
int cal_sim_join(struct cal_stimulus *stimulus, struct cal_graph *g, struct cal_world *w, enum cal_place place, const char *dir,
                 struct cal_sim **s);
void cal_sim_destroy(struct cal_sim *s);

/* Bytes that rank `rank` of `n_ranks` will hold: weights, optimisers, tapes, buffers, batches, recording; the stimulus apart. Local. */
size_t cal_sim_bytes(struct cal_graph *g, enum cal_place place, int rank, int n_ranks);
/* The links of one rank of n_ranks, in the order of the edges: [give] *links, *edge_of; returns how many. */
int cal_sim_links(const struct cal_graph *g, enum cal_place place, int rank, int n_ranks, struct cal_link **links, int **edge_of);
/* The number of the link of an edge between regions one of which is hosted here. */
int cal_sim_link_of(const struct cal_sim *s, int edge);

/* Frames that a recording holds in memory before it writes a block. */
size_t cal_recording_room(int cols, int batch);

const struct cal_segment *cal_sim_segment(const struct cal_sim *s);
int cal_sim_phase(const struct cal_sim *s);
/* What a link's stretch looks like at the current position. */
struct cal_link_start cal_sim_link_start(const struct cal_sim *s, int link);

#endif
