/* experiments/spec/experiment_same.c - is this the experiment that an earlier run used? If not, which key differs. */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

#define SHOWN_BYTES 120

/* The first difference between two trees. */
struct difference {
    char path[256];                       /* "phases.train.steps" */
    const struct cal_node *mine, *theirs; /* one is NULL where only the other has the key */
};

/* A value in short, for a message. */
static const char *show(const struct cal_node *n, char *text)
{
    size_t length = 0;
    if (!n)
        snprintf(text, SHOWN_BYTES, "nothing");
    else if (n->kind == CAL_SCALAR)
        snprintf(text, SHOWN_BYTES, "`%s`", n->text);
    else if (n->kind == CAL_MAP)
        snprintf(text, SHOWN_BYTES, "a map");
    else {
        length += (size_t)snprintf(text, SHOWN_BYTES, "[");
        for (int i = 0; i < n->n && length < SHOWN_BYTES; i++)
            length +=
                (size_t)snprintf(text + length, SHOWN_BYTES - length, "%s%s", i ? ", " : "", n->child[i]->text ? n->child[i]->text : "...");
        if (length < SHOWN_BYTES)
            snprintf(text + length, SHOWN_BYTES - length, "]");
    }
    return text;
}

static bool found(struct difference *d, const char *path, const struct cal_node *mine, const struct cal_node *theirs)
{
    snprintf(d->path, sizeof d->path, "%s", path);
    d->mine = mine;
    d->theirs = theirs;
    return true;
}

static bool same_list(const struct cal_node *a, const struct cal_node *b)
{
    bool same = a->n == b->n;
    for (int i = 0; i < a->n && same; i++)
        same = a->child[i]->kind == CAL_SCALAR && b->child[i]->kind == CAL_SCALAR && strcmp(a->child[i]->text, b->child[i]->text) == 0;
    return same;
}

static bool differ(const struct cal_node *mine, const struct cal_node *theirs, const char *path, const char *skip, struct difference *d);

/* Maps must agree in their order too: that of regions and phases keys the random numbers. */
static bool maps_differ(const struct cal_node *mine, const struct cal_node *theirs, const char *path, const char *skip,
                        struct difference *d)
{
    char below[sizeof d->path];
    for (int pass = 0; pass < 2; pass++) {
        const struct cal_node *a = pass ? theirs : mine, *b = pass ? mine : theirs;
        for (int i = 0; i < a->n; i++) {
            const struct cal_node *x = a->child[i], *y = cal_node_get(b, x->key);
            if (skip && strcmp(x->key, skip) == 0)
                continue;
            snprintf(below, sizeof below, "%s%s%s", path, path[0] ? "." : "", x->key);
            if (!y)
                return pass ? found(d, below, NULL, x) : found(d, below, x, NULL);
            if (!pass && differ(x, y, below, NULL, d))
                return true;
        }
    }
    for (int i = 0; i < mine->n && i < theirs->n; i++)
        if (strcmp(mine->child[i]->key, theirs->child[i]->key) != 0 && !(skip && strcmp(mine->child[i]->key, skip) == 0)) {
            snprintf(below, sizeof below, "the order of keys%s%s", path[0] ? " in " : "", path);
            return found(d, below, mine->child[i], theirs->child[i]);
        }
    return false;
}

static bool differ(const struct cal_node *mine, const struct cal_node *theirs, const char *path, const char *skip, struct difference *d)
{
    if (mine->kind != theirs->kind)
        return found(d, path, mine, theirs);
    if (mine->kind == CAL_MAP)
        return maps_differ(mine, theirs, path, skip, d);
    bool same = mine->kind == CAL_SCALAR ? strcmp(mine->text, theirs->text) == 0 : same_list(mine, theirs);
    return same ? false : found(d, path, mine, theirs);
}

/* This experiment as used.yml would have it, as a tree. */
static int tree_of(const struct cal_experiment *e, const char *environment, struct cal_node **tree)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return cal_fail(CAL_EIO, "out of memory comparing %s", e->path);
    int err = cal_experiment_write(e, environment, out);
    fclose(out);
    if (!err)
        err = cal_yaml_parse(text, e->path, tree);
    free(text);
    return err;
}

static void compare_environments(const struct cal_node *mine, const struct cal_node *theirs, char *warning)
{
    const struct cal_node *now = cal_node_get(mine, "environment"), *then = cal_node_get(theirs, "environment");
    struct difference d;
    char a[SHOWN_BYTES], b[SHOWN_BYTES];
    if (now && then && now->kind == CAL_MAP && then->kind == CAL_MAP && differ(now, then, "", NULL, &d))
        snprintf(warning, 256, "%.60s was %.70s and is %.70s: results may differ in their last bits", d.path, show(d.theirs, b),
                 show(d.mine, a));
}

int cal_experiment_same(const struct cal_experiment *e, const char *used_path, const char *environment, char *warning)
{
    struct cal_node *mine = NULL, *theirs = NULL;
    struct difference d;
    char a[SHOWN_BYTES], b[SHOWN_BYTES];
    warning[0] = '\0';
    int err = cal_yaml_read(used_path, &theirs);
    if (!err)
        err = tree_of(e, environment, &mine);
    if (!err && differ(mine, theirs, "", "environment", &d))
        err = cal_node_fail(d.theirs ? d.theirs : theirs, "another experiment: %s was %s and is %s, expected the same", d.path,
                            show(d.theirs, b), show(d.mine, a));
    if (!err)
        compare_environments(mine, theirs, warning);
    cal_node_free(mine);
    cal_node_free(theirs);
    return err;
}
