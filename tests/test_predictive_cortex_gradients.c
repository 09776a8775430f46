/* tests/test_predictive_cortex_gradients.c - the predictive cortex: its gradients through time, what it reports, and its update. */
#include "tests/columns_reference.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(gradients_go_through_time, no_memory_left),
        cmocka_unit_test_teardown(metrics_are_means, no_memory_left),
        cmocka_unit_test_teardown(a_column_is_clipped_to_its_share, no_memory_left),
    };
    cal_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
