/* experiments/sim.c - see sim.h. */
#include "experiments/sim.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

int cal_place_rank(enum cal_place place, int region, int n_regions, int n_ranks)
{
    int i = place == CAL_PLACE_REVERSE ? n_regions - 1 - region : region;
    return (int)((long)i * n_ranks / n_regions);
}

/* The first region in the order of placing that is on the rank: region i is where i n_ranks / n_regions rounds down to it. */
static int first_of(int rank, int n_regions, int n_ranks)
{
    return (int)(((long)rank * n_regions + n_ranks - 1) / n_ranks);
}

void cal_place_regions(enum cal_place place, int rank, int n_regions, int n_ranks, int *first, int *last)
{
    bool reverse = place == CAL_PLACE_REVERSE;
    int a = first_of(rank, n_regions, n_ranks), b = first_of(rank + 1, n_regions, n_ranks);
    *first = reverse ? n_regions - b : a;
    *last = reverse ? n_regions - a : b;
}

const struct cal_segment *cal_sim_segment(const struct cal_sim *s)
{
    return &s->graph->segment[s->at.segment];
}

int cal_sim_phase(const struct cal_sim *s)
{
    return cal_sim_segment(s)->phase;
}

/* The edges into region r, or out of it: their numbers and how many. */
static int first_in(const struct cal_graph *g, int r, int *n)
{
    *n = g->first_edge[r - g->first + 1] - g->first_edge[r - g->first];
    return g->first_edge[r - g->first];
}

static const int *list_out(const struct cal_graph *g, int r, int *n)
{
    *n = g->first_out[r - g->first + 1] - g->first_out[r - g->first];
    return g->out_edge + g->first_out[r - g->first];
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The edges between regions that start or end in regions first ... last - 1, ascending. [give] *edges */
static int list_edges(const struct cal_graph *g, int first, int last, int **edges)
{
    int in, out, n = 0, most = 0;
    for (int r = first; r < last; r++) {
        first_in(g, r, &in);
        list_out(g, r, &out);
        most += in + out;
    }
    *edges = cal_alloc((size_t)(most + 1) * sizeof **edges);
    for (int r = first; r < last; r++) {
        int i = first_in(g, r, &in);
        const int *list = list_out(g, r, &out);
        for (int k = i; k < i + in; k++)
            if (g->edge[k].from != CAL_FROM_STIMULUS)
                (*edges)[n++] = k;
        for (int k = 0; k < out; k++)
            if (g->edge[list[k]].to < first || g->edge[list[k]].to >= last) /* else it has been listed at its other end */
                (*edges)[n++] = list[k];
    }
    qsort(*edges, (size_t)n, sizeof **edges, ascending);
    return n;
}

int cal_sim_links(const struct cal_graph *g, enum cal_place place, int rank, int n_ranks, struct cal_link **links, int **edge_of)
{
    int first, last;
    cal_place_regions(place, rank, g->n_regions, n_ranks, &first, &last);
    int n = list_edges(g, first, last, edge_of);
    *links = cal_alloc((size_t)(n + 1) * sizeof **links);
    for (int i = 0; i < n; i++) {
        const struct cal_edge *x = &g->edge[(*edge_of)[i]];
        (*links)[i] = (struct cal_link){.from = x->from_name,
                                        .to = x->to_name,
                                        .projection = x->projection,
                                        .from_rank = cal_place_rank(place, x->from, g->n_regions, n_ranks),
                                        .to_rank = cal_place_rank(place, x->to, g->n_regions, n_ranks),
                                        .hold = x->hold,
                                        .spec = &x->spec};
    }
    return n;
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
    size_t n_drives = (size_t)h->region->n_drives, n_in = n_drives + (size_t)h->region->n_contexts;
    int n, first = first_in(g, h->region->id, &n);
    h->out_edge = list_out(g, h->region->id, &h->n_out);
    h->drive_edge = cal_alloc((n_drives + 1) * sizeof *h->drive_edge);
    h->context_edge = cal_alloc((n_in - n_drives + 1) * sizeof *h->context_edge);
    h->part = cal_alloc((n_in + 1) * sizeof *h->part);
    h->arrived = cal_alloc((n_in + 1) * sizeof *h->arrived);
    for (int i = first; i < first + n; i++)
        (g->edge[i].role == CAL_DRIVE ? h->drive_edge : h->context_edge)[g->edge[i].port] = i;
}

/* Of the message that a region keeps of its lossy drive; 0: it has none. */
static size_t kept_floats(const struct cal_graph *g, int r)
{
    int n, i = first_in(g, r, &n);
    while (g->lossy[r] == r && g->edge[i].role != CAL_DRIVE)
        i++;
    return g->lossy[r] == r ? cal_rep_spec_floats(&g->edge[i].spec) : 0;
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

static void create_host(struct cal_sim *s, int r, struct cal_host *h)
{
    h->turn = s->graph->turn[r];
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
    cal_free(h->link);
    cal_free(h->part);
    cal_free(h->arrived);
}

/* Presentations of the stimulus that are in use at a time among the rank's regions: from the latest that one of them works on to the earliest
 * that one learns from or gets late; and of those behind a lossy edge, each may be at its own. */
static int batch_depth(const struct cal_graph *g, int first, int last)
{
    int least = INT_MAX, most = 0, lossy = 0;
    for (int r = first; r < last; r++) {
        least = g->lag[r] < least ? g->lag[r] : least;
        most = g->learn_lag[r] > most ? g->learn_lag[r] : most;
        lossy += g->lossy[r] == r;
        int n, i = first_in(g, r, &n);
        for (int k = i; k < i + n && g->edge[k].from == CAL_FROM_STIMULUS; k++) /* they come first */
            most = g->edge[k].delay > most ? g->edge[k].delay : most;
    }
    return (most < least ? 1 : most - least + 1) + lossy;
}

/* The stimulus, and the part of the graph that concerns this rank. */
static int open_part(const struct cal_experiment *e, struct cal_world *w, enum cal_place place, struct cal_stimulus **stimulus,
                     struct cal_graph **g)
{
    int first, last, err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, stimulus);
    cal_place_regions(place, cal_world_rank(w), e->n_regions, cal_world_size(w), &first, &last);
    return err ? err : cal_graph_create_part(e, *stimulus, first, last, g);
}

static int by_turn(const void *a, const void *b)
{
    return ascending(&((const struct cal_host *)a)->turn, &((const struct cal_host *)b)->turn);
}

static void host_regions(struct cal_sim *s)
{
    const struct cal_graph *g = s->graph;
    int first, last;
    cal_place_regions(s->place, cal_world_rank(s->world), g->n_regions, cal_world_size(s->world), &first, &last);
    s->host = cal_alloc((size_t)(last - first + 1) * sizeof *s->host);
    for (int r = first; r < last; r++)
        create_host(s, r, &s->host[s->n_hosts++]);
    qsort(s->host, (size_t)s->n_hosts, sizeof *s->host, by_turn);
    s->batches = cal_batches_create(s->stimulus, batch_depth(g, first, last));
    cal_batches_borrow(s->batches);
    s->clock = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->clock);
    s->shown = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->shown);
}

