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

int cal_sim_links(const struct cal_graph *g, const int *rank_of, struct cal_link **links, int **link_of, int **edge_of)
{
    size_t room = (size_t)(g->n_edges ? g->n_edges : 1);
    *links = cal_alloc(room * sizeof **links);
    *link_of = cal_alloc(room * sizeof **link_of);
    *edge_of = cal_alloc(room * sizeof **edge_of);
    int n = 0;
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        (*link_of)[i] = -1;
        if (x->from == CAL_FROM_STIMULUS)
            continue;
        (*links)[n] = (struct cal_link){.from = g->region[x->from]->name,
                                        .to = g->region[x->to]->name,
                                        .projection = x->projection,
                                        .from_rank = rank_of[x->from],
                                        .to_rank = rank_of[x->to],
                                        .hold = x->hold,
                                        .spec = &x->spec};
        (*edge_of)[n] = i;
        (*link_of)[i] = n++;
    }
    return n;
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

static void create_host(struct cal_sim *s, int r, struct cal_host *h)
{
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
static int batch_depth(const struct cal_graph *g, const int *rank_of, int rank)
{
    int least = INT_MAX, most = 0, lossy = 0;
    for (int r = 0; r < g->n_regions; r++)
        if (rank_of[r] == rank) {
            least = g->lag[r] < least ? g->lag[r] : least;
            most = g->learn_lag[r] > most ? g->learn_lag[r] : most;
            lossy += g->lossy[r] >= 0 && g->edge[g->lossy[r]].to == r;
        }
    for (int i = 0; i < g->n_edges; i++) {
        const struct cal_edge *x = &g->edge[i];
        if (rank_of[x->to] == rank && x->from == CAL_FROM_STIMULUS && x->delay > most)
            most = x->delay;
    }
    return (most < least ? 1 : most - least + 1) + lossy;
}

static int open_stimulus(struct cal_sim *s)
{
    const struct cal_experiment *e = s->experiment;
    int err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &s->stimulus);
    return err ? err : cal_graph_create(e, s->stimulus, &s->graph);
}

static void host_regions(struct cal_sim *s)
{
    const struct cal_graph *g = s->graph;
    int rank = cal_world_rank(s->world);
    s->rank_of = cal_alloc((size_t)g->n_regions * sizeof *s->rank_of);
    for (int r = 0; r < g->n_regions; r++) {
        s->rank_of[r] = cal_place_rank(s->place, r, g->n_regions, cal_world_size(s->world));
        s->n_hosts += s->rank_of[r] == rank;
    }
    s->host = cal_alloc((size_t)(s->n_hosts ? s->n_hosts : 1) * sizeof *s->host);
    int n = 0;
    for (int k = 0; k < g->n_regions; k++)
        if (s->rank_of[g->order[k]] == rank)
            create_host(s, g->order[k], &s->host[n++]);
    s->batches = cal_batches_create(s->stimulus, batch_depth(g, s->rank_of, rank));
    s->clock = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->clock);
    s->shown = cal_alloc((size_t)s->experiment->n_phases * sizeof *s->shown);
}

int cal_sim_create(const struct cal_experiment *e, struct cal_world *w, enum cal_place place, const char *dir, struct cal_sim **out)
{
    struct cal_sim *s = cal_alloc(sizeof *s);
    s->experiment = e;
    s->world = w;
    s->place = place;
    s->dir = cal_strdup(dir);
    *out = NULL;
    int err = cal_agree(w, open_stimulus(s));
    if (err) {
        cal_sim_destroy(s);
        return err;
    }
    host_regions(s);
    s->n_links = cal_sim_links(s->graph, s->rank_of, &s->link, &s->link_of, &s->edge_of);
    err = cal_exchange_create(w, s->link, s->n_links, &s->exchange);
    if (err) {
        cal_sim_destroy(s);
        return err;
    }
    s->control = cal_control_create(w);
    *out = s;
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
    cal_graph_destroy(s->graph);
    cal_stimulus_destroy(s->stimulus);
    cal_free(s->host);
    cal_free(s->rank_of);
    cal_free(s->link);
    cal_free(s->link_of);
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
    int *rank_of = cal_alloc((size_t)g->n_regions * sizeof *rank_of);
    for (int r = 0; r < g->n_regions; r++) {
        rank_of[r] = cal_place_rank(place, r, g->n_regions, n_ranks);
        if (rank_of[r] != rank)
            continue;
        struct cal_region *region = g->region[r];
        bytes += cal_layout_bytes(&region->layout, CAL_STATE) + cal_layout_bytes(&region->layout, CAL_SCRATCH);
        bytes += (size_t)cal_graph_tapes(g, r) * cal_tape_bytes(region);
        bytes += (cal_rep_spec_floats(&region->out) + 2 * kept_floats(g, r)) * sizeof(float) + recording_bytes(g, r);
    }
    bytes += (size_t)batch_depth(g, rank_of, rank) * cal_rep_spec_floats(&g->stimulus->spec) * sizeof(float);
    struct cal_link *links;
    int *link_of, *edge_of;
    int n = cal_sim_links(g, rank_of, &links, &link_of, &edge_of);
    bytes += cal_exchange_bytes(links, n, rank);
    cal_free(links);
    cal_free(link_of);
    cal_free(edge_of);
    cal_free(rank_of);
    return bytes;
}
