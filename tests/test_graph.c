/* tests/test_graph.c - the wired graph: order, lags, slices, who is awake, and the timeline. Needs the project root as working folder. */
#include "tests/wired.h"

static void a_hub_sends_each_target_its_own_columns(void **state)
{
    (void)state;
    struct wired w = wire_well(STAR, "minimax");
    int seen = 0;
    for (int i = 0; i < w.g->n_edges; i++) {
        const struct cal_edge *x = &w.g->edge[i];
        if (x->role != CAL_CONTEXT)
            continue;
        const struct cal_port *port = &w.g->region[x->to]->context[x->port];
        assert_string_equal(port->peer, "attention");
        assert_int_equal(port->unit_offset, 2 * x->to);
        assert_int_equal(port->units, 2);
        assert_int_equal(port->hub_units, 8);
        assert_non_null(port->rule);
        int guess = cal_rep_find(&x->spec, "guess"), tau = cal_rep_find(&x->spec, "tau");
        assert_true(guess >= 0 && tau >= 0);
        assert_int_equal(x->spec.slice[guess].cols, 2);
        assert_int_equal(x->first[guess], 2 * x->to);
        assert_true(x->spec.slice[tau].shared);
        /* the part of a whole: a row per sample, my columns of it */
        float whole[16 * 8], taus[8];
        for (int k = 0; k < 16 * 8; k++)
            whole[k] = (float)k;
        struct cal_rep all = {.spec = &w.g->region[x->from]->out}, part;
        for (int s = 0; s < all.spec->n; s++) {
            all.data[s] = s == x->slice[guess] ? whole : taus;
            all.ld[s] = 8;
        }
        cal_edge_view(x, &all, &part);
        assert_true(part.data[guess][3 * part.ld[guess] + 1] == 3 * 8 + 2 * x->to + 1);
        seen++;
    }
    assert_int_equal(seen, 4);
    unwire(&w);
}

/* Each shard sends each of its own targets their columns, and of what it only reads it takes the one view that it needs. */
static void shards_share_out_what_drives_them(void **state)
{
    (void)state;
    struct wired w = wire_well(SHARDS, "sparse"); /* V.0 ... V.3, W.0, W.1 on A.0 ... A.2, two each; one far region each */
    const int a = 6, units[] = {3, 3, 3, 3, 5, 5}, start[] = {0, 3, 6, 9, 12, 17};
    int contexts[6] = {0}, far[3] = {0}, own[3] = {0};
    for (int i = 0; i < w.g->n_edges; i++) {
        const struct cal_edge *x = &w.g->edge[i];
        if (x->from == CAL_FROM_STIMULUS)
            continue;
        int cortex = x->role == CAL_DRIVE ? x->from : x->to, shard = (x->role == CAL_DRIVE ? x->to : x->from) - a;
        const struct cal_region *r = w.g->region[x->to];
        const struct cal_port *port = x->role == CAL_DRIVE ? &r->drive[x->port] : &r->context[x->port];
        assert_int_equal(port->unit_offset, start[cortex]);
        assert_int_equal(port->units, units[cortex]);
        assert_int_equal(port->hub_units, 22);
        if (x->role == CAL_DRIVE) {
            assert_true(port->far == (cortex / 2 != shard));
            assert_int_equal(x->spec.n, port->far ? 1 : 2);
            assert_string_equal(x->spec.slice[0].name, "view1");
            (port->far ? far : own)[shard]++;
            continue;
        }
        assert_int_equal(shard, cortex / 2);
        for (int s = 0; s < x->spec.n; s++) {
            assert_int_equal(x->spec.slice[s].cols, units[cortex]);
            assert_int_equal(x->first[s], start[cortex] - start[2 * shard]);
        }
        contexts[cortex]++;
    }
    for (int r = 0; r < 6; r++)
        assert_int_equal(contexts[r], 1);
    for (int s = 0; s < 3; s++) {
        assert_int_equal(own[s], 2);
        assert_int_equal(far[s], 1);
        assert_int_equal(w.g->region[a + s]->out.units, start[2 * s + 1] + units[2 * s + 1] - start[2 * s]);
    }
    unwire(&w);
}

/* The most that any region pays for: messages in and out of it in a step, their floats, and memory. */
struct price {
    size_t in, out, floats_in, floats_out, state, tape;
};

