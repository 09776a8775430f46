/* tests/test_predictive_cortex.c - the predictive cortex: its gradients through time, columns that do not depend on who shares a region, what is
 * remembered and what is imagined, and that its state is all that it needs to go on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "regions/layers/layers.h"
#include "tests/columns.h"
#include "tests/fixtures.h"
#include "tests/twins.h"

enum { B = 16, D = 10, H = 5, E = 4, R = 3, U = 2, W = 2, Q = 3, T = 24, K = 8, LEAD = 2, FROM = 3 };

static const char *const weights[] = {"w1", "b1", "w2", "b2", "w3", "b3", "wo", "bo", "wx", "bx", "wh", "bh"};
enum { N_WEIGHTS = sizeof weights / sizeof *weights };

static struct columns_setup setup_of(int regions, int columns)
{
    return (struct columns_setup){.regions = regions,
                                  .columns = columns,
                                  .units = U,
                                  .width = W,
                                  .query = Q,
                                  .hidden = H,
                                  .encoder = E,
                                  .recurrent = R,
                                  .batch = B,
                                  .inputs = D,
                                  .window = T,
                                  .delay = LEAD,
                                  .learn_total = 1000,
                                  .rule = {.negatives = CAL_NCE_WEIGHTED, .groups = 4, .tau = 3, .begin = FROM, .chunk = K},
                                  .optimiser = {.kind = CAL_SGD, .rate = 0, .schedule = CAL_CONSTANT, .hold = 1, .last = 1}};
}

static void create(struct columns *c, const struct columns_setup *setup)
{
    int error = columns_create(c, setup);
    if (error)
        fail_msg("%s", cal_err_message());
}

static float *array(const struct cal_region *r, const char *name, int column)
{
    size_t n;
    return columns_array(r, name, column, &n);
}

/* All biases off 0, where they are born. */
static void roughen(struct columns *c)
{
    static const char *const biases[] = {"b1", "b2", "b3", "bo", "bx", "bh"};
    for (int i = 0; i < c->setup.regions; i++)
        for (int column = 0; column < c->setup.columns; column++)
            for (int k = 0; k < 6; k++) {
                size_t n;
                float *b = columns_array(c->region[i], biases[k], column, &n);
                columns_draw(b, n, 10 + k, column);
                for (size_t j = 0; j < n; j++)
                    b[j] *= 0.3f;
            }
}

/* What the world and the attention gave in each frame of a chunk, and the state that one column began it with. */
struct chunk {
    float x[K][B * D], query[K][B * 4 * U * Q], temperature[4 * U], begin[B * U * R];
};

static double leaky(double x)
{
    return x > 0 ? x : (double)CAL_LEAK * x;
}

static void normalise(double *z)
{
    double squares = 0;
    for (int d = 0; d < W; d++)
        squares += z[d] * z[d];
    for (int d = 0; d < W; d++)
        z[d] /= sqrt(squares);
}

/* e_u(x) in float64, from the region's own arrays. */
static void code(const struct cal_column *c, int u, const float *x, double *e)
{
    double h[H], a[E];
    for (int i = 0; i < H; i++) {
        h[i] = (double)c->b1[i];
        for (int d = 0; d < D; d++)
            h[i] += (double)c->w1[i * D + d] * (double)x[d];
    }
    for (int i = 0; i < E; i++) {
        a[i] = (double)c->b2[u * E + i];
        for (int j = 0; j < H; j++)
            a[i] += (double)c->w2[(u * E + i) * H + j] * leaky(h[j]);
    }
    for (int d = 0; d < W; d++) {
        e[d] = (double)c->b3[u * W + d];
        for (int i = 0; i < E; i++)
            e[d] += (double)c->w3[(u * W + d) * E + i] * leaky(a[i]);
    }
    normalise(e);
}

