/* core/h5.h - HDF5 files with plain messages (serial library; one file, one process).
 *
 * Every function is Local and returns CAL_OK or notes why not: CAL_EINPUT when what should be read is missing, damaged
 * or of another shape, CAL_EIO when writing fails (a full disk, no permission). HDF5's own stack of errors is kept quiet; its
 * innermost words, or the system's, are put in the message. No file locks are taken (core/h5_driver.h), and files with the same
 * content have the same bytes. */
#ifndef CAL_CORE_H5_H
#define CAL_CORE_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/layout.h"

struct cal_h5; /* an open file */

const char *cal_h5_library(void); /* "HDF5 1.10.8" */

int cal_h5_create(const char *path, struct cal_h5 **f); /* truncates */
int cal_h5_open(const char *path, bool writable, struct cal_h5 **f);
/* Flush and close; with `sync`, fsync the file too. The handle is gone in any case. */
int cal_h5_close(struct cal_h5 *f, bool sync);
/* Hand all to the system: what is written survives the process. */
int cal_h5_flush(struct cal_h5 *f);
void cal_h5_drop(struct cal_h5 *f); /* close on an error path: no message, NULL is fine */

/* Groups on the way are made. Data are stored little-endian with Fletcher32 checksums, in one chunk up to
 * 1 MiB and beyond it in chunks along the first axis. A dataset of that name must not exist. */
int cal_h5_write(struct cal_h5 *f, const char *name, enum cal_array_type type, int n_dims, const size_t *dims, const void *data);
/* Read a whole dataset whose shape must be dims. */
int cal_h5_read(struct cal_h5 *f, const char *name, enum cal_array_type type, int n_dims, const size_t *dims, void *data);
/* Read rows first ... first+count-1 of the leading axis, converted to `type`. */
int cal_h5_read_rows(struct cal_h5 *f, const char *name, enum cal_array_type type, size_t first, size_t count, void *data);
/* Shape of a dataset; n_dims at most CAL_DIMS_MAX. */
int cal_h5_shape(struct cal_h5 *f, const char *name, int *n_dims, size_t *dims);
bool cal_h5_has(struct cal_h5 *f, const char *name);
bool cal_h5_is_integer(struct cal_h5 *f, const char *name); /* uint8 pictures or float ones? */

int cal_h5_set_text(struct cal_h5 *f, const char *object, const char *name, const char *value); /* object "/" is the root */
int cal_h5_set_i64(struct cal_h5 *f, const char *object, const char *name, int64_t value);
int cal_h5_get_i64(struct cal_h5 *f, const char *object, const char *name, int64_t *value);
int cal_h5_get_text(struct cal_h5 *f, const char *object, const char *name, char *value, size_t size);
int cal_h5_link(struct cal_h5 *f, const char *name, const char *file, const char *target); /* external */

/* Every array of a layout with the given role, as group/<name>. */
int cal_h5_save_layout(struct cal_h5 *f, const char *group, const struct cal_layout *l, enum cal_array_role role);
int cal_h5_load_layout(struct cal_h5 *f, const char *group, const struct cal_layout *l, enum cal_array_role role);

#endif
