/* tests/test_predictive_cortex.c - the predictive cortex: columns that do not depend on who shares a region, what is remembered and what is
 * imagined, that its state is all that it needs to go on, and what it refuses. */
#include "regions/objectives/contrast.h"
#include "tests/columns_reference.h"

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
    w->context[0].rule_table = NULL;
}

static void rule_of_two_views(struct columns *w)
{
    w->context[0].rule_table = cal_contrast_table;
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
        {no_rule, "has no rule for negatives in time"},
        {rule_of_two_views, "has no rule for negatives in time"},
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
