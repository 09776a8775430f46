/* analysis/still.c - see still.h. */
#include "analysis/still.h"

#include <math.h>
#include <string.h>

#include "analysis/probes.h"
#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/stimuli.h"

#define LOGITS "logits"
#define SLACK 1e-4f /* of what a picture's values may lie beyond 0 and 1, for rounding */

struct cal_still_part {
    struct cal_region *region; /* [borrow] of the dump's graph, allocated; NULL: not in use */
    const struct cal_probe *probe;
    bool visiting;     /* while the order is sought */
    unsigned variable; /* bit of `logits` at the reader, else 0 */
    struct cal_tape tape;
    struct cal_rep sent;          /* what it sends: `out` below */
    float *out[CAL_SLICES_MAX];   /* [own] */
    float *g_out[CAL_SLICES_MAX]; /* [own] */
    struct cal_rep *drive;        /* [own] a port each */
    const struct cal_rep **arrived;
    float **g_drive; /* [own] a port each, packed */
};

/* ---- which regions, and in which order ---- */

/* Only pictures come from the world: slice 0, or noisy views of it, here without their noise. */
static int check_stimulus(const struct cal_still *s, const struct cal_edge *e)
{
    const struct cal_slice *picture = &s->dump->stimulus->spec.slice[0];
    for (int i = 0; i < e->spec.n; i++)
        if (e->spec.slice[i].cols != picture->cols || e->spec.slice[i].c != picture->c)
            return cal_fail(CAL_EUSAGE, "%s: %s is driven by `%s` of the stimulus, expected pictures alone", s->dump->dir,
                            s->dump->graph->region[e->to]->name, e->spec.slice[i].name);
    return CAL_OK;
}

static int visit(struct cal_still *s, int r)
{
    const struct cal_graph *g = s->dump->graph;
    struct cal_still_part *part = &s->part[r];
    if (part->region)
        return CAL_OK;
    if (part->visiting)
        return cal_fail(CAL_EUSAGE, "%s: what %s sends comes back to it, expected regions that drive one another in one direction",
                        s->dump->dir, g->region[r]->name);
    part->visiting = true;
    part->probe = cal_probe_of(g->region[r]->ops);
    if (!part->probe)
        return cal_fail(CAL_EUSAGE, "%s: %s is of the kind %s, for which there are no gradients in the input", s->dump->dir,
                        g->region[r]->name, g->region[r]->ops->kind);
    int err = CAL_OK;
    for (int e = g->first_edge[r]; !err && e < g->first_edge[r + 1]; e++)
        if (g->edge[e].role == CAL_DRIVE)
            err = g->edge[e].from == CAL_FROM_STIMULUS ? check_stimulus(s, &g->edge[e]) : visit(s, g->edge[e].from);
    part->region = g->region[r];
    s->threshold = s->threshold || part->probe->threshold;
    s->order[s->n_parts++] = r;
    return err;
}

/* The last region that reads out classes, as measures have it. */
static int find_reader(struct cal_still *s)
{
    const struct cal_graph *g = s->dump->graph;
    s->reader = -1;
    for (int r = 0; r < g->n_regions; r++)
        if (cal_region_variable(g->region[r], LOGITS) >= 0)
            s->reader = r;
    if (s->reader < 0)
        return cal_fail(CAL_EUSAGE, "%s: no region reads out classes (`" LOGITS "`)", s->dump->dir);
    const struct cal_region *reader = g->region[s->reader];
    s->classes = reader->variable[cal_region_variable(reader, LOGITS)].cols;
    return visit(s, s->reader);
}

static int find_pictures(struct cal_still *s)
{
    const struct cal_stimulus *world = s->dump->stimulus;
    const struct cal_slice *slice = &world->spec.slice[0];
    if (!world->pixels.mean || cal_rep_find(&world->spec, "label") < 0)
        return cal_fail(CAL_EUSAGE, "%s: the stimulus `%s` shows no whole pictures with labels here", s->dump->dir, world->ops->kind);
    s->channels = slice->c;
    s->height = slice->h - 2 * world->pixels.pad;
    s->width = slice->w - 2 * world->pixels.pad;
    s->pixels = (size_t)s->channels * (size_t)s->height * (size_t)s->width;
    s->batch = s->dump->experiment->batch;
    s->shown = cal_alloc((size_t)s->batch * (size_t)slice->cols * sizeof *s->shown);
    s->g_shown = cal_alloc((size_t)s->batch * (size_t)slice->cols * sizeof *s->g_shown);
    return CAL_OK;
}

