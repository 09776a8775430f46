/* experiments/spec/graph_windows.h - phases in a world that shows windows of frames: for graph*.c alone. */
#ifndef CAL_EXPERIMENTS_SPEC_GRAPH_WINDOWS_H
#define CAL_EXPERIMENTS_SPEC_GRAPH_WINDOWS_H

#include "experiments/spec/graph.h"

/* May the phases go by frames as they do, and does every stretch begin where a window does? The segments are planned. Errors: CAL_EUSAGE. */
int cal_graph_check_windows(const struct cal_graph *g);
/* Fill frame, blind and perceive; phase and presentation are there. */
void cal_graph_place_in_window(const struct cal_graph *g, struct cal_step *step);

#endif
