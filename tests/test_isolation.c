/* tests/test_isolation.c - regions in time learn from what has crossed, and from nothing else: what becomes of anybody's memory after a forward pass,
 * of that in which its representations came included, changes no bit. */
#include "tests/columns.h"
#include "tests/fixtures.h"
#include "tests/global_hub.h"

enum { REGIONS = 3, KEPT_MOST = 512, DELAY = 2, END = T + 2 * K + 3 };

/* Memory that is rubbish for a while. */
struct kept {
    int n;
    void *at[KEPT_MOST], *copy[KEPT_MOST];
    size_t bytes[KEPT_MOST];
};

static void spoil(struct kept *k, void *at, size_t bytes)
{
    assert_true(k->n < KEPT_MOST);
    k->at[k->n] = at;
    k->bytes[k->n] = bytes;
    k->copy[k->n++] = memcpy(cal_alloc(bytes), at, bytes);
    memset(at, 0x41, bytes);
}

static void spoil_layout(struct kept *k, const struct cal_layout *l)
{
    for (int i = 0; i < l->n; i++)
        spoil(k, cal_array_data(&l->arrays[i]), cal_array_bytes(&l->arrays[i]));
}

static void restore(struct kept *k)
{
    while (k->n-- > 0) {
        memcpy(k->at[k->n], k->copy[k->n], k->bytes[k->n]);
        cal_free(k->copy[k->n]);
    }
    k->n = 0;
}

/* All of the others, the world, and where what has been sent and received lies; the context is still to be read. */
static void spoil_others(struct kept *k, struct columns *w)
{
    size_t sent = (size_t)(w->setup.batch * w->cache.slice[0].cols) * sizeof(float);
    for (int i = 0; i < REGIONS; i++) {
        for (int slice = 0; slice < 3; slice++)
            spoil(k, w->out[i][slice], sent);
        spoil(k, w->past[i], DELAY * sent);
        if (i == 0)
            continue;
        spoil_layout(k, &w->region[i]->layout);
        spoil_layout(k, &w->tape[i].layout);
    }
    spoil(k, w->x, (size_t)(w->setup.batch * w->setup.inputs) * sizeof(float));
}

static void create(struct columns *w)
{
    const struct columns_setup setup = {
        .regions = REGIONS,
        .columns = 2,
        .units = 2,
        .width = D,
        .query = Q,
        .hidden = 5,
        .encoder = 4,
        .recurrent = 3,
        .batch = B,
        .inputs = 10,
        .window = T,
        .delay = DELAY,
        .learn_total = 1000,
        .rule = weighted,
        .optimiser = {.kind = CAL_ADAM, .rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .schedule = CAL_CONSTANT, .clip = 1}};
    if (columns_create(w, &setup))
        fail_msg("%s", cal_err_message());
}

/* The first region alone learns. */
static void learn(struct columns *w)
{
    w->setup.regions = 1;
    assert_int_equal(columns_learn(w), CAL_OK);
    w->setup.regions = REGIONS;
}

static void same_state(const struct cal_region *a, const struct cal_region *b)
{
    for (int i = 0; i < a->layout.n; i++)
        if (a->layout.arrays[i].role == CAL_STATE)
            assert_memory_equal(cal_array_data(&a->layout.arrays[i]), cal_array_data(&b->layout.arrays[i]),
                                cal_array_bytes(&a->layout.arrays[i]));
}

static void a_cortex_learns_from_what_has_crossed(void **state)
{
    static struct columns quiet, disturbed;
    static struct kept kept;
    (void)state;
    create(&quiet);
    create(&disturbed);
    for (long t = 0; t < END; t++) {
        struct cal_step step = columns_at(&quiet, t);
        step.perceive = t % 2 == 0;
        columns_show(&quiet, t);
        columns_show(&disturbed, t);
        assert_int_equal(columns_forward(&quiet, &step), CAL_OK);
        assert_int_equal(columns_forward(&disturbed, &step), CAL_OK);
        learn(&quiet);
        spoil_others(&kept, &disturbed);
        learn(&disturbed);
        restore(&kept);
        same_state(quiet.region[0], disturbed.region[0]);
        assert_memory_equal(quiet.metric[0], disturbed.metric[0], 3 * sizeof quiet.metric[0][0]);
    }
    columns_destroy(&quiet);
    columns_destroy(&disturbed);
}

static void an_attention_learns_from_what_has_crossed(void **state)
{
    static struct hub quiet, disturbed;
    float e[B * COLS], p[B * COLS];
    (void)state;
    for (int negatives = CAL_NCE_WEIGHTED; negatives <= CAL_NCE_UNIFORM; negatives++) {
        const struct cal_nce_rule *rule = negatives == CAL_NCE_WEIGHTED ? &weighted : &uniform;
        hub_create(&quiet, rule, params_of(CAL_ADAM, 1e-2, 3), 4);
        hub_create(&disturbed, rule, params_of(CAL_ADAM, 1e-2, 3), 4);
        for (long t = 0; t < END; t++) {
            present(&quiet, t);
            look(t, e, p);
            forward_codes(&disturbed, t, e, p);
            memset(e, 0x41, sizeof e);
            memset(p, 0x41, sizeof p);
            for (int i = 0; i < disturbed.region->out.n; i++)
                memset(disturbed.out[i], 0x41, B * (size_t)disturbed.region->out.slice[i].cols * sizeof(float));
            assert_int_equal(cal_region_learn(disturbed.region, NULL, &disturbed.tape, disturbed.metric), CAL_OK);
            assert_true(state_equal(&quiet, &disturbed));
            assert_memory_equal(quiet.metric, disturbed.metric, sizeof quiet.metric);
        }
        hub_destroy(&quiet);
        hub_destroy(&disturbed);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_cortex_learns_from_what_has_crossed, no_memory_left),
        cmocka_unit_test_teardown(an_attention_learns_from_what_has_crossed, no_memory_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