/* ---- the parts ---- */

/* Where the drives of a part lie: in what others send, and in the picture. */
static void wire(struct cal_still *s, int r)
{
    const struct cal_graph *g = s->dump->graph;
    struct cal_still_part *part = &s->part[r];
    for (int e = g->first_edge[r]; e < g->first_edge[r + 1]; e++) {
        const struct cal_edge *edge = &g->edge[e];
        if (edge->role != CAL_DRIVE)
            continue;
        struct cal_rep *rep = &part->drive[edge->port];
        if (edge->from != CAL_FROM_STIMULUS)
            cal_edge_view(edge, &s->part[edge->from].sent, rep);
        rep->spec = &edge->spec;
        for (int i = 0; edge->from == CAL_FROM_STIMULUS && i < edge->spec.n; i++) {
            rep->data[i] = s->shown;
            rep->ld[i] = edge->spec.slice[i].cols;
        }
        part->arrived[edge->port] = rep;
        part->g_drive[edge->port] = cal_alloc(cal_rep_spec_floats(&edge->spec) * sizeof **part->g_drive);
    }
}

static int part_init(struct cal_still *s, int r)
{
    struct cal_still_part *part = &s->part[r];
    struct cal_region *region = part->region;
    size_t ports = (size_t)region->n_drives;
    cal_region_init(region);
    int err = cal_dump_load(s->dump, region);
    cal_tape_init(&part->tape, region);
    part->variable = r == s->reader ? 1u << cal_region_variable(region, LOGITS) : 0;
    part->sent.spec = &region->out;
    for (int i = 0; i < region->out.n; i++) {
        size_t floats = (size_t)cal_slice_rows(&region->out, i) * (size_t)region->out.slice[i].cols;
        part->sent.data[i] = part->out[i] = cal_alloc(floats * sizeof(float));
        part->sent.ld[i] = region->out.slice[i].cols;
        part->g_out[i] = cal_alloc(floats * sizeof(float));
    }
    part->drive = cal_alloc(ports * sizeof *part->drive);
    part->arrived = cal_alloc(ports * sizeof *part->arrived);
    part->g_drive = cal_alloc(ports * sizeof *part->g_drive);
    wire(s, r);
    return err;
}

static void part_finish(struct cal_still_part *part)
{
    for (int i = 0; part->region && i < part->region->n_drives; i++)
        cal_free(part->g_drive ? part->g_drive[i] : NULL);
    for (int i = 0; i < CAL_SLICES_MAX; i++) {
        cal_free(part->out[i]);
        cal_free(part->g_out[i]);
    }
    cal_free(part->g_drive);
    cal_free(part->arrived);
    cal_free(part->drive);
    if (part->drive)
        cal_tape_finish(&part->tape);
}

int cal_still_open(const char *dir, struct cal_still **out)
{
    struct cal_still *s = cal_alloc(sizeof *s);
    *out = NULL;
    int err = cal_dump_open(dir, &s->dump);
    if (!err) {
        s->part = cal_alloc((size_t)s->dump->graph->n_regions * sizeof *s->part);
        s->order = cal_alloc((size_t)s->dump->graph->n_regions * sizeof *s->order);
        err = find_reader(s);
    }
    if (!err)
        err = find_pictures(s);
    for (int i = 0; !err && i < s->n_parts; i++)
        err = part_init(s, s->order[i]);
    if (err)
        cal_still_close(s);
    else
        *out = s;
    return err;
}

void cal_still_close(struct cal_still *s)
{
    if (!s)
        return;
    for (int r = 0; s->part && r < s->dump->graph->n_regions; r++)
        part_finish(&s->part[r]);
    cal_free(s->g_shown);
    cal_free(s->shown);
    cal_free(s->order);
    cal_free(s->part);
    cal_dump_close(s->dump);
    cal_free(s);
}

