/* tests/test_graph_windows.c - phases that go by the frames of windows, and hubs that send several columns for each unit. Needs the project root
 * as working folder. */
#include "tests/wired.h"

#include <stdlib.h>
#include <unistd.h>

#include "regions/attention/attention.h"
#include "regions/cortex/cortex.h"
#include "regions/null/null.h"

/* --- kinds of our own: a region of some units, two columns for each, and a hub that answers each of them with three --- */

enum { WIDTH = 2, QUERY = 3 };

struct column {
    struct cal_region base;
};
struct column_params {
    long units;
};
static const struct cal_param column_table[] = {
    {"units", CAL_INT, offsetof(struct column_params, units), "units", "1", 1, 64, .help = "units"},
    {0},
};

static int column_outputs(struct cal_region *r)
{
    r->out.units = (int)((const struct column_params *)r->params)->units;
    cal_rep_spec_add(&r->out, "e", WIDTH * r->out.units);
    return CAL_OK;
}

static int hub_outputs(struct cal_region *r)
{
    for (int i = 0; i < r->n_drives; i++)
        r->out.units += r->drive[i].far ? 0 : r->drive[i].spec.units;
    cal_rep_spec_add(&r->out, "query", QUERY * r->out.units)->afferent = true;
    struct cal_slice *temperature = cal_rep_spec_add(&r->out, "temperature", r->out.units);
    temperature->afferent = temperature->shared = true;
    cal_rep_spec_add(&r->out, "g", 5);
    return CAL_OK;
}

static int nothing(struct cal_region *r)
{
    (void)r;
    return CAL_OK;
}

static int read_all(const void *params, uint32_t seed, const struct cal_share *s, int *afferent)
{
    (void)params, (void)seed;
    for (int i = 0; i < s->afferents; i++)
        afferent[i] = i;
    return s->afferents;
}

static const struct cal_region_ops column_ops = {.kind = "column",
                                                 .help = "units of two columns",
                                                 .params = column_table,
                                                 .params_size = sizeof(struct column_params),
                                                 .size = sizeof(struct column),
                                                 .outputs = column_outputs,
                                                 .declare = nothing};
static const struct cal_region_ops hub_ops = {.kind = "hub",
                                              .help = "three columns for each unit",
                                              .size = sizeof(struct column),
                                              .reads = read_all,
                                              .outputs = hub_outputs,
                                              .declare = nothing};
const struct cal_region_ops *const cal_region_kinds[] = {&cal_null_ops, &cal_cortex_ops, &cal_attention_ops, &column_ops, &hub_ops, NULL};

const struct cal_region_ops *cal_region_kind(const char *name)
{
    for (int i = 0; cal_region_kinds[i]; i++)
        if (strcmp(cal_region_kinds[i]->kind, name) == 0)
            return cal_region_kinds[i];
    return NULL;
}

/* --- frames --- */

enum { LOOK = 1, BLIND = 2, WINDOW = 10 };

static struct wired wire_set(const char *set)
{
    struct wired w;
    if (wire(&w, MEMORY, NULL, set))
        fail_msg("%s: %s", set, cal_err_message());
    return w;
}

static void a_step_knows_its_frame(void **state)
{
    (void)state;
    struct wired w = wire_set(NULL);
    assert_int_equal(w.g->region[0]->window, WINDOW);
    for (long t = 0; t < 40; t++) {
        struct cal_step train = cal_graph_step(w.g, 0, 0, t), blind = cal_graph_step(w.g, 3, BLIND, t);
        assert_int_equal(train.frame, t % WINDOW);
        assert_true(train.perceive == (t % WINDOW % 2 == 0) && !train.blind);
        assert_int_equal(blind.frame, t % WINDOW);
        assert_true(blind.blind == (t % WINDOW >= 6));
        assert_true(blind.perceive == !blind.blind);
    }
    unwire(&w);
    w = wire_well(STAR, "minimax");
    struct cal_step still = cal_graph_step(w.g, 0, 0, 13);
    assert_true(w.g->region[0]->window == 0 && still.frame == 0 && still.perceive && !still.blind);
    unwire(&w);
}

/* Which frames of the first phase are remembered as they were seen. */
static void perceives(const char *set, const char *expected)
{
    struct wired w = wire_set(set);
    for (long t = 0; t < 2 * WINDOW; t++)
        assert_true(cal_graph_step(w.g, 0, 0, t).perceive == (expected[t % WINDOW] == '+'));
    unwire(&w);
}

static void mixing_begins_anew_with_each_window(void **state)
{
    (void)state;
    perceives("phases.train={steps: 34, learn: all}", "++++++++++");
    perceives("phases.train={steps: 34, learn: all, mixing: alternate}", "+-+-+-+-+-");
    perceives("phases.train={steps: 34, learn: all, mixing: alternate, stretch: 3}", "+-+-+-+-+-");
    perceives("phases.train={steps: 34, learn: all, mixing: block}", "++++++++--");
    perceives("phases.train={steps: 34, learn: all, mixing: block, stretch: 3}", "+++---+++-");
    perceives("phases.train={steps: 34, learn: none, mixing: block, stretch: 3, blind_from: 7, record: {A: state}}", "+++---+---");
    perceives("phases.train={steps: 34, learn: none, mixing: alternate, blind_from: 0, record: {A: state}}", "----------");
}