/* Unit u's states in frames `first` to K-1 of the chunk, h (K+1,B,R) from slot `first` on, in float64. */
static void states(const struct cal_predictive *c, const struct cal_column *column, const struct chunk *chunk, int u, int first, double *h)
{
    int inputs = c->shape.memory, steps = K - first;
    double *wx = exact(column->gru.wx + u * 3 * R * inputs, (size_t)(3 * R * inputs)), *bx = exact(column->gru.bx + u * 3 * R, 3 * R);
    double *wh = exact(column->gru.wh + u * 3 * R * R, 3 * R * R), *bh = exact(column->gru.bh + u * 3 * R, 3 * R);
    double *x = exact(c->memory + first * B * inputs, (size_t)(steps * B * inputs));
    double *none = cal_alloc((size_t)(steps * B * R) * sizeof *none), *unused[4];
    for (int i = 0; i < 4; i++)
        unused[i] = cal_alloc((size_t)(3 * R * (inputs > R ? inputs : R)) * sizeof(double));
    for (int b = 0; b < B; b++)
        for (int i = 0; i < R; i++)
            h[(first * B + b) * R + i] = (double)chunk->begin[(b * U + u) * R + i];
    struct cal_gru_twin t = {inputs, R, B, steps, wx, bx, wh, bh, x, none, h + first * B * R, unused[0], unused[1], unused[2], unused[3]};
    cal_gru_twin(&t);
    double *mine[] = {wx, bx, wh, bh, x, none, unused[0], unused[1], unused[2], unused[3]};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        cal_free(mine[i]);
}

/* The loss of one frame and unit in float64, over all B. */
static double frame_loss(const struct columns *w, const struct cal_column *column, const struct chunk *chunk, int unit, int u, int k,
                         const double *h)
{
    const struct cal_nce_rule *rule = &w->setup.rule;
    double e[B * W], p[B * W], query[B * Q], unused[3][B * Q];
    for (int b = 0; b < B; b++) {
        code(column, u, chunk->x[k] + b * D, e + b * W);
        for (int d = 0; d < W; d++) {
            p[b * W + d] = (double)column->bo[u * W + d];
            for (int i = 0; i < R; i++)
                p[b * W + d] += (double)column->wo[(u * W + d) * R + i] * h[b * R + i];
        }
        normalise(p + b * W);
        for (int i = 0; i < Q; i++)
            query[b * Q + i] = (double)chunk->query[k][(b * w->units + unit) * Q + i];
    }
    struct cal_nce_twin t = {.batch = B,
                             .width = W,
                             .query_width = Q,
                             .groups = rule->negatives == CAL_NCE_UNIFORM ? 0 : (int)rule->groups,
                             .tau = rule->tau,
                             .scale = 1,
                             .temperature = (double)chunk->temperature[unit],
                             .e = e,
                             .p = p,
                             .query = query,
                             .de = unused[0],
                             .dp = unused[1],
                             .dquery = unused[2]};
    cal_nce_twin(&t);
    return t.loss;
}

/* The mean loss over the frames of a chunk that count, of one column's units: what memory brought, the queries and the first state are given. */
static double loss(const struct columns *w, int region, int number, const struct chunk *chunk, int from, int first)
{
    const struct cal_predictive *c = (const struct cal_predictive *)w->region[region];
    const struct cal_column *column = &c->column[number];
    double h[(K + 1) * B * R], sum = 0;
    for (int u = 0; u < U; u++) {
        states(c, column, chunk, u, first, h);
        for (int k = from; k < K; k++)
            sum += frame_loss(w, column, chunk, (region * w->setup.columns + number) * U + u, u, k, h + (k + 1) * B * R);
    }
    return sum / ((double)B * w->units * (K - from));
}

/* Every gradient array of a column against the slope of the float64 loss. */
static void check_column(struct columns *w, int region, int column, const struct chunk *chunk, int from, int first)
{
    double largest = 0, worst = 0;
    for (int i = 0; i < N_WEIGHTS; i++) {
        char gradient[8];
        size_t n;
        snprintf(gradient, sizeof gradient, "%s.g", weights[i]);
        float *x = columns_array(w->region[region], weights[i], column, &n), *g = columns_array(w->region[region], gradient, column, &n);
        double here = 0;
        for (size_t k = 0; k < n; k += 1 + n / 24) {
            float was = x[k], up = was + 1e-6f, down = was - 1e-6f; /* their exact difference counts; small, as LeakyReLU has kinks */
            x[k] = up;
            double above = loss(w, region, column, chunk, from, first);
            x[k] = down;
            double below = loss(w, region, column, chunk, from, first);
            x[k] = was;
            double slope = (above - below) / ((double)up - (double)down);
            here = fmax(here, fabs(slope));
            worst = fmax(worst, fabs(slope - (double)g[k]));
        }
        assert_true(here > 0);
        largest = fmax(largest, here);
    }
    assert_true(largest > 1e-2);
    if (worst > 1e-4 * largest)
        fail_msg("gradient off by %g, the largest is %g", worst, largest);
}

