/* tests/test_graph_part.c - the graph of a process that hosts a few regions: the same as in a whole one, and in memory that does not grow with the
 * others. */
#include "tests/wired.h"

static void same_port(const struct cal_port *a, const struct cal_port *b)
{
    assert_string_equal(a->projection, b->projection);
    assert_string_equal(a->peer, b->peer);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->delay, b->delay);
    assert_int_equal(a->far, b->far);
    assert_int_equal(a->unit_offset, b->unit_offset);
    assert_int_equal(a->units, b->units);
    assert_int_equal(a->hub_units, b->hub_units);
    assert_memory_equal(&a->spec, &b->spec, sizeof a->spec);
}

static void same_region(const struct cal_region *a, const struct cal_region *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->id, b->id);
    assert_memory_equal(&a->share, &b->share, sizeof a->share);
    assert_memory_equal(&a->out, &b->out, sizeof a->out);
    assert_memory_equal(a->variable, b->variable, sizeof a->variable);
    assert_int_equal(cal_layout_bytes(&a->layout, CAL_STATE), cal_layout_bytes(&b->layout, CAL_STATE));
    assert_int_equal(cal_layout_bytes(&a->layout, CAL_SCRATCH), cal_layout_bytes(&b->layout, CAL_SCRATCH));
    assert_int_equal(a->n_drives, b->n_drives);
    assert_int_equal(a->n_contexts, b->n_contexts);
    assert_int_equal(a->n_targets, b->n_targets);
    for (int i = 0; i < a->n_drives + a->n_contexts + a->n_targets; i++)
        same_port(&a->drive[i], &b->drive[i]); /* all ports stand in one row */
}

static void same_edge(const struct cal_edge *a, const struct cal_edge *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->to, b->to);
    assert_int_equal(a->hold, b->hold);
    assert_string_equal(a->from_name, b->from_name);
    assert_string_equal(a->to_name, b->to_name);
    assert_memory_equal(&a->spec, &b->spec, sizeof a->spec);
    assert_memory_equal(a->slice, b->slice, sizeof a->slice);
    assert_memory_equal(a->first, b->first, sizeof a->first);
}

/* What every process has to know alike. */
static void same_of_all(const struct cal_graph *a, const struct cal_graph *b)
{
    size_t n = (size_t)a->n_regions;
    assert_memory_equal(a->turn, b->turn, n * sizeof *a->turn);
    assert_memory_equal(a->lag, b->lag, n * sizeof *a->lag);
    assert_memory_equal(a->learn_lag, b->learn_lag, n * sizeof *a->learn_lag);
    assert_memory_equal(a->lossy, b->lossy, n * sizeof *a->lossy);
    for (int p = 0; p < a->experiment->n_phases; p++) {
        assert_memory_equal(a->learns[p], b->learns[p], n * sizeof *a->learns[p]);
        assert_memory_equal(a->record[p], b->record[p], n * sizeof *a->record[p]);
        assert_memory_equal(a->awake[p], b->awake[p], n * sizeof *a->awake[p]);
    }
    assert_int_equal(a->n_segments, b->n_segments);
}

/* Every edge of the part, and each that starts or ends there. */
static void same_edges(const struct cal_graph *part, const struct cal_graph *whole)
{
    int n = 0;
    for (int i = 0; i < whole->n_edges; i++) {
        const struct cal_edge *x = &whole->edge[i];
        bool from = x->from >= part->first && x->from < part->last, to = x->to >= part->first && x->to < part->last;
        assert_int_equal(x->number, i);
        if (!from && !to)
            continue;
        assert_true(n < part->n_edges);
        same_edge(&part->edge[n], x);
        if (to)
            assert_true(part->first_edge[x->to - part->first] <= n && n < part->first_edge[x->to - part->first + 1]);
        bool listed = false;
        for (int k = from ? part->first_out[x->from - part->first] : 0; from && k < part->first_out[x->from - part->first + 1]; k++)
            listed = listed || part->out_edge[k] == n;
        assert_true(listed == from);
        n++;
    }
    assert_int_equal(n, part->n_edges);
}

static void a_part_is_a_part_of_the_whole(void **state)
{
    (void)state;
    static const struct {
        const char *path, *variant;
    } cases[] = {{STAR, "minimax"},   {STAR, "watched"}, {SHARDS, "two"}, {SHARDS, "sparse"}, {SHARDS, "late"},   {SHARDS, "control"},
                 {CHAIN, "pipeline"}, {CHAIN, "lossy"},  {CHAIN, "late"}, {CHAIN, "ring"},    {MEMORY, "default"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct wired whole = wire_well(cases[c].path, cases[c].variant), part;
        int n = whole.g->n_regions;
        for (int first = 0; first < n; first++)
            for (int last = first + 1; last <= n; last += 2) {
                assert_int_equal(wire_part(&part, cases[c].path, cases[c].variant, 0, NULL, first, last), CAL_OK);
                for (int r = 0; r < n; r++)
                    if (r >= first && r < last)
                        same_region(part.g->region[r], whole.g->region[r]);
                    else
                        assert_null(part.g->region[r]);
                same_edges(part.g, whole.g);
                same_of_all(part.g, whole.g);
                unwire(&part);
            }
        unwire(&whole);
    }
}

/* Bytes that a process with one region holds, and held at most meanwhile, the stimulus apart. Call it with more regions each time. */
static void weigh(int modules, const char *region, size_t *now, size_t *peak)
{
    char count[64], shards[100];
    const char *sets[] = {"regions.W.count=1", count, shards};
    snprintf(count, sizeof count, "regions.V.count=%d", modules - 1);
    snprintf(shards, sizeof shards, "regions.A={kind: attention, count: %d, fan_in: 4, far: 2}", modules / 16);
    struct wired w;
    int r = !strcmp(region, "V") ? modules / 2 : modules + modules / 32;
    size_t before = cal_mem_now_bytes();
    assert_int_equal(wire_part(&w, SHARDS, "two", 3, sets, r, r + 1), CAL_OK);
    assert_int_equal(w.e->n_regions, modules + modules / 16);
    assert_int_equal(strncmp(w.g->region[r]->name, region, 1), 0);
    *now = cal_mem_now_bytes() - before;
    *peak = cal_mem_peak_bytes() - before;
    unwire(&w);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void memory_hardly_grows_with_other_regions(void **state)
{
    (void)state;
    const size_t modules[] = {512, 32768}, most = 100; /* bytes a module */
    for (int k = 0; k < 2; k++) {
        size_t now[3], peak[3];
        weigh(64, k ? "A" : "V", &now[0], &peak[0]);
        for (int i = 0; i < 2; i++) {
            weigh((int)modules[i], k ? "A" : "V", &now[i + 1], &peak[i + 1]);
            print_message("%s among %zu: %zu bytes, peak %zu\n", k ? "A" : "V", modules[i], now[i + 1], peak[i + 1]);
            assert_true(now[i + 1] <= now[0] + most * (modules[i] - 64));
        }
        assert_true(peak[2] <= now[0] + most * (modules[1] - 64)); /* of fewer, most is that of the stimulus being made */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_hardly_grows_with_other_regions), /* first: later ones would raise the peak */
        cmocka_unit_test(a_part_is_a_part_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