/* ---- pictures, and how they are shown ---- */

/* Where the row of a picture lies in what is shown. */
static size_t shown_row(const struct cal_still *s, int b, int channel, int y)
{
    size_t pad = (size_t)s->dump->stimulus->pixels.pad, height = (size_t)s->height + 2 * pad, width = (size_t)s->width + 2 * pad;
    return (((size_t)b * (size_t)s->channels + (size_t)channel) * height + pad + (size_t)y) * width + pad;
}

/* Show the pictures; rows of the batch that have none show black. */
static void show(struct cal_still *s, int rows, const float *picture)
{
    const struct cal_pixels *p = &s->dump->stimulus->pixels;
    size_t cols = (size_t)s->dump->stimulus->spec.slice[0].cols, plane = cols / (size_t)s->channels;
    for (int b = 0; b < s->batch; b++)
        for (int c = 0; c < s->channels; c++) {
            float *black = s->shown + (size_t)b * cols + (size_t)c * plane;
            for (size_t i = 0; i < plane; i++)
                black[i] = -p->mean[c] / p->sd[c];
            for (int y = 0; b < rows && y < s->height; y++) {
                float *out = s->shown + shown_row(s, b, c, y);
                for (int x = 0; x < s->width; x++)
                    out[x] = (*picture++ - p->mean[c]) / p->sd[c];
            }
        }
}

/* The pictures that a batch shows, and back into the range where rounding has left it. */
static int unshow(const struct cal_still *s, const float *shown, size_t rows, float *picture)
{
    const struct cal_pixels *p = &s->dump->stimulus->pixels;
    for (int b = 0; b < (int)rows; b++)
        for (int c = 0; c < s->channels; c++)
            for (int y = 0; y < s->height; y++) {
                const float *in = shown + shown_row(s, b, c, y);
                for (int x = 0; x < s->width; x++, picture++) {
                    *picture = in[x] * p->sd[c] + p->mean[c];
                    if (!(*picture >= -SLACK && *picture <= 1 + SLACK))
                        return cal_fail(CAL_EUSAGE, "%s: the stimulus shows a value of %g before scaling, expected pictures from 0 to 1",
                                        s->dump->dir, (double)*picture);
                    *picture = fminf(fmaxf(*picture, 0), 1);
                }
            }
    return CAL_OK;
}

static int check_labels(const struct cal_still *s, const float *label, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(label[i] >= 0 && label[i] < (float)s->classes))
            return cal_fail(CAL_EUSAGE, "%s: a held-out picture has the label %g, but %s reads out %d classes", s->dump->dir,
                            (double)label[i], s->dump->graph->region[s->reader]->name, s->classes);
    return CAL_OK;
}

int cal_still_pictures(struct cal_still *s, size_t *n, float **picture, float **label)
{
    struct cal_stimulus *world = s->dump->stimulus;
    struct cal_view view = {.phase = 0, .split = CAL_SPLIT_HELD_OUT, .noise = 0};
    size_t batch = (size_t)s->batch, whole = (size_t)world->samples[CAL_SPLIT_HELD_OUT] / batch * batch;
    int slice = cal_rep_find(&world->spec, "label"),
        err = whole ? CAL_OK : cal_fail(CAL_EUSAGE, "%s: fewer held-out pictures than a batch", s->dump->dir);
    *n = *n < whole ? *n : whole;
    *picture = cal_alloc((*n + batch) * s->pixels * sizeof **picture);
    *label = cal_alloc((*n + batch) * sizeof **label);
    struct cal_batches *batches = cal_batches_create(world, 1);
    for (size_t i = 0; !err && i < *n; i += batch) {
        const struct cal_rep *rep;
        err = cal_batches_get(batches, &view, (long)(i / batch), &rep);
        if (err)
            break;
        cal_rep_pack(rep, slice, *label + i);
        err = unshow(s, rep->data[0], *n - i < batch ? *n - i : batch, *picture + i * s->pixels);
    }
    cal_batches_destroy(batches);
    if (!err)
        err = check_labels(s, *label, *n);
    if (err) {
        cal_free(*picture);
        cal_free(*label);
        *picture = *label = NULL;
    }
    return err;
}

