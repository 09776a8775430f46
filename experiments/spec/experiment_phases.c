/* experiments/spec/experiment_phases.c - the section `phases`: lengths, who learns, what is recorded, phases inside others. */
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

/* `all` and `none` stand alone; a pattern names regions or, after its last dot, a part of them. */
static int check_learn(const struct cal_experiment *e, const struct cal_node *node, const struct cal_strings *learn)
{
    if (learn->n == 0)
        return cal_node_fail(node, "learn is an empty list, expected all, none or patterns of regions");
    int err = cal_experiment_check_once(node, learn);
    for (int i = 0; i < learn->n && !err; i++) {
        const char *pattern = learn->item[i];
        const struct cal_node *item = cal_experiment_item(node, i);
        if (strcmp(pattern, "all") == 0 || strcmp(pattern, "none") == 0) {
            if (learn->n > 1)
                err = cal_node_fail(item, "`%s` among others, expected it alone", pattern);
            continue;
        }
        char *region = cal_strdup(pattern);
        char *dot = strrchr(region, '.');
        if (dot)
            *dot = '\0';
        if (!cal_experiment_matches(e, pattern) && !(dot && cal_experiment_matches(e, region)))
            err = cal_experiment_fail_match(e, item, pattern);
        cal_free(region);
    }
    return err;
}

/* `record: {V.*: [code, view1]}` */
static int read_records(struct cal_experiment *e, struct cal_phase_spec *p)
{
    const struct cal_node *map = cal_node_get(p->node, "record");
    if (!map)
        return CAL_OK;
    if (map->kind != CAL_MAP)
        return cal_node_fail(map, "record is no map, expected {regions: [variables]}");
    p->record = cal_alloc((size_t)map->n * sizeof *p->record);
    int err = CAL_OK;
    for (int i = 0; i < map->n && !err; i++) {
        struct cal_record_spec *r = &p->record[p->n_records++];
        r->node = map->child[i];
        r->pattern = map->child[i]->key; /* [borrow] */
        if (!cal_experiment_matches(e, r->pattern))
            return cal_experiment_fail_match(e, r->node, r->pattern);
        err = cal_node_strings(r->node, &r->variables);
        if (!err)
            err = cal_experiment_check_once(r->node, &r->variables);
    }
    return err;
}

static int read_phase(struct cal_experiment *e, int i, const struct cal_node *node)
{
    struct cal_phase_part *part = &e->parts->phase[i];
    struct cal_phase_spec *p = &e->phase[i];
    char what[80];
    snprintf(what, sizeof what, "phase %.64s", node->key);
    int err = cal_params_read(cal_phase_table, what, node, cal_phase_sections, part);
    if (err)
        return err;
    if (part->steps >= 0 && part->epochs >= 0)
        return cal_node_fail(cal_node_get(node, "epochs"), "phase %s has steps and epochs, expected one of them", node->key);
    if (part->steps < 0 && part->epochs < 0)
        part->epochs = 1;
    *p = (struct cal_phase_spec){
        .name = node->key,
        .steps = part->steps,
        .epochs = part->epochs,
        .learn = part->learn, /* [borrow] */
        .split = (enum cal_split)part->stimulus,
        .noise = part->noise,
        .rate = part->rate,
        .mixing = (enum cal_mixing)part->mixing,
        .stretch = part->stretch,
        .blind_from = part->blind_from,
        .every = part->every,
        .within = -1,
        .node = node,
    };
    err = check_learn(e, cal_node_get(node, "learn"), &part->learn);
    return err ? err : read_records(e, p);
}

/* A phase inside another, which itself stands in the row: one level, so no circles. */
static int link_phase(struct cal_experiment *e, int i, const struct cal_node *map)
{
    const char *within = e->parts->phase[i].within;
    if (!within[0])
        return CAL_OK;
    const struct cal_node *node = cal_node_get(e->phase[i].node, "within");
    for (int k = 0; k < map->n; k++) {
        if (strcmp(map->child[k]->key, within) != 0)
            continue;
        if (k == i)
            return cal_node_fail(node, "phase %s is within itself, expected another phase", within);
        if (e->parts->phase[k].within[0])
            return cal_node_fail(node, "phase %s is itself within %s, expected a phase that is in none", within, e->parts->phase[k].within);
        e->phase[i].within = k;
        return CAL_OK;
    }
    const char **names = cal_alloc(((size_t)map->n + 1) * sizeof *names);
    for (int k = 0; k < map->n; k++)
        names[k] = map->child[k]->key;
    int err = cal_node_fail(node, "no phase `%.80s`, expected another phase of this file%s", within, cal_did_you_mean(within, names));
    cal_free(names);
    return err;
}

int cal_experiment_read_phases(struct cal_experiment *e, const struct cal_node *map)
{
    e->n_phases = map->n;
    e->phase = cal_alloc((size_t)map->n * sizeof *e->phase);
    e->parts->phase = cal_alloc((size_t)map->n * sizeof *e->parts->phase);
    int err = CAL_OK;
    for (int i = 0; i < map->n && !err; i++)
        err = read_phase(e, i, map->child[i]);
    for (int i = 0; i < map->n && !err; i++)
        err = link_phase(e, i, map);
    return err;
}
