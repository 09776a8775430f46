/* tests/test_experiment.c - experiment files: what they become, variants and overrides, used.yml, the documentation. */
#include "tests/experiment_fakes.h"

static void patches_become_regions_and_edges(void **state)
{
    (void)state;
    size_t before = cal_mem_now_bytes();
    struct cal_experiment *e = read_good(PATCHES, NULL);
    assert_string_equal(e->name, "bhn-patches");
    assert_string_equal(e->variant, "minimax");
    assert_int_equal(e->seed, 1);
    assert_int_equal(e->batch, 128);
    assert_int_equal(e->log_every, 20);
    assert_int_equal(e->checkpoint_every, 200);
    assert_int_equal(e->checkpoint_keep, 2);
    assert_ptr_equal(e->stimulus, &leaves_ops);
    assert_int_equal(((const struct world *)e->stimulus_params)->size, 2048);

    assert_int_equal(e->n_regions, 9);
    assert_string_equal(cal_experiment_name(e, 0).text, "V.0");
    assert_string_equal(cal_experiment_name(e, 7).text, "V.7");
    assert_string_equal(cal_experiment_group(e, 7)->name, "V");
    assert_ptr_equal(cal_experiment_group(e, 7), cal_experiment_group(e, 0));
    assert_int_equal(((const struct cortex *)cal_experiment_group(e, 0)->params)->units, 8);
    assert_true(((const struct cortex *)cal_experiment_group(e, 0)->params)->optim.rate == 0.1);
    assert_string_equal(cal_experiment_name(e, 8).text, "attention");
    assert_ptr_equal(cal_experiment_group(e, 8)->ops, &attention_ops);

    assert_int_equal(e->n_projections, 3);
    assert_null(e->projection[0].rule);
    assert_null(e->projection[1].rule);
    assert_int_equal(e->projection[2].role, CAL_CONTEXT);
    assert_int_equal(((const struct attention_rule *)e->projection[2].rule)->negatives, 0);
    assert_int_equal(e->projection[2].take.n, 0);
    assert_int_equal(e->n_edges, 24);
    for (int r = 0; r < 8; r++) { /* the stimulus first, then attention */
        assert_int_equal(e->first_edge[r], 2 * r);
        assert_int_equal(e->edge[2 * r].from, CAL_FROM_STIMULUS);
        assert_int_equal(e->edge[2 * r + 1].from, 8);
        assert_int_equal(e->edge[2 * r + 1].projection, 2);
        assert_int_equal(e->edge[16 + r].from, r);
    }
    assert_int_equal(e->first_edge[8], 16);
    cal_experiment_destroy(e);
    cal_experiment_destroy(NULL);
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void phases_keep_their_order_and_rules(void **state)
{
    (void)state;
    struct cal_experiment *e = read_good(PATCHES, NULL);
    assert_int_equal(e->n_phases, 2);
    const struct cal_phase_spec *train = &e->phase[0], *probe = &e->phase[1];
    assert_string_equal(train->name, "train");
    assert_int_equal(train->steps, 1300);
    assert_true(train->epochs < 0 && train->noise < 0 && train->rate == 1.0);
    assert_string_equal(train->learn.item[0], "all");
    assert_int_equal(train->split, CAL_SPLIT_TRAIN);
    assert_int_equal(train->n_records, 0);
    assert_string_equal(probe->learn.item[0], "none");
    assert_int_equal(probe->split, CAL_SPLIT_HELD_OUT);
    assert_int_equal(probe->every, 1);
    assert_int_equal(probe->within, -1);
    assert_int_equal(probe->n_records, 1);
    assert_string_equal(probe->record[0].pattern, "V.*");
    assert_int_equal(probe->record[0].variables.n, 3);
    assert_string_equal(probe->record[0].variables.item[2], "view2");
    cal_experiment_destroy(e);
}

static void chains_patterns_and_parts(void **state)
{
    (void)state;
    static const char text[] = "experiment: chain\nbatch: 8\nseed: 4294967295\nlog: {every: 1}\n"
                               "stimulus: {kind: file, path: data/x.h5}\n"
                               "regions:\n  S1: {kind: cortex, units: 1}\n  S2: {kind: cortex, units: 1}\n  S3: {kind: attention}\n"
                               "projections:\n"
                               "  sight: {from: stimulus, to: S1}\n"
                               "  chain: {chain: [S1, S2, S3, S1], delay: 1}\n"
                               "  over: {from: [S1, S1*, S2], to: S3, role: context, take: [label, image]}\n" /* overlapping: each once */
                               "  labels: {from: stimulus, to: S*, role: context, take: label}\n"
                               "phases:\n  probe: {learn: [S1.head, S2], within: learn, every: 10, noise: 0, rate: 0.5}\n"
                               "  learn: {learn: all, epochs: 0.5}\n";
    put_bytes(text, sizeof text - 1);
    struct cal_experiment *e = read_good(scratch, NULL);
    assert_string_equal(e->variant, "default");
    assert_int_equal(e->n_variants, 1);
    assert_true(e->seed == 4294967295u);
    static const struct {
        int from, to;
        const char *projection;
    } edges[] = {{CAL_FROM_STIMULUS, 0, "sight"},
                 {CAL_FROM_STIMULUS, 0, "labels"},
                 {2, 0, "chain"},
                 {CAL_FROM_STIMULUS, 1, "labels"},
                 {0, 1, "chain"},
                 {CAL_FROM_STIMULUS, 2, "labels"},
                 {0, 2, "over"},
                 {1, 2, "chain"},
                 {1, 2, "over"}};
    assert_int_equal(e->n_edges, sizeof edges / sizeof *edges);
    for (int i = 0; i < e->n_edges; i++) {
        assert_int_equal(e->edge[i].from, edges[i].from);
        assert_true(e->first_edge[edges[i].to] <= i && i < e->first_edge[edges[i].to + 1]);
        assert_string_equal(e->projection[e->edge[i].projection].name, edges[i].projection);
    }
    assert_int_equal(e->projection[1].delay, 1);
    assert_string_equal(e->projection[2].take.item[1], "image");
    assert_null(e->projection[3].rule);
    assert_true(e->phase[0].steps < 0 && e->phase[0].epochs == 1.0); /* neither given: one epoch */
    assert_int_equal(e->phase[0].within, 1);
    assert_int_equal(e->phase[0].every, 10);
    assert_true(e->phase[0].noise == 0.0 && e->phase[0].rate == 0.5);
    assert_string_equal(e->phase[0].learn.item[0], "S1.head");
    assert_true(e->phase[1].epochs == 0.5);
    cal_experiment_destroy(e);
}

static void every_variant_of_every_file_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int n;
    } files[] = {{PATCHES, 6}, {"experiments/demo.yaml", 3}, {"experiments/bhn-photos.yaml", 4}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct cal_experiment *first = read_good(files[i].path, NULL);
        assert_int_equal(first->n_variants, files[i].n);
        for (int v = 0; v < first->n_variants; v++) {
            struct cal_overrides o = {.variant = first->variants[v]};
            struct cal_experiment *e = read_good(files[i].path, &o);
            const struct attention_rule *rule = e->projection[2].rule;
            assert_string_equal(e->variant, first->variants[v]);
            int expected = strcmp(e->variant, "control") == 0 ? 2 : strcmp(e->variant, "masked") == 0 ? 1 : 0;
            assert_int_equal(rule->negatives, expected);
            bool learns = e->phase[0].steps > 0 || e->phase[0].epochs > 0;
            assert_int_equal(learns, strcmp(e->variant, "untrained") != 0);
            cal_experiment_destroy(e);
        }
        cal_experiment_destroy(first);
    }
}

