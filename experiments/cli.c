/* experiments/cli.c - see cli.h. */
#include "experiments/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

/* Which options a command takes, as bits. */
enum {
    VARIANT = 1,
    SET = 2,
    OUT = 4,
    SEED = 8,
    RESUME = 16,
    MAX_TIME = 32,
    RANKS = 64,
    SINGLE = 128,
    PLACE = 256,
    IMAGES = 512,
    EPS = 1024,
    FROM = 2048
};
#define OVERRIDES (VARIANT | SET | SEED)

static const struct command {
    const char *name, *operand;
    int options;
    const char *help;
} commands[] = {
    {"run", "EXPERIMENT.yaml", OVERRIDES | OUT | RESUME | MAX_TIME | RANKS | SINGLE | PLACE,
     "run one variant of an experiment with one seed"},
    {"check", "EXPERIMENT.yaml", OVERRIDES | RANKS | SINGLE | PLACE,
     "validate everything; print regions, ranks, memory and traffic; start nothing"},
    {"ranks", "EXPERIMENT.yaml", OVERRIDES | OUT | RESUME | MAX_TIME | RANKS | SINGLE | PLACE,
     "print how many ranks `run` needs with the same options"},
    {"variants", "EXPERIMENT.yaml", SET, "print the names of the variants, one a line"},
    {"measure", "RUN_DIR", 0, "compute the measures of a run from its files and write summary.json"},
    {"attack", "RUN_DIR", IMAGES | EPS | FROM,
     "change held-out pictures to mislead a finished run; print what it withstands, write attack.json"},
    {"weights", "RUN_DIR", 0, "write the synapses of a finished run to figures/weights.h5, for ./run weights"},
    {"parameters", NULL, 0, "print docs/parameters.md, made from the tables in the code"},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static const struct option {
    const char *name, *value;
    int bit;
    const char *help;
} options[] = {
    {"--variant", "NAME", VARIANT, "the variant to run; default: the first in the file"},
    {"--set", "path.to.key=value", SET, "override one key, after the variant; may be given many times"},
    {"--seed", "N", SEED, "override the seed"},
    {"--out", "DIR", OUT, "where runs go: DIR/VARIANT/seed-N; default: runs/EXPERIMENT"},
    {"--resume", NULL, RESUME, "go on from the newest checkpoint; start anew where there is none"},
    {"--max-time", "SECONDS", MAX_TIME, "stop with a checkpoint after so many seconds (exit code 6)"},
    {"--ranks", "N", RANKS, "let each of N ranks host several regions; default: one region a rank"},
    {"--single", NULL, SINGLE, "one process, without mpirun"},
    {"--place", "block|reverse", PLACE, "which rank hosts which region; the bits are the same"},
    {"--images", "N", IMAGES, "how many held-out pictures; default: 1000, all where there are fewer"},
    {"--eps", "LIST", EPS, "how far each value may change, of a range of 1; default: .05,.1,.2"},
    {"--from", "RUN_DIR", FROM, "show it the pictures made to mislead that run, too"},
};
#define N_OPTIONS (sizeof options / sizeof *options)

static void print_options(int bits)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].bit & bits) {
            char *left = cal_sprintf("%s%s%s", options[i].name, options[i].value ? " " : "", options[i].value ? options[i].value : "");
            printf("  %-26s %s\n", left, options[i].help);
            cal_free(left);
        }
}

static void print_help(const struct command *command)
{
    if (command) {
        printf("callosum %s%s%s%s: %s\n", command->name, command->operand ? " " : "", command->operand ? command->operand : "",
               command->options ? " [options]" : "", command->help);
        print_options(command->options);
    } else {
        printf("callosum " CAL_VERSION ": a distributed, message-passing simulator of brain regions\n\n");
        for (size_t i = 0; i < N_COMMANDS; i++)
            printf("  callosum %-10s %-16s %s\n", commands[i].name, commands[i].operand ? commands[i].operand : "", commands[i].help);
        printf("\n  --help after a command lists its options; --version\n");
    }
    printf("\nExit codes: 0 ok, 2 usage or configuration, 3 input missing or unreadable, 4 input/output, 5 numerics,\n"
           "6 stopped on request (resumable), 7 internal.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    return cal_fail(CAL_EUSAGE, "unknown command `%s`%s; callosum --help lists them", name, cal_did_you_mean(name, names));
}

static int unknown_option(const struct command *command, const char *name)
{
    const char *names[N_OPTIONS + 1] = {NULL};
    int n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].bit & command->options)
            names[n++] = options[i].name;
    return cal_fail(CAL_EUSAGE, "callosum %s has no option `%s`%s", command->name, name, cal_did_you_mean(name, names));
}

