/* experiments/run.c - see run.h. */
#include "experiments/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "analysis/contact.h"
#include "analysis/sheet.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/files.h"
#include "core/mem.h"
#include "experiments/checkpoint.h"
#include "experiments/environment.h"
#include "experiments/loop.h"
#include "experiments/metrics.h"
#include "experiments/summary.h"

int cal_run_ranks(const struct cal_cli *c, const struct cal_experiment *e, int *ranks)
{
    *ranks = c->single ? 1 : c->ranks ? c->ranks : e->n_regions;
    if (*ranks > e->n_regions)
        return cal_fail(CAL_EUSAGE, "--ranks %d: %s has only %d regions", *ranks, e->name, e->n_regions);
    return CAL_OK;
}

/* "8 x cortex + 1 x attention", by kind. [give] */
static char *kinds_of(const struct cal_experiment *e)
{
    char *text = cal_strdup("");
    for (int i = 0; i < e->n_groups; i++) {
        int n = 0;
        bool seen = false;
        for (int k = 0; k < e->n_groups; k++) {
            seen = seen || (k < i && e->group[k].ops == e->group[i].ops);
            n += e->group[k].ops == e->group[i].ops ? e->group[k].n : 0;
        }
        if (seen)
            continue;
        char *more = cal_sprintf("%s%s%d x %s", text, text[0] ? " + " : "", n, e->group[i].ops->kind);
        cal_free(text);
        text = more;
    }
    return text;
}

static int check_ranks(const struct cal_cli *c, const struct cal_experiment *e, struct cal_world *w)
{
    int ranks, have = cal_world_size(w);
    int err = cal_run_ranks(c, e, &ranks);
    if (err || ranks == have)
        return err;
    if (c->ranks)
        return cal_fail(CAL_EUSAGE, "--ranks %d, but mpirun gave %d", ranks, have);
    char *kinds = kinds_of(e);
    if (have == 1)
        err = cal_fail(CAL_EUSAGE, "%s needs %d ranks: %s; start it with ./run, or mpirun -n %d, or give --single", e->name, ranks, kinds,
                       ranks);
    else
        err = cal_fail(CAL_EUSAGE, "%s needs %d ranks: %s; mpirun gave %d%s", e->name, ranks, kinds, have,
                       have < ranks ? " (--ranks lets each host several regions)" : "");
    cal_free(kinds);
    return err;
}

enum start { START_FRESH, START_RESUME, START_FINISHED };

static int write_used(const char *dir, const struct cal_experiment *e)
{
    char *path = cal_sprintf("%s/used.yml", dir);
    FILE *f;
    int err = cal_file_begin(path, &f);
    if (!err) {
        err = cal_experiment_write(e, cal_environment(), f);
        err = cal_file_settle(path, f, err ? cal_fail(CAL_EIO, "%s: cannot write: %s", path, strerror(errno)) : CAL_OK);
    }
    cal_free(path);
    return err;
}

static bool exists(const char *dir, const char *name)
{
    char *path = cal_sprintf("%s/%s", dir, name);
    bool there = access(path, F_OK) == 0;
    cal_free(path);
    return there;
}

/* A folder for a new run: what an unfinished one without a checkpoint left there goes. */
static int make_dir(const char *dir, const struct cal_experiment *e)
{
    const char *const parts[] = {"metrics", "activity", "checkpoint"};
    int err = cal_make_dirs(dir);
    for (int i = 0; !err && i < 3; i++) {
        char *path = cal_sprintf("%s/%s", dir, parts[i]);
        cal_remove_tree(path);
        err = cal_make_dirs(path);
        cal_free(path);
    }
    return err ? err : write_used(dir, e);
}

/* Rank 0 looks at the folder: is there a run, is it ours, how does it go on? */
static int inspect(const struct cal_cli *c, const char *dir, const struct cal_experiment *e, enum start *start)
{
    *start = START_FRESH;
    long *steps;
    int n = cal_checkpoint_list(dir, &steps), err;
    cal_free(steps);
    if (!exists(dir, "used.yml")) {
        if (n || exists(dir, "summary.json"))
            return cal_fail(CAL_EUSAGE, "%s: there is a run, but its used.yml is gone; choose another --out, or remove it", dir);
        return make_dir(dir, e);
    }
    if (!c->resume)
        return cal_fail(CAL_EUSAGE, "%s: there is a run already; go on with --resume, choose another --out, or remove it", dir);
    char *used = cal_sprintf("%s/used.yml", dir), warning[256] = "";
    err = cal_experiment_same(e, used, cal_environment(), warning);
    cal_free(used);
    if (err)
        return err;
    if (exists(dir, "summary.json")) {
        *start = START_FINISHED;
        return CAL_OK;
    }
    if (n == 0)
        return make_dir(dir, e);
    if (warning[0])
        cal_warn("%s", warning);
    *start = START_RESUME;
    return CAL_OK;
}

