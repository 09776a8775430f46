/* analysis/figure.c - see figure.h. */
#include "analysis/figure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/files.h"
#include "core/mem.h"

int cal_figure_write(const char *dir, const char *name, int (*write)(const char *path, const void *of), const void *of)
{
    char *folder = cal_sprintf("%s/figures", dir), *path = cal_sprintf("%s/%s", folder, name), *partial = cal_sprintf("%s.partial", path);
    int err = cal_make_dirs(folder);
    if (!err)
        err = write(partial, of);
    if (!err && rename(partial, path) < 0)
        err = cal_fail(CAL_EIO, "%s: cannot rename to %s: %s", partial, path, strerror(errno));
    if (err)
        remove(partial);
    cal_free(partial);
    cal_free(path);
    cal_free(folder);
    return err;
}
