/* experiments/spec/experiment_tables.c - the parameters of an experiment file that belong to no kind. */
#include <string.h>

#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

#define STEPS_MAX 1e12

static const struct cal_param log_table[] = {
    {"every", CAL_INT, offsetof(struct cal_log_part, every), "steps", "20", 1, STEPS_MAX,
     .help = "between two lines of metrics and progress"},
    {0},
};

static const struct cal_param checkpoint_table[] = {
    {"every", CAL_INT, offsetof(struct cal_checkpoint_part, every), "steps", "0", 0, STEPS_MAX,
     .help = "between two checkpoints; 0: at the end only"},
    {"keep", CAL_INT, offsetof(struct cal_checkpoint_part, keep), "1", "2", 1, 1e6, .help = "how many of the newest checkpoints stay"},
    {0},
};

const struct cal_param cal_top_table[] = {
    {"experiment", CAL_STRING, offsetof(struct cal_top_part, experiment), .help = "name of the experiment, and of its folder under runs/"},
    {"variant", CAL_STRING, offsetof(struct cal_top_part, variant), .value = "",
     .help = "the variant to run where the command line names none; without it the first"},
    {"seed", CAL_INT, offsetof(struct cal_top_part, seed), "1", "1", 0, UINT32_MAX, .help = "of everything random"},
    {"batch", CAL_INT, offsetof(struct cal_top_part, batch), "samples", NULL, 1, 1 << 20, .help = "samples a step"},
    {"log", CAL_TABLE, offsetof(struct cal_top_part, log), .table = log_table, .help = "metrics and progress"},
    {"checkpoint", CAL_TABLE, offsetof(struct cal_top_part, checkpoint), .table = checkpoint_table, .help = "what a run resumes from"},
    {0},
};

const char *const cal_top_sections[] = {"stimulus", "regions", "projections", "phases", "variants", "environment", NULL};

const struct cal_param cal_stimulus_table[] = {
    {"kind", CAL_STRING, offsetof(struct cal_stimulus_part, kind), .help = "which world; its parameters stand beside"},
    {0},
};

const struct cal_param cal_group_table[] = {
    {"kind", CAL_STRING, offsetof(struct cal_group_part, kind), .help = "which kind of region; its parameters stand beside"},
    {"count", CAL_INT, offsetof(struct cal_group_part, count), "regions", "0", 1, 65536,
     .help = "makes replicas `NAME.0`, `NAME.1` and so on; without it, one region `NAME`"},
    {0},
};

static const char *const roles[] = {[CAL_DRIVE] = "drive", [CAL_CONTEXT] = "context", NULL};

const struct cal_param cal_projection_table[] = {
    {"from", CAL_STRINGS, offsetof(struct cal_projection_part, from), .value = "",
     .help = "senders: `stimulus`, regions, patterns such as `V.*`"},
    {"to", CAL_STRINGS, offsetof(struct cal_projection_part, to), .value = "", .help = "targets: regions or patterns"},
    {"chain", CAL_STRINGS, offsetof(struct cal_projection_part, chain), .value = "",
     .help = "instead of `from` and `to`: each entry projects to the next"},
    {"role", CAL_CHOICE, offsetof(struct cal_projection_part, role), .value = "drive", .choices = roles,
     .help = "used in the target's forward pass, or in its learning only"},
    {"delay", CAL_INT, offsetof(struct cal_projection_part, delay), "steps", "0", 0, 65536,
     .help = "0: the representation of this step, d: that of d steps ago"},
    {"drop", CAL_FLOAT, offsetof(struct cal_projection_part, drop), "1", "0", 0, 0.99,
     .help = "a drive between regions: probability that a message is lost and the last one that arrived stands in, while something learns"},
    {"take", CAL_STRINGS, offsetof(struct cal_projection_part, take), .value = "",
     .help = "slices to carry; without it, those that the target's kind uses"},
    {0},
};

static const char *const splits[] = {[CAL_SPLIT_TRAIN] = "train", [CAL_SPLIT_HELD_OUT] = "held-out", NULL};

static const char *const mixings[] = {[CAL_MIXING_NONE] = "none", [CAL_MIXING_ALTERNATE] = "alternate", [CAL_MIXING_BLOCK] = "block", NULL};

const struct cal_param cal_phase_table[] = {
    {"steps", CAL_INT, offsetof(struct cal_phase_part, steps), "steps", "-1", 0, STEPS_MAX,
     .help = "length, where `epochs` does not give it"},
    {"epochs", CAL_FLOAT, offsetof(struct cal_phase_part, epochs), "epochs", "-1", 0, 1e9,
     .help = "length in passes through the samples; without `steps` and `epochs`, one"},
    {"learn", CAL_STRINGS, offsetof(struct cal_phase_part, learn),
     .help = "who learns: `all`, `none`, or patterns of regions or of their parts"},
    {"stimulus", CAL_CHOICE, offsetof(struct cal_phase_part, stimulus), .value = "train", .choices = splits,
     .help = "which samples are shown"},
    {"noise", CAL_FLOAT, offsetof(struct cal_phase_part, noise), "as in the stimulus", "-1", 0, 1000,
     .help = "standard deviation of the views' noise; without it, the stimulus's own"},
    {"rate", CAL_FLOAT, offsetof(struct cal_phase_part, rate), "1", "1", 0, 1e6, .help = "factor on every learning rate"},
    {"mixing", CAL_CHOICE, offsetof(struct cal_phase_part, mixing), .value = "none", .choices = mixings,
     .help =
         "in a world of windows: every frame is remembered as it was seen; or every other one, or stretch of them, as it was predicted"},
    {"stretch", CAL_INT, offsetof(struct cal_phase_part, stretch), "frames", "8", 1, STEPS_MAX,
     .help = "length of the stretches of `mixing: block`; the first of a window is remembered as it was seen"},
    {"blind_from", CAL_INT, offsetof(struct cal_phase_part, blind_from), "frames", "-1", -1, STEPS_MAX,
     .help = "in a world of windows: the frame from which on the stimulus is off, until the window ends; -1: never"},
    {"every", CAL_INT, offsetof(struct cal_phase_part, every), "steps", "1", 1, STEPS_MAX,
     .help = "record each so many steps; with `within`, run each so many steps of that phase"},
    {"within", CAL_STRING, offsetof(struct cal_phase_part, within), .value = "",
     .help = "run inside that phase again and again, not after it"},
    {0},
};

const char *const cal_phase_sections[] = {"record", NULL};

const char **cal_table_names(const struct cal_param *const *tables, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++)
        for (const struct cal_param *p = tables[i]; p && p->name; p++)
            count++;
    const char **names = cal_alloc((count + 1) * sizeof *names);
    count = 0;
    for (int i = 0; i < n; i++)
        for (const struct cal_param *p = tables[i]; p && p->name; p++)
            names[count++] = p->name;
    return names;
}
