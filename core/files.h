/* core/files.h - folders, and making sure that what was written is on the disk. */
#ifndef CAL_CORE_FILES_H
#define CAL_CORE_FILES_H

#include <stdio.h>

/* mkdir -p. Errors: CAL_EIO. Local. */
int cal_make_dirs(const char *path);
/* rm -r; nothing there is fine, and what cannot be removed stays. Local. */
void cal_remove_tree(const char *path);
/* Start `path` under another name, PATH.partial: *f is for writing. Errors: CAL_EIO. Local. */
int cal_file_begin(const char *path, FILE **f);
/* Make sure that it is on the disk, close it and give it its name; with an `err` so far, close and remove it, and return that. */
int cal_file_settle(const char *path, FILE *f, int err);
/* fsync a folder, so that renames in it last. Errors: CAL_EIO. Local. */
int cal_sync_dir(const char *path);

#endif
