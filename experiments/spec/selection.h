/* experiments/spec/selection.h - regions chosen by patterns: ranges of numbers, whatever how many they are. */
#ifndef CAL_EXPERIMENTS_SPEC_SELECTION_H
#define CAL_EXPERIMENTS_SPEC_SELECTION_H

#include <stdbool.h>

struct cal_experiment;

/* Regions first ... last - 1, all of one group. */
struct cal_range {
    int group, first, last;
    int before; /* how many regions of the selection come before */
};

struct cal_selection {
    bool stimulus; /* the stimulus as well */
    int n, capacity;
    struct cal_range *range; /* [own] ascending, once settled */
    int count;               /* of regions */
};

/* Add the regions that a pattern matches; were there any? */
bool cal_selection_add(struct cal_selection *s, const struct cal_experiment *e, const char *pattern);
/* Add those of another selection, the stimulus apart. */
void cal_selection_join(struct cal_selection *s, const struct cal_selection *other);
/* Sort and merge what was added; only then ask. */
void cal_selection_settle(struct cal_selection *s);
void cal_selection_finish(struct cal_selection *s);

/* The number of a region among those selected, or -1; and back. */
int cal_selection_find(const struct cal_selection *s, int region);
int cal_selection_at(const struct cal_selection *s, int i);

#endif
