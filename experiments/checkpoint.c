/* experiments/checkpoint.c - see checkpoint.h: one region's file. The sets are in checkpoint_set.c. */
#include "experiments/checkpoint_file.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"

#define FORMAT 1

static int write_i64(struct cal_h5 *f, const char *name, const long *data, size_t n)
{
    return cal_h5_write(f, name, CAL_I64, 1, &n, data);
}

static int read_i64(struct cal_h5 *f, const char *name, long *data, size_t n)
{
    return cal_h5_read(f, name, CAL_I64, 1, &n, data);
}

/* Position, counters and sums, as one row of integers and one of numbers. */
enum { AT_SEGMENT, AT_WALL, AT_STEP, LEARNT, METRICS_N, METRICS_BYTES, N_COUNTS };

static int save_counts(struct cal_sim *s, struct cal_host *h, struct cal_h5 *f)
{
    long counts[N_COUNTS] = {[AT_SEGMENT] = s->at.segment, [AT_WALL] = s->at.wall,     [AT_STEP] = s->at.step,
                             [LEARNT] = h->learnt,         [METRICS_N] = h->metrics.n, [METRICS_BYTES] = cal_metrics_size(h)};
    size_t n = CAL_METRICS_MAX, recorded[2] = {(size_t)s->experiment->n_phases, CAL_RECORDED_COUNTS};
    int err = write_i64(f, "run/counts", counts, N_COUNTS);
    if (!err)
        err = cal_h5_write(f, "run/recorded", CAL_I64, 2, recorded, h->recorded);
    if (!err)
        err = cal_h5_write(f, "run/metrics", CAL_F64, 1, &n, h->metrics.sum);
    return err;
}

static int load_counts(const struct cal_sim *s, struct cal_host *h, struct cal_h5 *f, struct cal_position *at, long *metrics_bytes)
{
    long counts[N_COUNTS];
    size_t n = CAL_METRICS_MAX, recorded[2] = {(size_t)s->experiment->n_phases, CAL_RECORDED_COUNTS};
    int err = read_i64(f, "run/counts", counts, N_COUNTS);
    if (!err)
        err = cal_h5_read(f, "run/recorded", CAL_I64, 2, recorded, h->recorded);
    if (!err)
        err = cal_h5_read(f, "run/metrics", CAL_F64, 1, &n, h->metrics.sum);
    if (err)
        return err;
    *at = (struct cal_position){.segment = (int)counts[AT_SEGMENT], .wall = counts[AT_WALL], .step = counts[AT_STEP]};
    h->learnt = counts[LEARNT];
    h->metrics.n = counts[METRICS_N];
    *metrics_bytes = counts[METRICS_BYTES];
    return CAL_OK;
}

/* Tapes that hold a presentation which has not been learnt. */
static int save_tapes(struct cal_host *h, struct cal_h5 *f)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < h->n_tapes; i++) {
        if (!h->tape[i].live)
            continue;
        char group[32];
        snprintf(group, sizeof group, "tape/%d", i);
        char *name = cal_sprintf("%s/presentation", group);
        err = write_i64(f, name, &h->tape[i].step.presentation, 1);
        cal_free(name);
        if (!err)
            err = cal_h5_save_layout(f, group, &h->tape[i].layout, CAL_TAPE);
    }
    return err;
}

static int load_tapes(const struct cal_sim *s, struct cal_host *h, struct cal_h5 *f, int segment)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < h->n_tapes; i++) {
        char group[32];
        snprintf(group, sizeof group, "tape/%d", i);
        h->tape[i].live = cal_h5_has(f, group);
        if (!h->tape[i].live)
            continue;
        long presentation = 0;
        char *name = cal_sprintf("%s/presentation", group);
        err = read_i64(f, name, &presentation, 1);
        cal_free(name);
        h->tape[i].step = cal_graph_step(s->graph, h->region->id, s->graph->segment[segment].phase, presentation);
        if (!err)
            err = cal_h5_load_layout(f, group, &h->tape[i].layout, CAL_TAPE);
    }
    return err;
}

/* What stands in for messages that a lossy drive has yet to lose. */
static int save_kept(const struct cal_host *h, struct cal_h5 *f)
{
    int err = h->n_kept ? cal_h5_write(f, "kept/0", CAL_F32, 1, &h->n_kept, h->kept[0]) : CAL_OK;
    return err || !h->n_kept ? err : cal_h5_write(f, "kept/1", CAL_F32, 1, &h->n_kept, h->kept[1]);
}

static int load_kept(struct cal_host *h, struct cal_h5 *f)
{
    int err = h->n_kept ? cal_h5_read(f, "kept/0", CAL_F32, 1, &h->n_kept, h->kept[0]) : CAL_OK;
    return err || !h->n_kept ? err : cal_h5_read(f, "kept/1", CAL_F32, 1, &h->n_kept, h->kept[1]);
}

