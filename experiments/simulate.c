/* experiments/simulate.c - build/callosum-simulate: an experiment on more ranks than there are, in simulated time.
 *
 *   callosum-simulate EXPERIMENT.yaml --costs FILE --platform FILE.xml [--variant NAME] [--set key=value]... [--seed N]
 *                     [--ranks N] [--steps K] [--jitter C]
 *
 * The program's own loop and exchange run, with every message of its true size; regions are stand-ins that take the time given in the
 * file of costs (experiments/stand_in.h). K presentations (default 50) of the first phase that learns; nothing is recorded or saved. The
 * number of modules is the experiment's own: --set regions.V.count=1024. --ranks as in `callosum run`. One process, no mpirun or smpirun;
 * the same command gives the same line, byte for byte.
 *
 * One line of JSON on standard output:
 *   experiment, variant, seed, platform
 *   modules, shards     regions that are not attention, and those that are
 *   ranks, steps, batch, jitter
 *   start_s             from MPI_Init to the first step, of the last rank to get there
 *   seconds             from there to the end of the last
 *   seconds_per_step    between the first fifth of the steps and the last step, mean over regions: without filling and draining
 *   steps_per_s, samples_per_s    by that
 *   compute, stimulus, wait, transfer    {min, mean, max} over ranks: seconds of each sort in the whole phase
 *   messages_per_step, bytes_per_step    between ranks and within them, as the ledger has them
 *   control_messages_per_step
 *   ledger              {messages, bytes}: of the whole run, both ends agree
 * Times are simulated ones. Exit codes are those of callosum. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "experiments/loop.h"
#include "experiments/progress.h"
#include "experiments/stand_in.h"

struct options {
    const char *experiment, *costs, *platform;
    struct cal_overrides overrides;
    const char **sets;
    double ranks, steps, jitter; /* ranks 0: one a region */
};

/* What all ranks share, and what they find. */
struct job {
    int ranks;
    long steps;
    int phase;
    struct cal_graph *graph;
    struct cal_stand_in *stand_ins;
    int err;
    double start_s, seconds;
    long control_messages;
    struct cal_ledger ledger;
    struct cal_phase_times *times;
};

static const char usage[] =
    "callosum-simulate EXPERIMENT.yaml --costs FILE --platform FILE.xml [options]: an experiment in simulated time, one line of JSON\n"
    "  --costs FILE               seconds that regions take, as measured: {\"V\": {\"forward\": s, \"learn\": s, \"stimulus\": s}, ...}\n"
    "  --platform FILE.xml        hosts and links, as SimGrid has them; see experiments/platforms\n"
    "  --variant NAME             the variant to run; default: the first in the file\n"
    "  --set path.to.key=value    override one key, after the variant; may be given many times\n"
    "  --seed N                   override the seed\n"
    "  --ranks N                  let each of N ranks host several regions; default: one region a rank\n"
    "  --steps K                  presentations of the first phase that learns; default 50\n"
    "  --jitter C                 standard deviation of what a step takes, over its mean; default 0\n";

static int number(const char *name, const char *value, double min, double max, bool whole, double *out)
{
    char *end;
    *out = strtod(value, &end);
    if (end == value || *end || !(*out >= min && *out <= max) || (whole && *out != (double)(long)*out))
        return cal_fail(CAL_EUSAGE, "%s %s: expected a %snumber from %g to %g", name, value, whole ? "whole " : "", min, max);
    return CAL_OK;
}

static int apply(struct options *o, const char *name, const char *value)
{
    const struct {
        const char *name, **text;
    } texts[] = {
        {"--costs", &o->costs}, {"--platform", &o->platform}, {"--variant", &o->overrides.variant}, {"--seed", &o->overrides.seed}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i].name)) {
            *texts[i].text = value;
            return CAL_OK;
        }
    if (!strcmp(name, "--ranks"))
        return number(name, value, 1, 1e6, true, &o->ranks);
    if (!strcmp(name, "--steps"))
        return number(name, value, 5, 1e9, true, &o->steps);
    if (!strcmp(name, "--jitter"))
        return number(name, value, 0, 1, false, &o->jitter);
    o->sets[o->overrides.n_sets++] = value;
    return CAL_OK;
}

