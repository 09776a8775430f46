/* experiments/check.c - see check.h. */
#include "experiments/check.h"

#include <stdio.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/run.h"

static char *bytes_text(double bytes)
{
    const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    while (bytes >= 1024 && u < 4) {
        bytes /= 1024;
        u++;
    }
    return cal_sprintf("%.*f %s", u ? 2 : 0, bytes, units[u]);
}

static void print_bytes(const char *format, const char *what, double bytes)
{
    char *text = bytes_text(bytes);
    printf(format, what, text);
    cal_free(text);
}

static void print_regions(struct cal_graph *g)
{
    printf("\n%-14s %-12s %8s %12s %6s %12s %8s  learns in\n", "region", "kind", "units", "state", "tapes", "a tape", "lag");
    for (int r = 0; r < g->n_regions; r++) {
        struct cal_region *region = g->region[r];
        char *state = bytes_text((double)cal_layout_bytes(&region->layout, CAL_STATE));
        char *tape = bytes_text((double)cal_tape_bytes(region));
        printf("%-14s %-12s %8d %12s %6d %12s %8d ", region->name, region->ops->kind, region->out.units, state, cal_graph_tapes(g, r), tape,
               g->lag[r]);
        for (int p = 0; p < g->experiment->n_phases; p++)
            if (g->learns[p][r])
                printf(" %s", g->experiment->phase[p].name);
        printf("\n");
        cal_free(state);
        cal_free(tape);
    }
}

static void print_projections(const struct cal_graph *g)
{
    const struct cal_experiment *e = g->experiment;
    double *bytes = cal_alloc((size_t)e->n_projections * sizeof *bytes);
    int *edges = cal_alloc((size_t)e->n_projections * sizeof *edges);
    for (int i = 0; i < g->n_edges; i++) {
        unsigned p = e->edge[i].projection;
        edges[p]++;
        bytes[p] += g->edge[i].from == CAL_FROM_STIMULUS ? 0 : (double)cal_rep_spec_floats(&g->edge[i].spec) * sizeof(float);
    }
    printf("\n%-14s %-8s %6s %8s %6s %14s\n", "projection", "role", "edges", "delay", "drop", "a step");
    for (int p = 0; p < e->n_projections; p++) {
        char *text = bytes_text(bytes[p]);
        printf("%-14s %-8s %6d %8d %6g %14s\n", e->projection[p].name, e->projection[p].role == CAL_DRIVE ? "drive" : "context", edges[p],
               e->projection[p].delay, e->projection[p].drop, text);
        cal_free(text);
    }
    printf("(what a region takes of the stimulus crosses no process and counts nothing)\n");
    cal_free(bytes);
    cal_free(edges);
}

static double dump_bytes(const struct cal_graph *g, int phase)
{
    const struct cal_phase_spec *spec = &g->experiment->phase[phase];
    double bytes = 0, repeats = 0;
    for (int i = 0; i < g->n_segments; i++)
        repeats += g->segment[i].phase == phase && g->segment[i].last;
    double steps = (double)((g->phase_steps[phase] + (spec->within < 0 ? spec->every - 1 : 0)) / (spec->within < 0 ? spec->every : 1));
    for (int r = 0; r < g->n_regions; r++)
        for (int v = 0; v < g->region[r]->n_variables; v++)
            if (g->record[phase][r] & 1u << v)
                bytes += steps * repeats * g->experiment->batch * g->region[r]->variable[v].cols * (double)sizeof(float);
    return bytes;
}

static void print_phases(const struct cal_graph *g)
{
    printf("\n%-14s %10s %8s %14s\n", "phase", "steps", "awake", "dumps");
    for (int p = 0; p < g->experiment->n_phases; p++) {
        int awake = 0;
        for (int r = 0; r < g->n_regions; r++)
            awake += g->awake[p][r];
        char *dump = bytes_text(dump_bytes(g, p));
        printf("%-14s %10ld %8d %14s\n", g->experiment->phase[p].name, g->phase_steps[p], awake, dump);
        cal_free(dump);
    }
}

/* Could every variant of the file run? Each is read and wired. */
static int check_variants(const struct cal_cli *c, const struct cal_experiment *e)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < e->n_variants; i++) {
        struct cal_overrides o = c->overrides;
        struct cal_experiment *variant = NULL;
        struct cal_stimulus *stimulus = NULL;
        struct cal_graph *g = NULL;
        o.variant = e->variants[i];
        err = cal_experiment_read(c->path, &o, &variant);
        if (!err)
            err = cal_stimulus_create(variant->stimulus, variant->stimulus_params, variant->seed, variant->batch, &stimulus);
        if (!err)
            err = cal_graph_create(variant, stimulus, &g);
        cal_graph_destroy(g);
        cal_stimulus_destroy(stimulus);
        cal_experiment_destroy(variant);
    }
    return err;
}

int cal_check(const struct cal_cli *c, const struct cal_experiment *e)
{
    int ranks, err = cal_run_ranks(c, e, &ranks);
    if (!err && !c->overrides.variant)
        err = check_variants(c, e);
    if (err)
        return err;
    struct cal_stimulus *stimulus = NULL;
    struct cal_graph *g = NULL;
    size_t before = cal_mem_now_bytes();
    err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &stimulus);
    size_t world = cal_mem_now_bytes() - before;
    if (!err)
        err = cal_graph_create(e, stimulus, &g);
    if (!err) {
        printf("%s, variant %s, seed %u: %d regions on %d rank%s, batch %d\n", e->name, e->variant, e->seed, e->n_regions, ranks,
               ranks == 1 ? "" : "s", e->batch);
        print_bytes("stimulus %s: %s a process", e->stimulus->kind, (double)world);
        printf(", %ld samples to train, %ld held out\n", stimulus->samples[CAL_SPLIT_TRAIN], stimulus->samples[CAL_SPLIT_HELD_OUT]);
        print_regions(g);
        print_projections(g);
        print_phases(g);
        printf("\n%-14s %14s\n", "rank", "memory");
        for (int r = 0; r < ranks; r++) {
            char *name = cal_sprintf("%d", r);
            print_bytes("%-14s %14s\n", name, (double)(cal_sim_bytes(g, c->place, r, ranks) + world));
            cal_free(name);
        }
    }
    cal_graph_destroy(g);
    cal_stimulus_destroy(stimulus);
    return err;
}
