/* core/h5.c - see h5.h. */
#include "core/h5.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hdf5.h>

#include "core/err.h"
#include "core/h5_internal.h"
#include "core/mem.h"

#define CHUNK_BYTES ((size_t)1 << 20) /* what HDF5's chunk cache holds */

/* In memory. */
static hid_t native(enum cal_array_type type)
{
    return type == CAL_F32 ? H5T_NATIVE_FLOAT : type == CAL_F64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
}

/* In the file: little-endian everywhere. */
static hid_t stored(enum cal_array_type type)
{
    return type == CAL_F32 ? H5T_IEEE_F32LE : type == CAL_F64 ? H5T_IEEE_F64LE : H5T_STD_I64LE;
}

static size_t size_of(enum cal_array_type type)
{
    return type == CAL_F32 ? sizeof(float) : sizeof(double);
}

/* ---- errors ---- */

static herr_t copy_innermost(unsigned n, const H5E_error2_t *error, void *text)
{
    if (n == 0)
        snprintf(text, 256, "%s", error->desc && error->desc[0] ? error->desc : "no reason given");
    return 0;
}

void cal_h5_forget(struct cal_h5 *f)
{
    H5Eclear2(H5E_DEFAULT);
    f->note.read_error = 0;
}

int cal_h5_fail(struct cal_h5 *f, int code, const char *format, ...)
{
    char what[160], reason[256] = "no reason given";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, copy_innermost, reason);
    int error = f->note.write_error ? f->note.write_error : f->note.read_error;
    cal_h5_forget(f);
    return cal_fail(code, "%s: %s: %s", f->path, what, error ? strerror(error) : reason);
}

/* ---- files ---- */

/* Hand out what was opened, or say why not. */
static int opened(struct cal_h5 *f, hid_t access, int code, const char *what, struct cal_h5 **out)
{
    int err = f->id < 0 ? cal_h5_fail(f, code, "%s", what) : CAL_OK;
    H5Pclose(access);
    cal_h5_forget(f); /* creating looks for an old file first */
    *out = f;
    if (err) {
        cal_free(f->path);
        cal_free(f);
        *out = NULL;
    }
    return err;
}

static struct cal_h5 *begin(const char *path, hid_t *access)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    struct cal_h5 *f = cal_alloc(sizeof *f);
    f->path = cal_strdup(path);
    *access = cal_h5_driver_access(&f->note);
    CAL_ASSERT(*access >= 0);
    return f;
}

int cal_h5_create(const char *path, struct cal_h5 **out)
{
    hid_t access;
    struct cal_h5 *f = begin(path, &access);
    f->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    return opened(f, access, CAL_EIO, "cannot create", out);
}

int cal_h5_open(const char *path, bool writable, struct cal_h5 **out)
{
    hid_t access;
    struct cal_h5 *f = begin(path, &access);
    f->id = H5Fopen(path, writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
    bool forbidden = writable && (f->note.read_error == EACCES || f->note.read_error == EROFS || f->note.read_error == EPERM);
    return opened(f, access, forbidden ? CAL_EIO : CAL_EINPUT, writable ? "cannot open for writing" : "cannot open", out);
}

int cal_h5_close(struct cal_h5 *f, bool sync)
{
    f->note.sync = sync;
    int err = CAL_OK;
    if (H5Fclose(f->id) < 0 || f->note.write_error)
        err = cal_h5_fail(f, CAL_EIO, "cannot finish writing");
    cal_free(f->path);
    cal_free(f);
    return err;
}

void cal_h5_drop(struct cal_h5 *f)
{
    if (!f)
        return;
    H5Fclose(f->id);
    H5Eclear2(H5E_DEFAULT);
    cal_free(f->path);
    cal_free(f);
}

int cal_h5_flush(struct cal_h5 *f)
{
    if (H5Fflush(f->id, H5F_SCOPE_LOCAL) < 0 || f->note.write_error)
        return cal_h5_fail(f, CAL_EIO, "cannot write");
    return CAL_OK;
}

/* ---- datasets ---- */

/* One chunk where the data are small; else cut along the first axis, and further only where one row is too large by itself. */
static void choose_chunk(int n_dims, const size_t *dims, size_t value_bytes, hsize_t *chunk)
{
    size_t bytes = value_bytes;
    for (int d = 0; d < n_dims; d++) {
        chunk[d] = dims[d];
        bytes *= dims[d];
    }
    for (int d = 0; d < n_dims && bytes > CHUNK_BYTES; d++) {
        size_t one = bytes / dims[d];
        chunk[d] = one < CHUNK_BYTES ? CHUNK_BYTES / one : 1;
        bytes = one * chunk[d];
    }
}

/* How a dataset is laid out: no times in the header, so that equal content is equal bytes. */
static hid_t dataset_creation(enum cal_array_type type, int n_dims, const size_t *dims)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(list, false);
    size_t count = 1;
    for (int d = 0; d < n_dims; d++)
        count *= dims[d];
    if (count > 0) { /* an empty dataset cannot be chunked */
        hsize_t chunk[CAL_DIMS_MAX] = {0};
        choose_chunk(n_dims, dims, size_of(type), chunk);
        H5Pset_chunk(list, n_dims, chunk);
        H5Pset_fletcher32(list);
    }
    return list;
}

