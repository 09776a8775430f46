/* experiments/spec/graph_windows.c - see graph_windows.h.
 *
 * With frame 0 of a window all that a region remembers of frames begins anew. So nothing of it outlives a stretch of presentations, as long as
 * stretches begin where windows do; they may end anywhere. */
#include "experiments/spec/graph_windows.h"

#include "core/err.h"

bool cal_graph_same_window(const struct cal_graph *g, long presentation, long other)
{
    long window = g->stimulus->window;
    return window == 0 || presentation / window == other / window;
}

void cal_graph_place_in_window(const struct cal_graph *g, struct cal_step *step)
{
    const struct cal_phase_spec *p = &g->experiment->phase[step->phase];
    long window = g->stimulus->window, length = p->mixing == CAL_MIXING_BLOCK ? p->stretch : 1;
    step->frame = window ? step->presentation % window : 0;
    step->blind = p->blind_from >= 0 && step->frame >= p->blind_from;
    step->perceive = !step->blind && (p->mixing == CAL_MIXING_NONE || step->frame / length % 2 == 0);
}

/* The place of a phase's key, or of the phase where a default stands. */
static const struct cal_node *place_of(const struct cal_phase_spec *p, const char *key)
{
    const struct cal_node *node = cal_node_get(p->node, key);
    return node ? node : p->node;
}

/* What goes by frames needs some. */
static int check_world(const struct cal_graph *g, const struct cal_phase_spec *p)
{
    if (g->stimulus->window || (p->mixing == CAL_MIXING_NONE && p->blind_from < 0))
        return CAL_OK;
    const char *key = p->blind_from >= 0 ? "blind_from" : "mixing";
    return cal_node_fail(place_of(p, key),
                         "phase `%s`: %s goes by the frames of a window, but stimulus %s shows none, expected a world of sequences",
                         p->name, key, g->stimulus->ops->kind);
}

static bool sees(const struct cal_graph *g, int region)
{
    const struct cal_experiment *e = g->experiment;
    bool seen = false;
    for (int i = e->first_edge[region]; i < e->first_edge[region + 1]; i++)
        seen = seen || (e->edge[i].from == CAL_FROM_STIMULUS && e->projection[e->edge[i].projection].role == CAL_DRIVE);
    return seen;
}

/* Who may be awake where the stimulus goes off. */
static int check_blind(const struct cal_graph *g, int phase)
{
    const struct cal_phase_spec *p = &g->experiment->phase[phase];
    const struct cal_node *place = place_of(p, "blind_from");
    if (p->blind_from < 0)
        return CAL_OK;
    if (p->blind_from >= g->stimulus->window)
        return cal_node_fail(place, "phase `%s`: blind_from is %ld, but windows have %ld frames, expected at most %ld", p->name,
                             p->blind_from, g->stimulus->window, g->stimulus->window - 1);
    for (int r = 0; r < g->n_regions; r++) {
        const struct cal_region_ops *ops = cal_experiment_group(g->experiment, r)->ops;
        if (g->learns[phase][r])
            return cal_node_fail(place, "phase `%s`: blind_from in a phase in which %s learns, expected learn: none", p->name,
                                 cal_experiment_name(g->experiment, r).text);
        if (g->awake[phase][r] && !ops->imagines && sees(g, r))
            return cal_node_fail(place, "phase `%s`: blind_from, but %s is of kind %s, which does not go on without the stimulus", p->name,
                                 cal_experiment_name(g->experiment, r).text, ops->kind);
    }
    return CAL_OK;
}

/* A phase within another is the only one that breaks a phase. */
static int check_breaks(const struct cal_graph *g, const struct cal_phase_spec *p)
{
    long window = g->stimulus->window;
    if (!window || p->within < 0 || p->every % window == 0 || p->every >= g->phase_steps[p->within])
        return CAL_OK;
    long nearest = (p->every + window / 2) / window * window;
    return cal_node_fail(
        place_of(p, "every"),
        "phase `%s`: with every: %ld it would break a window of `%s`, expected a multiple of the %ld frames of one, such as %ld", p->name,
        p->every, g->experiment->phase[p->within].name, window, nearest ? nearest : window);
}

int cal_graph_check_windows(const struct cal_graph *g)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < g->experiment->n_phases; i++) {
        const struct cal_phase_spec *p = &g->experiment->phase[i];
        err = check_world(g, p);
        if (!err)
            err = check_blind(g, i);
        if (!err)
            err = check_breaks(g, p);
    }
    return err;
}
