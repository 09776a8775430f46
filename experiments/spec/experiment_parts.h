/* experiments/spec/experiment_parts.h - how an experiment file is read, for the experiment_*.c files only.
 *
 * Each section of the file has a table (experiment_tables.c) and a struct here that the table fills; used.yml and the documentation
 * are written from the same pair. What struct cal_experiment shows is made from these and borrows their texts. */
#ifndef CAL_EXPERIMENTS_SPEC_EXPERIMENT_PARTS_H
#define CAL_EXPERIMENTS_SPEC_EXPERIMENT_PARTS_H

#include "experiments/spec/experiment.h"
#include "experiments/spec/selection.h"

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
    int mixing; /* enum cal_mixing */
    long stretch;
    long blind_from; /* -1: never */
    long every;
    char *within; /* "": not given */
};

struct cal_experiment_parts {
    struct cal_top_part top;
    struct cal_stimulus_part stimulus;
    struct cal_group_part *group;           /* n_groups */
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

/* A piece of a projection: every region of one selection to every region of another. Patterns name hubs whole: who of a hub's shards an edge
 * ends or starts in is dealt later (experiment_shards.c). */
struct cal_block {
    int projection;
    struct cal_selection from, to;
};
struct cal_blocks {
    struct cal_block *block; /* [own] */
    int n, capacity;
};

/* A selection that drives a hub, or takes its context, names all shards of it: else CAL_EUSAGE at `node`. */
int cal_experiment_check_hubs(const struct cal_experiment *e, const struct cal_node *node, const struct cal_selection *s);
/* How many edges there are to s (or from it), each hub counted once where `fold`. */
size_t cal_experiment_count(const struct cal_experiment *e, const struct cal_selection *s, bool fold);

/* One for each group: the regions that drive it, where its replicas are shards. [give], with n_groups entries. Fills group->afferents. */
int cal_experiment_find_afferents(struct cal_experiment *e, const struct cal_blocks *blocks, struct cal_selection **afferents);

/* The edges that end in one region, on their way into e->edge. */
struct cal_draft {
    struct cal_edge_spec edge;
    enum cal_role role;
};
struct cal_incoming {
    struct cal_draft *draft; /* [own] */
    int n, capacity;
};
void cal_experiment_add_incoming(const struct cal_experiment *e, struct cal_incoming *in, int from, int projection, bool far);
/* What shard `region` reads of the regions that drive its hub, as numbers among them. `read` has room for all. */
int cal_experiment_reads(const struct cal_experiment *e, int region, int *read);
/* The edges of a block into a region, one of `to`; hubs dealt. `read`: what cal_experiment_reads() gave for it, n_read of them. */
void cal_experiment_deal(const struct cal_experiment *e, const struct cal_block *b, int region, const struct cal_selection *afferents,
                         const int *read, int n_read, struct cal_incoming *in);
/* All blocks to e->edge, region by region: refuses what two projections make, and regions without drives; checks cycles. */
int cal_experiment_make_edges(struct cal_experiment *e, const struct cal_blocks *blocks, const struct cal_selection *afferents);

#endif