static int parse(struct options *o, int argc, char **argv)
{
    static const char *const names[] = {"--costs", "--platform", "--variant", "--seed", "--ranks", "--steps", "--jitter", "--set", NULL};
    o->sets = cal_alloc((size_t)argc * sizeof *o->sets);
    o->overrides.sets = o->sets;
    o->steps = 50;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && o->experiment)
            return cal_fail(CAL_EUSAGE, "callosum-simulate: unexpected `%s`", argv[i]);
        if (argv[i][0] != '-') {
            o->experiment = argv[i];
            continue;
        }
        bool known = false;
        for (int k = 0; names[k]; k++)
            known = known || !strcmp(argv[i], names[k]);
        if (!known)
            return cal_fail(CAL_EUSAGE, "callosum-simulate has no option `%s`%s", argv[i], cal_did_you_mean(argv[i], names));
        if (i + 1 == argc)
            return cal_fail(CAL_EUSAGE, "%s needs a value", argv[i]);
        int err = apply(o, argv[i], argv[i + 1]);
        if (err)
            return err;
        i++;
    }
    if (!o->experiment || !o->costs || !o->platform)
        return cal_fail(CAL_EUSAGE, "callosum-simulate: expected EXPERIMENT.yaml, --costs FILE and --platform FILE.xml");
    return CAL_OK;
}

/* Only the first phase that learns, with so many steps, without a break. Nothing is logged, recorded or saved. */
static int cut(struct cal_experiment *e, long steps, int *phase)
{
    *phase = -1;
    e->log_every = LONG_MAX;
    e->checkpoint_every = 0;
    for (int p = 0; p < e->n_phases; p++) {
        struct cal_phase_spec *spec = &e->phase[p];
        bool learns = spec->learn.n > 0 && strcmp(spec->learn.item[0], "none") != 0;
        if (learns && spec->within < 0 && *phase < 0)
            *phase = p;
        spec->steps = p == *phase ? steps : 0;
        spec->n_records = 0;
        if (spec->within >= 0)
            spec->every = LONG_MAX;
    }
    return *phase < 0 ? cal_fail(CAL_EUSAGE, "%s: no phase learns, expected one to simulate", e->path) : CAL_OK;
}

/* A rank, from its start to its end. Collective. */
static void run_rank(void *argument)
{
    struct job *job = argument;
    double start = cal_now_s();
    struct cal_world *w = cal_world_create(NULL, NULL, false);
    struct cal_stand_in_stimulus stimulus;
    cal_stand_in_stimulus(&stimulus, job->graph, cal_world_rank(w), job->ranks);
    struct cal_sim *s = NULL;
    int err = cal_sim_join(&stimulus.base, job->graph, w, CAL_PLACE_BLOCK, "", &s);
    double begin = cal_now_s();
    struct cal_loop_options options = {0};
    struct cal_progress progress = {0};
    if (!err)
        err = cal_loop_run(s, &options, &progress);
    double end = cal_now_s();
    struct cal_ledger ledger;
    struct cal_phase_times *times = NULL;
    if (!err) {
        times = cal_progress_gather(s);
        err = cal_exchange_settle(s->exchange, &ledger);
        job->control_messages += cal_control_messages(s->control);
    }
    job->start_s = fmax(job->start_s, begin - start); /* ranks take turns */
    if (cal_world_rank(w) == 0) {
        job->err = err;
        job->seconds = end - begin;
        job->times = times;
        if (!err)
            job->ledger = ledger;
    }
    cal_sim_destroy(s);
    cal_world_destroy(w);
}

static void put_spread(struct cal_json *j, enum cal_clock c, const struct job *job)
{
    const struct cal_spread *x = &job->times[job->phase].clock[c];
    cal_json_object(j, cal_clock_names[c]);
    cal_json_number(j, "min", x->min);
    cal_json_number(j, "mean", x->mean);
    cal_json_number(j, "max", x->max);
    cal_json_end(j);
}

