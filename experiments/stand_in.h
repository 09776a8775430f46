/* experiments/stand_in.h - regions and a stimulus that take as long as the real ones, and do nothing else: for simulated time.
 *
 * The graph is wired with the real kinds, so that all that crosses has its true size; then each region gets a stand-in. How long they
 * take is in a file of costs, JSON or YAML, a map for every region, group of regions ("V") or kind, the first of these that is there:
 *   {"V": {"forward": 0.0021, "learn": 0.0079, "stimulus": 0.0006}, "attention": {"forward": 0.001, "learn": 0.002, "units": 64, "power": 2},
 *    "exchange": {"message": 4e-7, "byte": 2e-10}}
 * seconds a call; `exchange` is what a process pays for packing or summing up a message. */
#ifndef CAL_EXPERIMENTS_STAND_IN_H
#define CAL_EXPERIMENTS_STAND_IN_H

#include "comm/simulated.h"
#include "experiments/sim.h"

struct cal_stand_in {
    double forward_s, learn_s, stimulus_s;
    double jitter;
    int shift;         /* wall steps from a presentation's forward pass to its learning */
    long from, to;     /* presentations between whose forward passes ... */
    double begin, end; /* ... this time passed */
};

/* Put a stand-in in the place of every region of g, whose first weights have not been drawn.
 *   jitter  standard deviation over mean of what a region takes in a step: normal, keyed by region and step
 *   steps   presentations that will be run
 *   exchange  [out] message_s, byte_s
 * [give] *s, one a region; it and g are of no use without each other. Errors: CAL_EINPUT, CAL_EUSAGE. */
int cal_stand_ins_create(struct cal_graph *g, const char *costs, double jitter, long steps, struct cal_simulation *exchange,
                         struct cal_stand_in **s);

/* The stimulus that a rank sees. What it takes is that of the rank's dearest region; its jitter, the first's. */
struct cal_stand_in_stimulus {
    struct cal_stimulus base;
    const struct cal_graph *graph; /* [borrow] */
    int owner;
    double seconds;
};
void cal_stand_in_stimulus(struct cal_stand_in_stimulus *s, const struct cal_graph *g, int rank, int n_ranks);

#endif
