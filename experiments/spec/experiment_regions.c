/* experiments/spec/experiment_regions.c - the sections `stimulus` and `regions`: kinds, their parameters, replicas, patterns of names. */
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"
#include "experiments/stimuli/stimuli.h"

/* The text under `kind`, which must be there before anything else can be judged. */
static int read_kind(const struct cal_node *map, const char *what, const char *const *kinds, const char **kind)
{
    const struct cal_node *node = cal_node_get(map, "kind");
    if (!node)
        return cal_node_fail(map, "`kind` is missing in %s, expected one such as `%s`", what, kinds[0] ? kinds[0] : "");
    return cal_node_text(node, kind);
}

/* The own keys of the section and those of the kind stand in one map; each table passes over the other's. */
static int read_pair(const struct cal_node *map, const char *what, const struct cal_param *own, void *part, const struct cal_param *kinds,
                     void *params)
{
    const char **names = cal_table_names(&kinds, 1);
    int err = cal_params_read(own, what, map, names, part);
    cal_free(names);
    if (err)
        return err;
    names = cal_table_names(&own, 1);
    err = cal_params_read(kinds, what, map, names, params);
    cal_free(names);
    return err;
}

int cal_experiment_read_stimulus(struct cal_experiment *e, const struct cal_node *map)
{
    struct cal_stimulus_part *s = &e->parts->stimulus;
    int n = 0;
    while (cal_stimulus_kinds[n])
        n++;
    const char **kinds = cal_alloc(((size_t)n + 1) * sizeof *kinds), *kind;
    for (int i = 0; i < n; i++)
        kinds[i] = cal_stimulus_kinds[i]->kind;
    int err = map->kind == CAL_MAP ? read_kind(map, "the stimulus", kinds, &kind)
                                   : cal_node_fail(map, "stimulus is no map, expected {kind: ...}");
    s->ops = err ? NULL : cal_stimulus_kind(kind);
    if (!err && !s->ops)
        err = cal_node_fail(cal_node_get(map, "kind"), "no stimulus kind `%.40s`, expected one such as `%s`%s", kind, n ? kinds[0] : "",
                            cal_did_you_mean(kind, kinds));
    cal_free(kinds);
    if (err)
        return err;
    char what[80];
    snprintf(what, sizeof what, "stimulus kind %.60s", s->ops->kind);
    s->params = cal_alloc(s->ops->params_size);
    e->stimulus = s->ops;
    e->stimulus_params = s->params;
    return read_pair(map, what, cal_stimulus_table, s, s->ops->params, s->params);
}

static int find_region_kind(const struct cal_node *map, const struct cal_region_ops **ops)
{
    int n = 0;
    while (cal_region_kinds[n])
        n++;
    const char **kinds = cal_alloc(((size_t)n + 1) * sizeof *kinds), *kind;
    for (int i = 0; i < n; i++)
        kinds[i] = cal_region_kinds[i]->kind;
    char what[80];
    snprintf(what, sizeof what, "region %.64s", map->key);
    int err = read_kind(map, what, kinds, &kind);
    *ops = err ? NULL : cal_region_kind(kind);
    if (!err && !*ops)
        err = cal_node_fail(cal_node_get(map, "kind"), "no region kind `%.40s`, expected one such as `%s`%s", kind, n ? kinds[0] : "",
                            cal_did_you_mean(kind, kinds));
    cal_free(kinds);
    return err;
}

static int read_group(struct cal_group_part *g, const struct cal_node *map)
{
    static const char *const reserved[] = {"stimulus", "all", "none", NULL};
    for (int i = 0; reserved[i]; i++)
        if (strcmp(map->key, reserved[i]) == 0)
            return cal_node_fail(map, "`%s` is a word of its own, expected another name for a region", map->key);
    g->name = map->key;
    int err = find_region_kind(map, &g->ops);
    if (err)
        return err;
    char what[80];
    snprintf(what, sizeof what, "region kind %.60s", g->ops->kind);
    g->params = cal_alloc(g->ops->params_size);
    return read_pair(map, what, cal_group_table, g, g->ops->params, g->params);
}

int cal_experiment_read_regions(struct cal_experiment *e, const struct cal_node *map)
{
    struct cal_experiment_parts *parts = e->parts;
    e->group = cal_alloc((size_t)map->n * sizeof *e->group);
    parts->group = cal_alloc((size_t)map->n * sizeof *parts->group);
    for (int i = 0; i < map->n; i++) {
        struct cal_group_part *g = &parts->group[e->n_groups++];
        int err = read_group(g, map->child[i]);
        if (err)
            return err;
        e->group[i] = (struct cal_group){.name = g->name,
                                         .ops = g->ops,
                                         .params = g->params,
                                         .first = e->n_regions,
                                         .n = g->count ? (int)g->count : 1,
                                         .numbered = g->count > 0,
                                         .node = map->child[i]};
        e->n_regions += e->group[i].n;
        if (e->n_regions > CAL_REGIONS_MAX)
            return cal_node_fail(map->child[i], "more than %d regions so far, expected fewer", CAL_REGIONS_MAX);
    }
    return CAL_OK;
}

const struct cal_group *cal_experiment_group(const struct cal_experiment *e, int region)
{
    int low = 0, high = e->n_groups - 1; /* the last that does not start behind it */
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (e->group[middle].first <= region)
            low = middle;
        else
            high = middle - 1;
    }
    return &e->group[low];
}

struct cal_name cal_experiment_name(const struct cal_experiment *e, int region)
{
    struct cal_name name;
    const struct cal_group *g = region == CAL_FROM_STIMULUS ? NULL : cal_experiment_group(e, region);
    if (g && g->numbered)
        snprintf(name.text, sizeof name.text, "%s.%d", g->name, region - g->first);
    else
        snprintf(name.text, sizeof name.text, "%s", g ? g->name : "stimulus");
    return name;
}

struct cal_share cal_experiment_share(const struct cal_experiment *e, int region)
{
    const struct cal_group *g = cal_experiment_group(e, region);
    if (!g->ops->reads)
        return (struct cal_share){.shards = 1, .hub = region};
    return (struct cal_share){.shard = region - g->first, .shards = g->n, .afferents = g->afferents, .hub = g->first};
}

bool cal_experiment_matches(const struct cal_experiment *e, const char *pattern)
{
    struct cal_selection s = {0};
    bool any = cal_selection_add(&s, e, pattern);
    cal_selection_finish(&s);
    return any;
}

/* Suggests groups, replicas as one pattern, and then single regions. */
int cal_experiment_fail_match(const struct cal_experiment *e, const struct cal_node *node, const char *pattern)
{
    int n = 0;
    const char **names = cal_alloc(((size_t)e->n_groups + (size_t)e->n_regions + 1) * sizeof *names);
    for (int i = 0; i < e->n_groups; i++)
        names[n++] = cal_sprintf("%s%s", e->group[i].name, e->group[i].numbered ? ".*" : "");
    for (int r = 0; r < e->n_regions; r++)
        names[n++] = cal_strdup(cal_experiment_name(e, r).text);
    int err = cal_node_fail(node, "`%.80s` matches no region, expected a name or pattern such as `%s`%s", pattern, names[0],
                            cal_did_you_mean(pattern, names));
    for (int i = 0; i < n; i++)
        cal_free((char *)names[i]);
    cal_free(names);
    return err;
}