/* ---- forward and back ---- */

int cal_still_rows(const struct cal_still *s, size_t n, size_t first)
{
    return n - first < (size_t)s->batch ? (int)(n - first) : s->batch;
}

int cal_still_forward(struct cal_still *s, int rows, const float *picture, float *logits)
{
    CAL_ASSERT(rows > 0 && rows <= s->batch);
    struct cal_step step = {.perceive = true, .rate = 1, .learn_total = 1};
    int err = CAL_OK;
    show(s, rows, picture);
    for (int i = 0; !err && i < s->n_parts; i++) {
        struct cal_still_part *part = &s->part[s->order[i]];
        step.record = part->variable;
        err = cal_region_forward(part->region, &step, part->arrived, &part->tape, part->out);
    }
    if (err)
        return err;
    struct cal_region *reader = s->part[s->reader].region;
    const float *seen = reader->ops->observe(reader, s->part[s->reader].tape.kind, cal_region_variable(reader, LOGITS));
    memcpy(logits, seen, (size_t)rows * (size_t)s->classes * sizeof *logits);
    return CAL_OK;
}

/* Add the gradient in what an edge brought to that in what was sent, or shown. */
static void hand_down(struct cal_still *s, const struct cal_edge *edge, const float *g)
{
    bool world = edge->from == CAL_FROM_STIMULUS;
    for (int i = 0; i < edge->spec.n; i++) {
        const struct cal_rep_spec *spec = world ? &s->dump->stimulus->spec : &s->part[edge->from].region->out;
        size_t cols = (size_t)edge->spec.slice[i].cols, whole = (size_t)spec->slice[world ? 0 : edge->slice[i]].cols;
        float *to = world ? s->g_shown : s->part[edge->from].g_out[edge->slice[i]] + edge->first[i];
        for (int b = 0; b < cal_slice_rows(&edge->spec, i); b++, g += cols)
            for (size_t c = 0; c < cols; c++)
                to[(size_t)b * whole + c] += g[c];
    }
}

static void back_through(struct cal_still *s, int r, bool smooth, const float *g_logits)
{
    const struct cal_graph *g = s->dump->graph;
    struct cal_still_part *part = &s->part[r];
    const struct cal_probe_pass pass = {.region = part->region,
                                        .drive = part->arrived,
                                        .tape = part->tape.kind,
                                        .smooth = smooth,
                                        .g_out = (const float *const *)part->g_out,
                                        .g_logits = r == s->reader ? g_logits : NULL};
    part->probe->back(&pass, part->g_drive);
    for (int e = g->first_edge[r]; e < g->first_edge[r + 1]; e++)
        if (g->edge[e].role == CAL_DRIVE)
            hand_down(s, &g->edge[e], part->g_drive[g->edge[e].port]);
}

void cal_still_back(struct cal_still *s, int rows, bool smooth, const float *g_logits, float *g_picture)
{
    const float *sd = s->dump->stimulus->pixels.sd;
    size_t batch = (size_t)s->batch, classes = (size_t)s->classes;
    float *all = cal_alloc(batch * classes * sizeof *all); /* rows without a picture have no gradient */
    memcpy(all, g_logits, (size_t)rows * classes * sizeof *all);
    memset(s->g_shown, 0, batch * (size_t)s->dump->stimulus->spec.slice[0].cols * sizeof *s->g_shown);
    for (int i = 0; i < s->n_parts; i++) {
        const struct cal_still_part *part = &s->part[s->order[i]];
        for (int k = 0; k < part->region->out.n; k++)
            memset(part->g_out[k], 0,
                   (size_t)cal_slice_rows(&part->region->out, k) * (size_t)part->region->out.slice[k].cols * sizeof(float));
    }
    for (int i = s->n_parts - 1; i >= 0; i--)
        back_through(s, s->order[i], smooth, all);
    for (int b = 0; b < rows; b++)
        for (int c = 0; c < s->channels; c++)
            for (int y = 0; y < s->height; y++) {
                const float *in = s->g_shown + shown_row(s, b, c, y);
                for (int x = 0; x < s->width; x++)
                    *g_picture++ = in[x] / sd[c];
            }
    cal_free(all);
}