static void dearest(struct wired *w, const char *group, struct price *most)
{
    *most = (struct price){0};
    for (int r = 0; r < w->g->n_regions; r++) {
        struct price p = {.state = cal_layout_bytes(&w->g->region[r]->layout, CAL_STATE), .tape = cal_tape_bytes(w->g->region[r])};
        if (strncmp(w->g->region[r]->name, group, 1) != 0)
            continue;
        for (int i = 0; i < w->g->n_edges; i++) {
            const struct cal_edge *x = &w->g->edge[i];
            size_t floats = cal_rep_spec_floats(&x->spec);
            p.in += x->to == r && x->from != CAL_FROM_STIMULUS;
            p.floats_in += x->to == r && x->from != CAL_FROM_STIMULUS ? floats : 0;
            p.out += x->from == r;
            p.floats_out += x->from == r ? floats : 0;
        }
        const size_t *one = (const size_t *)&p;
        for (size_t k = 0; k < sizeof p / sizeof *one; k++)
            ((size_t *)most)[k] = one[k] > ((size_t *)most)[k] ? one[k] : ((size_t *)most)[k];
    }
}

/* Twice as many regions on twice as many shards: nobody pays more, and there are twice as many edges. */
static void a_shard_costs_the_same_in_any_crowd(void **state)
{
    (void)state;
    struct price cortex[3], shard[3];
    int edges[3];
    for (int i = 0; i < 3; i++) {
        char set[300];
        int shards = 8 << i;
        snprintf(set, sizeof set,
                 "regions={V: {kind: cortex, count: %d, units: 8}, W: {kind: cortex, count: %d, units: 8}, A: {kind: attention, count: %d, "
                 "fan_in: 16, far: 4}}",
                 7 * shards, shards, shards);
        struct wired w;
        assert_int_equal(wire(&w, SHARDS, "two", set), CAL_OK);
        dearest(&w, "V", &cortex[i]);
        dearest(&w, "A", &shard[i]);
        edges[i] = w.g->n_edges;
        unwire(&w);
        assert_memory_equal(&cortex[i], &cortex[0], sizeof *cortex);
        assert_memory_equal(&shard[i], &shard[0], sizeof *shard);
        assert_int_equal(edges[i], edges[0] << i);
    }
    assert_int_equal(shard[0].in, 8 + 4);
    assert_int_equal(shard[0].out, 8);
    assert_int_equal(cortex[0].in, 1);
    assert_true(cortex[0].out <= 2);
}

static void only_the_needed_are_awake(void **state)
{
    (void)state;
    struct wired w = wire_well(STAR, "minimax");
    const int attention = 4, train = 0, probe = 1;
    assert_true(w.g->awake[train][attention] && w.g->learns[train][attention]);
    assert_true(w.g->awake[probe][0] && !w.g->awake[probe][attention]);
    assert_int_equal(cal_graph_learn_total(w.g, 0), 40);
    for (int i = 0; i < w.g->n_edges; i++)
        if (w.g->edge[i].from != CAL_FROM_STIMULUS)
            assert_true(cal_edge_active(w.g, i, train) && !cal_edge_active(w.g, i, probe));
    unwire(&w);
    w = wire_well(CHAIN, "simultaneous");
    const bool expected[] = {true, true, false, false, false};
    assert_memory_equal(w.g->awake[1], expected, sizeof expected);
    unwire(&w);
}

