/* experiments/spec/graph_lossy.h - edges that lose messages: for graph.c alone. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_LOSSY_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_LOSSY_H

#include "experiments/spec/graph.h"

/* Fill loses and lossy; lags and phases are known. Errors: CAL_EUSAGE where presentations would mix. */
int cal_graph_find_lossy(struct cal_graph *g);

#endif
