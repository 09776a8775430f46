/* experiments/spec/graph_phases.h - the part of a graph that concerns time: for graph.c alone. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_PHASES_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_PHASES_H

#include "experiments/spec/graph.h"

/* Fill phase_steps, record, learns, awake and the timeline. `order`: of all regions, forward. Errors: CAL_EUSAGE. */
int cal_graph_plan_phases(struct cal_graph *g, const int *order);
void cal_graph_free_phases(struct cal_graph *g);

#endif
