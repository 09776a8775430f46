/* analysis/information.c - see information.h. */
#include "analysis/information.h"

#include <math.h>

#include "analysis/figure.h"
#include "analysis/information_gram.h"
#include "analysis/information_moments.h"
#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"
#include "core/rng.h"

#define SAMPLES 256
#define STILL 1e-9  /* a layer whose alignment is as near to 1 as this moves no more */
#define ARRIVED 0.9 /* of the way */

/* All there is to say of M moments, L layers, N nodes. Node 0 is the image, node 1 + l is layer l, the last may be the label. */
struct information {
    const struct cal_moments *seen; /* [borrow] */
    uint32_t seed;
    size_t n, n_moments, n_layers, n_nodes;
    uint32_t *order;   /* [own] (CAL_INFORMATION_SHUFFLES, n) */
    double **gram;     /* [own] a node each: (n,n), of the moment at hand */
    double **arrived;  /* [own] a layer each: (n,n), of the last moment */
    double *entropy;   /* [own] (M,N) */
    double *mutual;    /* [own] (M,N,N) */
    double *shuffled;  /* [own] (M,N,N) */
    double *debiased;  /* [own] (M,N,N) */
    double *alignment; /* [own] (M,L) */
    double *progress;  /* [own] (M,L) */
    double *markov;    /* [own] (M) */
};

static double *alloc_doubles(size_t a, size_t b, size_t c)
{
    return cal_alloc(a * b * c * sizeof(double));
}

static void information_init(struct information *f, const struct cal_moments *seen, uint32_t seed)
{
    size_t n = seen->n, moments = (size_t)seen->n_moments, layers = (size_t)seen->n_layers, nodes = layers + 1 + (seen->label != NULL);
    *f = (struct information){.seen = seen, .seed = seed, .n = n, .n_moments = moments, .n_layers = layers, .n_nodes = nodes};
    f->order = cal_alloc(CAL_INFORMATION_SHUFFLES * n * sizeof *f->order);
    for (size_t k = 0; k < CAL_INFORMATION_SHUFFLES; k++) {
        struct cal_rng key = cal_rng_key(seed, CAL_STREAM_FRESH, CAL_OWNER_SHARED, 0, k);
        for (size_t i = 0; i < n; i++)
            f->order[k * n + i] = cal_rng_permute(&key, (uint32_t)i, (uint32_t)n);
    }
    f->gram = cal_alloc(nodes * sizeof *f->gram);
    for (size_t a = 0; a < nodes; a++)
        f->gram[a] = alloc_doubles(1, n, n);
    f->arrived = cal_alloc(layers * sizeof *f->arrived);
    for (size_t l = 0; l < layers; l++)
        f->arrived[l] = alloc_doubles(1, n, n);
    f->entropy = alloc_doubles(moments, 1, nodes);
    f->mutual = alloc_doubles(moments, nodes, nodes);
    f->shuffled = alloc_doubles(moments, nodes, nodes);
    f->debiased = alloc_doubles(moments, nodes, nodes);
    f->alignment = alloc_doubles(moments, 1, layers);
    f->progress = alloc_doubles(moments, 1, layers);
    f->markov = alloc_doubles(moments, 1, 1);
}

static void information_finish(struct information *f)
{
    for (size_t a = 0; a < f->n_nodes; a++)
        cal_free(f->gram[a]);
    for (size_t l = 0; l < f->n_layers; l++)
        cal_free(f->arrived[l]);
    cal_free(f->gram);
    cal_free(f->arrived);
    cal_free(f->order);
    cal_free(f->entropy);
    cal_free(f->mutual);
    cal_free(f->shuffled);
    cal_free(f->debiased);
    cal_free(f->alignment);
    cal_free(f->progress);
    cal_free(f->markov);
}

/* ---- one moment ---- */

static bool is_layer(const struct information *f, size_t node)
{
    return node >= 1 && node <= f->n_layers;
}

static void gram_of_layer(const struct information *f, size_t moment, size_t layer, double *gram)
{
    cal_information_rows(f->seen->moment[moment].activity[layer], f->n, f->seen->layer[layer].cols, gram);
}

/* What stays the same at all moments. */
static void fill_world(struct information *f)
{
    cal_information_rows(f->seen->image, f->n, f->seen->image_cols, f->gram[0]);
    if (f->seen->label)
        cal_information_labels(f->seen->label, f->n, f->gram[f->n_nodes - 1]);
    for (size_t l = 0; l < f->n_layers; l++)
        gram_of_layer(f, f->n_moments - 1, l, f->arrived[l]);
}

static size_t at(const struct information *f, size_t moment, size_t a, size_t b)
{
    return (moment * f->n_nodes + a) * f->n_nodes + b;
}

