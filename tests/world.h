/* tests/world.h - open a world as an experiment file would, for the tests of stimuli. */
#ifndef CAL_TESTS_WORLD_H
#define CAL_TESTS_WORLD_H

#include "core/mem.h"
#include "core/yaml.h"
#include "experiments/stimuli/stimuli.h"

struct world {
    const struct cal_stimulus_ops *ops;
    struct cal_node *root;
    void *params;
    struct cal_stimulus *s; /* NULL after an error */
};

/* `text` is the map in YAML, kind included: "{kind: file, path: x.h5}". Returns what opening returns. */
static inline int world_open(struct world *w, const char *text, uint32_t seed, int batch)
{
    static const char *const others[] = {"kind", NULL};
    *w = (struct world){.ops = NULL};
    int err = cal_yaml_parse(text, "test", &w->root);
    if (err)
        return err;
    w->ops = cal_stimulus_kind(cal_node_get(w->root, "kind")->text);
    w->params = cal_alloc(w->ops->params_size);
    err = cal_params_read(w->ops->params, w->ops->kind, w->root, others, w->params);
    if (!err)
        err = cal_stimulus_create(w->ops, w->params, seed, batch, &w->s);
    return err;
}

static inline void world_close(struct world *w)
{
    cal_stimulus_destroy(w->s);
    if (w->params)
        cal_params_finish(w->ops->params, w->params);
    cal_free(w->params);
    if (w->root)
        cal_node_free(w->root);
}

#endif