/* ".05,.1" */
static int read_eps(struct cal_robust_options *o, const char *list)
{
    o->n_eps = 0;
    for (const char *at = list;; at++) {
        char *end;
        double eps = strtod(at, &end);
        if (end == at || !(eps >= 0 && eps <= 1) || (*end && *end != ',') || o->n_eps == CAL_EPS_MAX)
            return cal_fail(CAL_EUSAGE, "--eps %s: expected at most %d numbers from 0 to 1, such as .05,.1,.2", list, CAL_EPS_MAX);
        o->eps[o->n_eps++] = eps;
        at = end;
        if (!*end)
            return CAL_OK;
    }
}

static int apply(struct cal_cli *c, const struct option *o, const char *value)
{
    char *end = NULL;
    errno = 0;
    switch (o->bit) {
    case VARIANT:
        c->overrides.variant = value;
        break;
    case SET:
        c->sets[c->overrides.n_sets++] = value;
        break;
    case SEED:
        c->overrides.seed = value;
        break;
    case OUT:
        if (!value[0])
            return cal_fail(CAL_EUSAGE, "--out: expected a folder");
        c->out = value;
        break;
    case RESUME:
        c->resume = true;
        break;
    case SINGLE:
        c->single = true;
        break;
    case MAX_TIME:
        c->max_time_s = strtod(value, &end);
        if (*end || end == value || !(c->max_time_s > 0 && c->max_time_s < 1e9))
            return cal_fail(CAL_EUSAGE, "--max-time %s: expected a number of seconds above 0", value);
        break;
    case RANKS: {
        long ranks = strtol(value, &end, 10);
        if (*end || end == value || errno || ranks < 1 || ranks > 1000000)
            return cal_fail(CAL_EUSAGE, "--ranks %s: expected a whole number from 1 to 1000000", value);
        c->ranks = (int)ranks;
        break;
    }
    case IMAGES:
        c->robust.images = (size_t)strtoul(value, &end, 10);
        if (*end || value[0] < '1' || value[0] > '9' || errno || c->robust.images > 10000000)
            return cal_fail(CAL_EUSAGE, "--images %s: expected a whole number from 1 to 10000000", value);
        break;
    case EPS:
        return read_eps(&c->robust, value);
    case FROM:
        c->robust.from = value;
        break;
    default:
        if (strcmp(value, "block") && strcmp(value, "reverse"))
            return cal_fail(CAL_EUSAGE, "--place %s: expected block or reverse", value);
        c->place = strcmp(value, "block") ? CAL_PLACE_REVERSE : CAL_PLACE_BLOCK;
    }
    return CAL_OK;
}

/* One word of the command line, and the next where it is an option's value. Returns an error; *used gets the number of words. */
static int parse_word(struct cal_cli *c, const struct command *command, char **argv, int *used)
{
    const char *word = argv[0];
    *used = 1;
    if (word[0] != '-') {
        if (c->path || !command->operand)
            return cal_fail(CAL_EUSAGE, "callosum %s: unexpected `%s`", command->name, word);
        c->path = word;
        return CAL_OK;
    }
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *o = &options[i];
        if (!(o->bit & command->options) || strlen(o->name) != length || strncmp(o->name, word, length))
            continue;
        if (!o->value)
            return equals ? cal_fail(CAL_EUSAGE, "%s takes no value", o->name) : apply(c, o, NULL);
        if (equals)
            return apply(c, o, equals + 1);
        if (!argv[1])
            return cal_fail(CAL_EUSAGE, "%s needs a value: %s", o->name, o->value);
        *used = 2;
        return apply(c, o, argv[1]);
    }
    return unknown_option(command, word);
}

int cal_cli_parse(struct cal_cli *c, int argc, char **argv, bool *done)
{
    memset(c, 0, sizeof *c);
    c->sets = cal_alloc((size_t)argc * sizeof *c->sets);
    c->robust = (struct cal_robust_options){.images = 1000, .n_eps = 3, .eps = {0.05, 0.1, 0.2}};
    c->overrides.sets = c->sets;
    *done = false;
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        printf("callosum %s\n", CAL_VERSION);
        *done = true;
        return CAL_OK;
    }
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    bool help = argc < 2;
    for (int i = 1; i < argc; i++)
        help = help || !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    if (help) {
        print_help(command);
        *done = true;
        return argc < 2 ? cal_fail(CAL_EUSAGE, "expected a command") : CAL_OK;
    }
    if (!command)
        return unknown_command(argv[1]);
    c->command = command->name;
    for (int i = 2, used; i < argc; i += used) {
        int err = parse_word(c, command, argv + i, &used);
        if (err)
            return err;
    }
    if (command->operand && !c->path)
        return cal_fail(CAL_EUSAGE, "callosum %s: expected %s", command->name, command->operand);
    if (c->single && c->ranks > 1)
        return cal_fail(CAL_EUSAGE, "--single and --ranks %d exclude each other", c->ranks);
    return CAL_OK;
}

void cal_cli_finish(struct cal_cli *c)
{
    cal_free(c->sets);
}