/* One process tree a run: two would write over each other. The lock lives as long as the descriptor; it is never closed on purpose. */
static int lock(const char *dir)
{
    char *path = cal_sprintf("%s/lock", dir);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666), err = CAL_OK;
    if (fd < 0)
        err = cal_fail(CAL_EIO, "%s: cannot create: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        err = cal_fail(CAL_EUSAGE, "%s: this run is being run by another process", dir);
    cal_free(path);
    return err;
}

/* What rank 0 will write down, while the ranks are still together. Collective. */
static int conclude(struct cal_sim *s, struct cal_progress *p, double seconds, struct cal_summary *summary)
{
    double mine[3] = {(double)cal_mem_peak_bytes(), (double)cal_mem_resident_peak_bytes(), (double)cal_control_messages(s->control)};
    int ranks = cal_world_size(s->world);
    bool first = cal_world_rank(s->world) == 0;
    double *all = first ? cal_alloc(3 * (size_t)ranks * sizeof *all) : NULL;
    cal_world_gather(s->world, mine, 3, all);
    summary->n_costs = cal_costs_gather(s, &summary->cost);
    struct cal_phase_times *times = cal_progress_gather(s);
    cal_progress_end(p, s, times);
    int err = cal_exchange_settle(s->exchange, &summary->ledger);
    summary->steps = s->at.step;
    summary->ranks = ranks;
    summary->seconds = seconds;
    if (!first)
        return err;
    summary->memory_bytes = cal_alloc((size_t)ranks * sizeof *all);
    summary->resident_bytes = cal_alloc((size_t)ranks * sizeof *all);
    for (int r = 0; r < ranks; r++) {
        summary->memory_bytes[r] = all[3 * r];
        summary->resident_bytes[r] = all[3 * r + 1];
        summary->memory_max_bytes = fmax(all[3 * r], summary->memory_max_bytes);
        summary->memory_mean_bytes += all[3 * r] / ranks;
        summary->control_messages += (long)all[3 * r + 2];
    }
    cal_free(all);
    summary->times = times;
    summary->slowest = cal_alloc((size_t)s->experiment->n_phases * sizeof *summary->slowest);
    summary->shown = cal_alloc((size_t)s->experiment->n_phases * sizeof *summary->shown);
    double wait = 0, total = 0, samples = 0, learning = 0;
    for (int i = 0; i < s->experiment->n_phases; i++) {
        const struct cal_spread *clock = times[i].clock;
        summary->slowest[i] = cal_progress_hosted(s, clock[CAL_COMPUTE].most);
        summary->shown[i] = s->shown[i];
        wait += clock[CAL_WAIT].mean;
        total += clock[CAL_TOTAL].mean;
        if (s->graph->loses[i] && clock[CAL_TOTAL].mean > 0) {
            samples += (double)s->shown[i] * s->experiment->batch;
            learning += clock[CAL_TOTAL].mean - clock[CAL_CHECKPOINT].mean - clock[CAL_RECORD].mean;
        }
    }
    summary->wait_share = total > 0 ? wait / total : 0;
    summary->samples_per_s = learning > 0 ? samples / learning : 0;
    return err;
}

/* After the loop: what is left to do on all ranks. Collective. */
static int finish(struct cal_sim *s, struct cal_progress *p, double start_s, struct cal_summary *summary)
{
    double begin = cal_now_s();
    int err = cal_checkpoint_save(s);
    if (s->graph->n_segments) {
        double *clock = s->clock[s->graph->segment[s->graph->n_segments - 1].phase];
        clock[CAL_CHECKPOINT] += cal_now_s() - begin;
        clock[CAL_TOTAL] += cal_now_s() - begin;
    }
    if (!err)
        err = conclude(s, p, cal_now_s() - start_s, summary);
    return err;
}

/* Rank 0, when the others are gone: the measures and the summary. */
static int measure(const char *dir, const struct cal_experiment *e, const struct cal_summary *summary)
{
    struct cal_measures *m = cal_alloc(sizeof *m);
    int err = cal_measure_run(dir, m);
    if (!err)
        err = cal_sheet_write(dir);
    if (!err)
        err = cal_contact_write(dir, e);
    if (!err)
        err = cal_summary_write(dir, e, summary, m);
    if (!err) {
        printf("\nledger     %lld messages, %lld bytes, both ends agree\nspeed      %.5g samples/s, wait %.0f%%\n",
               (long long)summary->ledger.messages, (long long)summary->ledger.bytes, summary->samples_per_s, 100 * summary->wait_share);
        cal_summary_print_measures(m);
        printf("\nsummary    %s/summary.json\n", dir);
    }
    cal_free(m);
    return err;
}