static int print(const struct options *o, const struct job *job)
{
    const struct cal_experiment *e = job->graph->experiment;
    double step_s = 0;
    int shards = 0;
    for (int r = 0; r < e->n_regions; r++) {
        const struct cal_stand_in *s = &job->stand_ins[r];
        shards += !strcmp(cal_experiment_group(e, r)->ops->kind, "attention");
        step_s += (s->end - s->begin) / (double)(s->to - s->from) / e->n_regions;
    }
    struct cal_json j;
    cal_json_init(&j, stdout, false);
    cal_json_object(&j, NULL);
    cal_json_string(&j, "experiment", e->name);
    cal_json_string(&j, "variant", e->variant);
    cal_json_integer(&j, "seed", e->seed);
    cal_json_string(&j, "platform", o->platform);
    cal_json_integer(&j, "modules", e->n_regions - shards);
    cal_json_integer(&j, "shards", shards);
    cal_json_integer(&j, "ranks", job->ranks);
    cal_json_integer(&j, "steps", job->steps);
    cal_json_integer(&j, "batch", e->batch);
    cal_json_number(&j, "jitter", o->jitter);
    cal_json_number(&j, "start_s", job->start_s);
    cal_json_number(&j, "seconds", job->seconds);
    cal_json_number(&j, "seconds_per_step", step_s);
    cal_json_number(&j, "steps_per_s", 1 / step_s);
    cal_json_number(&j, "samples_per_s", e->batch / step_s);
    put_spread(&j, CAL_COMPUTE, job);
    put_spread(&j, CAL_STIMULUS, job);
    put_spread(&j, CAL_WAIT, job);
    put_spread(&j, CAL_TRANSFER, job);
    cal_json_number(&j, "messages_per_step", (double)job->ledger.messages / (double)job->steps);
    cal_json_number(&j, "bytes_per_step", (double)job->ledger.bytes / (double)job->steps);
    cal_json_number(&j, "control_messages_per_step", (double)job->control_messages / (double)job->steps);
    cal_json_object(&j, "ledger");
    cal_json_integer(&j, "messages", job->ledger.messages);
    cal_json_integer(&j, "bytes", job->ledger.bytes);
    cal_json_end(&j);
    cal_json_end(&j);
    return cal_json_finish(&j);
}

static int simulate(const struct options *o)
{
    struct job job = {.steps = (long)o->steps};
    struct cal_simulation simulation = {.platform = o->platform};
    struct cal_experiment *e = NULL;
    struct cal_stimulus *stimulus = NULL;
    int err = cal_experiment_read(o->experiment, &o->overrides, &e);
    if (!err)
        err = cut(e, job.steps, &job.phase);
    if (!err && o->ranks > e->n_regions)
        err = cal_fail(CAL_EUSAGE, "--ranks %g: %s has only %d regions", o->ranks, e->name, e->n_regions);
    if (!err)
        err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &stimulus);
    if (!err)
        err = cal_graph_create(e, stimulus, &job.graph);
    if (!err)
        err = cal_stand_ins_create(job.graph, o->costs, o->jitter, job.steps, &simulation, &job.stand_ins);
    if (!err) {
        simulation.ranks = job.ranks = o->ranks > 0 ? (int)o->ranks : e->n_regions;
        err = cal_simulated_run(&simulation, run_rank, &job);
    }
    if (!err && job.err)
        return job.err; /* the rank that failed has said why */
    if (!err)
        err = print(o, &job);
    if (err)
        cal_complain();
    cal_free(job.times);
    cal_graph_destroy(job.graph);
    cal_free(job.stand_ins);
    cal_stimulus_destroy(stimulus);
    cal_experiment_destroy(e);
    return err;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return fputs(usage, stdout) < 0 ? CAL_EIO : CAL_OK;
    cal_kernels_init();
    int err = parse(&o, argc, argv);
    if (err)
        cal_complain();
    else
        err = simulate(&o);
    cal_free(o.sets);
    return err;
}
