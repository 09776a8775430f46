/* experiments/spec/experiment_parts.h - how an experiment file is read, for the experiment_*.c files only.
 *
 * Each section of the file has a table (experiment_tables.c) and a struct here that the table fills; used.yml and the documentation
 * are written from the same pair. What struct cal_experiment shows is made from these and borrows their texts. */
#ifndef CAL_EXPERIMENTS_SPEC_EXPERIMENT_PARTS_H
#define CAL_EXPERIMENTS_SPEC_EXPERIMENT_PARTS_H

#include "experiments/spec/experiment.h"

#define CAL_REGIONS_MAX 100000
#define CAL_EDGES_MAX 4000000

struct cal_checkpoint_part {
    long every, keep;
};

struct cal_log_part {
    long every;
};

/* The keys of the file itself. */
struct cal_top_part {
    char *experiment, *variant;
    long seed, batch;
    struct cal_log_part log;
    struct cal_checkpoint_part checkpoint;
};

struct cal_stimulus_part {
    char *kind;
    const struct cal_stimulus_ops *ops;
    void *params; /* [own] of the kind */
};

/* One key under `regions`. */
struct cal_group_part {
    char *kind;
    long count; /* 0: not given, one region under the group's own name */
    const char *name;
    const struct cal_region_ops *ops;
    void *params; /* [own] of the kind */
};

/* One key under `projections`. */
struct cal_projection_part {
    struct cal_strings from, to, chain, take;
    int role; /* enum cal_role */
    long delay;
    double drop;
};

/* One key under `phases`, `record` apart. */
struct cal_phase_part {
    long steps;    /* -1: not given */
    double epochs; /* -1: not given */
    struct cal_strings learn;
    int stimulus; /* enum cal_split */
    double noise; /* -1: not given */
    double rate;
    long every;
    char *within; /* "": not given */
};

struct cal_experiment_parts {
    struct cal_top_part top;
    struct cal_stimulus_part stimulus;
    int n_groups;
    struct cal_group_part *group;
    struct cal_projection_part *projection; /* n_projections */
    struct cal_phase_part *phase;           /* n_phases */
};

extern const struct cal_param cal_top_table[], cal_stimulus_table[], cal_group_table[], cal_projection_table[], cal_phase_table[];

/* The keys whose values are maps of their own, so in no table: under the top and in a phase. NULL-ended. */
extern const char *const cal_top_sections[], *const cal_phase_sections[];

/* The names of several tables (n of them; entries may be NULL) in one NULL-ended list. [give] the list, to cal_free(). */
const char **cal_table_names(const struct cal_param *const *tables, int n);

/* The sections, each after the one before. `map` is the section's node. Local; CAL_EUSAGE. */
int cal_experiment_read_stimulus(struct cal_experiment *e, const struct cal_node *map);
int cal_experiment_read_regions(struct cal_experiment *e, const struct cal_node *map);
int cal_experiment_read_projections(struct cal_experiment *e, const struct cal_node *map);
int cal_experiment_read_phases(struct cal_experiment *e, const struct cal_node *map);

/* May this be the name of something? Letters, digits, _ and -, a letter first. `node` for the place. */
int cal_experiment_check_name(const struct cal_node *node, const char *what, const char *name);
/* The map of name -> map under `key`, with at least one entry and all names in order. */
int cal_experiment_section(const struct cal_node *root, const char *key, const struct cal_node **map);
/* No text twice in the list that stands at `node`. */
int cal_experiment_check_once(const struct cal_node *node, const struct cal_strings *list);

/* Does the pattern match a region? If none: CAL_EUSAGE at `node`, with the nearest name. */
bool cal_experiment_matches(const struct cal_experiment *e, const char *pattern);
int cal_experiment_fail_match(const struct cal_experiment *e, const struct cal_node *node, const char *pattern);
/* The node of entry i of a list, or the one text in its place. */
const struct cal_node *cal_experiment_item(const struct cal_node *list, int i);

/* An edge on its way into e->edge. */
struct cal_draft {
    struct cal_edge_spec edge;
    enum cal_role role;
};
struct cal_drafts {
    struct cal_draft *draft; /* [own] */
    size_t n, capacity;
};
void cal_experiment_add_draft(struct cal_drafts *d, const struct cal_draft *draft);
/* Of regions in order, those of a kind whose replicas are shards to the first of each hub. All shards of a hub have to be there: CAL_EUSAGE. */
int cal_experiment_fold_shards(const struct cal_experiment *e, const struct cal_node *node, int *region, int *n);
/* Edges of hubs to edges of their shards: replaces the drafts. CAL_EUSAGE. */
int cal_experiment_deal(struct cal_experiment *e, struct cal_drafts *drafts);
/* Sort, refuse what two projections make, check drives and cycles; fills e->edge from `draft` [inout]. */
int cal_experiment_settle_edges(struct cal_experiment *e, struct cal_draft *draft, size_t n);

#endif
