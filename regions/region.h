/* regions/region.h - what a region kind is, and what a region is told.
 *
 * A kind is a const table of functions. A region sees representations, its own arrays and struct cal_step; never a peer, a
 * communicator, a rank or a file. Polymorphism is this table, chosen by name at start (regions/registry.c). */
#ifndef CAL_REGIONS_REGION_H
#define CAL_REGIONS_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/layout.h"
#include "core/param.h"
#include "core/rep.h"
#include "core/rng.h"
#include "core/step.h"

enum cal_role { CAL_DRIVE, CAL_CONTEXT };

/* One end of a projection, as the region at this end sees it. */
struct cal_port {
    const char *projection; /* its name in the experiment file */
    const char *peer;       /* "stimulus" or the region's name: for messages */
    enum cal_role role;
    int delay;                /* steps */
    bool far;                 /* of a drive: another shard answers for its units, I only read them */
    int unit_offset;          /* of the cortex-side region's units within the hub's afferents: for a drive into me, where the sender's units
                               start among all that drive me; for a context into me, where mine start among those of the sender. Shards
                               are one hub: it counts over all of them */
    int units;                /* how many units those are */
    int hub_units;            /* of all units that the offset counts among */
    const void *rule;         /* [borrow] the sender kind's projection parameters (ops->rule), the same at both ends; or NULL */
    struct cal_rep_spec spec; /* what arrives: slices as taken, columns narrowed */
    /* The sender's ops->rule itself. A receiver compares it with the table that it knows: other kinds share other rules. */
    const struct cal_param *rule_table;
};

/* Replicas of a kind that can share a task (ops->reads) are the shards of one hub. The regions that drive any of them are dealt among them:
 * shard k answers for a block of neighbours in region order, and may read from others as well. */
struct cal_share {
    int shard, shards; /* number k of so many; 0 of 1 where there is nothing to share */
    int afferents;     /* how many regions drive the hub */
    int hub;           /* number of the first shard: owner of the random numbers that all shards have in common */
};
/* The first of the afferents that shard `shard` answers for; of shard + 1: where they end. */
static inline int cal_share_first(const struct cal_share *s, int shard)
{
    return (int)((long)shard * s->afferents / s->shards);
}

#define CAL_VARIABLES_MAX 16
#define CAL_METRICS_MAX 8

/* Where a recorded variable is taken from. */
enum cal_source {
    CAL_OBSERVED, /* ops->observe */
    CAL_SENT,     /* a slice that the region sent */
    CAL_SHOWN,    /* a slice of the stimulus of that presentation */
};

/* What can be recorded: rows of `cols` values, one a sample. A kind declares what it can observe; what a region sends, and what the world
 * says of the sample, the framework adds (experiments/spec/graph_phases.c). */
struct cal_variable {
    char name[24], unit[16];
    int cols;
    int c, h, w; /* a map's shape, c*h*w = cols; else 0 */
    enum cal_source source;
    int slice; /* number at the sender, or in the stimulus; 0 where observed */
};

struct cal_region_ops;

/* The base of every region; a kind embeds it as its first member, called `base`. Filled by the framework before any op runs, except `out` and
 * `variable`, which ops->outputs fills. */
struct cal_region {
    const struct cal_region_ops *ops;
    const char *name; /* "V.3" */
    int id;           /* number in region order: owner of its random numbers */
    int batch;        /* B */
    long window;      /* T: frames in a row that the world shows before each row of the batch goes on to other ones; 0: each stands alone */
    uint32_t seed;
    struct cal_share share;
    const void *params;           /* [borrow] the kind's struct, parsed and checked */
    const struct cal_port *drive; /* into me, in region order, the stimulus first */
    int n_drives;
    const struct cal_port *context; /* into me */
    int n_contexts;
    const struct cal_port *target; /* contexts that I send: for their rules (ports as their receivers see them) */
    int n_targets;
    struct cal_rep_spec out;
    struct cal_variable variable[CAL_VARIABLES_MAX];
    int n_variables;
    struct cal_layout layout; /* state and scratch */
};

