/* experiments/spec/experiment.c - see experiment.h: the order of reading, and the end. Sections are read in experiment_<section>.c. */
#include "experiments/spec/experiment.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

#define NAME_MAX_BYTES 64

int cal_experiment_check_name(const struct cal_node *node, const char *what, const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", others[] = "0123456789_-";
    size_t n = strlen(name);
    bool good = n > 0 && n <= NAME_MAX_BYTES && strchr(letters, name[0]);
    for (size_t i = 0; i < n && good; i++)
        good = strchr(letters, name[i]) || strchr(others, name[i]);
    if (!good)
        return cal_node_fail(node, "`%.80s` cannot name %s, expected at most %d letters, digits, _ and -, a letter first", name, what,
                             NAME_MAX_BYTES);
    return CAL_OK;
}

int cal_experiment_section(const struct cal_node *root, const char *key, const struct cal_node **map)
{
    *map = cal_node_get(root, key);
    if (!*map)
        return cal_node_fail(root, "`%s` is missing in the file, expected a map", key);
    if ((*map)->kind != CAL_MAP || (*map)->n == 0)
        return cal_node_fail(*map, "%s is %s, expected a map with at least one entry", key, (*map)->kind == CAL_MAP ? "empty" : "no map");
    int err = CAL_OK;
    for (int i = 0; i < (*map)->n && !err; i++) {
        const struct cal_node *entry = (*map)->child[i];
        char what[40];
        snprintf(what, sizeof what, "an entry of %s", key);
        err = cal_experiment_check_name(entry, what, entry->key);
        if (!err && entry->kind != CAL_MAP)
            err = cal_node_fail(entry, "%s in %s is no map, expected one such as {key: value}", entry->key, key);
    }
    return err;
}

int cal_experiment_check_once(const struct cal_node *node, const struct cal_strings *list)
{
    for (int i = 1; i < list->n; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(list->item[i], list->item[k]) == 0)
                return cal_node_fail(cal_experiment_item(node, i), "`%s` a second time in one list, expected it once", list->item[i]);
    return CAL_OK;
}

const struct cal_node *cal_experiment_item(const struct cal_node *list, int i)
{
    return list->kind == CAL_SEQUENCE ? list->child[i] : list;
}

/* The names of the variants, in file order; one called `default` where the file has none. */
static int list_variants(struct cal_experiment *e)
{
    const struct cal_node *map = cal_node_get(e->root, "variants");
    if (map && map->kind != CAL_MAP)
        return cal_node_fail(map, "variants is no map, expected NAME: {path: value}");
    int n = map ? map->n : 0;
    e->variants = cal_alloc(((size_t)n + 2) * sizeof *e->variants); /* NULL-ended, for suggestions */
    for (int i = 0; i < n; i++) {
        const struct cal_node *v = map->child[i];
        int err = cal_experiment_check_name(v, "a variant", v->key);
        if (err)
            return err;
        if (v->kind != CAL_MAP)
            return cal_node_fail(v, "variant `%s` is no map, expected {path: value}, or {} for the file as it is", v->key);
        e->variants[e->n_variants++] = cal_strdup(v->key);
    }
    if (n == 0)
        e->variants[e->n_variants++] = cal_strdup("default");
    return CAL_OK;
}

/* The command line's, else the file's, else the first. */
static int choose_variant(struct cal_experiment *e, const char *wanted)
{
    const struct cal_node *own = cal_node_get(e->root, "variant"), *all = cal_node_get(e->root, "variants"), *at = all ? all : e->root;
    if (!wanted && own) {
        int err = cal_node_text(own, &wanted);
        if (err)
            return err;
        at = own;
    }
    if (!wanted)
        wanted = e->variants[0];
    for (int i = 0; i < e->n_variants; i++)
        if (strcmp(e->variants[i], wanted) == 0) {
            e->variant = cal_strdup(wanted);
            return CAL_OK;
        }
    return cal_node_fail(at, "no variant `%.80s`, expected one that the file has, such as `%s`%s", wanted, e->variants[0],
                         cal_did_you_mean(wanted, (const char *const *)e->variants));
}

/* What is chosen before overrides are applied cannot be overridden. */
static int refuse_path(const struct cal_node *at, const char *path)
{
    size_t n = strcspn(path, ".=");
    if ((n == 8 && strncmp(path, "variants", n) == 0) || (n == 7 && strncmp(path, "variant", n) == 0))
        return cal_node_fail(at, "`%.*s` cannot be overridden, expected another path (--variant chooses one)", (int)n, path);
    return CAL_OK;
}

/* A phase's length in steps takes the place of one in epochs, and the other way round: `phases.learn.steps`, or that with `=300` behind it. */
static void drop_other_length(struct cal_node *root, const char *path)
{
    static const char *const lengths[2] = {"steps", "epochs"};
    size_t n = strcspn(path, "=");
    for (int i = 0; i < 2; i++) {
        size_t own = strlen(lengths[i]);
        if (strncmp(path, "phases.", 7) || n < 8 + own || path[n - own - 1] != '.' || strncmp(path + n - own, lengths[i], own))
            continue;
        char *other = cal_sprintf("%.*s%s", (int)(n - own), path, lengths[1 - i]);
        cal_node_remove(root, other);
        cal_free(other);
    }
}

static int apply_variant(struct cal_experiment *e)
{
    const struct cal_node *map = cal_node_get(e->root, "variants");
    const struct cal_node *variant = map ? cal_node_get(map, e->variant) : NULL;
    int err = CAL_OK;
    for (int i = 0; variant && i < variant->n && !err; i++) {
        err = refuse_path(variant->child[i], variant->child[i]->key);
        if (!err)
            drop_other_length(e->root, variant->child[i]->key);
        if (!err)
            err = cal_node_override(e->root, variant->child[i]->key, variant->child[i]);
    }
    return err;
}

