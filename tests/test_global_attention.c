/* tests/test_global_attention.c - the global attention: its gradients, what it reports and climbs, and what it refuses. */
#include "tests/global_hub.h"

/* Row b's query of unit u, in float64, from the weights as they are. */
static void query_of(const struct cal_global_attention *a, const float *p, int u, double query[Q])
{
    double g[G], squares = 0;
    for (int i = 0; i < G; i++) {
        g[i] = (double)a->b_g[i];
        for (int k = 0; k < COLS; k++)
            g[i] += (double)a->w_g[i * COLS + k] * (double)p[k];
    }
    for (int c = 0; c < Q; c++) {
        query[c] = (double)a->b_q[u * Q + c];
        for (int i = 0; i < G; i++)
            query[c] += (double)a->w_q[(u * Q + c) * G + i] * g[i];
        squares += query[c] * query[c];
    }
    for (int c = 0; c < Q; c++)
        query[c] /= sqrt(squares);
}

/* The loss of one frame, in float64, as a function of the weights. */
static double loss_of(const struct cal_global_attention *a, const struct cal_nce_rule *rule, const float *e, const float *p)
{
    double sum = 0;
    for (int u = 0; u < U; u++) {
        double code[B * D], guess[B * D], query[B * Q], scratch[3][B * Q];
        for (int b = 0; b < B; b++) {
            for (int d = 0; d < D; d++) {
                code[b * D + d] = (double)e[b * COLS + u * D + d];
                guess[b * D + d] = (double)p[b * COLS + u * D + d];
            }
            query_of(a, p + b * COLS, u, query + b * Q);
        }
        struct cal_nce_twin t = {.batch = B,
                                 .width = D,
                                 .query_width = Q,
                                 .groups = (int)rule->groups,
                                 .tau = rule->tau,
                                 .temperature = (double)a->temperature[u],
                                 .e = code,
                                 .p = guess,
                                 .query = query,
                                 .de = scratch[0],
                                 .dp = scratch[1],
                                 .dquery = scratch[2]};
        cal_nce_twin(&t);
        sum += t.loss;
    }
    return sum / (B * U);
}

/* The mean over the chunk's frames that count. */
static double chunk_loss(const struct hub *h)
{
    float e[B * COLS], p[B * COLS];
    double sum = 0;
    for (int t = FROM; t < K; t++) {
        look(t, e, p);
        sum += loss_of((const struct cal_global_attention *)h->region, &h->rule, e, p);
    }
    return sum / (K - FROM);
}

/* What a chunk sums up, which is of -L, against the slope of the float64 loss. */
static void test_gradients(void **state)
{
    static const char *const names[] = {"g.w", "g.b", "query.w", "query.b", "temperature"};
    static struct hub h;
    (void)state;
    hub_create(&h, &weighted, params_of(CAL_SGD, 0, 3), 4);
    size_t n = 0;
    float *b = array_of(&h, "query.b", &n), *temperature = array_of(&h, "temperature", &n);
    for (int i = 0; i < U * Q; i++)
        b[i] = 0.1f * (float)(i % 5 - 2);
    for (int u = 0; u < U; u++)
        temperature[u] += 0.3f * (float)u;
    for (int t = 0; t < K; t++)
        present(&h, t);
    for (int i = 0; i < 5; i++) {
        char gradient[32];
        size_t n_gradient;
        snprintf(gradient, sizeof gradient, "%s.g", names[i]);
        float *w = array_of(&h, names[i], &n), *g = array_of(&h, gradient, &n_gradient);
        double largest = 0, worst = 0;
        assert_int_equal(n, n_gradient);
        for (size_t k = 0; k < n; k++) {
            float was = w[k], up = was + 1e-3f, down = was - 1e-3f;
            w[k] = up;
            double above = chunk_loss(&h);
            w[k] = down;
            double below = chunk_loss(&h);
            w[k] = was;
            double slope = (above - below) / ((double)up - (double)down);
            largest = fmax(largest, fabs(slope));
            worst = fmax(worst, fabs(slope + (double)g[k]));
        }
        if (largest < 1e-4 || worst > 1e-4 * largest + 1e-7)
            fail_msg("%s: gradient off by %g, the largest is %g", names[i], worst, largest);
    }
    hub_destroy(&h);
}