/* Frames of chunk `which` of the first window, remembered on the way. */
static void run_chunk(struct columns *w, int which, struct chunk *chunk, int region, int column)
{
    const struct cal_predictive *c = (const struct cal_predictive *)w->region[region];
    for (int k = 0; k < K; k++) {
        struct cal_step step = columns_at(w, which * K + k);
        step.perceive = k % 2 == 0;
        columns_show(w, step.presentation);
        memcpy(chunk->x[k], w->x, sizeof chunk->x[k]);
        memcpy(chunk->query[k], w->query, (size_t)(B * w->units * Q) * sizeof(float));
        memcpy(chunk->temperature, w->temperature, (size_t)w->units * sizeof(float));
        assert_int_equal(columns_forward(w, &step), CAL_OK);
        if (k == 0)
            memcpy(chunk->begin, c->column[column].gru.h, sizeof chunk->begin);
        assert_int_equal(columns_learn(w), CAL_OK);
    }
}

/* Chunk 0 of a window has frames without a guess and others that do not count; in chunk 1 all do. */
static void gradients_go_through_time(void **state)
{
    (void)state;
    static struct chunk chunk;
    for (int negatives = CAL_NCE_WEIGHTED; negatives <= CAL_NCE_UNIFORM; negatives++) {
        struct columns w;
        struct columns_setup setup = setup_of(2, 2);
        setup.rule.negatives = negatives;
        create(&w, &setup);
        roughen(&w);
        run_chunk(&w, 0, &chunk, 1, 1);
        check_column(&w, 1, 1, &chunk, FROM, LEAD);
        run_chunk(&w, 1, &chunk, 1, 1);
        check_column(&w, 1, 1, &chunk, 0, 0);
        run_chunk(&w, 2, &chunk, 0, 1);
        check_column(&w, 0, 1, &chunk, 0, 0);
        columns_destroy(&w);
    }
}

/* The metrics are means over the region's own units: of the frame, and of the chunk. */
static void metrics_are_means(void **state)
{
    (void)state;
    static struct chunk chunk;
    struct columns w;
    struct columns_setup setup = setup_of(1, 1);
    create(&w, &setup);
    roughen(&w);
    const struct cal_column *column = &((const struct cal_predictive *)w.region[0])->column[0];
    run_chunk(&w, 0, &chunk, 0, 0);
    double h[(K + 1) * B * R], sum = 0, most = 0;
    for (int u = 0; u < U; u++) {
        double mean[W] = {0}, e[W];
        states((const struct cal_predictive *)w.region[0], column, &chunk, u, LEAD, h);
        sum += frame_loss(&w, column, &chunk, u, u, K - 1, h + K * B * R);
        for (int i = FROM * B; i < K * B; i++) {
            code(column, u, chunk.x[0] + i * D, e);
            for (int d = 0; d < W; d++)
                mean[d] += e[d] / ((K - FROM) * B);
        }
        most = fmax(most, sqrt(mean[0] * mean[0] + mean[1] * mean[1]));
    }
    assert_true(fabs(w.metric[0][0] - sum / (B * U)) < 1e-5);
    assert_true(fabs(w.metric[0][2] - most) < 1e-5);
    double last = w.metric[0][0];
    for (long t = K; t < T; t++)
        assert_int_equal(columns_train(&w, t), CAL_OK);
    assert_true(w.metric[0][0] != last);
    last = w.metric[0][0];
    for (long t = T; t < T + FROM; t++) { /* frames that do not count say what was said last */
        assert_int_equal(columns_train(&w, t), CAL_OK);
        assert_true(w.metric[0][0] == last);
    }
    columns_destroy(&w);
}

static double norm_of_gradient(const struct cal_region *r, int column)
{
    double squares = 0;
    for (int i = 0; i < N_WEIGHTS; i++) {
        char name[8];
        size_t n;
        snprintf(name, sizeof name, "%s.g", weights[i]);
        const float *g = columns_array(r, name, column, &n);
        squares += cal_sum_squares(g, n);
    }
    return sqrt(squares);
}

