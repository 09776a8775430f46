/* experiments/spec/experiment_document.c - docs/parameters.md, from the tables of everything that is registered. */
#include <ctype.h>

#include "core/param.h"
#include "experiments/spec/experiment_parts.h"
#include "experiments/stimuli/stimuli.h"

static void section(const char *heading, const char *intro, const struct cal_param *table, FILE *out)
{
    fprintf(out, "\n## %s\n\n%s\n\n", heading, intro);
    cal_params_document(table, out);
}

static void document_kind(const char *what, const char *kind, const char *help, const struct cal_param *table, FILE *out)
{
    fprintf(out, "\n### %s kind `%s`\n\n%c%s.\n", what, kind, toupper((unsigned char)help[0]), help[0] ? help + 1 : "");
    if (table && table->name) {
        fputc('\n', out);
        cal_params_document(table, out);
    }
}

static void document_stimuli(FILE *out)
{
    section("Stimulus", "Under `stimulus`. The other keys are those of the kind.", cal_stimulus_table, out);
    for (int i = 0; cal_stimulus_kinds[i]; i++) {
        const struct cal_stimulus_ops *ops = cal_stimulus_kinds[i];
        document_kind("Stimulus", ops->kind, ops->help, ops->params, out);
    }
}

static void document_regions(FILE *out)
{
    section("Regions", "Under `regions`, each key a region or, with `count`, a group of replicas. The other keys are those of the kind.",
            cal_group_table, out);
    for (int i = 0; cal_region_kinds[i]; i++) {
        const struct cal_region_ops *ops = cal_region_kinds[i];
        document_kind("Region", ops->kind, ops->help, ops->params, out);
        if (ops->rule && ops->rule->name) {
            fprintf(
                out,
                "\nContexts that a region of kind `%s` sends share a rule with their targets. Its parameters stand in the projection:\n\n",
                ops->kind);
            cal_params_document(ops->rule, out);
        }
    }
}

void cal_experiment_document(FILE *out)
{
    fputs("# Parameters\n\n"
          "Made from the tables that the program reads experiments with; a test keeps it current. A dotted name is a path: "
          "`checkpoint.every` is "
          "the key `every` in the map `checkpoint`, in a variant and after `--set` as well. *None* as a default means that nothing is "
          "assumed.\n",
          out);
    section("Experiment", "The keys of the file itself, beside the sections below.", cal_top_table, out);
    document_stimuli(out);
    document_regions(out);
    section("Projections",
            "Under `projections`, each key a projection. It becomes one edge for each pair of a sender and a target. A context may have "
            "more keys, "
            "those of the rule of its sender's kind.",
            cal_projection_table, out);
    section("Phases", "Under `phases`, each key a phase. They run in the order of the file.", cal_phase_table, out);
    fputs("\nBeside these, `record: {PATTERN: [VARIABLE, ...]}` names the regions to record and which of their variables.\n"
          "\n## Variants\n\n"
          "Under `variants`, each key a variant: a map of paths and values that replace or add to what the file says, such as "
          "`{phases.train.steps: 0}`. `{}` is the file as it is. A value that is a map replaces the whole map.\n"
          "\n## Environment\n\n"
          "`environment` stands in used.yml and says where and with what a run was made. It is not read.\n",
          out);
}
