/* experiments/summary.c - see summary.h. */
#include "experiments/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/files.h"
#include "core/json.h"
#include "core/mem.h"

static void put_measures(struct cal_json *j, const char *key, const struct cal_measures *m)
{
    cal_json_object(j, key);
    for (int i = 0; i < m->n; i++)
        cal_json_number(j, m->item[i].name, m->item[i].value);
    cal_json_end(j);
}

static void put_phases(struct cal_json *j, const struct cal_experiment *e, const struct cal_summary *s)
{
    cal_json_array(j, "phases");
    for (int p = 0; p < e->n_phases; p++) {
        cal_json_object(j, NULL);
        cal_json_string(j, "name", e->phase[p].name);
        cal_json_integer(j, "steps", s->shown[p]);
        cal_json_number(j, "seconds", s->times[p].clock[CAL_TOTAL].max);
        for (int c = 0; c < CAL_CLOCKS; c++) {
            cal_json_object(j, cal_clock_names[c]);
            cal_json_number(j, "min", s->times[p].clock[c].min);
            cal_json_number(j, "mean", s->times[p].clock[c].mean);
            cal_json_number(j, "max", s->times[p].clock[c].max);
            cal_json_end(j);
        }
        cal_json_string(j, "slowest", s->slowest[p]);
        cal_json_end(j);
    }
    cal_json_end(j);
}

static void put_ranks(struct cal_json *j, const char *key, const double *value, int ranks)
{
    cal_json_array(j, key);
    for (int r = 0; r < ranks; r++)
        cal_json_number(j, NULL, value[r]);
    cal_json_end(j);
}

static void put_costs(struct cal_json *j, const struct cal_summary *s)
{
    cal_json_object(j, "costs");
    for (int i = 0; i < s->n_costs; i++) {
        cal_json_object(j, s->cost[i].group);
        cal_json_integer(j, "regions", s->cost[i].regions);
        cal_json_number(j, "forward_s", s->cost[i].forward_s);
        cal_json_number(j, "learn_s", s->cost[i].learn_s);
        cal_json_end(j);
    }
    cal_json_end(j);
}

static void put_ledger(struct cal_json *j, const struct cal_summary *s)
{
    char checksum[20];
    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)s->ledger.checksum);
    cal_json_object(j, "ledger");
    cal_json_integer(j, "messages", s->ledger.messages);
    cal_json_integer(j, "bytes", s->ledger.bytes);
    cal_json_string(j, "checksum", checksum);
    cal_json_integer(j, "control_messages", s->control_messages);
    cal_json_end(j);
}

int cal_summary_write(const char *dir, const struct cal_experiment *e, const struct cal_summary *s, const struct cal_measures *m)
{
    char *path = cal_sprintf("%s/summary.json", dir);
    FILE *f;
    int err = cal_file_begin(path, &f);
    if (!err) {
        struct cal_json j;
        cal_json_init(&j, f, true);
        cal_json_object(&j, NULL);
        cal_json_string(&j, "experiment", e->name);
        cal_json_string(&j, "variant", e->variant);
        cal_json_integer(&j, "seed", e->seed);
        cal_json_integer(&j, "steps", s->steps);
        cal_json_integer(&j, "ranks", s->ranks);
        cal_json_integer(&j, "batch", e->batch);
        cal_json_number(&j, "seconds", s->seconds);
        cal_json_number(&j, "samples_per_s", s->samples_per_s);
        cal_json_number(&j, "wait_share", s->wait_share);
        cal_json_number(&j, "memory_max_bytes", s->memory_max_bytes);
        cal_json_number(&j, "memory_mean_bytes", s->memory_mean_bytes);
        put_ranks(&j, "memory_rank_bytes", s->memory_bytes, s->ranks);
        put_ranks(&j, "resident_rank_bytes", s->resident_bytes, s->ranks);
        put_measures(&j, "measures", m);
        put_ledger(&j, s);
        put_phases(&j, e, s);
        put_costs(&j, s);
        cal_json_string(&j, "version", CAL_VERSION);
        cal_json_end(&j);
        err = cal_file_settle(path, f, cal_json_finish(&j));
    }
    cal_free(path);
    return err;
}

/* A whole text file. [give] */
static int read_text(const char *path, char **text)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return cal_fail(CAL_EINPUT, "%s: cannot open: %s; is the run finished?", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    *text = cal_alloc((size_t)size + 1);
    size_t got = fread(*text, 1, (size_t)size, f);
    fclose(f);
    if (got == (size_t)size)
        return CAL_OK;
    cal_free(*text);
    return cal_fail(CAL_EINPUT, "%s: cannot read", path);
}

int cal_summary_replace_measures(const char *dir, const struct cal_measures *m)
{
    char *path = cal_sprintf("%s/summary.json", dir), *text = NULL;
    int err = read_text(path, &text);
    char *from = err ? NULL : strstr(text, "\"measures\":");
    char *brace = from ? strchr(from, '}') : NULL; /* the object is flat */
    if (!err && !brace)
        err = cal_fail(CAL_EINPUT, "%s: has no measures to replace", path);
    FILE *f;
    if (!err)
        err = cal_file_begin(path, &f);
    if (!err) {
        struct cal_json j;
        fwrite(text, 1, (size_t)(from - text), f);
        fputs("\"measures\": ", f);
        cal_json_init(&j, f, false);
        put_measures(&j, NULL, m);
        fputs(brace + 1, f);
        err = cal_file_settle(path, f, CAL_OK);
    }
    cal_free(text);
    cal_free(path);
    return err;
}

void cal_summary_print_measures(const struct cal_measures *m)
{
    if (m->n)
        printf("\nmeasures\n");
    for (int i = 0; i < m->n; i++)
        printf("  %-28s %.5g\n", m->item[i].name, m->item[i].value);
    fflush(stdout);
}