/* One update a chunk, against the gradient, each column's clipped to its share. */
static void a_column_is_clipped_to_its_share(void **state)
{
    (void)state;
    struct columns w;
    struct columns_setup setup = setup_of(2, 2);
    const double clip = 0.002;
    setup.optimiser.rate = 0.5;
    setup.optimiser.clip = clip;
    create(&w, &setup);
    size_t n;
    float *x = columns_array(w.region[1], "w1", 1, &n), *before = cal_alloc(n * sizeof *before);
    memcpy(before, x, n * sizeof *x);
    for (long t = 0; t < K; t++) {
        assert_memory_equal(before, x, n * sizeof *x);
        assert_int_equal(columns_train(&w, t), CAL_OK);
    }
    double norm = norm_of_gradient(w.region[1], 1), share = clip / sqrt(4);
    const float *g = array(w.region[1], "w1.g", 1);
    assert_true(norm > 2 * share);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs((double)before[i] - 0.5 * share / norm * (double)g[i] - (double)x[i]) < 1e-6);
    cal_free(before);
    columns_destroy(&w);
}

/* 4 columns in 4, 2 or 1 regions, trained over more than a window: the same bits in every weight and every code. */
static void columns_do_not_depend_on_their_region(void **state)
{
    (void)state;
    struct columns one, many;
    struct columns_setup setup = setup_of(1, 4);
    setup.optimiser = (struct cal_optim_params){.kind = CAL_ADAM, .rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    for (int regions = 2; regions <= 4; regions += 2) {
        setup.regions = 1;
        setup.columns = 4;
        create(&one, &setup);
        float born[H * D];
        memcpy(born, array(one.region[0], "w1", 0), sizeof born);
        setup.regions = regions;
        setup.columns = 4 / regions;
        create(&many, &setup);
        for (long t = 0; t < T + 2 * K; t++) {
            assert_int_equal(columns_train(&one, t), CAL_OK);
            assert_int_equal(columns_train(&many, t), CAL_OK);
        }
        assert_memory_not_equal(born, array(one.region[0], "w1", 0), sizeof born);
        for (int column = 0; column < 4; column++) {
            int region = column / setup.columns, number = column % setup.columns;
            for (int i = 0; i < N_WEIGHTS; i++) {
                size_t n;
                const float *a = columns_array(one.region[0], weights[i], column, &n);
                assert_memory_equal(a, array(many.region[region], weights[i], number), n * sizeof *a);
            }
            for (int k = 0; k < 3; k++)
                for (int b = 0; b < B; b++)
                    assert_memory_equal(one.out[0][k] + (b * 4 + column) * U * W,
                                        many.out[region][k] + (b * setup.columns + number) * U * W, U * W * sizeof(float));
        }
        columns_destroy(&one);
        columns_destroy(&many);
    }
}

static bool is_zero(const float *x, int n)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0)
            return false;
    return true;
}

/* What is sent: e of what is seen, p from the first frame on that has a memory, the cache as the phase says. */
static void memory_is_what_was_perceived(void **state)
{
    (void)state;
    enum { N = B * U * W, BLIND = 12 };
    struct columns w;
    struct columns_setup setup = setup_of(1, 1);
    create(&w, &setup);
    roughen(&w);
    const struct cal_column *column = &((const struct cal_predictive *)w.region[0])->column[0];
    for (long t = 0; t < T; t++) {
        struct cal_step step = columns_at(&w, t);
        const float *cache = w.out[0][0], *e = w.out[0][1], *p = w.out[0][2];
        step.learn = false;
        step.blind = t >= BLIND;
        step.perceive = !step.blind && t % 2 == 0;
        columns_show(&w, t);
        assert_int_equal(columns_forward(&w, &step), CAL_OK);
        assert_memory_equal(cache, t < LEAD || step.perceive ? e : p, N * sizeof(float));
        assert_true(is_zero(p, N) == (t < LEAD));
        assert_true((memcmp(e, p, N * sizeof(float)) == 0) == step.blind);
        for (int i = 0; i < B * U; i++) {
            double said[W];
            code(column, i % U, w.x + i / U * D, said);
            for (int d = 0; d < W && !step.blind; d++)
                assert_true(fabs((double)e[i * W + d] - said[d]) < 1e-5);
            double squares = 0;
            for (int d = 0; d < W; d++)
                squares += (double)p[i * W + d] * (double)p[i * W + d];
            assert_true(t < LEAD || fabs(squares - 1) < 1e-5);
        }
    }
    columns_destroy(&w);
}