static void lags_follow_the_shortest_delay(void **state)
{
    (void)state;
    static const struct {
        const char *variant;
        int lag[5], learn_lag[5], tapes[5];
        long wall; /* of the first phase, 12 presentations */
    } cases[] = {
        {"simultaneous", {0}, {0}, {1, 1, 1, 1, 1}, 12},
        {"pipeline", {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, {1, 1, 1, 1, 1}, 16},
        {"slow", {0, 3, 6, 9, 12}, {0, 3, 6, 9, 12}, {1, 1, 1, 1, 1}, 24},
        {"feedback", {0}, {0}, {1, 1, 1, 1, 1}, 12},
        {"late", {0, 1, 2, 3, 4}, {6, 6, 2, 3, 4}, {7, 6, 1, 1, 1}, 18},
        {"ring", {0}, {0}, {1, 1, 1, 1, 1}, 12},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct wired w = wire_well(CHAIN, cases[c].variant);
        for (int r = 0; r < 5; r++) {
            assert_int_equal(w.g->lag[r], cases[c].lag[r]);
            assert_int_equal(w.g->learn_lag[r], cases[c].learn_lag[r]);
            assert_int_equal(cal_graph_tapes(w.g, r), cases[c].tapes[r]);
        }
        assert_int_equal(cal_graph_wall_steps(w.g, &w.g->segment[0]), cases[c].wall);
        unwire(&w);
    }
}

static void messages_that_nobody_would_use_are_not_sent(void **state)
{
    (void)state;
    struct wired w = wire_well(CHAIN, "ring");
    for (int i = 0; i < w.g->n_edges; i++) {
        const struct cal_edge *x = &w.g->edge[i];
        long expected = x->from == CAL_FROM_STIMULUS ? 0 : x->delay == 4 ? 8 : 12;
        assert_int_equal(cal_edge_messages(w.g, i, 12), expected);
        if (x->delay == 4)
            assert_int_equal(cal_edge_messages(w.g, i, 3), 0);
    }
    unwire(&w);
}

static void phases_within_others_cut_them(void **state)
{
    (void)state;
    struct wired w = wire_well(STAR, "watched"); /* train: 41, watch: 3 every 10, probe: 9 */
    static const struct cal_segment expected[] = {
        {.phase = 0, .first = 0, .count = 10},                           /* train */
        {.phase = 2, .first = 0, .count = 3, .repeat = 0, .last = true}, /* watch */
        {.phase = 0, .first = 10, .count = 10},
        {.phase = 2, .first = 0, .count = 3, .repeat = 1, .last = true},
        {.phase = 0, .first = 20, .count = 10},
        {.phase = 2, .first = 0, .count = 3, .repeat = 2, .last = true},
        {.phase = 0, .first = 30, .count = 10},
        {.phase = 2, .first = 0, .count = 3, .repeat = 3, .last = true},
        {.phase = 0, .first = 40, .count = 1, .last = true},
        {.phase = 1, .first = 0, .count = 9, .last = true}, /* probe */
    };
    assert_int_equal(w.g->n_segments, sizeof expected / sizeof *expected);
    for (int i = 0; i < w.g->n_segments; i++) {
        assert_int_equal(w.g->segment[i].phase, expected[i].phase);
        assert_int_equal(w.g->segment[i].first, expected[i].first);
        assert_int_equal(w.g->segment[i].count, expected[i].count);
        assert_int_equal(w.g->segment[i].repeat, expected[i].repeat);
        assert_int_equal(w.g->segment[i].last, expected[i].last);
    }
    unwire(&w);
}

static void epochs_become_steps(void **state)
{
    (void)state;
    struct wired w;
    assert_int_equal(wire(&w, STAR, "minimax", "phases.train={epochs: 1.5, learn: all}"), CAL_OK);
    assert_int_equal(w.g->phase_steps[0], (long)(1.5 * (double)(w.s->samples[CAL_SPLIT_TRAIN] / 16)));
    unwire(&w);
    assert_int_equal(wire(&w, STAR, "minimax", "phases.train={learn: all}"), CAL_OK);
    assert_int_equal(w.g->phase_steps[0], w.s->samples[CAL_SPLIT_TRAIN] / 16);
    unwire(&w);
}

/* Against what an edge does: it remembers the last message that arrived. */
static void a_lost_message_is_replaced_by_the_last_one(void **state)
{
    (void)state;
    enum { FIRST, LOOK, AGAIN, N = 4000 };
    struct wired w = wire_well(CHAIN, "lossy");
    long held[5] = {0}, differ = 0;
    int lost[5] = {0}, together = 0;
    for (long p = 0; p < N; p++) {
        long origin = p; /* of what the region above sends */
        for (int r = 1; r < 5; r++) {
            assert_int_equal(w.g->lossy[r], r);
            bool loses = cal_graph_loses(w.g, r, FIRST, p);
            lost[r] += loses;
            held[r] = origin = loses ? held[r] : origin;
            assert_int_equal(cal_graph_origin(w.g, r, FIRST, p), origin);
            assert_int_equal(cal_graph_origin(w.g, r, LOOK, p), p); /* nobody learns */
            differ += loses != cal_graph_loses(w.g, r, AGAIN, p);
        }
        assert_int_equal(cal_graph_origin(w.g, 0, FIRST, p), p);
        together += cal_graph_loses(w.g, 1, FIRST, p) && cal_graph_loses(w.g, 2, FIRST, p);
    }
    assert_int_equal(w.g->lossy[0], -1);
    for (int r = 1; r < 5; r++) /* binomial: five standard deviations */
        assert_true(lost[r] > N * 0.3 - 5 * 29 && lost[r] < N * 0.3 + 5 * 29);
    assert_true(together > N * 0.09 - 5 * 18 && together < N * 0.09 + 5 * 18);
    assert_true(differ > 4 * N * 0.42 - 5 * 63 && differ < 4 * N * 0.42 + 5 * 63); /* another phase, other losses */
    assert_false(cal_graph_loses(w.g, 1, FIRST, 0));
    unwire(&w);
}

static void a_loop_without_a_stimulus_has_nothing_to_lose(void **state)
{
    (void)state;
    const char *sets[] = {"projections.sight.to=[V.2, V.3]", "phases={train: {steps: 3, learn: all}}",
                          "projections.loop={chain: [V.0, V.1, V.0], delay: 1, drop: 0.2}"};
    struct wired w;
    assert_int_equal(wire_part(&w, STAR, "minimax", 3, sets, 0, 0), CAL_EUSAGE);
    assert_non_null(strstr(cal_err_message(), "projection `loop` drops messages, but V.0 has no stimulus behind it, expected"));
    unwire(&w);
}

/* What only the wired graph can tell: one line with the place, and nothing is left behind. */
static void what_cannot_be_wired_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *path, *set, *words;
    } cases[] = {
        {STAR, "phases.probe.record={V.*: [cod]}", "no variable `cod` to record; it has: view1, view2, code, did you mean `code`?"},
        {STAR, "projections.codes={from: V.*, to: attention, take: [view3]}", "sends no `view3`; it sends: view1, view2"},
        {STAR, "stimulus.views=1", "view2"},
        {STAR, "phases.train.learn=[V.*.head]", "learn: `V.*.head`: parts of kind cortex are: none"},
        {STAR, "projections.codes.drop=0.1", "projection `codes` drops messages, but attention has other drives, expected"},
        {CHAIN, "projections.sight.to=[A, C]", "projection `links` drops messages, but C has other drives, expected"},
        {CHAIN, "projections={sight: {from: stimulus, to: [A, E]}, one: {from: A, to: [B, D], drop: 0.3}, both: {from: [B, D], to: C}}",
         "projection `both`: C would get different presentations, as `one` drops messages on one way to it"},
        {CHAIN, "projections={sight: {from: stimulus, to: [A, D, E]}, one: {chain: [A, B], drop: 0.3}, last: {from: [stimulus, B], to: C}}",
         "projection `last`: C would get different presentations, as `one` drops messages on one way to it"},
        {CHAIN, "projections.back={from: C, to: B, role: context}",
         "projection `back`: B would get different presentations, as `links` drops messages on one way to it"},
        {CHAIN, "phases.again.record={E: state}",
         "phase `again` records E while `links` drops messages on the way to it; expected a phase that"},
        {SHARDS, "projections.context.negatives=masked", "A.0: masked negatives come from one network of all units"},
        {SHARDS, "projections.context={from: A.*, to: [V.*, W.*, A.*], role: context}", "A.0: an attention takes no context"},
        {SHARDS, "projections.context={from: A.*, to: [V.0, V.1], role: context}",
         "A.1: an attention needs a projection with role: context"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t before = cal_mem_now_bytes();
        struct wired w;
        assert_int_equal(wire(&w, cases[c].path,
                              !strcmp(cases[c].path, STAR)     ? "minimax"
                              : !strcmp(cases[c].path, SHARDS) ? "two"
                                                               : "lossy",
                              cases[c].set),
                         CAL_EUSAGE);
        if (!strstr(cal_err_message(), cases[c].words))
            fail_msg("`%s` is not in: %s", cases[c].words, cal_err_message());
        unwire(&w);
        assert_int_equal(cal_mem_now_bytes(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_sends_each_target_its_own_columns),
        cmocka_unit_test(shards_share_out_what_drives_them),
        cmocka_unit_test(a_shard_costs_the_same_in_any_crowd),
        cmocka_unit_test(only_the_needed_are_awake),
        cmocka_unit_test(lags_follow_the_shortest_delay),
        cmocka_unit_test(messages_that_nobody_would_use_are_not_sent),
        cmocka_unit_test(phases_within_others_cut_them),
        cmocka_unit_test(epochs_become_steps),
        cmocka_unit_test(a_lost_message_is_replaced_by_the_last_one),
        cmocka_unit_test(a_loop_without_a_stimulus_has_nothing_to_lose),
        cmocka_unit_test(what_cannot_be_wired_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