/* I(a;b), b's samples in other orders for the baseline. */
static int fill_pair(struct information *f, size_t moment, size_t a, size_t b)
{
    const double *h = f->entropy + moment * f->n_nodes;
    struct cal_mutual i;
    int err = cal_information_mutual(f->gram[a], h[a], f->gram[b], h[b], f->n, f->order, &i);
    size_t there = at(f, moment, a, b), back = at(f, moment, b, a);
    f->mutual[there] = f->mutual[back] = i.bits;
    f->shuffled[there] = f->shuffled[back] = i.shuffled;
    f->debiased[there] = f->debiased[back] = i.bits - i.shuffled;
    return err;
}

/* Pairs of which neither is a layer are as at the first moment. */
static void copy_pair(struct information *f, size_t moment, size_t a, size_t b)
{
    double *const all[] = {f->mutual, f->shuffled, f->debiased};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        all[k][at(f, moment, a, b)] = all[k][at(f, moment, b, a)] = all[k][at(f, 0, a, b)];
}

static int fill_moment(struct information *f, size_t moment)
{
    double *h = f->entropy + moment * f->n_nodes;
    int err = CAL_OK;
    for (size_t l = 0; l < f->n_layers; l++) {
        gram_of_layer(f, moment, l, f->gram[1 + l]);
        f->alignment[moment * f->n_layers + l] = cal_information_alignment(f->gram[1 + l], f->arrived[l], f->n);
    }
    for (size_t a = 0; !err && a < f->n_nodes; a++) {
        if (moment == 0 || is_layer(f, a))
            err = cal_information_entropy(f->gram[a], f->n, &h[a]);
        else
            h[a] = f->entropy[a];
    }
    for (size_t a = 0; !err && a < f->n_nodes; a++)
        for (size_t b = a; !err && b < f->n_nodes; b++) {
            if (moment == 0 || is_layer(f, a) || is_layer(f, b))
                err = fill_pair(f, moment, a, b);
            else
                copy_pair(f, moment, a, b);
        }
    return err;
}

/* ---- over moments and layers ---- */

static void fill_progress(struct information *f)
{
    for (size_t m = 0; m < f->n_moments; m++)
        for (size_t l = 0; l < f->n_layers; l++) {
            double first = f->alignment[l], now = f->alignment[m * f->n_layers + l];
            f->progress[m * f->n_layers + l] = first < 1 - STILL ? (now - first) / (1 - first) : NAN;
        }
}

/* Does layer l + 1 see layer l? */
static bool follows(const struct cal_graph *g, const struct cal_moments *seen, size_t l)
{
    int from = seen->layer[l].region, to = seen->layer[l + 1].region;
    bool drives = from == to;
    for (int i = 0; i < g->n_edges; i++)
        drives = drives || (g->edge[i].role == CAL_DRIVE && g->edge[i].from == from && g->edge[i].to == to);
    return drives;
}

/* Data processing: I(X;T_l) >= I(X;T_(l+1)). */
static void fill_markov(struct information *f, const struct cal_graph *g)
{
    for (size_t m = 0; m < f->n_moments; m++) {
        f->markov[m] = NAN;
        for (size_t l = 0; l + 1 < f->n_layers; l++)
            if (follows(g, f->seen, l)) {
                double rise = f->debiased[at(f, m, 0, l + 2)] - f->debiased[at(f, m, 0, l + 1)];
                f->markov[m] = fmax(fmax(f->markov[m], rise), 0); /* fmax takes the number of a number and a NaN */
            }
    }
}

static int compute(struct information *f, const struct cal_graph *g)
{
    int err = CAL_OK;
    fill_world(f);
    for (size_t m = 0; !err && m < f->n_moments; m++)
        err = fill_moment(f, m);
    if (err)
        return err;
    fill_progress(f);
    fill_markov(f, g);
    return CAL_OK;
}

/* Where the layer's progress first gets to ARRIVED, on a straight line between two moments; NaN: it does not move, or nothing is between
 * first and last. */
static double steps_to_arrive(const struct information *f, size_t layer)
{
    for (size_t m = 1; f->n_moments > 2 && m < f->n_moments; m++) {
        double before = f->progress[(m - 1) * f->n_layers + layer], now = f->progress[m * f->n_layers + layer];
        double first = (double)f->seen->moment[m - 1].step, last = (double)f->seen->moment[m].step;
        if (now >= ARRIVED)
            return first + (last - first) * (ARRIVED - before) / (now - before);
    }
    return NAN;
}

static double order_of_arrival(const struct information *f)
{
    size_t pairs = 0, ordered = 0;
    for (size_t m = 0; m + 1 < f->n_moments; m++)
        for (size_t l = 0; l < f->n_layers; l++)
            for (size_t k = l + 1; k < f->n_layers; k++) {
                double shallow = f->alignment[m * f->n_layers + l], deep = f->alignment[m * f->n_layers + k];
                if (!(shallow < 1 - STILL || deep < 1 - STILL)) /* both have arrived, or say nothing */
                    continue;
                pairs++;
                ordered += shallow > deep;
            }
    return pairs ? (double)ordered / (double)pairs : NAN;
}