static void the_command_line_comes_last(void **state)
{
    (void)state;
    const char *sets[] = {"phases.train.steps=7",
                          "regions.V={kind: cortex, count: 2, units: 3}",
                          "phases.probe.record.V.*=[code]",
                          "phases.train.steps=9",
                          "seed=5",
                          "regions.V.optim.rate=0.5"};
    struct cal_overrides o = {.variant = "untrained", .seed = "77", .n_sets = 6, .sets = sets};
    struct cal_experiment *e = read_good(PATCHES, &o);
    assert_int_equal(e->phase[0].steps, 9); /* variant, then sets in order, then the seed */
    assert_int_equal(e->seed, 77);
    assert_int_equal(e->n_regions, 3);
    assert_int_equal(((const struct cortex *)cal_experiment_group(e, 0)->params)->hidden, 128);
    assert_true(((const struct cortex *)cal_experiment_group(e, 0)->params)->optim.rate == 0.5);
    assert_int_equal(e->phase[1].record[0].variables.n, 1);
    cal_experiment_destroy(e);
}

/* A phase has one length: that which was given last, in steps or in epochs. */
static void a_length_replaces_the_other(void **state)
{
    (void)state;
    const char *sets[] = {"phases.train.epochs=2.5", "phases.probe.epochs=3", "phases.probe.steps=4"};
    struct cal_overrides o = {.n_sets = 3, .sets = sets};
    struct cal_experiment *e = read_good(PATCHES, &o);
    assert_true(e->phase[0].epochs == 2.5 && e->phase[0].steps < 0);
    assert_true(e->phase[1].epochs < 0 && e->phase[1].steps == 4);
    assert_string_equal(e->phase[0].learn.item[0], "all");
    cal_experiment_destroy(e);
}

