/* experiments/progress.c - see progress.h. */
#include "experiments/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "experiments/metrics.h"

const char *const cal_clock_names[CAL_CLOCKS] = {"compute", "stimulus", "wait", "transfer", "record", "checkpoint", "total"};

#define REDRAW_S 0.2 /* on a terminal */
#define LINE_S 5.0   /* elsewhere */

long cal_progress_total_steps(const struct cal_graph *g)
{
    long steps = 0;
    for (int i = 0; i < g->n_segments; i++)
        steps += cal_graph_wall_steps(g, &g->segment[i]);
    return steps;
}

static bool prints(const struct cal_sim *s)
{
    return cal_world_rank(s->world) == 0;
}

/* "8 x cortex (V), 1 x attention (attention)" */
static void print_regions(const struct cal_experiment *e)
{
    for (int i = 0; i < e->n_groups; i++)
        printf("%s%d x %s (%s)", i ? ", " : "", e->group[i].n, e->group[i].ops->kind, e->group[i].name);
}

void cal_progress_begin(struct cal_progress *p, const struct cal_sim *s)
{
    memset(p, 0, sizeof *p);
    /* mpirun gives every rank a terminal: whether there really is one, who called it must say */
    p->terminal = isatty(STDOUT_FILENO) && (cal_world_size(s->world) == 1 || getenv("CALLOSUM_TERMINAL"));
    p->start_s = cal_now_s();
    p->first_step = s->at.step;
    p->total_steps = cal_progress_total_steps(s->graph);
    if (!prints(s))
        return;
    const struct cal_experiment *e = s->experiment;
    int ranks = cal_world_size(s->world);
    printf("callosum %s   %s, variant %s, seed %u\n", CAL_VERSION, e->name, e->variant, e->seed);
    printf("  regions    ");
    print_regions(e);
    printf(" on %d rank%s\n", ranks, ranks == 1 ? "" : "s");
    printf("  libraries  %s, %s (%s kernels, %d thread%s)\n", ranks == 1 ? "no MPI needed" : cal_world_library(), cal_kernels_library(),
           cal_kernels_core(), cal_kernels_threads(), cal_kernels_threads() == 1 ? "" : "s");
    printf("  run        %s\n", s->dir);
    if (s->at.step)
        printf("  resumed    at step %ld of %ld\n", s->at.step, p->total_steps);
    fflush(stdout);
}

static void print_eta(double seconds)
{
    long t = (long)(seconds + 0.5);
    if (t >= 3600)
        printf("ETA %ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    else
        printf("ETA %ld:%02ld", t / 60, t % 60);
}

void cal_progress_show(struct cal_progress *p, const struct cal_sim *s, long step, const double *value)
{
    double now = cal_now_s();
    if (!prints(s) || step == p->first_step || now - (p->last_s > 0 ? p->last_s : p->start_s) < (p->terminal ? REDRAW_S : LINE_S))
        return;
    double speed = (double)(step - p->first_step) / (now - p->start_s);
    const char *names[CAL_SHOWN_MAX];
    int n = cal_metrics_shown(s->experiment, names);
    printf("%s%-8s step %ld/%ld  %3.0f%%  %.4g steps/s  ", p->terminal ? "\r\033[K" : "", s->experiment->phase[cal_sim_phase(s)].name, step,
           p->total_steps, 100.0 * (double)step / (double)p->total_steps, speed);
    print_eta((double)(p->total_steps - step) / speed);
    for (int i = 0; i < n; i++)
        if (value[2 * i + 1] > 0)
            printf("  %s %.4f", names[i], value[2 * i] / value[2 * i + 1]);
    if (value[2 * CAL_SHOWN_MAX + 1] > 0)
        printf("  wait %.0f%%", 100 * value[2 * CAL_SHOWN_MAX] / value[2 * CAL_SHOWN_MAX + 1]);
    if (!p->terminal)
        printf("\n");
    fflush(stdout);
    p->line_open = p->terminal;
    p->last_s = now;
}

void cal_progress_break(struct cal_progress *p)
{
    if (p->line_open)
        printf("\n");
    fflush(stdout);
    p->line_open = false;
}

char *cal_progress_hosted(const struct cal_sim *s, int rank)
{
    const struct cal_experiment *e = s->experiment;
    int first, last;
    cal_place_regions(s->place, rank, e->n_regions, cal_world_size(s->world), &first, &last);
    if (first == last)
        return cal_strdup("nobody");
    if (first == last - 1)
        return cal_strdup(cal_experiment_name(e, first).text);
    return cal_sprintf("%s to %s", cal_experiment_name(e, first).text, cal_experiment_name(e, last - 1).text);
}

struct cal_phase_times *cal_progress_gather(const struct cal_sim *s)
{
    int n_phases = s->experiment->n_phases, n = n_phases * CAL_CLOCKS;
    struct cal_phase_times *times = prints(s) ? cal_alloc((size_t)n_phases * sizeof *times) : NULL;
    struct cal_spread *all = cal_alloc((size_t)n * sizeof *all);
    cal_world_spread(s->world, &s->clock[0][0], n, all);
    for (int p = 0; times && p < n_phases; p++)
        memcpy(times[p].clock, all + p * CAL_CLOCKS, sizeof times[p].clock);
    cal_free(all);
    return times;
}

void cal_progress_end(struct cal_progress *p, const struct cal_sim *s, const struct cal_phase_times *times)
{
    if (!prints(s))
        return;
    cal_progress_break(p);
    printf("\n%-12s %-12s %9s %9s %9s   seconds over ranks\n", "phase", "", "min", "mean", "max");
    for (int i = 0; i < s->experiment->n_phases; i++) {
        if (times[i].clock[CAL_TOTAL].max == 0)
            continue;
        for (int k = 0; k < CAL_CLOCKS; k++) {
            int c = (CAL_TOTAL + k) % CAL_CLOCKS; /* the total first */
            const struct cal_spread *x = &times[i].clock[c];
            char *who = cal_progress_hosted(s, times[i].clock[CAL_COMPUTE].most);
            printf("%-12s %-12s %9.3f %9.3f %9.3f%s%s\n", k ? "" : s->experiment->phase[i].name, cal_clock_names[c], x->min, x->mean,
                   x->max, c == CAL_COMPUTE ? "   slowest: " : "", c == CAL_COMPUTE ? who : "");
            cal_free(who);
        }
    }
    fflush(stdout);
}
