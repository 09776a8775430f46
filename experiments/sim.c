/* experiments/sim.c - see sim.h. */
#include "experiments/sim.h"

#include <limits.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

int cal_place_rank(enum cal_place place, int region, int n_regions, int n_ranks)
{
    int i = place == CAL_PLACE_REVERSE ? n_regions - 1 - region : region;
    return (int)((long)i * n_ranks / n_regions);
}

const struct cal_segment *cal_sim_segment(const struct cal_sim *s)
{
    return &s->graph->segment[s->at.segment];
}

int cal_sim_phase(const struct cal_sim *s)
{
    return cal_sim_segment(s)->phase;
}

int cal_sim_links(const struct cal_graph *g, enum cal_place place, int rank, int n_ranks, struct cal_link **links, int **edge_of)
{
    *links = NULL;
    *edge_of = NULL;
    for (int n = 0, fill = 0;; fill = 1, n = 0) { /* count, then fill */
        for (int i = 0; i < g->n_edges; i++) {
            const struct cal_edge *x = &g->edge[i];
            if (x->from == CAL_FROM_STIMULUS)
                continue;
            int from = cal_place_rank(place, x->from, g->n_regions, n_ranks), to = cal_place_rank(place, x->to, g->n_regions, n_ranks);
            if (from != rank && to != rank)
                continue;
            if (fill) {
                (*links)[n] = (struct cal_link){.from = g->region[x->from]->name,
                                                .to = g->region[x->to]->name,
                                                .projection = x->projection,
                                                .from_rank = from,
                                                .to_rank = to,
                                                .hold = x->hold,
                                                .spec = &x->spec};
                (*edge_of)[n] = i;
            }
            n++;
        }
        if (fill)
            return n;
        *links = cal_alloc((size_t)(n ? n : 1) * sizeof **links);
        *edge_of = cal_alloc((size_t)(n ? n : 1) * sizeof **edge_of);
    }
}

int cal_sim_link_of(const struct cal_sim *s, int edge)
{
    int first = 0, last = s->n_links - 1;
    while (first < last) {
        int middle = (first + last) / 2;
        if (s->edge_of[middle] < edge)
            first = middle + 1;
        else
            last = middle;
    }
    CAL_ASSERT(first < s->n_links && s->edge_of[first] == edge);
    return first;
}

int cal_sim_rank_of(const struct cal_sim *s, int region)
{
    return cal_place_rank(s->place, region, s->graph->n_regions, cal_world_size(s->world));
}

static long clamp(long x, long top)
{
    return x < 0 ? 0 : x > top ? top : x;
}

struct cal_link_start cal_sim_link_start(const struct cal_sim *s, int link)
{
    const struct cal_graph *g = s->graph;
    const struct cal_segment *segment = cal_sim_segment(s);
    int edge = s->edge_of[link];
    const struct cal_edge *x = &g->edge[edge];
    if (!cal_edge_active(g, edge, segment->phase))
        return (struct cal_link_start){0};
    long total = cal_edge_messages(g, edge, segment->count);
    long sent = s->at.wall - g->lag[x->from];
    return (struct cal_link_start){
        .total = total, .next_send = clamp(sent, total), .next_take = clamp(sent - x->hold, total), .first = segment->first};
}

/* Which edges end and start at the host's region. */
static void find_edges(const struct cal_graph *g, struct cal_host *h)
{
    size_t n_drives = (size_t)h->region->n_drives, n_in = n_drives + (size_t)h->region->n_contexts, n_out = 0;
    for (int i = 0; i < g->n_edges; i++)
        n_out += g->edge[i].from == h->region->id;
    h->drive_edge = cal_alloc((n_drives + 1) * sizeof *h->drive_edge);
    h->context_edge = cal_alloc((n_in - n_drives + 1) * sizeof *h->context_edge);
    h->out_edge = cal_alloc((n_out + 1) * sizeof *h->out_edge);
    h->part = cal_alloc((n_in + 1) * sizeof *h->part);
    h->arrived = cal_alloc((n_in + 1) * sizeof *h->arrived);
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (x->to == h->region->id)
            (x->role == CAL_DRIVE ? h->drive_edge : h->context_edge)[x->port] = i;
        if (x->from == h->region->id)
            h->out_edge[h->n_out++] = i;
    }
}

/* Of the message that a region keeps of its lossy drive; 0: it has none. */
static size_t kept_floats(const struct cal_graph *g, int r)
{
    int edge = g->lossy[r];
    return edge >= 0 && g->edge[edge].to == r ? cal_rep_spec_floats(&g->edge[edge].spec) : 0;
}