#define ENVIRONMENT "version: 0.1\nprocessor: Some CPU @ 2.00GHz: \"fast\" # 2\ncores: 2\n"

static void used_reads_back_the_same(void **state)
{
    (void)state;
    static const char *const variants[] = {"minimax", "masked", "control", "untrained"};
    static const char *const files[] = {PATCHES, "experiments/bhn-photos.yaml"};
    const char *sets[] = {"phases.within={learn: [V.*, attention], epochs: 0.1, within: train, every: 100, noise: 0.30000000000000004, "
                          "mixing: block, stretch: 3, blind_from: 25}",
                          "projections.peers={chain: [V.0, V.1], delay: 3, take: [code]}", "regions.V.optim.rate=0.1234567890123456",
                          "log.every=7", "checkpoint={}"};
    size_t before = cal_mem_now_bytes();
    for (int i = 0; i < 8; i++) {
        struct cal_overrides o = {.variant = variants[i % 4], .seed = "9", .n_sets = 5, .sets = sets};
        struct cal_experiment *e = read_good(files[i / 4], &o);
        char *used = write_out(e, ENVIRONMENT), warning[256];
        put_bytes(used, strlen(used));
        struct cal_experiment *again = read_good(scratch, NULL);
        char *twice = write_out(again, ENVIRONMENT);
        assert_string_equal(used, twice);
        assert_string_equal(again->variant, variants[i % 4]);
        assert_int_equal(again->n_variants, 1);
        assert_int_equal(again->seed, 9);
        assert_int_equal(again->n_edges, e->n_edges);
        assert_memory_equal(again->edge, e->edge, (size_t)e->n_edges * sizeof *e->edge);
        assert_int_equal(again->phase[2].within, 0);
        assert_true(again->phase[2].noise == 0.1 + 0.2);
        assert_true(again->phase[2].mixing == CAL_MIXING_BLOCK && again->phase[2].stretch == 3 && again->phase[2].blind_from == 25);
        assert_true(again->phase[1].mixing == CAL_MIXING_NONE && again->phase[1].stretch == 8 && again->phase[1].blind_from < 0);
        assert_memory_equal(cal_experiment_group(again, 0)->params, cal_experiment_group(e, 0)->params, sizeof(struct cortex));
        assert_int_equal(cal_experiment_same(again, scratch, ENVIRONMENT, warning), CAL_OK);
        assert_string_equal(warning, "");
        cal_experiment_destroy(e);
        cal_experiment_destroy(again);
        free(used);
        free(twice);
    }
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void used_has_every_parameter(void **state)
{
    (void)state;
    struct cal_experiment *e = read_good(PATCHES, NULL);
    char *used = write_out(e, NULL);
    static const char *const parts[] = {
        "experiment: bhn-patches\nvariant: minimax\nseed: 1\nbatch: 128\nlog:\n  every: 20\ncheckpoint:\n  every: 200\n  keep: 2\n",
        "\nstimulus:\n  kind: dead-leaves\n  size: 2048\n  patch: 16\n  views: 2\n  noise: 0.1\n",
        "\nregions:\n  V:\n    kind: cortex\n    count: 8\n    units: 8\n    hidden: 128\n    optim:\n      rate: 0.1\n  attention:\n    "
        "kind: "
        "attention\n",
        "  context:\n    from: [attention]\n    to: [V.*]\n    role: context\n    delay: 0\n    drop: 0\n    negatives: predictor\n    "
        "hide: 0.2\n",
        "  probe:\n    steps: 32\n    learn: [none]\n    stimulus: held-out\n    rate: 1\n    mixing: none\n    stretch: 8\n    "
        "blind_from: -1\n    every: 1\n    record:\n      V.*: [code, "
        "view1, "
        "view2]\n",
        "\nvariants:\n  minimax: {}\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(used, parts[i]));
    assert_null(strstr(used, "environment"));
    free(used);
    cal_experiment_destroy(e);
}

static void same_names_what_differs(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"phases.train.steps=5", ": another experiment: phases.train.steps was `1300` and is `5`, expected the same"},
        {"regions.V.optim.rate=0.2", "another experiment: regions.V.optim.rate was `0.1` and is `0.2`, expected the same"},
        {"projections.context.negatives=uniform", "projections.context.negatives was `predictor` and is `uniform`"},
        {"phases.probe.record.V.*=[code]", "phases.probe.record.V.* was [code, view1, view2] and is [code], expected the same"},
        {"phases.extra={learn: none}", "another experiment: phases.extra was nothing and is a map, expected the same"},
        {"phases={probe: {learn: none}}", "another experiment: phases.probe.epochs was nothing and is `1`"},
        {"regions={attention: {kind: attention}, V: {kind: cortex, count: 8, units: 8}}",
         "another experiment: the order of keys in regions was"},
        {"seed=2", "another experiment: seed was `1` and is `2`, expected the same"},
    };
    struct cal_experiment *e = read_good(PATCHES, NULL);
    char *used = write_out(e, ENVIRONMENT), warning[256];
    put_bytes(used, strlen(used));
    free(used);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cal_overrides o = {.n_sets = 1, .sets = &cases[i].set};
        struct cal_experiment *other = read_good(PATCHES, &o);
        size_t before = cal_mem_now_bytes();
        assert_int_equal(cal_experiment_same(other, scratch, ENVIRONMENT, warning), CAL_EUSAGE);
        if (!strstr(cal_err_message(), cases[i].message))
            fail_msg("expected `%s`, got `%s`", cases[i].message, cal_err_message());
        assert_int_equal(cal_mem_now_bytes(), before);
        cal_experiment_destroy(other);
    }
    assert_int_equal(cal_experiment_same(e, scratch, "version: 0.1\nprocessor: Another\ncores: 2\n", warning), CAL_OK);
    assert_string_equal(warning,
                        "processor was `Some CPU @ 2.00GHz: \"fast\" # 2` and is `Another`: results may differ in their last bits");
    assert_int_equal(cal_experiment_same(e, "experiments/none.yml", ENVIRONMENT, warning), CAL_EINPUT);
    cal_experiment_destroy(e);
}