struct cal_region_ops {
    const char *kind, *help;
    const struct cal_param *params; /* of one region; read into params_size bytes */
    size_t params_size;
    const struct cal_param *rule; /* parameters of the contexts that this kind sends, shared by both ends; or NULL */
    size_t rule_size;
    size_t size;                                           /* of the region's struct */
    size_t tape_size;                                      /* of one tape's struct; 0: keeps none */
    const char *const *takes_drive, *const *takes_context; /* names of slices used, NULL-ended: what a projection without
                                                              `take` carries; NULL: everything */
    const char *const *takes_far;                          /* the same of drives that are only read; NULL: as takes_drive */
    /* Kinds whose replicas are shards: which of the s->afferents a shard reads, its own included. Fills `afferent` (room for all), ascending;
     * returns how many. NULL: replicas have nothing to do with one another. */
    int (*reads)(const void *params, uint32_t seed, const struct cal_share *s, int *afferent);
    bool imagines;              /* goes on where the stimulus is off; its drives from there are NULL then */
    const char *const *parts;   /* what a phase can let learn alone (`learn: S1.head`), NULL-ended; NULL: only the whole */
    const char *const *metrics; /* names of what learn() reports, NULL-ended; the first is the loss */

    /* May the network of parameters and ports be? What will this region send, and what can be recorded: fills r->out and
     * r->variable. Runs on every rank for every region, in an order in which undelayed drives are known (specs of delayed
     * drives and of contexts may still be empty, and where units start is not known). Most ranks then forget the region: what
     * it sends is all that they need. Allocates nothing. Error: CAL_EUSAGE. */
    int (*outputs)(struct cal_region *r);
    /* Check the ports (all known now) and declare arrays in r->layout. Error: CAL_EUSAGE. */
    int (*declare)(struct cal_region *r);
    /* Declare one tape's arrays (all of role CAL_TAPE). NULL when tape_size is 0. */
    void (*declare_tape)(struct cal_region *r, void *tape, struct cal_layout *l);
    /* Draw the first weights: the arrays are there and zero. */
    void (*init)(struct cal_region *r);
    /* The representation of s->presentation, from the drives that are due (drive[i] is NULL when port i's is not: too early in the phase or in
     * the window, or from the stimulus where s->blind), into out[slice] (rows x cols, packed; to be written whole, as it is not the same
     * memory each time, and left alone afterwards). What learn() will need goes onto the tape, weights that may change before included.
     * Error: CAL_ENUMERICS. */
    int (*forward)(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out);
    /* Learn from the presentation of `tape`; s is that presentation's. context[i] as above. Writes metric[], one a name. May be called later
     * than forward, after forwards of later presentations. Error: CAL_ENUMERICS (with cal_fail). NULL: never learns. */
    int (*learn)(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric);
    /* The recorded variable i of the tape's presentation: (B, cols), packed. [borrow] until the tape's next forward.
     * Valid where bit i of s->record was set in forward. */
    const float *(*observe)(struct cal_region *r, void *tape, int i);
    /* Called once before the region goes; frees what init allocated beside the layout. May be NULL. */
    void (*finish)(struct cal_region *r);
};

/* All kinds, NULL-ended; by name, or NULL. */
extern const struct cal_region_ops *const cal_region_kinds[];
const struct cal_region_ops *cal_region_kind(const char *name);

/* The wrappers that the rest of the program calls: they check once what every kind would have to. Local. */

/* A region of the kind, nothing filled but ops. [give]; cal_region_destroy() takes it, NULL is fine. */
struct cal_region *cal_region_create(const struct cal_region_ops *ops);
void cal_region_destroy(struct cal_region *r);
/* ops->outputs, with the region's name before any message. */
int cal_region_outputs(struct cal_region *r);
/* ops->declare. Nothing is allocated. */
int cal_region_declare(struct cal_region *r);
/* Allocate the declared arrays and draw the first weights. */
void cal_region_init(struct cal_region *r);

/* A tape with its arrays. */
struct cal_tape {
    void *kind; /* the kind's struct; NULL when it keeps none */
    struct cal_layout layout;
    struct cal_step step; /* of the presentation on it */
    bool live;            /* holds a presentation that has not been learnt */
};
void cal_tape_init(struct cal_tape *t, struct cal_region *r);
/* The bytes one tape will take. */
size_t cal_tape_bytes(struct cal_region *r);
void cal_tape_finish(struct cal_tape *t);

int cal_region_forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, struct cal_tape *tape,
                       float *const *out);
/* Learns and checks the metrics: a loss that is no number is CAL_ENUMERICS. */
int cal_region_learn(struct cal_region *r, const struct cal_rep *const *context, struct cal_tape *tape, double *metric);
int cal_region_n_metrics(const struct cal_region *r);

/* For ops->outputs: one more variable. The unit is as SONATA has it: "1" for plain numbers. */
void cal_region_add_variable(struct cal_region *r, const char *name, const char *unit, int cols);
/* The number of the variable called `name`, or -1. */
int cal_region_variable(const struct cal_region *r, const char *name);

#endif