/* Is the message of the link more than a pointer, and made of slices as the region has them? */
static bool sends_whole(const struct cal_link *l, const struct cal_edge *x, const struct cal_rep_spec *out)
{
    bool whole = l->hold > 0 || l->from_rank != l->to_rank;
    for (int i = 0; i < x->spec.n; i++)
        whole = whole && x->spec.slice[i].cols == out->slice[x->slice[i]].cols;
    return whole;
}

static void find_whole_edge(const struct cal_sim *s, struct cal_host *h)
{
    size_t most = 0;
    h->whole_edge = -1;
    for (int i = 0; i < h->n_out; i++) {
        int edge = h->out_edge[i];
        const struct cal_edge *x = &s->graph->edge[edge];
        size_t floats = cal_rep_spec_floats(&x->spec);
        if (floats > most && sends_whole(&s->link[cal_sim_link_of(s, edge)], x, &h->region->out)) {
            most = floats;
            h->whole_edge = edge;
        }
    }
}

static void create_host(struct cal_sim *s, int turn, struct cal_host *h)
{
    int r = s->graph->order[turn];
    h->turn = turn;
    h->region = s->graph->region[r];
    cal_region_init(h->region);
    find_edges(s->graph, h);
    h->n_tapes = cal_graph_tapes(s->graph, r);
    h->tape = cal_alloc((size_t)h->n_tapes * sizeof *h->tape);
    for (int i = 0; i < h->n_tapes; i++)
        cal_tape_init(&h->tape[i], h->region);
    const struct cal_rep_spec *spec = &h->region->out;
    h->rep.spec = spec;
    for (int i = 0; i < spec->n; i++) {
        h->out[i] = cal_alloc((size_t)cal_slice_rows(spec, i) * (size_t)spec->slice[i].cols * sizeof(float));
        h->rep.data[i] = h->out[i];
        h->rep.ld[i] = spec->slice[i].cols;
    }
    h->n_kept = kept_floats(s->graph, r);
    for (int i = 0; h->n_kept && i < 2; i++)
        h->kept[i] = cal_alloc(h->n_kept * sizeof(float));
    h->recorded = cal_alloc((size_t)s->experiment->n_phases * sizeof *h->recorded);
}

static void destroy_host(struct cal_host *h)
{
    for (int i = 0; i < h->n_tapes; i++)
        cal_tape_finish(&h->tape[i]);
    for (int i = 0; i < CAL_SLICES_MAX; i++)
        cal_free(h->out[i]);
    for (int i = 0; i < CAL_VARIABLES_MAX; i++)
        if (h->recording[i].open)
            cal_sonata_drop(&h->recording[i].report);
    if (h->metrics.file)
        fclose(h->metrics.file);
    cal_free(h->tape);
    cal_free(h->kept[0]);
    cal_free(h->kept[1]);
    cal_free(h->recorded);
    cal_free(h->drive_edge);
    cal_free(h->context_edge);
    cal_free(h->out_edge);
    cal_free(h->part);
    cal_free(h->arrived);
}

/* Presentations of the stimulus that are in use at a time among the rank's regions: from the latest that one of them works on to the earliest
 * that one learns from or gets late; and of those behind a lossy edge, each may be at its own. */
static int batch_depth(const struct cal_graph *g, enum cal_place place, int rank, int n_ranks)
{
    int least = INT_MAX, most = 0, lossy = 0;
    for (int r = 0; r < g->n_regions; r++)
        if (cal_place_rank(place, r, g->n_regions, n_ranks) == rank) {
            least = g->lag[r] < least ? g->lag[r] : least;
            most = g->learn_lag[r] > most ? g->learn_lag[r] : most;
            lossy += g->lossy[r] >= 0 && g->edge[g->lossy[r]].to == r;
        }
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (x->from == CAL_FROM_STIMULUS && x->delay > most && cal_place_rank(place, x->to, g->n_regions, n_ranks) == rank)
            most = x->delay;
    }
    return (most < least ? 1 : most - least + 1) + lossy;
}

static int open_stimulus(const struct cal_experiment *e, struct cal_stimulus **stimulus, struct cal_graph **g)
{
    int err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, stimulus);
    return err ? err : cal_graph_create(e, *stimulus, g);
}