static void a_full_disk_is_noticed(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    struct cal_experiment *e = read_good(PATCHES, NULL);
    assert_int_equal(cal_experiment_write(e, NULL, full), CAL_EIO);
    assert_non_null(strstr(cal_err_message(), "No space left"));
    fclose(full);
    cal_experiment_destroy(e);
}

static void the_documentation_has_every_table(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cal_experiment_document(out);
    fclose(out);
    static const char *const parts[] = {
        "# Parameters\n",
        "| `seed` | integer |  | `1` | from 0 to 4294967295 | of everything random |\n",
        "| `checkpoint.every` | integer | steps | `0` |",
        "### Stimulus kind `dead-leaves`\n",
        "### Stimulus kind `file`\n",
        "### Region kind `cortex`\n",
        "| `optim.rate` | number |  | `0.1` | from 0 to 10 | learning rate |\n",
        "### Region kind `attention`\n",
        "| `negatives` | choice |  | `predictor` | `predictor`, `masked`, `uniform` | weights |\n",
        "| `role` | choice |  | `drive` | `drive`, `context` |",
        "| `within` | text |  | none |",
        "`record: {PATTERN: [VARIABLE, ...]}`",
    };
    const char *at = text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) { /* in this order */
        at = strstr(at, parts[i]);
        if (!at)
            fail_msg("no `%s` in its place", parts[i]);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_become_regions_and_edges), cmocka_unit_test(phases_keep_their_order_and_rules),
        cmocka_unit_test(chains_patterns_and_parts),        cmocka_unit_test(every_variant_of_every_file_is_read),
        cmocka_unit_test(the_command_line_comes_last),      cmocka_unit_test(used_reads_back_the_same),
        cmocka_unit_test(used_has_every_parameter),         cmocka_unit_test(same_names_what_differs),
        cmocka_unit_test(a_full_disk_is_noticed),           cmocka_unit_test(the_documentation_has_every_table),
        cmocka_unit_test(a_length_replaces_the_other),
    };
    return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
