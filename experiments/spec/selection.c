/* experiments/spec/selection.c - see selection.h. */
#include "experiments/spec/selection.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "experiments/spec/experiment.h"

static void add_range(struct cal_selection *s, const struct cal_range *range)
{
    struct cal_range *last = s->n ? &s->range[s->n - 1] : NULL;
    if (last && last->group == range->group && last->last == range->first) {
        last->last = range->last;
        return;
    }
    if (s->n == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 4;
        struct cal_range *more = cal_alloc((size_t)s->capacity * sizeof *more);
        if (s->n)
            memcpy(more, s->range, (size_t)s->n * sizeof *more);
        cal_free(s->range);
        s->range = more;
    }
    s->range[s->n++] = *range;
}

/* Which of the replicas NAME.0, NAME.1, ... a pattern may match, without a look at each where that can be helped. */
static struct cal_range candidates(const struct cal_group *g, const char *pattern)
{
    const struct cal_range none = {0}, all = {.first = g->first, .last = g->first + g->n};
    size_t literal = strcspn(pattern, "*"), length = strlen(g->name);
    if (strncmp(pattern, g->name, literal < length ? literal : length) != 0 || (literal > length && pattern[length] != '.'))
        return none;
    if (pattern[literal] == '*')
        return all;
    long k = literal > length && strlen(pattern + length) < 9 ? strtol(pattern + length + 1, NULL, 10) : -1;
    return k >= 0 && k < g->n ? (struct cal_range){.first = g->first + (int)k, .last = g->first + (int)k + 1} : none;
}

bool cal_selection_add(struct cal_selection *s, const struct cal_experiment *e, const char *pattern)
{
    bool any = false;
    for (int i = 0; i < e->n_groups; i++) {
        const struct cal_group *g = &e->group[i];
        struct cal_range c = g->numbered ? candidates(g, pattern) : (struct cal_range){.first = g->first, .last = g->first + 1};
        size_t length = strlen(g->name);
        c.group = i;
        if (c.first < c.last && g->numbered && strlen(pattern) == length + 2 && pattern[length] == '.' && pattern[length + 1] == '*') {
            add_range(s, &c); /* `V.*` */
            any = true;
            continue;
        }
        for (int r = c.first; r < c.last; r++)
            if (cal_match(pattern, cal_experiment_name(e, r).text)) {
                add_range(s, &(struct cal_range){.group = i, .first = r, .last = r + 1});
                any = true;
            }
    }
    return any;
}

void cal_selection_join(struct cal_selection *s, const struct cal_selection *other)
{
    for (int i = 0; i < other->n; i++)
        add_range(s, &other->range[i]);
}

static int compare(const void *a, const void *b)
{
    const struct cal_range *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->last - y->last;
}

void cal_selection_settle(struct cal_selection *s)
{
    int n = 0;
    if (s->n)
        qsort(s->range, (size_t)s->n, sizeof *s->range, compare);
    s->count = 0;
    for (int i = 0; i < s->n; i++) {
        struct cal_range *to = n ? &s->range[n - 1] : NULL;
        if (to && to->group == s->range[i].group && s->range[i].first <= to->last)
            to->last = s->range[i].last > to->last ? s->range[i].last : to->last;
        else
            s->range[n++] = s->range[i];
    }
    s->n = n;
    for (int i = 0; i < n; i++) {
        s->range[i].before = s->count;
        s->count += s->range[i].last - s->range[i].first;
    }
}

void cal_selection_finish(struct cal_selection *s)
{
    cal_free(s->range);
    *s = (struct cal_selection){0};
}

int cal_selection_find(const struct cal_selection *s, int region)
{
    int low = 0, high = s->n; /* the last range that does not start behind it */
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->range[middle].first <= region)
            low = middle + 1;
        else
            high = middle;
    }
    const struct cal_range *range = low ? &s->range[low - 1] : NULL;
    return range && region < range->last ? range->before + region - range->first : -1;
}

int cal_selection_at(const struct cal_selection *s, int i)
{
    int low = 0, high = s->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->range[middle].before <= i)
            low = middle + 1;
        else
            high = middle;
    }
    return s->range[low - 1].first + i - s->range[low - 1].before;
}