static void host_regions(struct cal_sim *s)
{
    const struct cal_graph *g = s->graph;
    int rank = cal_world_rank(s->world), n = 0;
    for (int r = 0; r < g->n_regions; r++)
        s->n_hosts += cal_sim_rank_of(s, r) == rank;
    s->host = cal_alloc((size_t)(s->n_hosts ? s->n_hosts : 1) * sizeof *s->host);
    for (int k = 0; k < g->n_regions; k++)
        if (cal_sim_rank_of(s, g->order[k]) == rank)
            create_host(s, k, &s->host[n++]);
    s->batches = cal_batches_create(s->stimulus, batch_depth(g, s->place, rank, cal_world_size(s->world)));
    s->clock = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->clock);
    s->shown = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->shown);
}

int cal_sim_join(struct cal_stimulus *stimulus, struct cal_graph *g, struct cal_world *w, enum cal_place place, const char *dir,
                 struct cal_sim **out)
{
    struct cal_sim *s = cal_alloc(sizeof *s);
    s->experiment = g->experiment;
    s->stimulus = stimulus;
    s->graph = g;
    s->borrowed = true;
    s->world = w;
    s->place = place;
    s->dir = cal_strdup(dir);
    host_regions(s);
    s->n_links = cal_sim_links(g, place, cal_world_rank(w), cal_world_size(w), &s->link, &s->edge_of);
    int err = cal_exchange_create(w, s->link, s->n_links, &s->exchange);
    if (err) {
        cal_sim_destroy(s);
        s = NULL;
    } else {
        s->control = cal_control_create(w);
        for (int i = 0; i < s->n_hosts; i++)
            find_whole_edge(s, &s->host[i]);
    }
    *out = s;
    return err;
}

int cal_sim_create(const struct cal_experiment *e, struct cal_world *w, enum cal_place place, const char *dir, struct cal_sim **s)
{
    struct cal_stimulus *stimulus = NULL;
    struct cal_graph *g = NULL;
    *s = NULL;
    int err = cal_agree(w, open_stimulus(e, &stimulus, &g));
    if (!err)
        err = cal_sim_join(stimulus, g, w, place, dir, s);
    if (err) {
        cal_graph_destroy(g);
        cal_stimulus_destroy(stimulus);
        return err;
    }
    (*s)->borrowed = false;
    return CAL_OK;
}

void cal_sim_destroy(struct cal_sim *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_hosts; i++)
        destroy_host(&s->host[i]);
    cal_control_destroy(s->control);
    cal_exchange_destroy(s->exchange);
    if (s->batches)
        cal_batches_destroy(s->batches);
    if (!s->borrowed) {
        cal_graph_destroy(s->graph);
        cal_stimulus_destroy(s->stimulus);
    }
    cal_free(s->host);
    cal_free(s->link);
    cal_free(s->edge_of);
    cal_free(s->clock);
    cal_free(s->shown);
    cal_free(s->dir);
    cal_free(s);
}

size_t cal_recording_room(int cols, int batch)
{
    size_t frames = 65536 / ((size_t)cols * sizeof(float));
    return frames > (size_t)batch ? frames : (size_t)batch;
}

/* Buffers of what a region may record at the same time: the largest of its phases. */
static size_t recording_bytes(const struct cal_graph *g, int r)
{
    size_t most = 0;
    for (int p = 0; p < g->experiment->n_phases; p++) {
        size_t bytes = 0;
        for (int v = 0; v < g->region[r]->n_variables; v++)
            if (g->record[p][r] & 1u << v) {
                int cols = g->region[r]->variable[v].cols;
                bytes += cal_recording_room(cols, g->experiment->batch) * (size_t)cols * sizeof(float);
            }
        most = bytes > most ? bytes : most;
    }
    return most;
}

size_t cal_sim_bytes(struct cal_graph *g, enum cal_place place, int rank, int n_ranks)
{
    size_t bytes = 0;
    for (int r = 0; r < g->n_regions; r++) {
        if (cal_place_rank(place, r, g->n_regions, n_ranks) != rank)
            continue;
        struct cal_region *region = g->region[r];
        bytes += cal_layout_bytes(&region->layout, CAL_STATE) + cal_layout_bytes(&region->layout, CAL_SCRATCH);
        bytes += (size_t)cal_graph_tapes(g, r) * cal_tape_bytes(region);
        bytes += (cal_rep_spec_floats(&region->out) + 2 * kept_floats(g, r)) * sizeof(float) + recording_bytes(g, r);
    }
    bytes += (size_t)batch_depth(g, place, rank, n_ranks) * cal_rep_spec_floats(&g->stimulus->spec) * sizeof(float);
    struct cal_link *links;
    int *edge_of, n = cal_sim_links(g, place, rank, n_ranks, &links, &edge_of);
    bytes += cal_exchange_bytes(links, n, rank);
    cal_free(links);
    cal_free(edge_of);
    return bytes;
}