/* What is reported is the loss of the codes under what was sent, as an onlooker has it; frames that do not count repeat it. */
static void test_metrics(void **state)
{
    static struct hub h;
    float e[B * COLS], p[B * COLS];
    (void)state;
    hub_create(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 4);
    for (int t = 0; t < FROM; t++) {
        present(&h, t);
        assert_true(h.metric[0] == 0);
    }
    for (int t = FROM; t < T + FROM; t++) {
        double before = h.metric[0];
        look(t, e, p);
        present_codes(&h, t, e, p);
        struct cal_rep sent = {.spec = &h.region->out, .data = {h.out[0], h.out[1], h.out[2]}, .ld = {U * Q, U, G}};
        struct cal_nce_value mean;
        cal_nce_evaluate(&weighted, B, U, D, e, p, &sent, &mean);
        if (t % T < FROM) {
            assert_true(h.metric[0] == before);
            continue;
        }
        assert_true(fabs(h.metric[0] - mean.loss) < 1e-9 && fabs(h.metric[1] - (mean.loss - mean.control)) < 1e-9);
        assert_true(fabs(h.metric[2] - cal_sum(h.out[1], U) / U) < 1e-6);
    }
    hub_destroy(&h);
}

/* Climbing raises the loss of codes that stay as they are; weights change where a chunk ends and nowhere else. */
static void test_climbs(void **state)
{
    static struct hub h;
    float e[B * COLS], p[B * COLS];
    double first = 0;
    size_t n;
    (void)state;
    look(1, e, p);
    hub_create(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
    for (int t = 0; t < 10 * T; t++) {
        float *w = array_of(&h, "query.w", &n), was = w[0];
        present_codes(&h, t, e, p);
        assert_true((w[0] != was) == (t % K == K - 1));
        first = t == FROM ? h.metric[0] : first;
    }
    assert_true(h.metric[0] > first + 0.05);
    hub_destroy(&h);
}

static void test_temperatures_stay(void **state)
{
    static struct hub h;
    size_t n;
    int zeros = 0;
    (void)state;
    struct cal_global_attention_params params = params_of(CAL_SGD, 1.5, 10);
    params.optimiser.weight_decay = 1; /* 10 is pulled to -5, less what the gradient says */
    hub_create(&h, &weighted, params, 2);
    float *temperature = array_of(&h, "temperature", &n);
    for (int t = 0; t < 2 * T; t++) {
        present(&h, t);
        for (int u = 0; u < U; u++) {
            assert_true(temperature[u] >= 0);
            zeros += temperature[u] == 0;
        }
    }
    assert_true(zeros > 0); /* and were stopped there */
    hub_destroy(&h);
}

/* The control: nothing is weighted or learnt; g alone is offered. */
static void test_uniform(void **state)
{
    static struct hub h, fresh;
    (void)state;
    hub_create(&h, &uniform, params_of(CAL_ADAM, 1e-2, 3), 2);
    hub_create(&fresh, &uniform, params_of(CAL_ADAM, 1e-2, 3), 2);
    assert_int_equal(h.region->out.n, 1);
    assert_string_equal(h.region->out.slice[0].name, "g");
    assert_false(h.region->out.slice[0].afferent);
    for (int t = 0; t < K; t++)
        present(&h, t);
    assert_true(h.metric[0] != 0 && fabs(h.metric[1]) < 1e-6 && h.metric[2] == 0);
    memset(((struct cal_global_attention *)h.region)->reported, 0, 3 * sizeof(double));
    assert_true(state_equal(&h, &fresh));
    hub_destroy(&h);
    hub_destroy(&fresh);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

static void test_refusals(void **state)
{
    static const char *const words[] = {
        "has none",        "different rules", "windows",       "divisor of the window", "batch of at least 64",
        "needs the codes", "no delay, got 2", "brings no `p`", "expected 2 for each",   "takes no context",
        "for 0 units"};
    static struct hub h;
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct cal_nce_rule other = uniform;
        hub_wire(&h, &weighted, params_of(CAL_ADAM, 1e-2, 3), 2);
        struct cal_region *r = h.region;
        switch (i) {
        case 0:
            r->n_targets = 0;
            break;
        case 1:
            h.target[1].rule = &other;
            break;
        case 2:
            r->window = 0;
            break;
        case 3:
            r->window = T + 1;
            break;
        case 4:
            h.rule.groups = 32;
            break;
        case 5:
            r->n_drives = 0;
            break;
        case 6:
            h.drive[1].delay = 2;
            break;
        case 7:
            h.drive[1].spec.n = 1;
            break;
        case 8:
            h.drive[1].spec.slice[0].cols++;
            break;
        case 9:
            r->context = h.target;
            r->n_contexts = 1;
            break;
        default:
            h.drive[0].units = 0;
            break;
        }
        int error = cal_region_outputs(r);
        if (!error)
            error = cal_region_declare(r);
        assert_int_equal(error, CAL_EUSAGE);
        if (!strstr(cal_err_message(), words[i]) || strncmp(cal_err_message(), "A: ", 3))
            fail_msg("expected `%s` in: %s", words[i], cal_err_message());
        cal_region_destroy(r);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),         cmocka_unit_test(test_metrics), cmocka_unit_test(test_climbs),
        cmocka_unit_test(test_temperatures_stay), cmocka_unit_test(test_uniform), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