static void summary_finish(struct cal_summary *summary, int n_phases)
{
    for (int i = 0; summary->slowest && i < n_phases; i++)
        cal_free(summary->slowest[i]);
    cal_free(summary->slowest);
    cal_free(summary->memory_bytes);
    cal_free(summary->resident_bytes);
    cal_free(summary->shown);
    cal_free(summary->cost);
    cal_free((void *)summary->times);
}

/* Rank 0 takes the folder and finds out how to start; all hear it. Collective. */
static int enter(const struct cal_cli *c, struct cal_sim *s, enum start *start)
{
    int err = CAL_OK;
    if (cal_world_rank(s->world) == 0) {
        err = cal_make_dirs(s->dir);
        if (!err)
            err = lock(s->dir);
        if (!err)
            err = inspect(c, s->dir, s->experiment, start);
    }
    err = cal_agree(s->world, err);
    cal_world_share(s->world, start, sizeof *start);
    return err;
}

/* From the first step, or the one that a checkpoint left off at, to the last. Collective. */
static int go(const struct cal_cli *c, struct cal_sim *s, enum start start, double start_s, struct cal_summary *summary)
{
    bool found = false;
    int err = start == START_RESUME ? cal_checkpoint_resume(s, &found) : CAL_OK;
    if (!err && !found)
        err = cal_agree(s->world, cal_metrics_open(s, NULL));
    if (err)
        return err;
    struct cal_progress p;
    struct cal_loop_options o = {.stop_at_s = c->max_time_s > 0 ? start_s + c->max_time_s : 0};
    cal_progress_begin(&p, s);
    err = cal_loop_run(s, &o, &p);
    if (!err)
        err = finish(s, &p, start_s, summary);
    cal_progress_break(&p);
    if (err == CAL_STOPPED && cal_world_rank(s->world) == 0)
        printf("stopped at step %ld of %ld; go on with --resume\n", s->at.step, p.total_steps);
    return err;
}

/* Do all ranks read the same experiment? Nodes may see different files. Collective; the verdict is each rank's own. */
static int compare_experiments(struct cal_world *w, const struct cal_experiment *e)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int err = f ? cal_experiment_write(e, NULL, f) : cal_fail(CAL_EIO, "cannot write to memory: %s", strerror(errno));
    uint64_t hash = 0xcbf29ce484222325u, first; /* FNV-1a */
    if (f)
        fclose(f);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    free(text);
    first = hash;
    cal_world_share(w, &first, sizeof first);
    if (!err && first != hash)
        err = cal_fail(CAL_EUSAGE, "%s: rank %d reads another experiment than rank 0; do all nodes see the same files?", e->path,
                       cal_world_rank(w));
    return err;
}

/* Read, check, assemble: all that can fail before the disk is touched. Collective. */
static int prepare(const struct cal_cli *c, struct cal_world *w, struct cal_experiment **e, struct cal_sim **s)
{
    int err = cal_experiment_read(c->path, &c->overrides, e);
    if (!err)
        err = check_ranks(c, *e, w);
    err = cal_agree(w, err);
    if (!err)
        err = cal_agree(w, compare_experiments(w, *e));
    if (err)
        return err;
    char *dir = c->out ? cal_sprintf("%s/%s/seed-%u", c->out, (*e)->variant, (*e)->seed)
                       : cal_sprintf("runs/%s/%s/seed-%u", (*e)->name, (*e)->variant, (*e)->seed);
    err = cal_sim_create(*e, w, c->place, dir, s);
    cal_free(dir);
    return err;
}

int cal_run(const struct cal_cli *c, int *argc, char ***argv)
{
    double start_s = cal_now_s();
    struct cal_world *w = cal_world_create(argc, argv, c->single);
    bool first = cal_world_rank(w) == 0;
    struct cal_experiment *e = NULL;
    struct cal_sim *s = NULL;
    struct cal_summary summary = {0};
    enum start start = START_FRESH;
    cal_loop_catch_signals();
    int err = prepare(c, w, &e, &s);
    if (!err)
        err = enter(c, s, &start);
    char *dir = cal_strdup(s ? s->dir : "");
    bool finished = start == START_FINISHED;
    if (!err && finished && first)
        printf("%s: finished already\n", dir);
    if (!err && !finished)
        err = go(c, s, start, start_s, &summary);
    cal_sim_destroy(s);
    cal_world_destroy(w);
    cal_loop_ignore_wishes(); /* the last set is written: from here on a signal may end us */
    if (!err && !finished && first) {
        err = measure(dir, e, &summary);
        if (err)
            cal_complain();
    }
    summary_finish(&summary, e ? e->n_phases : 0);
    cal_experiment_destroy(e);
    cal_free(dir);
    return err;
}