/* ---- measures ---- */

static const char *node_name(const struct information *f, size_t node)
{
    return node == 0 ? "image" : is_layer(f, node) ? f->seen->layer[node - 1].name : "label";
}

/* I between a node and another, called `other`, with its baseline. */
static void add_pair(const struct information *f, size_t node, size_t with, const char *other, struct cal_measures *measures)
{
    size_t i = at(f, f->n_moments - 1, node, with);
    const char *name = node_name(f, node);
    cal_measures_add(measures, f->mutual[i], "information.%s.%s", name, other);
    cal_measures_add(measures, f->shuffled[i], "information.%s.%s_shuffled", name, other);
    cal_measures_add(measures, f->debiased[i], "information.%s.%s_debiased", name, other);
}

static void add_measures(const struct information *f, struct cal_measures *measures)
{
    size_t last = f->n_moments - 1;
    for (size_t a = 0; a <= f->n_layers; a++)
        cal_measures_add(measures, f->entropy[last * f->n_nodes + a], "entropy.%s", node_name(f, a));
    for (size_t a = 0; a <= f->n_layers; a++) {
        if (f->seen->label)
            add_pair(f, a, f->n_nodes - 1, "y", measures);
        if (a > 0)
            add_pair(f, a, 0, "x", measures);
    }
    cal_measures_add(measures, f->markov[last], "markov.violation");
    for (size_t l = 0; last > 0 && l < f->n_layers; l++) {
        cal_measures_add(measures, f->alignment[l], "cka.%s.first", node_name(f, 1 + l));
        cal_measures_add(measures, steps_to_arrive(f, l), "cka.%s.steps", node_name(f, 1 + l));
    }
    cal_measures_add(measures, order_of_arrival(f), "cka.order");
}

/* ---- the file ---- */

static int set_attributes(struct cal_h5 *file, const struct information *f)
{
    char *nodes = cal_strdup(node_name(f, 0));
    for (size_t a = 1; a < f->n_nodes; a++) {
        char *more = cal_sprintf("%s %s", nodes, node_name(f, a));
        cal_free(nodes);
        nodes = more;
    }
    int err = cal_h5_set_text(file, "mutual", "nodes", nodes);
    if (!err)
        err = cal_h5_set_i64(file, "mutual", "samples", (int64_t)f->n);
    if (!err)
        err = cal_h5_set_i64(file, "mutual", "shuffles", CAL_INFORMATION_SHUFFLES);
    if (!err)
        err = cal_h5_set_i64(file, "mutual", "seed", f->seed);
    cal_free(nodes);
    return err;
}

static int write_file(const char *path, const void *information)
{
    const struct information *f = information;
    const size_t m = f->n_moments, n = f->n_nodes, layers = f->n_layers;
    const struct {
        const char *name;
        int n_dims;
        size_t dims[3];
        const double *data;
    } set[] = {
        {"entropy", 2, {m, n}, f->entropy},      {"mutual", 3, {m, n, n}, f->mutual},   {"shuffled", 3, {m, n, n}, f->shuffled},
        {"debiased", 3, {m, n, n}, f->debiased}, {"cka", 2, {m, layers}, f->alignment}, {"progress", 2, {m, layers}, f->progress},
        {"markov", 1, {m}, f->markov},
    };
    struct cal_h5 *file;
    int err = cal_h5_create(path, &file);
    if (err)
        return err;
    long *steps = cal_alloc(m * sizeof *steps);
    for (size_t i = 0; i < m; i++)
        steps[i] = f->seen->moment[i].step;
    err = cal_h5_write(file, "steps", CAL_I64, 1, &m, steps);
    for (size_t i = 0; !err && i < sizeof set / sizeof *set; i++)
        err = cal_h5_write(file, set[i].name, CAL_F64, set[i].n_dims, set[i].dims, set[i].data);
    if (!err)
        err = set_attributes(file, f);
    cal_free(steps);
    if (!err)
        return cal_h5_close(file, false);
    cal_h5_drop(file);
    return err;
}

int cal_information_measure(struct cal_dump *d, struct cal_measures *measures)
{
    struct cal_moments seen;
    struct information f;
    int err = cal_moments_read(&seen, d, SAMPLES);
    if (!err && seen.n_moments) {
        information_init(&f, &seen, d->experiment->seed);
        err = compute(&f, d->graph);
        if (!err)
            err = cal_figure_write(d->dir, "information.h5", write_file, &f);
        if (!err)
            add_measures(&f, measures);
        information_finish(&f);
    }
    cal_moments_finish(&seen);
    return err;
}