static void a_window_has_an_end(void **state)
{
    (void)state;
    struct wired w = wire_set(NULL);
    assert_true(cal_graph_same_window(w.g, 0, 9) && cal_graph_same_window(w.g, 19, 10) && !cal_graph_same_window(w.g, 9, 10));
    unwire(&w);
    w = wire_well(STAR, "minimax");
    assert_true(cal_graph_same_window(w.g, 0, 1000)); /* where there are none, a delayed drive brings what is older */
    unwire(&w);
}

static void every_stretch_begins_with_a_window(void **state)
{
    (void)state;
    const char *const sets[] = {NULL,
                                "phases.look.every=20",
                                "phases.look.every=34",
                                "phases.look.every=47",
                                "phases.train.steps=9",
                                "phases.train={epochs: 0.9, learn: all}"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct wired w = wire_set(sets[i]);
        for (int k = 0; k < w.g->n_segments; k++)
            assert_int_equal(w.g->segment[k].first % WINDOW, 0);
        unwire(&w);
    }
}

static void what_does_not_go_by_frames_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *set, *words;
    } cases[] = {
        {MEMORY, "phases.look.every=11",
         "phase `look`: with every: 11 it would break a window of `train`, expected a multiple of the 10 frames of one, such as 10"},
        {MEMORY, "phases.look.every=26", "such as 30"},
        {MEMORY, "phases.look.every=3", "such as 10"},
        {MEMORY, "phases.look={within: train, learn: none, steps: 1}", "phase `look`: with every: 1 it would break"},
        {MEMORY, "phases.blind.blind_from=10", "phase `blind`: blind_from is 10, but windows have 10 frames, expected at most 9"},
        {MEMORY, "phases.blind.learn=A", "phase `blind`: blind_from in a phase in which A learns, expected learn: none"},
        {RACING, "phases.probe.blind_from=5",
         "phase `probe`: blind_from, but V.0 is of kind cortex, which does not go on without the stimulus"},
        {STAR, "phases.probe.blind_from=2",
         "phase `probe`: blind_from goes by the frames of a window, but stimulus dead-leaves shows none"},
        {STAR, "phases.train.mixing=alternate",
         "phase `train`: mixing goes by the frames of a window, but stimulus dead-leaves shows none"},
        {MEMORY, "projections.codes.drop=0.1",
         "projection `codes` drops messages, but stimulus car-racing shows windows of 10 frames, expected a world without"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t before = cal_mem_now_bytes();
        struct wired w;
        assert_int_equal(wire(&w, cases[c].path, NULL, cases[c].set), CAL_EUSAGE);
        if (!strstr(cal_err_message(), cases[c].words))
            fail_msg("`%s` is not in: %s", cases[c].words, cal_err_message());
        unwire(&w);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

/* --- several columns a unit --- */

static const char units_text[] = "experiment: units\nbatch: 2\nstimulus: {kind: dead-leaves, size: 64, patch: 8, radius_max: 20}\n"
                                 "regions: {H: {kind: hub, count: 2}, V: {kind: column, count: 3, units: 2}, W: {kind: column, units: 4}}\n"
                                 "projections:\n"
                                 "  sight: {from: stimulus, to: [V.*, W]}\n"
                                 "  codes: {from: [V.*, W], to: H.*}\n"
                                 "  answer: {from: H.*, to: [V.*, W], role: context}\n"
                                 "phases: {show: {steps: 1, learn: none, record: {H.*: g}}}\n";

static void a_hub_sends_all_columns_of_a_unit(void **state)
{
    (void)state;
    char path[] = "/tmp/cal-units-XXXXXX";
    int fd = mkstemp(path), seen = 0;
    assert_true(fd >= 0 && write(fd, units_text, sizeof units_text - 1) == (ssize_t)sizeof units_text - 1 && close(fd) == 0);
    struct wired w = wire_well(path, "default");
    unlink(path);
    static const int units[] = {2, 2, 2, 4}, start[] = {0, 2, 0, 2}; /* V.0 and V.1 meet in H.0, V.2 and W in H.1 */
    for (int i = 0; i < w.g->n_edges; i++) {
        const struct cal_edge *x = &w.g->edge[i];
        if (x->role != CAL_CONTEXT)
            continue;
        int k = x->to - 2;
        assert_int_equal(x->from, k / 2);
        assert_int_equal(x->spec.slice[0].cols, QUERY * units[k]);
        assert_int_equal(x->first[0], QUERY * start[k]);
        assert_int_equal(x->spec.slice[1].cols, units[k]);
        assert_int_equal(x->first[1], start[k]);
        assert_int_equal(x->spec.slice[2].cols, 5);
        assert_int_equal(x->first[2], 0);
        seen++;
    }
    assert_int_equal(seen, 4);
    unwire(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_knows_its_frame),
        cmocka_unit_test(mixing_begins_anew_with_each_window),
        cmocka_unit_test(a_window_has_an_end),
        cmocka_unit_test(every_stretch_begins_with_a_window),
        cmocka_unit_test(what_does_not_go_by_frames_is_refused),
        cmocka_unit_test(a_hub_sends_all_columns_of_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