/* A window begins with nothing of the one before, whatever its caches say: the same codes as in a region that was never used. */
static void a_window_begins_anew(void **state)
{
    (void)state;
    struct columns used, fresh;
    struct columns_setup setup = setup_of(2, 1);
    create(&used, &setup);
    create(&fresh, &setup);
    for (long t = 0; t < T; t++)
        assert_int_equal(columns_train(&used, t), CAL_OK);
    for (long t = 0; t < 2 * K; t++) {
        struct cal_step late = columns_at(&used, T + t), early = columns_at(&fresh, t);
        columns_show(&used, t);
        columns_show(&fresh, t);
        assert_int_equal(columns_forward(&used, &late), CAL_OK);
        assert_int_equal(columns_forward(&fresh, &early), CAL_OK);
        assert_int_equal(columns_learn(&used), CAL_OK);
        assert_int_equal(columns_learn(&fresh), CAL_OK);
        for (int k = 0; k < 3; k++)
            assert_memory_equal(used.out[1][k], fresh.out[1][k], B * U * W * sizeof(float));
    }
    size_t n;
    for (int i = 0; i < N_WEIGHTS; i++) {
        char name[8];
        snprintf(name, sizeof name, "%s.g", weights[i]);
        const float *g = columns_array(used.region[1], name, 0, &n);
        assert_memory_equal(g, array(fresh.region[1], name, 0), n * sizeof *g);
    }
    columns_destroy(&used);
    columns_destroy(&fresh);
}

