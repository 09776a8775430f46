/* tests/experiment_fakes.h - kinds of the tests' own, with the shape of the real ones, so that reading an experiment is tested apart
 * from what it names; and reading, writing and a scratch file. For the test_experiment*.c files, which run from the project's root. */
#ifndef CAL_TESTS_EXPERIMENT_FAKES_H
#define CAL_TESTS_EXPERIMENT_FAKES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment.h"
#include "experiments/stimuli/stimuli.h"

struct optim {
    double rate;
};

struct cortex {
    long units, hidden;
    struct optim optim;
};

struct attention_rule {
    int negatives;
    double hide;
};

struct world {
    long size, patch, views;
    double noise;
    bool blur;
    char *path;
};

static const char *const negatives[] = {"predictor", "masked", "uniform", NULL};

static const struct cal_param optim_table[] = {
    {"rate", CAL_FLOAT, offsetof(struct optim, rate), "1", "0.1", 0, 10, .help = "learning rate"},
    {0},
};
static const struct cal_param cortex_table[] = {
    {"units", CAL_INT, offsetof(struct cortex, units), "units", NULL, 1, 4096, .help = "numbers sent out for each sample"},
    {"hidden", CAL_INT, offsetof(struct cortex, hidden), "1", "128", 1, 4096, .help = "of each unit's network"},
    {"optim", CAL_TABLE, offsetof(struct cortex, optim), .table = optim_table, .help = "optimiser"},
    {0},
};
struct attention {
    long hidden;
};
static const struct cal_param attention_table[] = {
    {"hidden", CAL_INT, offsetof(struct attention, hidden), "1", "4", 1, 64, .help = "hidden units"},
    {0},
};
static const struct cal_param rule_table[] = {
    {"negatives", CAL_CHOICE, offsetof(struct attention_rule, negatives), .value = "predictor", .choices = negatives, .help = "weights"},
    {"hide", CAL_FLOAT, offsetof(struct attention_rule, hide), "1", "0.2", 0, 1, .help = "share of entries hidden"},
    {0},
};
static const struct cal_param leaves_table[] = {
    {"size", CAL_INT, offsetof(struct world, size), "px", "2048", 16, 16384, .help = "side of the picture"},
    {"patch", CAL_INT, offsetof(struct world, patch), "px", "16", 2, 1024, .help = "side of a tile"},
    {"views", CAL_INT, offsetof(struct world, views), "1", "2", 0, 4, .help = "noisy views"},
    {"noise", CAL_FLOAT, offsetof(struct world, noise), "sd", "0.1", 0, 100, .help = "noise of the views"},
    {0},
};
static const struct cal_param file_table[] = {
    {"path", CAL_STRING, offsetof(struct world, path), .help = "HDF5 file"},
    {"patch", CAL_INT, offsetof(struct world, patch), "px", "0", 0, 1024, .help = "side of a tile"},
    {"views", CAL_INT, offsetof(struct world, views), "1", "0", 0, 4, .help = "noisy views"},
    {"noise", CAL_FLOAT, offsetof(struct world, noise), "sd", "0.1", 0, 100, .help = "noise of the views"},
    {"blur", CAL_BOOL, offsetof(struct world, blur), .value = "true", .help = "before cutting"},
    {0},
};

static int read_all(const void *params, uint32_t seed, const struct cal_share *s, int *afferent)
{
    (void)params;
    (void)seed;
    for (int i = 0; i < s->afferents; i++)
        afferent[i] = i;
    return s->afferents;
}

static const struct cal_region_ops cortex_ops = {
    .kind = "cortex", .help = "units", .params = cortex_table, .params_size = sizeof(struct cortex)};
static const struct cal_region_ops attention_ops = {.kind = "attention",
                                                    .help = "weights",
                                                    .params = attention_table,
                                                    .params_size = sizeof(struct attention),
                                                    .reads = read_all,
                                                    .rule = rule_table,
                                                    .rule_size = sizeof(struct attention_rule)};
const struct cal_region_ops *const cal_region_kinds[] = {&cortex_ops, &attention_ops, NULL};

const struct cal_region_ops *cal_region_kind(const char *name)
{
    for (int i = 0; cal_region_kinds[i]; i++)
        if (strcmp(cal_region_kinds[i]->kind, name) == 0)
            return cal_region_kinds[i];
    return NULL;
}

static const struct cal_stimulus_ops leaves_ops = {
    .kind = "dead-leaves", .help = "discs", .params = leaves_table, .params_size = sizeof(struct world)};
static const struct cal_stimulus_ops file_ops = {
    .kind = "file", .help = "images", .params = file_table, .params_size = sizeof(struct world)};
const struct cal_stimulus_ops *const cal_stimulus_kinds[] = {&leaves_ops, &file_ops, NULL};

const struct cal_stimulus_ops *cal_stimulus_kind(const char *name)
{
    for (int i = 0; cal_stimulus_kinds[i]; i++)
        if (strcmp(cal_stimulus_kinds[i]->kind, name) == 0)
            return cal_stimulus_kinds[i];
    return NULL;
}

#define PATCHES "experiments/bhn-patches.yaml"

static char scratch[] = "/tmp/cal-experiment-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    int fd = mkstemp(scratch);
    return fd < 0 ? -1 : close(fd);
}

static int drop_scratch(void **state)
{
    (void)state;
    return unlink(scratch);
}

static void put_bytes(const void *bytes, size_t n)
{
    FILE *f = fopen(scratch, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static struct cal_experiment *read_good(const char *path, const struct cal_overrides *o)
{
    struct cal_experiment *e = NULL;
    cal_err_clear();
    int err = cal_experiment_read(path, o, &e);
    assert_string_equal(cal_err_message(), "");
    assert_int_equal(err, CAL_OK);
    return e;
}

static char *write_out(const struct cal_experiment *e, const char *environment)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(cal_experiment_write(e, environment, out), CAL_OK);
    fclose(out);
    return text;
}

#endif
