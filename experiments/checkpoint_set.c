/* experiments/checkpoint_set.c - see checkpoint.h: sets of files, one a region, made and found together by all ranks. */
#include "experiments/checkpoint_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "core/files.h"
#include "core/mem.h"

char *cal_checkpoint_path(const char *dir, long step)
{
    return cal_sprintf("%s/checkpoint/step-%09ld", dir, step);
}

static int newest_first(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

int cal_checkpoint_list(const char *dir, long **steps)
{
    char *path = cal_sprintf("%s/checkpoint", dir);
    DIR *d = opendir(path);
    int n = 0, room = 0;
    *steps = NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        long step;
        int used = 0;
        if (sscanf(entry->d_name, "step-%9ld%n", &step, &used) != 1 || entry->d_name[used])
            continue;
        char *manifest = cal_sprintf("%s/%s/MANIFEST.yml", path, entry->d_name);
        bool whole = access(manifest, F_OK) == 0;
        cal_free(manifest);
        if (!whole)
            continue;
        if (n == room) {
            room = room ? 2 * room : 16;
            long *more = cal_alloc((size_t)room * sizeof *more);
            if (n)
                memcpy(more, *steps, (size_t)n * sizeof *more);
            cal_free(*steps);
            *steps = more;
        }
        (*steps)[n++] = step;
    }
    if (d)
        closedir(d);
    cal_free(path);
    if (n)
        qsort(*steps, (size_t)n, sizeof **steps, newest_first);
    return n;
}

static int write_manifest(const struct cal_sim *s, const char *set)
{
    char *path = cal_sprintf("%s/MANIFEST.yml", set);
    FILE *f;
    int err = cal_file_begin(path, &f);
    if (!err) {
        fprintf(f, "experiment: %s\nvariant: %s\nseed: %u\nstep: %ld\nfiles:\n", s->experiment->name, s->experiment->variant,
                s->experiment->seed, s->at.step);
        for (int r = 0; r < s->graph->n_regions; r++)
            fprintf(f, "  - %s.h5\n", cal_experiment_name(s->experiment, r).text);
        err = cal_file_settle(path, f, CAL_OK);
    }
    cal_free(path);
    return err;
}

/* Sets that a kill left half written, and those put aside. */
static void remove_leftovers(const char *dir)
{
    char *path = cal_sprintf("%s/checkpoint", dir);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || (strcmp(dot, ".partial") && strcmp(dot, ".old")))
            continue;
        char *leftover = cal_sprintf("%s/%s", path, entry->d_name);
        cal_remove_tree(leftover);
        cal_free(leftover);
    }
    if (d)
        closedir(d);
    cal_free(path);
}

/* Rank 0, when all files are there: manifest, the real name, and the old sets go. */
static int publish(const struct cal_sim *s, const char *partial, const char *set)
{
    int err = write_manifest(s, partial);
    if (!err)
        err = cal_sync_dir(partial);
    if (!err) {
        char *old = cal_sprintf("%s.old", set); /* of the same step, from before a resume that went back behind it, or saved twice */
        rename(set, old);
        if (rename(partial, set))
            err = cal_fail(CAL_EIO, "%s: cannot rename to %s: %s", partial, set, strerror(errno));
        cal_free(old);
    }
    char *parent = cal_sprintf("%s/checkpoint", s->dir);
    if (!err)
        err = cal_sync_dir(parent);
    cal_free(parent);
    long *steps;
    int n = err ? 0 : cal_checkpoint_list(s->dir, &steps);
    for (int i = 0; i < n; i++) {
        bool later = steps[i] > s->at.step; /* of a run that a resume went back behind */
        if (i >= s->experiment->checkpoint_keep || later) {
            char *old = cal_checkpoint_path(s->dir, steps[i]);
            cal_remove_tree(old);
            cal_free(old);
        }
    }
    if (n)
        cal_free(steps);
    if (!err)
        remove_leftovers(s->dir);
    return err;
}

int cal_checkpoint_save(struct cal_sim *s)
{
    bool in_segment = s->at.segment < s->graph->n_segments;
    char *set = cal_checkpoint_path(s->dir, s->at.step);
    char *partial = cal_sprintf("%s.partial", set);
    bool first = cal_world_rank(s->world) == 0;
    int err = CAL_OK;
    if (first) {
        cal_remove_tree(partial);
        err = cal_make_dirs(partial);
    }
    err = cal_agree(s->world, err);
    if (!err) {
        int mine = CAL_OK;
        for (int i = 0; i < s->n_hosts; i++) {
            char *path = cal_sprintf("%s/%s.h5", partial, s->host[i].region->name);
            if (!mine)
                mine = cal_checkpoint_write_file(s, &s->host[i], path, in_segment);
            cal_free(path);
        }
        err = cal_agree(s->world, mine);
    }
    if (!err)
        err = cal_agree(s->world, first ? publish(s, partial, set) : CAL_OK);
    if (err && first)
        cal_remove_tree(partial);
    cal_free(partial);
    cal_free(set);
    return err;
}

/* Try one set. Collective; silent: the message of a failure stays noted where it happened. */
static int load_set(struct cal_sim *s, long step, long *metrics_bytes)
{
    char *set = cal_checkpoint_path(s->dir, step);
    struct cal_position at = {.segment = s->graph->n_segments, .wall = 0, .step = step};
    int err = CAL_OK;
    for (int i = 0; !err && i < s->n_hosts; i++) {
        char *path = cal_sprintf("%s/%s.h5", set, s->host[i].region->name);
        err = cal_checkpoint_read_file(s, &s->host[i], path, &at, &metrics_bytes[i]);
        if (!err && at.step != step)
            err = cal_fail(CAL_EINPUT, "%s: is of step %ld", path, at.step);
        cal_free(path);
    }
    cal_free(set);
    s->at = at;
    return cal_agree_quietly(s->world, err);
}

int cal_checkpoint_resume(struct cal_sim *s, bool *found)
{
    long *steps = NULL, n = 0;
    if (cal_world_rank(s->world) == 0)
        n = cal_checkpoint_list(s->dir, &steps);
    cal_world_share(s->world, &n, sizeof n);
    if (n && !steps)
        steps = cal_alloc((size_t)n * sizeof *steps);
    if (n)
        cal_world_share(s->world, steps, (size_t)n * sizeof *steps);
    long *bytes = cal_alloc((size_t)(s->n_hosts ? s->n_hosts : 1) * sizeof *bytes);
    int err = CAL_OK;
    for (long i = 0; i < n; i++) {
        err = load_set(s, steps[i], bytes);
        if (!err)
            break;
        if (err > 0) /* the reason is ours to tell */
            cal_warn("the checkpoint of step %ld is damaged (%s)%s", steps[i], cal_err_message(),
                     i + 1 < n ? "; going back to the one before" : "");
    }
    *found = n > 0;
    if (err && cal_world_rank(s->world) == 0)
        err = cal_fail(CAL_EINPUT, "%s/checkpoint: no set is whole; remove the folder to start anew", s->dir);
    err = cal_agree(s->world, err < 0 ? CAL_OK : err);
    if (!err && n)
        err = cal_agree(s->world, cal_metrics_open(s, bytes));
    cal_free(bytes);
    cal_free(steps);
    return err;
}