/* In the middle of a chunk another region gets the state, and nothing else but rubbish: both go on with the same bits. */
static void state_is_all_it_needs(void **state)
{
    (void)state;
    enum { STOP = K + 3, END = T + K + 2 };
    struct columns first, second;
    struct columns_setup setup = setup_of(1, 2);
    setup.optimiser = (struct cal_optim_params){.kind = CAL_ADAM, .rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    create(&first, &setup);
    create(&second, &setup);
    for (long t = 0; t < STOP; t++)
        assert_int_equal(columns_train(&first, t), CAL_OK);
    const struct cal_layout *from = &first.region[0]->layout, *to = &second.region[0]->layout;
    for (int i = 0; i < from->n; i++) {
        const struct cal_array *a = &from->arrays[i], *b = &to->arrays[i];
        size_t each = a->type == CAL_F32 ? sizeof(float) : sizeof(double);
        if (a->role == CAL_STATE)
            memcpy(cal_array_data(b), cal_array_data(a), each * cal_array_count(a));
        else
            memset(cal_array_data(b), 0x41, each * cal_array_count(b));
    }
    for (int i = 0; i < second.tape[0].layout.n; i++)
        memset(cal_array_data(&second.tape[0].layout.arrays[i]), 0x41, sizeof(float) * cal_array_count(&second.tape[0].layout.arrays[i]));
    memcpy(second.past[0], first.past[0], (size_t)(LEAD * B * 2 * U * W) * sizeof(float));
    for (long t = STOP; t < END; t++) {
        assert_int_equal(columns_train(&first, t), CAL_OK);
        assert_int_equal(columns_train(&second, t), CAL_OK);
        assert_memory_equal(first.metric[0], second.metric[0], 3 * sizeof(double));
    }
    for (int i = 0; i < from->n; i++)
        if (from->arrays[i].role == CAL_STATE && from->arrays[i].type == CAL_F32)
            assert_memory_equal(cal_array_data(&from->arrays[i]), cal_array_data(&to->arrays[i]),
                                sizeof(float) * cal_array_count(&from->arrays[i]));
    columns_destroy(&first);
    columns_destroy(&second);
}

/* Units that say the same of everything end the run, but not in its first steps. */
static void collapse_ends_the_run(void **state)
{
    (void)state;
    struct columns w;
    struct columns_setup setup = setup_of(1, 2);
    setup.guard = 0.97;
    setup.guard_after = K;
    create(&w, &setup);
    float *w3 = array(w.region[0], "w3", 1), *b3 = array(w.region[0], "b3", 1);
    memset(w3 + W * E, 0, W * E * sizeof *w3); /* the last of four units */
    b3[W] = 1;
    for (long t = 0; t < 2 * K; t++) {
        assert_int_equal(columns_train(&w, t), t < 2 * K - 1 ? CAL_OK : CAL_ENUMERICS);
        if (t == 2 * K - 2)
            assert_true(fabs(w.metric[0][2] - 1) < 1e-6);
    }
    assert_string_equal(cal_err_message(), "V.0: collapsed: the mean of a unit's codes over a chunk has length 1.000, guard allows 0.97");
    columns_destroy(&w);
}

/* A second drive, or a change of what is there; then a word of the refusal. */
struct refusal {
    void (*spoil)(struct columns *w);
    const char *word;
};

static void no_sight(struct columns *w)
{
    w->region[0]->drive = w->drive + 1;
    w->region[0]->n_drives = 1;
}

static void no_memory(struct columns *w)
{
    w->region[0]->n_drives = 1;
}

static void memory_at_once(struct columns *w)
{
    w->drive[1].delay = 0;
}

static void delays_differ(struct columns *w)
{
    w->drive[2].delay = 3;
}

static void late_sight(struct columns *w)
{
    w->drive[0].delay = 1;
}

static void memory_and_more(struct columns *w)
{
    cal_rep_spec_add(&w->drive[1].spec, "e", 4);
}

static void shared_sight(struct columns *w)
{
    w->drive[0].spec.slice[0].shared = true;
}

static void no_context(struct columns *w)
{
    w->region[0]->n_contexts = 0;
}

static void no_rule(struct columns *w)
{
    w->context[0].rule = NULL;
}

static void late_context(struct columns *w)
{
    w->context[0].delay = 1;
}

static void early_count(struct columns *w)
{
    w->setup.rule.begin = LEAD - 1;
}

static void broken_window(struct columns *w)
{
    w->region[0]->window = T + 1;
}

static void no_window(struct columns *w)
{
    w->region[0]->window = 0;
}

static void no_query(struct columns *w)
{
    w->context[0].spec.n = 0;
}

static void odd_query(struct columns *w)
{
    w->context[0].spec.slice[0].cols = U * Q + 1;
}

static void other_columns(struct columns *w)
{
    w->context[0].unit_offset = 1;
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {no_sight, "a drive that it codes"},
        {no_memory, "needs the `cache`"},
        {memory_at_once, "without delay"},
        {delays_differ, "has delay 3, other caches have 2"},
        {late_sight, "has delay 1: what is seen"},
        {memory_and_more, "brings `cache` and more"},
        {shared_sight, "one row for the whole batch"},
        {no_context, "exactly one context"},
        {no_rule, "has no rule for negatives"},
        {late_context, "expected no delay"},
        {early_count, "expected begin: 2 or more"},
        {broken_window, "`chunk`"},
        {no_window, "windows"},
        {no_query, "brings no `query`"},
        {odd_query, "brings 7 values of `query` for the 2 units"},
        {other_columns, "begin at 1 of 4"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct columns w = {.setup = setup_of(2, 1), .units = 2 * U};
        w.params = (struct cal_predictive_params){.columns = 1, .units = U, .width = W, .hidden = H, .encoder = E, .recurrent = R};
        columns_ports(&w);
        struct cal_region *r = w.region[0] = cal_region_create(&cal_predictive_cortex_ops);
        *r = (struct cal_region){.ops = r->ops,
                                 .name = "V.0",
                                 .batch = B,
                                 .window = T,
                                 .params = &w.params,
                                 .drive = w.drive,
                                 .n_drives = 3,
                                 .context = w.context,
                                 .n_contexts = 1};
        refusals[i].spoil(&w);
        assert_int_equal(cal_region_outputs(r), CAL_OK);
        assert_int_equal(cal_region_declare(r), CAL_EUSAGE);
        if (!strstr(cal_err_message(), refusals[i].word) || strncmp(cal_err_message(), "V.0: ", 5) || strchr(cal_err_message(), '\n'))
            fail_msg("expected `%s` in: %s", refusals[i].word, cal_err_message());
        cal_region_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(gradients_go_through_time, no_memory_left),
        cmocka_unit_test_teardown(metrics_are_means, no_memory_left),
        cmocka_unit_test_teardown(a_column_is_clipped_to_its_share, no_memory_left),
        cmocka_unit_test_teardown(columns_do_not_depend_on_their_region, no_memory_left),
        cmocka_unit_test_teardown(memory_is_what_was_perceived, no_memory_left),
        cmocka_unit_test_teardown(a_window_begins_anew, no_memory_left),
        cmocka_unit_test_teardown(state_is_all_it_needs, no_memory_left),
        cmocka_unit_test_teardown(collapse_ends_the_run, no_memory_left),
        cmocka_unit_test_teardown(what_does_not_fit_is_refused, no_memory_left),
    };
    cal_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