static int apply_command_line(struct cal_experiment *e, const struct cal_overrides *o)
{
    int err = CAL_OK;
    for (int i = 0; i < o->n_sets && !err; i++) {
        struct cal_node at = {.file = "--set"};
        err = refuse_path(&at, o->sets[i]);
        if (!err)
            drop_other_length(e->root, o->sets[i]);
        if (!err)
            err = cal_node_set(e->root, o->sets[i]);
    }
    if (err || !o->seed)
        return err;
    struct cal_node at = {.kind = CAL_SCALAR, .key = (char *)"seed", .text = (char *)o->seed, .file = "--seed"};
    long seed;
    err = cal_node_int(&at, 0, UINT32_MAX, &seed);
    if (!err) {
        char *assignment = cal_sprintf("seed=%ld", seed);
        err = cal_node_set(e->root, assignment);
        cal_free(assignment);
    }
    return err;
}

static int read_top(struct cal_experiment *e)
{
    struct cal_top_part *top = &e->parts->top;
    int err = cal_params_read(cal_top_table, "the file", e->root, cal_top_sections, top);
    if (err)
        return err;
    e->name = top->experiment;
    e->seed = (uint32_t)top->seed;
    e->batch = (int)top->batch;
    e->log_every = top->log.every;
    e->checkpoint_every = top->checkpoint.every;
    e->checkpoint_keep = top->checkpoint.keep;
    cal_free(top->variant);
    top->variant = cal_strdup(e->variant); /* so that used.yml says which */
    return cal_experiment_check_name(cal_node_get(e->root, "experiment"), "an experiment", e->name);
}

static int read_sections(struct cal_experiment *e)
{
    static int (*const readers[])(struct cal_experiment *, const struct cal_node *) = {
        cal_experiment_read_regions, cal_experiment_read_projections, cal_experiment_read_phases};
    static const char *const keys[] = {"regions", "projections", "phases"};
    const struct cal_node *map = cal_node_get(e->root, "stimulus");
    if (!map)
        return cal_node_fail(e->root, "`stimulus` is missing in the file, expected a map such as {kind: dead-leaves}");
    int err = cal_experiment_read_stimulus(e, map);
    for (int i = 0; i < 3 && !err; i++) {
        err = cal_experiment_section(e->root, keys[i], &map);
        if (!err)
            err = readers[i](e, map);
    }
    return err;
}

static int read_all(struct cal_experiment *e, const struct cal_overrides *o)
{
    int err = cal_yaml_read(e->path, &e->root);
    if (!err && e->root->kind != CAL_MAP)
        err = cal_node_fail(e->root, "no map, expected keys such as `experiment: NAME`");
    if (!err)
        err = list_variants(e);
    if (!err)
        err = choose_variant(e, o ? o->variant : NULL);
    if (!err)
        err = apply_variant(e);
    if (!err && o)
        err = apply_command_line(e, o);
    if (!err)
        err = read_top(e);
    return err ? err : read_sections(e);
}

int cal_experiment_read(const char *path, const struct cal_overrides *o, struct cal_experiment **e)
{
    struct cal_experiment *made = cal_alloc(sizeof *made);
    made->path = cal_strdup(path);
    made->parts = cal_alloc(sizeof *made->parts);
    int err = read_all(made, o);
    if (err)
        cal_experiment_destroy(made);
    *e = err ? NULL : made;
    return err;
}

static void finish_regions(struct cal_experiment *e)
{
    for (int i = 0; i < e->n_groups; i++) {
        struct cal_group_part *g = &e->parts->group[i];
        if (g->ops)
            cal_params_finish(g->ops->params, g->params);
        cal_free(g->params);
        cal_params_finish(cal_group_table, g);
    }
    cal_free(e->group);
    cal_free(e->parts->group);
}

static void finish_projections(struct cal_experiment *e)
{
    for (int i = 0; i < e->n_projections; i++) {
        void *rule = (void *)e->projection[i].rule;
        if (rule)
            cal_params_finish(e->projection[i].rule_table, rule);
        cal_free(rule);
        cal_params_finish(cal_projection_table, &e->parts->projection[i]);
    }
    cal_free(e->projection);
    cal_free(e->parts->projection);
    cal_free(e->edge);
    cal_free(e->first_edge);
}

static void finish_phases(struct cal_experiment *e)
{
    for (int i = 0; i < e->n_phases; i++) {
        for (int k = 0; k < e->phase[i].n_records; k++)
            cal_strings_finish(&e->phase[i].record[k].variables);
        cal_free(e->phase[i].record);
        cal_params_finish(cal_phase_table, &e->parts->phase[i]);
    }
    cal_free(e->phase);
    cal_free(e->parts->phase);
}

void cal_experiment_destroy(struct cal_experiment *e)
{
    if (!e)
        return;
    finish_phases(e);
    finish_projections(e);
    finish_regions(e);
    if (e->parts->stimulus.ops)
        cal_params_finish(e->parts->stimulus.ops->params, e->parts->stimulus.params);
    cal_free(e->parts->stimulus.params);
    cal_params_finish(cal_stimulus_table, &e->parts->stimulus);
    cal_params_finish(cal_top_table, &e->parts->top);
    for (int i = 0; i < e->n_variants; i++)
        cal_free(e->variants[i]);
    cal_free(e->variants);
    cal_free(e->variant);
    cal_node_free(e->root);
    cal_free(e->parts);
    cal_free(e->path);
    cal_free(e);
}
