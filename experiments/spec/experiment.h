/* experiments/spec/experiment.h - an experiment file, read, checked and expanded: what there is, before anything runs.
 *
 * YAML -> the chosen variant's overrides -> --set -> tables -> this struct. Replicas (`count`) and patterns (`V.*`)
 * are expanded here. Nothing below knows YAML, except that errors found later can still name a node's place. */
#ifndef CAL_EXPERIMENTS_SPEC_EXPERIMENT_H
#define CAL_EXPERIMENTS_SPEC_EXPERIMENT_H

#include <stdint.h>
#include <stdio.h>

#include "core/param.h"
#include "core/stimulus.h"
#include "core/yaml.h"
#include "regions/region.h"

#define CAL_FROM_STIMULUS (-1)

/* One key under `regions`: a region, or replicas that differ in nothing but their number. */
struct cal_group {
    const char *name; /* [borrow] "V": the key in the file */
    const struct cal_region_ops *ops;
    const void *params; /* [borrow] the same for all */
    int first, n;       /* regions first ... first + n - 1 */
    bool numbered;      /* they are called V.0, V.1, ...; else the one is called as the key */
    int afferents;      /* of shards of one hub (ops->reads): how many regions drive it */
    const struct cal_node *node;
};

/* One edge: a projection is expanded to all pairs its patterns name. As small as can be, since every rank has them all. */
struct cal_edge_spec {
    int from;                 /* region number, or CAL_FROM_STIMULUS */
    unsigned projection : 31; /* number in `projection` */
    unsigned far : 1;         /* a drive of a shard that does not answer for its source */
};

struct cal_projection_spec {
    char *name;
    enum cal_role role;
    int delay;
    double drop;             /* probability that a message is lost while something learns */
    struct cal_strings take; /* n = 0: the default of the target's kind */
    const void *rule;        /* [own] the sender kind's; NULL for drives, for the stimulus, and where the kind has none */
    const struct cal_param *rule_table;
    const struct cal_node *node;
};

/* `record: {V.*: [code]}` */
struct cal_record_spec {
    char *pattern; /* of regions */
    struct cal_strings variables;
    const struct cal_node *node;
};

/* Which frames of a window are remembered as they were seen; of the others, what had been predicted of them. */
enum cal_mixing {
    CAL_MIXING_NONE,      /* all */
    CAL_MIXING_ALTERNATE, /* every other one, the first included */
    CAL_MIXING_BLOCK,     /* every other stretch, the first included */
};

struct cal_phase_spec {
    char *name;
    long steps;               /* -1: given by epochs */
    double epochs;            /* < 0: given by steps; both absent: one epoch */
    struct cal_strings learn; /* patterns of regions or parts; "all" and "none" are words */
    enum cal_split split;     /* train, held-out */
    double noise;             /* < 0: the stimulus's own */
    double rate;              /* factor */
    enum cal_mixing mixing;
    long stretch;    /* frames, of CAL_MIXING_BLOCK */
    long blind_from; /* the frame of each window from which on the stimulus is off; -1: never */
    long every;      /* without `within`: record every that many steps; with it: run at every that many steps of it */
    int within;      /* number of the phase, or -1 */
    int n_records;
    struct cal_record_spec *record;
    const struct cal_node *node;
};

struct cal_experiment {
    char *path; /* as typed */
    char *name;
    char *variant;
    uint32_t seed;
    int batch;
    long log_every;        /* steps between two lines of metrics and progress */
    long checkpoint_every; /* 0: at the end only */
    long checkpoint_keep;

    const struct cal_stimulus_ops *stimulus;
    const void *stimulus_params;

    int n_regions, n_groups, n_edges, n_projections, n_phases, n_variants;
    struct cal_group *group;
    struct cal_edge_spec *edge; /* by target, then by source: stimulus first, then region order */
    int *first_edge;            /* edges first_edge[r] ... first_edge[r + 1] - 1 end in region r */
    struct cal_projection_spec *projection;
    struct cal_phase_spec *phase;
    char **variants; /* names in file order */

    struct cal_node *root;              /* [own] keeps the places alive */
    struct cal_experiment_parts *parts; /* [own] what the parser must free */
};

/* What the command line may change. */
struct cal_overrides {
    const char *variant; /* NULL: the first */
    const char *seed;    /* as typed, or NULL */
    int n_sets;
    const char *const *sets; /* path=value */
};

/* Read, override, check and expand. Local: every rank does it and gets the same. [give] *e, NULL after an error.
 * Errors: CAL_EINPUT (no such file), CAL_EUSAGE with place, expectation and nearest valid key. */
int cal_experiment_read(const char *path, const struct cal_overrides *o, struct cal_experiment **e);
void cal_experiment_destroy(struct cal_experiment *e);

/* The group of a region. */
const struct cal_group *cal_experiment_group(const struct cal_experiment *e, int region);
/* Its name, "V.3", or "attention" where count was not given; "stimulus" for CAL_FROM_STIMULUS. */
struct cal_name {
    char text[80];
};
struct cal_name cal_experiment_name(const struct cal_experiment *e, int region);
/* Which of how many shards it is; 0 of 1 where replicas share nothing. */
struct cal_share cal_experiment_share(const struct cal_experiment *e, int region);

/* Write used.yml: every parameter with its value, the one variant resolved, and the environment given (lines `key: value`, may be
 * NULL). Reading it back gives the same experiment; writing that one, the same bytes. */
int cal_experiment_write(const struct cal_experiment *e, const char *environment, FILE *out);

/* Compare with a used.yml from an earlier run, the environment apart. 0 when equal, else CAL_EUSAGE and a message that names the first
 * key that differs, with both values. *warning gets a sentence when only the environment differs ("" otherwise; size 256). */
int cal_experiment_same(const struct cal_experiment *e, const char *used_path, const char *environment, char *warning);

/* docs/parameters.md, from the tables of everything that is registered. */
void cal_experiment_document(FILE *out);

#endif
