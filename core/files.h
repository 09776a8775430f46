/* core/files.h - folders, and making sure that what was written is on the disk. */
#ifndef CAL_CORE_FILES_H
#define CAL_CORE_FILES_H

/* mkdir -p. Errors: CAL_EIO. Local. */
int cal_make_dirs(const char *path);
/* rm -r; nothing there is fine, and what cannot be removed stays. Local. */
void cal_remove_tree(const char *path);
/* fsync a folder, so that renames in it last. Errors: CAL_EIO. Local. */
int cal_sync_dir(const char *path);

#endif