/* The links of each hosted region. */
static void find_links(struct cal_sim *s)
{
    for (int i = 0; i < s->n_hosts; i++) {
        struct cal_host *h = &s->host[i];
        h->n_links = list_edges(s->graph, h->region->id, h->region->id + 1, &h->link);
        for (int k = 0; k < h->n_links; k++)
            h->link[k] = cal_sim_link_of(s, h->link[k]);
    }
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
    find_links(s);
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
    int err = cal_agree(w, open_part(e, w, place, &stimulus, &g));
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
    int first, last;
    cal_place_regions(place, rank, g->n_regions, n_ranks, &first, &last);
    for (int r = first; r < last; r++) {
        struct cal_region *region = g->region[r];
        bytes += cal_layout_bytes(&region->layout, CAL_STATE) + cal_layout_bytes(&region->layout, CAL_SCRATCH);
        bytes += (size_t)cal_graph_tapes(g, r) * cal_tape_bytes(region);
        bytes += (cal_rep_spec_floats(&region->out) + 2 * kept_floats(g, r)) * sizeof(float) + recording_bytes(g, r);
    }
    bytes += (size_t)batch_depth(g, first, last) * cal_rep_spec_floats(&g->stimulus->spec) * sizeof(float);
    struct cal_link *links;
    int *edge_of, n = cal_sim_links(g, place, rank, n_ranks, &links, &edge_of);
    bytes += cal_exchange_bytes(links, n, rank);
    cal_free(links);
    cal_free(edge_of);
    return bytes;
}
