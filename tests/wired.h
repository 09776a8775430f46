/* tests/wired.h - experiments of tests/data, wired. Needs the project root as working folder. */
#ifndef CAL_TESTS_WIRED_H
#define CAL_TESTS_WIRED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/graph.h"
#include "experiments/stimuli/stimuli.h"

#define STAR "tests/data/runs/star.yaml"
#define CHAIN "tests/data/runs/chain.yaml"
#define SHARDS "tests/data/runs/shards.yaml"
#define RACING "tests/data/runs/racing.yaml"
#define MEMORY "tests/data/runs/memory.yaml"

struct wired {
    struct cal_experiment *e;
    struct cal_stimulus *s;
    struct cal_graph *g;
};

/* The graph of who hosts regions first ... last - 1; last 0: all. */
static inline int wire_part(struct wired *w, const char *path, const char *variant, int n_sets, const char *const *sets, int first,
                            int last)
{
    struct cal_overrides o = {.variant = variant, .n_sets = n_sets, .sets = sets};
    memset(w, 0, sizeof *w);
    int err = cal_experiment_read(path, &o, &w->e);
    if (!err)
        err = cal_stimulus_create(w->e->stimulus, w->e->stimulus_params, w->e->seed, w->e->batch, &w->s);
    return err ? err : cal_graph_create_part(w->e, w->s, first, last ? last : w->e->n_regions, &w->g);
}

static inline int wire(struct wired *w, const char *path, const char *variant, const char *set)
{
    return wire_part(w, path, variant, set != NULL, &set, 0, 0);
}

static inline void unwire(struct wired *w)
{
    cal_graph_destroy(w->g);
    cal_stimulus_destroy(w->s);
    cal_experiment_destroy(w->e);
}

static inline struct wired wire_well(const char *path, const char *variant)
{
    struct wired w;
    int err = wire(&w, path, variant, NULL);
    if (err)
        fail_msg("%s, %s: %s", path, variant, cal_err_message());
    return w;
}

#endif