/* Messages on their way to the region, and the ledgers of its ends of edges. */
static int save_links(struct cal_sim *s, struct cal_host *h, struct cal_h5 *f, bool in_segment)
{
    int err = CAL_OK;
    for (int n = 0; !err && n < h->n_links; n++) {
        int i = h->link[n];
        const struct cal_edge *x = &s->graph->edge[s->edge_of[i]];
        struct cal_link_start start = in_segment ? cal_sim_link_start(s, i) : (struct cal_link_start){0};
        for (long k = start.next_take; !err && x->to == h->region->id && k < start.next_send; k++) {
            size_t floats = cal_rep_spec_floats(&x->spec);
            char *name = cal_sprintf("flight/%d/%ld", x->number, k);
            if (floats)
                err = cal_h5_write(f, name, CAL_F32, 1, &floats, cal_exchange_pending(s->exchange, i, k));
            cal_free(name);
        }
        for (int sender = 0; !err && sender < 2; sender++) {
            if ((sender ? x->from : x->to) != h->region->id)
                continue;
            const struct cal_ledger *l = cal_exchange_ledger(s->exchange, i, sender);
            long row[3] = {(long)l->messages, (long)l->bytes, (long)l->checksum};
            char *name = cal_sprintf("ledger/%d/%s", x->number, sender ? "sent" : "received");
            err = write_i64(f, name, row, 3);
            cal_free(name);
        }
    }
    return err;
}

static int load_links(struct cal_sim *s, struct cal_host *h, struct cal_h5 *f, bool in_segment)
{
    int err = CAL_OK;
    for (int n = 0; !err && n < h->n_links; n++) {
        int i = h->link[n];
        const struct cal_edge *x = &s->graph->edge[s->edge_of[i]];
        struct cal_link_start start = in_segment ? cal_sim_link_start(s, i) : (struct cal_link_start){0};
        size_t floats = cal_rep_spec_floats(&x->spec);
        float *message = cal_alloc(floats * sizeof *message);
        for (long k = start.next_take; !err && floats && x->to == h->region->id && k < start.next_send; k++) {
            char *name = cal_sprintf("flight/%d/%ld", x->number, k);
            err = cal_h5_read(f, name, CAL_F32, 1, &floats, message);
            cal_free(name);
            if (!err)
                cal_exchange_restore(s->exchange, i, k, message);
        }
        cal_free(message);
        for (int sender = 0; !err && sender < 2; sender++) {
            if ((sender ? x->from : x->to) != h->region->id)
                continue;
            long row[3] = {0, 0, 0};
            char *name = cal_sprintf("ledger/%d/%s", x->number, sender ? "sent" : "received");
            err = read_i64(f, name, row, 3);
            cal_free(name);
            *cal_exchange_ledger(s->exchange, i, sender) =
                (struct cal_ledger){.messages = row[0], .bytes = row[1], .checksum = (uint64_t)row[2]};
        }
    }
    return err;
}

int cal_checkpoint_write_file(struct cal_sim *s, struct cal_host *h, const char *path, bool in_segment)
{
    struct cal_h5 *f;
    int err = cal_h5_create(path, &f);
    if (err)
        return err;
    err = cal_h5_set_text(f, "/", "region", h->region->name);
    if (!err)
        err = cal_h5_set_text(f, "/", "kind", h->region->ops->kind);
    if (!err)
        err = cal_h5_set_i64(f, "/", "format", FORMAT);
    if (!err)
        err = save_counts(s, h, f);
    if (!err)
        err = cal_h5_save_layout(f, "state", &h->region->layout, CAL_STATE);
    if (!err)
        err = save_tapes(h, f);
    if (!err)
        err = save_kept(h, f);
    if (!err)
        err = save_links(s, h, f, in_segment);
    if (err) {
        cal_h5_drop(f);
        return err;
    }
    return cal_h5_close(f, true);
}

static int open_file(const char *path, const struct cal_region *r, struct cal_h5 **f)
{
    char kind[64] = "", region[64] = "";
    int64_t format = 0;
    int err = cal_h5_open(path, false, f);
    if (err)
        return err;
    err = cal_h5_get_i64(*f, "/", "format", &format);
    if (!err)
        err = cal_h5_get_text(*f, "/", "kind", kind, sizeof kind);
    if (!err)
        err = cal_h5_get_text(*f, "/", "region", region, sizeof region);
    if (!err && format != FORMAT)
        err = cal_fail(CAL_EINPUT, "%s: checkpoint format %lld, this version reads %d", path, (long long)format, FORMAT);
    if (!err && (strcmp(kind, r->ops->kind) || strcmp(region, r->name)))
        err = cal_fail(CAL_EINPUT, "%s: holds region %s of kind %s, expected %s of kind %s", path, region, kind, r->name, r->ops->kind);
    if (err) {
        cal_h5_drop(*f);
        *f = NULL;
    }
    return err;
}

int cal_checkpoint_read_file(struct cal_sim *s, struct cal_host *h, const char *path, struct cal_position *at, long *metrics_bytes)
{
    struct cal_h5 *f;
    int err = open_file(path, h->region, &f);
    if (err)
        return err;
    err = load_counts(s, h, f, at, metrics_bytes);
    if (!err)
        err = cal_h5_load_layout(f, "state", &h->region->layout, CAL_STATE);
    bool in_segment = !err && at->segment < s->graph->n_segments;
    if (in_segment)
        err = load_tapes(s, h, f, at->segment);
    if (!err)
        err = load_kept(h, f);
    if (!err) {
        s->at = *at;
        err = load_links(s, h, f, in_segment);
    }
    cal_h5_drop(f);
    return err;
}
