/* core/files.c - see files.h. */
#include "core/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "core/mem.h"

int cal_make_dirs(const char *path)
{
    char *part = cal_strdup(path);
    int err = CAL_OK;
    for (char *slash = part;;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0777) && errno != EEXIST) {
            err = cal_fail(CAL_EIO, "%s: cannot create the folder: %s", part, strerror(errno));
            break;
        }
        if (!slash)
            break;
        *slash = '/';
    }
    cal_free(part);
    return err;
}

void cal_remove_tree(const char *path)
{
    struct stat st;
    if (lstat(path, &st))
        return;
    if (!S_ISDIR(st.st_mode)) {
        unlink(path);
        return;
    }
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        char *child = cal_sprintf("%s/%s", path, entry->d_name);
        cal_remove_tree(child);
        cal_free(child);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

int cal_file_begin(const char *path, FILE **f)
{
    char *partial = cal_sprintf("%s.partial", path);
    *f = fopen(partial, "w");
    int err = *f ? CAL_OK : cal_fail(CAL_EIO, "%s: cannot create: %s", partial, strerror(errno));
    cal_free(partial);
    return err;
}

int cal_file_settle(const char *path, FILE *f, int err)
{
    char *partial = cal_sprintf("%s.partial", path);
    if (!err && (fflush(f) || ferror(f) || fsync(fileno(f))))
        err = cal_fail(CAL_EIO, "%s: cannot write: %s", partial, strerror(errno));
    if (fclose(f) && !err)
        err = cal_fail(CAL_EIO, "%s: cannot write: %s", partial, strerror(errno));
    if (!err && rename(partial, path))
        err = cal_fail(CAL_EIO, "%s: cannot rename: %s", partial, strerror(errno));
    if (err)
        unlink(partial);
    cal_free(partial);
    return err;
}

int cal_sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    int err = CAL_OK;
    if (fd < 0 || fsync(fd))
        err = cal_fail(CAL_EIO, "%s: cannot sync the folder: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}
