/* experiments/stimuli/recorded_run.c - see recorded_run.h. */
#include "experiments/stimuli/recorded_run.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/param.h"

static bool there(const char *dir, const char *name)
{
    char *path = cal_sprintf("%s/%s", dir, name);
    bool found = access(path, F_OK) == 0;
    cal_free(path);
    return found;
}

int cal_recorded_run_find(const char *run, uint32_t seed, char **dir)
{
    *dir = cal_sprintf("%s/seed-%lu", run, (unsigned long)seed);
    if (!there(*dir, ".")) {
        cal_free(*dir);
        *dir = cal_strdup(run);
    }
    int err = CAL_OK;
    if (!there(*dir, "used.yml"))
        err = cal_fail(CAL_EINPUT, "stimulus recorded: run: %s: there is no run, expected a folder with a used.yml or with a seed-%lu", run,
                       (unsigned long)seed);
    else if (!there(*dir, "summary.json"))
        err = cal_fail(CAL_EINPUT, "stimulus recorded: run: %s: is not finished: it has no summary.json", *dir);
    if (err) {
        cal_free(*dir);
        *dir = NULL;
    }
    return err;
}

/* ---- what there is ---- */

enum { PHASE, REGION, VARIABLE, PARTS };

/* The parts of "<phase>.<region>.<variable>.h5", cut in place; only the region's may have dots. False for anything else, a master for one. */
static bool take_apart(char *name, const char *part[PARTS])
{
    char *end = strrchr(name, '.'), *first = strchr(name, '.');
    if (!end || strcmp(end, ".h5") != 0 || first == end)
        return false;
    *end = '\0';
    char *last = strrchr(name, '.');
    if (last == first)
        return false;
    *first = *last = '\0';
    part[PHASE] = name;
    part[REGION] = first + 1;
    part[VARIABLE] = last + 1;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All words of part `level` among the reports that are as wanted in the parts before it: sorted, each once, NULL-ended. [give] both */
static char **list_parts(const char *dir, const char *const want[PARTS], int level)
{
    char *path = cal_sprintf("%s/activity", dir);
    DIR *folder = opendir(path);
    size_t n = 0, room = 8, kept = 0;
    char **words = cal_alloc(room * sizeof *words);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *part[PARTS];
        char *name = cal_strdup(entry->d_name);
        bool wanted = take_apart(name, part);
        for (int i = 0; wanted && i < level; i++)
            wanted = !strcmp(part[i], want[i]);
        if (wanted && n + 1 == room) {
            char **more = cal_alloc(2 * room * sizeof *more);
            memcpy(more, words, n * sizeof *more);
            cal_free(words);
            words = more;
            room *= 2;
        }
        if (wanted)
            words[n++] = cal_strdup(part[level]);
        cal_free(name);
    }
    if (folder)
        closedir(folder);
    cal_free(path);
    qsort(words, n, sizeof *words, compare);
    for (size_t i = 0; i < n; i++)
        if (kept && !strcmp(words[kept - 1], words[i]))
            cal_free(words[i]);
        else
            words[kept++] = words[i];
    words[kept] = NULL;
    return words;
}

/* "a, b, c", cut where it gets long, in `text` of 256 bytes. */
static const char *join(char *const *words, char *text)
{
    text[0] = '\0';
    for (int i = 0; words[i]; i++) {
        size_t used = strlen(text);
        snprintf(text + used, 256 - used, "%s%s", i ? ", " : "", words[i]);
    }
    return text[0] ? text : "nothing";
}

/* Which part is it that nothing goes by? Level by level, so that the nearest names are those that would have worked. */
static int explain(const char *dir, const char *key, const char *const want[PARTS])
{
    int err = CAL_OK;
    for (int level = PHASE; !err && level < PARTS; level++) {
        char **words = list_parts(dir, want, level), list[256];
        bool known = false;
        for (int i = 0; words[i]; i++)
            known = known || !strcmp(words[i], want[level]);
        const char *hint = cal_did_you_mean(want[level], (const char *const *)words);
        if (!known && level == PHASE)
            err = cal_fail(CAL_EUSAGE, "stimulus recorded: %s: no phase `%s` of %s has recorded anything; there is: %s%s", key, want[PHASE],
                           dir, join(words, list), hint);
        else if (!known && level == REGION)
            err = cal_fail(CAL_EUSAGE, "stimulus recorded: region: phase `%s` of %s recorded no region `%s`; there is: %s%s", want[PHASE],
                           dir, want[REGION], join(words, list), hint);
        else if (!known)
            err = cal_fail(CAL_EUSAGE, "stimulus recorded: variable: phase `%s` of %s recorded no `%s` of %s; there is: %s%s", want[PHASE],
                           dir, want[VARIABLE], want[REGION], join(words, list), hint);
        for (int i = 0; words[i]; i++)
            cal_free(words[i]);
        cal_free(words);
    }
    return err;
}

int cal_recorded_run_report(const char *dir, const char *key, const char *phase, const char *region, const char *variable, char **path)
{
    const char *const want[PARTS] = {phase, region, variable};
    *path = cal_sprintf("%s/activity/%s.%s.%s.h5", dir, phase, region, variable);
    if (access(*path, F_OK) == 0)
        return CAL_OK;
    int err = explain(dir, key, want);
    if (!err) /* names with slashes or dots in them find nothing, and are no parts either */
        err = cal_fail(CAL_EUSAGE, "stimulus recorded: %s: there is no %s", key, *path);
    cal_free(*path);
    *path = NULL;
    return err;
}
