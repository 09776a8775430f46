/* experiments/spec/experiment_write.c - used.yml: every parameter with its value, in the order and by the tables it was read with. */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/spec/experiment_parts.h"

static void write_key(const char *key, int indent, FILE *out)
{
    fprintf(out, "%*s", indent, "");
    cal_yaml_write_text(key, out);
    fputc(':', out);
}

static void write_regions(const struct cal_experiment *e, FILE *out)
{
    fputs("\nregions:\n", out);
    for (int i = 0; i < e->n_groups; i++) {
        const struct cal_group_part *g = &e->parts->group[i];
        write_key(g->name, 2, out);
        fputc('\n', out);
        cal_params_write(cal_group_table, g, out, 4);
        cal_params_write(g->ops->params, g->params, out, 4);
    }
}

static void write_projections(const struct cal_experiment *e, FILE *out)
{
    fputs("\nprojections:\n", out);
    for (int i = 0; i < e->n_projections; i++) {
        const struct cal_projection_spec *p = &e->projection[i];
        write_key(p->name, 2, out);
        fputc('\n', out);
        cal_params_write(cal_projection_table, &e->parts->projection[i], out, 4);
        cal_params_write(p->rule_table, p->rule, out, 4);
    }
}

static void write_records(const struct cal_phase_spec *p, FILE *out)
{
    fprintf(out, "    record:%s\n", p->n_records ? "" : " {}");
    for (int i = 0; i < p->n_records; i++) {
        write_key(p->record[i].pattern, 6, out);
        fputc(' ', out);
        cal_strings_write(&p->record[i].variables, out);
        fputc('\n', out);
    }
}

static void write_phases(const struct cal_experiment *e, FILE *out)
{
    fputs("\nphases:\n", out);
    for (int i = 0; i < e->n_phases; i++) {
        write_key(e->phase[i].name, 2, out);
        fputc('\n', out);
        cal_params_write(cal_phase_table, &e->parts->phase[i], out, 4);
        write_records(&e->phase[i], out);
    }
}

/* Lines `key: value`, whatever the values hold. */
static void write_environment(const char *environment, FILE *out)
{
    fputs("\nenvironment:\n", out);
    for (const char *line = environment; *line;) {
        size_t length = strcspn(line, "\n"), key = strcspn(line, ":\n");
        size_t value = key < length ? key + 1 : length;
        value += strspn(line + value, " ");
        if (value > length)
            value = length;
        char *copy = cal_alloc(length + 1);
        memcpy(copy, line, length);
        copy[key] = '\0';
        if (key > 0) {
            write_key(copy, 2, out);
            fputc(' ', out);
            cal_yaml_write_text(copy + value, out);
            fputc('\n', out);
        }
        cal_free(copy);
        line += length + (line[length] == '\n');
    }
}

int cal_experiment_write(const struct cal_experiment *e, const char *environment, FILE *out)
{
    cal_params_write(cal_top_table, &e->parts->top, out, 0);
    fputs("\nstimulus:\n", out);
    cal_params_write(cal_stimulus_table, &e->parts->stimulus, out, 2);
    cal_params_write(e->stimulus->params, e->stimulus_params, out, 2);
    write_regions(e, out);
    write_projections(e, out);
    write_phases(e, out);
    fputs("\nvariants:\n", out);
    write_key(e->variant, 2, out);
    fputs(" {}\n", out);
    if (environment && environment[0])
        write_environment(environment, out);
    if (fflush(out) != 0 || ferror(out))
        return cal_fail(CAL_EIO, "%s: cannot write the experiment as used: %s", e->name, strerror(errno));
    return CAL_OK;
}