int cal_h5_write(struct cal_h5 *f, const char *name, enum cal_array_type type, int n_dims, const size_t *dims, const void *data)
{
    CAL_ASSERT(n_dims >= 1 && n_dims <= CAL_DIMS_MAX);
    hsize_t extent[CAL_DIMS_MAX] = {0};
    for (int d = 0; d < n_dims; d++)
        extent[d] = dims[d];
    hid_t space = H5Screate_simple(n_dims, extent, NULL);
    hid_t creation = dataset_creation(type, n_dims, dims);
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    hid_t set = H5Dcreate2(f->id, name, stored(type), space, link, creation, H5P_DEFAULT);
    int err = CAL_OK;
    if (set < 0 || H5Dwrite(set, native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    if (set >= 0 && H5Dclose(set) < 0 && !err)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    H5Pclose(link);
    H5Pclose(creation);
    H5Sclose(space);
    return err || !f->note.write_error ? err : cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
}

static int open_dataset(struct cal_h5 *f, const char *name, hid_t *set)
{
    *set = H5Dopen2(f->id, name, H5P_DEFAULT);
    if (*set >= 0)
        return CAL_OK;
    if (cal_h5_has(f, name))
        return cal_h5_fail(f, CAL_EINPUT, "cannot read `%s`", name);
    cal_h5_forget(f);
    return cal_fail(CAL_EINPUT, "%s: there is no dataset `%s`", f->path, name);
}

static int shape_of(struct cal_h5 *f, const char *name, hid_t set, int *n_dims, size_t *dims)
{
    hsize_t extent[H5S_MAX_RANK];
    hid_t space = H5Dget_space(set);
    int n = H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    if (n < 0 || n > CAL_DIMS_MAX)
        return cal_fail(CAL_EINPUT, "%s: `%s` has %d dimensions, expected at most %d", f->path, name, n, CAL_DIMS_MAX);
    *n_dims = n;
    for (int d = 0; d < n; d++)
        dims[d] = (size_t)extent[d];
    return CAL_OK;
}

int cal_h5_shape(struct cal_h5 *f, const char *name, int *n_dims, size_t *dims)
{
    hid_t set;
    int err = open_dataset(f, name, &set);
    if (err)
        return err;
    err = shape_of(f, name, set, n_dims, dims);
    H5Dclose(set);
    return err;
}

/* "8 x 64", in `text` of 96 bytes. */
static const char *shape_text(char *text, int n_dims, const size_t *dims)
{
    int at = snprintf(text, 96, "%s", n_dims ? "" : "one value");
    for (int d = 0; d < n_dims; d++)
        at += snprintf(text + at, 96 - (size_t)at, d ? " x %zu" : "%zu", dims[d]);
    return text;
}

int cal_h5_read(struct cal_h5 *f, const char *name, enum cal_array_type type, int n_dims, const size_t *dims, void *data)
{
    char found[96], expected[96];
    size_t have[CAL_DIMS_MAX];
    int n_have = 0;
    hid_t set;
    int err = open_dataset(f, name, &set);
    if (err)
        return err;
    err = shape_of(f, name, set, &n_have, have);
    if (!err && (n_have != n_dims || memcmp(have, dims, (size_t)n_dims * sizeof *dims) != 0))
        err = cal_fail(CAL_EINPUT, "%s: `%s` has shape %s, expected %s", f->path, name, shape_text(found, n_have, have),
                       shape_text(expected, n_dims, dims));
    if (!err && H5Dread(set, native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        err = cal_h5_fail(f, CAL_EINPUT, "cannot read `%s`", name);
    H5Dclose(set);
    return err;
}

/* Read the hyperslab of rows from an open dataset whose shape is known to hold it. */
static int read_slab(struct cal_h5 *f, const char *name, hid_t set, enum cal_array_type type, int n_dims, const size_t *dims, size_t first,
                     size_t count, void *data)
{
    hsize_t start[CAL_DIMS_MAX] = {first}, extent[CAL_DIMS_MAX] = {count};
    for (int d = 1; d < n_dims; d++)
        extent[d] = dims[d];
    hid_t in_file = H5Dget_space(set), in_memory = H5Screate_simple(n_dims, extent, NULL);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, extent, NULL);
    int err = CAL_OK;
    if (H5Dread(set, native(type), in_memory, in_file, H5P_DEFAULT, data) < 0)
        err = cal_h5_fail(f, CAL_EINPUT, "cannot read `%s`", name);
    H5Sclose(in_memory);
    H5Sclose(in_file);
    return err;
}

int cal_h5_read_rows(struct cal_h5 *f, const char *name, enum cal_array_type type, size_t first, size_t count, void *data)
{
    size_t dims[CAL_DIMS_MAX];
    int n_dims = 0;
    hid_t set;
    int err = open_dataset(f, name, &set);
    if (err)
        return err;
    err = shape_of(f, name, set, &n_dims, dims);
    if (!err && (n_dims == 0 || first > dims[0] || count > dims[0] - first))
        err = cal_fail(CAL_EINPUT, "%s: `%s` has %zu rows, expected at least %zu", f->path, name, n_dims ? dims[0] : 0, first + count);
    if (!err && count > 0)
        err = read_slab(f, name, set, type, n_dims, dims, first, count, data);
    H5Dclose(set);
    return err;
}

bool cal_h5_has(struct cal_h5 *f, const char *name)
{
    hid_t object = H5Oopen(f->id, name, H5P_DEFAULT);
    if (object >= 0)
        H5Oclose(object);
    cal_h5_forget(f);
    return object >= 0;
}

bool cal_h5_is_integer(struct cal_h5 *f, const char *name)
{
    hid_t set = H5Dopen2(f->id, name, H5P_DEFAULT);
    bool integer = false;
    if (set >= 0) {
        hid_t type = H5Dget_type(set);
        integer = H5Tget_class(type) == H5T_INTEGER;
        H5Tclose(type);
        H5Dclose(set);
    }
    cal_h5_forget(f);
    return integer;
}

/* ---- layouts ---- */

static int each_array(struct cal_h5 *f, const char *group, const struct cal_layout *l, enum cal_array_role role, bool save)
{
    int err = CAL_OK;
    for (int i = 0; i < l->n && !err; i++) {
        const struct cal_array *a = &l->arrays[i];
        if (a->role != role)
            continue;
        char *name = cal_sprintf("%s/%s", group, a->name);
        err = save ? cal_h5_write(f, name, a->type, a->n_dims, a->dims, cal_array_data(a))
                   : cal_h5_read(f, name, a->type, a->n_dims, a->dims, cal_array_data(a));
        cal_free(name);
    }
    return err;
}

int cal_h5_save_layout(struct cal_h5 *f, const char *group, const struct cal_layout *l, enum cal_array_role role)
{
    return each_array(f, group, l, role, true);
}

int cal_h5_load_layout(struct cal_h5 *f, const char *group, const struct cal_layout *l, enum cal_array_role role)
{
    return each_array(f, group, l, role, false);
}

const char *cal_h5_library(void)
{
    static char name[32];
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    snprintf(name, sizeof name, "HDF5 %u.%u.%u", major, minor, release);
    return name;
}
