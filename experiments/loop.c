/* experiments/loop.c - see loop.h. */
#include "experiments/loop.h"

#include <signal.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "experiments/checkpoint.h"
#include "experiments/metrics.h"
#include "experiments/recorder.h"

static volatile sig_atomic_t wish_to_stop, wish_to_save;

static void on_stop(int signal)
{
    (void)signal;
    wish_to_stop = 1;
}

static void on_save(int signal)
{
    (void)signal;
    wish_to_save = 1;
}

void cal_loop_catch_signals(void)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_save;
    sigaction(SIGUSR2, &action, NULL);
}

void cal_loop_ignore_wishes(void)
{
    const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

/* What one wall step needs to know beside the sim. */
struct turn {
    struct cal_sim *s;
    const struct cal_segment *segment;
    double *clock; /* of this rank in this phase */
    long *sent;    /* scratch for abandoning */
    int status;    /* first error of this rank; its message is in `message` */
    int place;     /* and where in the step it came up: forward passes before learning, each in forward order */
    int now;       /* the place that is being computed */
    char *message;
};

/* Keep the first error: later ones are its children. */
static void note(struct turn *t, int err)
{
    if (!err || t->status)
        return;
    t->status = err;
    t->place = t->now;
    t->message = cal_strdup(cal_err_message());
}

/* This rank's first error, noted anew so that it can be agreed upon. */
static int own_error(const struct turn *t)
{
    return t->status ? cal_fail(t->status, "%s", t->message) : CAL_OK;
}

/* The stimulus of presentation p (counted from the segment's first), with the slices that are wanted (a bit each), or NULL after an error. */
static const struct cal_rep *stimulus_of(struct turn *t, long p, unsigned wanted)
{
    double start = cal_now_s();
    struct cal_view view = cal_graph_view(t->s->graph, t->segment->phase);
    const struct cal_rep *rep = NULL;
    int err = cal_batches_get_some(t->s->batches, &view, t->segment->first + p, wanted, &rep);
    t->clock[CAL_STIMULUS] += cal_now_s() - start;
    if (err) {
        note(t, err);
        return NULL;
    }
    return rep;
}

/* A lossy link: where the message is lost, the last one that arrived stands in. It was kept if the next would be lost. */
static void lose(struct turn *t, struct cal_host *h, long presentation, struct cal_rep *rep)
{
    const struct cal_graph *g = t->s->graph;
    int phase = t->segment->phase, r = h->region->id;
    float *kept = h->kept[g->experiment->phase[phase].within >= 0];
    if (cal_graph_loses(g, r, phase, presentation))
        cal_rep_point(rep, kept);
    else if (cal_graph_loses(g, r, phase, presentation + 1))
        cal_rep_pack_all(rep, kept);
}

/* Message k of an edge between regions, as the host gets it. */
static const struct cal_rep *receive(struct turn *t, struct cal_host *h, int edge, long k, struct cal_rep *part)
{
    const struct cal_graph *g = t->s->graph;
    const struct cal_rep *rep = cal_exchange_take(t->s->exchange, cal_sim_link_of(t->s, edge), k);
    if (g->lossy[h->region->id] < 0)
        return rep;
    long presentation = t->segment->first + k;
    *part = *rep;
    if (g->edge[edge].drop > 0)
        lose(t, h, presentation, part);
    part->presentation = cal_graph_origin(g, h->region->id, t->segment->phase, presentation);
    return part;
}

/* The slices that an edge carries, or a part of. */
static unsigned slices_of(const struct cal_edge *x)
{
    unsigned slices = 0;
    for (int i = 0; i < x->spec.n; i++)
        slices |= 1u << x->slice[i];
    return slices;
}

/* What arrives at port i of the host in this step. k counts the messages of an edge; for the stimulus, presentations. NULL: not due. */
static const struct cal_rep *arrive(struct turn *t, struct cal_host *h, int edge, long k, struct cal_rep *part)
{
    const struct cal_edge *x = &t->s->graph->edge[edge];
    if (k < 0 || k >= t->segment->count)
        return NULL;
    if (x->from != CAL_FROM_STIMULUS)
        return receive(t, h, edge, k, part);
    long first = t->segment->first;
    const struct cal_graph *g = t->s->graph;
    const struct cal_rep *whole = stimulus_of(t, cal_graph_origin(g, x->to, t->segment->phase, first + k) - first, slices_of(x));
    if (!whole) {
        h->failed = true;
        return NULL;
    }
    cal_edge_view(x, whole, part);
    return part;
}

static void release(struct turn *t, int edge, long k)
{
    const struct cal_edge *x = &t->s->graph->edge[edge];
    if (x->from != CAL_FROM_STIMULUS && k >= 0 && k < t->segment->count)
        cal_exchange_release(t->s->exchange, cal_sim_link_of(t->s, edge), k);
}

/* Number of the message that a drive brings in wall step w. */
static long drive_number(const struct cal_graph *g, const struct cal_edge *x, long w)
{
    return w - x->delay - (x->from == CAL_FROM_STIMULUS ? 0 : g->lag[x->from]);
}

/* What drive i brings to the presentation of the step: nothing from a stimulus that is off, and nothing of another window. */
static const struct cal_rep *bring(struct turn *t, struct cal_host *h, int i, long w, const struct cal_step *step)
{
    const struct cal_graph *g = t->s->graph;
    const struct cal_edge *x = &g->edge[h->drive_edge[i]];
    long k = drive_number(g, x, w);
    if (step->blind && x->from == CAL_FROM_STIMULUS)
        return NULL;
    const struct cal_rep *rep = arrive(t, h, h->drive_edge[i], k, &h->part[i]);
    return cal_graph_same_window(g, t->segment->first + k, step->presentation) ? rep : NULL;
}

/* Does the edge carry presentation p? */
static bool carries(const struct turn *t, int edge, long p)
{
    const struct cal_graph *g = t->s->graph;
    return cal_edge_active(g, edge, t->segment->phase) && p < cal_edge_messages(g, edge, t->segment->count);
}

/* Where the slices of presentation p are to be made: where the largest message goes out from, so that it is not copied, as far as they are aligned there;
 * else in arrays of the region's own. */
static void make_room(struct turn *t, struct cal_host *h, long p, float *out[])
{
    int edge = h->whole_edge;
    memcpy(out, h->out, sizeof h->out);
    if (edge >= 0 && carries(t, edge, p)) {
        const struct cal_edge *x = &t->s->graph->edge[edge];
        float *room = cal_exchange_room(t->s->exchange, cal_sim_link_of(t->s, edge), p);
        size_t at = 0;
        for (int i = 0; i < x->spec.n; i++) {
            if (at * sizeof *room % CAL_ALIGN == 0)
                out[x->slice[i]] = room + at;
            at += (size_t)cal_slice_rows(&x->spec, i) * (size_t)x->spec.slice[i].cols;
        }
    }
    for (int i = 0; i < h->rep.spec->n; i++)
        h->rep.data[i] = out[i];
}

static void send(struct turn *t, struct cal_host *h, long p)
{
    struct cal_graph *g = t->s->graph;
    h->rep.presentation = t->segment->first + p;
    for (int i = 0; i < h->n_out; i++) {
        int edge = h->out_edge[i];
        if (!carries(t, edge, p))
            continue;
        struct cal_rep part;
        cal_edge_view(&g->edge[edge], &h->rep, &part);
        cal_exchange_put(t->s->exchange, cal_sim_link_of(t->s, edge), p, &part);
    }
}

static void record(struct turn *t, struct cal_host *h, struct cal_tape *tape, long p)
{
    if (!t->s->graph->record[t->segment->phase][h->region->id] || h->failed)
        return;
    const struct cal_rep *whole = stimulus_of(t, p, ~0u);
    double start = cal_now_s();
    if (whole)
        note(t, cal_recorder_append(t->s, h, tape, whole));
    t->clock[CAL_RECORD] += cal_now_s() - start;
}

/* A call of a region's that began at start_s is over. */
static void spent(struct turn *t, double start_s, double *sum_s, long *calls)
{
    double seconds = cal_now_s() - start_s;
    t->clock[CAL_COMPUTE] += seconds;
    *sum_s += seconds;
    ++*calls;
}

/* Receive the drives, compute, send, record: presentation w - lag, if it is one. */
static void forward(struct turn *t, struct cal_host *h, long w)
{
    struct cal_graph *g = t->s->graph;
    struct cal_region *r = h->region;
    long p = w - g->lag[r->id];
    if (p < 0 || p >= t->segment->count)
        return;
    long presentation = t->segment->first + p;
    struct cal_tape *tape = &h->tape[presentation % h->n_tapes];
    struct cal_step step = cal_graph_step(g, r->id, t->segment->phase, presentation);
    step.learnt = h->learnt;
    for (int i = 0; i < r->n_drives; i++)
        h->arrived[i] = bring(t, h, i, w, &step);
    float *out[CAL_SLICES_MAX];
    make_room(t, h, p, out);
    double start = cal_now_s();
    if (!h->failed) {
        int err = cal_region_forward(r, &step, h->arrived, tape, out);
        h->failed = err != 0;
        note(t, err);
    }
    spent(t, start, &h->forward_s, &h->forwards);
    for (int i = 0; i < r->n_drives; i++)
        release(t, h->drive_edge[i], drive_number(g, &g->edge[h->drive_edge[i]], w));
    send(t, h, p);
    record(t, h, tape, p);
}

/* Receive the contexts and learn: presentation w - learn_lag, if it is one. */
static void learn(struct turn *t, struct cal_host *h, long w)
{
    struct cal_graph *g = t->s->graph;
    struct cal_region *r = h->region;
    long p = w - g->learn_lag[r->id];
    if (p < 0 || p >= t->segment->count || !g->learns[t->segment->phase][r->id])
        return;
    for (int i = 0; i < r->n_contexts; i++)
        h->arrived[i] = arrive(t, h, h->context_edge[i], p, &h->part[r->n_drives + i]);
    struct cal_tape *tape = &h->tape[(t->segment->first + p) % h->n_tapes];
    double metric[CAL_METRICS_MAX] = {0}, start = cal_now_s();
    if (!h->failed) {
        tape->step.learnt = h->learnt;
        int err = cal_region_learn(r, h->arrived, tape, metric);
        h->failed = err != 0;
        note(t, err);
        h->learnt++;
        cal_metrics_add(h, metric);
    }
    spent(t, start, &h->learn_s, &h->learns);
    for (int i = 0; i < r->n_contexts; i++)
        release(t, h->context_edge[i], p);
}

/* Seconds of this rank in this phase that are accounted for, but for those of moving data. */
static double accounted(struct turn *t)
{
    t->clock[CAL_WAIT] += cal_exchange_waited(t->s->exchange);
    return t->clock[CAL_COMPUTE] + t->clock[CAL_STIMULUS] + t->clock[CAL_WAIT] + t->clock[CAL_RECORD];
}

/* What remains of a wall step has gone into moving data. */
static void wall_step(struct turn *t)
{
    struct cal_sim *s = t->s;
    double begin = cal_now_s(), before = accounted(t);
    const struct cal_graph *g = s->graph;
    const bool *awake = g->awake[t->segment->phase];
    for (int i = 0; i < s->n_hosts; i++) {
        t->now = s->host[i].turn;
        if (awake[s->host[i].region->id])
            forward(t, &s->host[i], s->at.wall);
    }
    for (int i = 0; i < s->n_hosts; i++) {
        t->now = g->n_regions + s->host[i].turn;
        if (awake[s->host[i].region->id])
            learn(t, &s->host[i], s->at.wall);
    }
    t->now = 2 * g->n_regions;
    s->shown[t->segment->phase] += s->at.wall < t->segment->count;
    s->at.wall++;
    s->at.step++;
    double moving = cal_now_s() - begin - (accounted(t) - before);
    t->clock[CAL_TRANSFER] += moving > 0 ? moving : 0; /* rounding */
}

/* This rank's word after a step: its status and wishes, and in a logging step what the progress line shows. */
static void make_word(struct turn *t, const struct cal_loop_options *o, bool log, struct cal_word *word)
{
    struct cal_sim *s = t->s;
    *word = (struct cal_word){.status = t->status, .status_place = t->place, .stop = wish_to_stop};
    if (wish_to_save) {
        wish_to_save = 0;
        word->save = 1;
    }
    if (o->stop_at_s > 0 && cal_world_rank(s->world) == 0 && cal_now_s() >= o->stop_at_s)
        word->stop = 1;
    if (!log)
        return;
    cal_metrics_report(s, word->value);
    for (int p = 0; p < s->experiment->n_phases; p++) {
        word->value[2 * CAL_SHOWN_MAX] += s->clock[p][CAL_WAIT];
        word->value[2 * CAL_SHOWN_MAX + 1] += s->clock[p][CAL_TOTAL];
    }
}

/* Weights that a set must not hold. */
static int check_finite(const struct cal_region *r)
{
    for (int i = 0; i < r->layout.n; i++) {
        const struct cal_array *a = &r->layout.arrays[i];
        if (a->role == CAL_STATE && a->type == CAL_F32 && !cal_all_finite(cal_array_data(a), cal_array_count(a)))
            return cal_fail(CAL_ENUMERICS, "%s: `%s` holds NaN or infinity", r->name, a->name);
    }
    return CAL_OK;
}

static void check_hosts(struct turn *t)
{
    for (int i = 0; i < t->s->n_hosts; i++)
        note(t, check_finite(t->s->host[i].region));
}

/* A set, unless somebody's mathematics has failed by now, even in the very last step: then that error, told by all. Collective. */
static int save(struct turn *t)
{
    struct cal_sim *s = t->s;
    double start = cal_now_s();
    check_hosts(t);
    int err = cal_agree(s->world, own_error(t));
    if (!err)
        err = cal_agree(s->world, cal_recorder_flush(s));
    if (!err)
        err = cal_checkpoint_save(s);
    t->clock[CAL_CHECKPOINT] += cal_now_s() - start;
    return err;
}

/* All have agreed to end here: take in what is under way, and leave. */
static int leave(struct turn *t, int code)
{
    struct cal_sim *s = t->s;
    struct cal_word rest;
    double unused = 0;
    if (cal_control_pending(s->control))
        cal_control_collect(s->control, &rest, &unused);
    if (code != CAL_EIO)
        cal_recorder_flush(s);
    for (int i = 0; i < s->n_links; i++)
        t->sent[i] = cal_sim_link_start(s, i).next_send;
    cal_exchange_abandon(s->exchange, t->sent);
    return code;
}

/* Somebody failed; who has the reason says it. */
static int give_up(struct turn *t, struct cal_progress *p, const struct cal_word *all)
{
    cal_progress_break(p);
    if (all->status_rank == cal_world_rank(t->s->world)) {
        own_error(t);
        cal_complain();
    }
    return leave(t, all->status);
}

/* After a step: hear what all said after the step before, say ours, and do what is due. Returns 0 to go on. */
static int turn_over(struct turn *t, const struct cal_loop_options *o, struct cal_progress *p, bool *logged)
{
    struct cal_sim *s = t->s;
    struct cal_word all = {0}, mine;
    bool log = s->at.step % s->experiment->log_every == 0;
    if (cal_control_pending(s->control))
        cal_control_collect(s->control, &all, &t->clock[CAL_WAIT]);
    make_word(t, o, log, &mine);
    double start = cal_now_s();
    cal_control_submit(s->control, &mine);
    t->clock[CAL_TRANSFER] += cal_now_s() - start; /* a large message that has come is fetched by whoever looks first */
    if (*logged)
        cal_progress_show(p, s, s->at.step - 1, all.value);
    *logged = log;
    if (log)
        note(t, cal_metrics_log(s));
    if (all.status)
        return give_up(t, p, &all);
    bool due = s->experiment->checkpoint_every && s->at.step % s->experiment->checkpoint_every == 0;
    int err = all.stop || all.save || due ? save(t) : CAL_OK;
    if (err || all.stop)
        return leave(t, err ? err : CAL_STOPPED);
    return CAL_OK;
}

/* The last word of a segment, acted upon between it and the next. */
static int last_word(struct turn *t, struct cal_progress *p, bool *logged)
{
    struct cal_word all;
    if (!cal_control_pending(t->s->control))
        return CAL_OK;
    cal_control_collect(t->s->control, &all, &t->clock[CAL_WAIT]);
    if (*logged)
        cal_progress_show(p, t->s, t->s->at.step, all.value);
    *logged = false;
    if (all.status)
        return give_up(t, p, &all);
    int err = all.stop || all.save ? save(t) : CAL_OK;
    return err || all.stop ? leave(t, err ? err : CAL_STOPPED) : CAL_OK;
}

static int finish_segment(struct turn *t)
{
    struct cal_sim *s = t->s;
    cal_exchange_close(s->exchange);
    t->clock[CAL_WAIT] += cal_exchange_waited(s->exchange);
    note(t, cal_recorder_close(s));
    note(t, cal_metrics_log(s));
    check_hosts(t);
    int err = cal_agree(s->world, own_error(t)); /* what no word carried any more */
    if (!err && t->segment->last)
        err = cal_agree(s->world, cal_world_rank(s->world) == 0 ? cal_recorder_masters(s) : CAL_OK);
    s->at.segment++;
    s->at.wall = 0;
    return err;
}

static int run_segment(struct cal_sim *s, const struct cal_loop_options *o, struct cal_progress *p)
{
    struct turn t = {.s = s, .segment = cal_sim_segment(s), .clock = s->clock[cal_sim_phase(s)]};
    size_t n = (size_t)s->n_links + 1;
    int err = cal_agree(s->world, cal_recorder_open(s));
    if (err)
        return err;
    struct cal_link_start *start = cal_alloc(n * sizeof *start);
    t.sent = cal_alloc(n * sizeof *t.sent);
    for (int i = 0; i < s->n_links; i++)
        start[i] = cal_sim_link_start(s, i);
    cal_exchange_open(s->exchange, start);
    bool logged = false;
    long steps = cal_graph_wall_steps(s->graph, t.segment);
    while (!err && s->at.wall < steps) {
        double begin = cal_now_s();
        wall_step(&t);
        err = turn_over(&t, o, p, &logged);
        t.clock[CAL_TOTAL] += cal_now_s() - begin;
    }
    if (!err)
        err = last_word(&t, p, &logged);
    if (!err)
        err = finish_segment(&t);
    cal_free(start);
    cal_free(t.sent);
    cal_free(t.message);
    return err;
}

int cal_loop_run(struct cal_sim *s, const struct cal_loop_options *o, struct cal_progress *p)
{
    int err = CAL_OK;
    while (!err && s->at.segment < s->graph->n_segments)
        err = run_segment(s, o, p);
    return err;
}
