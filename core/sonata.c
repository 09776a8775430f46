/* core/sonata.c - see sonata.h. The layout, names and types are those that BMTK and libsonata look for. */
#include "core/sonata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hdf5.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/h5_internal.h"
#include "core/mem.h"

#define MAGIC 0x0A7A
#define CHUNK_BYTES ((size_t)1 << 20) /* what HDF5's chunk cache holds */

/* ---- a new file ---- */

static hid_t make_group(struct cal_h5 *f, const char *name)
{
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    hid_t group = H5Gcreate2(f->id, name, link, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(link);
    return group;
}

/* A small dataset `group/name`, never to grow, of n values. */
static int put(struct cal_h5 *f, hid_t group, const char *name, hid_t in_file, hid_t in_memory, size_t n, const void *values)
{
    hsize_t extent = n;
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, false);
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t set = H5Dcreate2(group, name, in_file, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    int err = CAL_OK;
    if (set < 0 || H5Dwrite(set, in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 || f->note.write_error)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `mapping/%s`", name);
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(creation);
    return err;
}

/* An attribute of n unsigned numbers; n = 0: a scalar. */
static int mark(struct cal_h5 *f, hid_t object, const char *name, hid_t in_file, size_t n, const unsigned *values)
{
    hsize_t extent = n;
    hid_t space = n ? H5Screate_simple(1, &extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, in_file, space, H5P_DEFAULT, H5P_DEFAULT);
    int err = CAL_OK;
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_UINT, values) < 0 || f->note.write_error)
        err = cal_h5_fail(f, CAL_EIO, "cannot write the attribute `%s`", name);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return err;
}

static int mark_root(struct cal_h5 *f)
{
    int err = mark(f, f->id, "magic", H5T_STD_U32LE, 0, (unsigned[]){MAGIC});
    return err ? err : mark(f, f->id, "version", H5T_STD_U32LE, 2, (unsigned[]){0, 1});
}

/* mapping/: node = unit, one value a node. */
static int put_mapping(struct cal_h5 *f, const char *population, size_t units)
{
    char *name = cal_sprintf("/report/%s/mapping", population), *time = cal_sprintf("%s/time", name),
         *nodes = cal_sprintf("%s/node_ids", name);
    uint64_t *numbers = cal_alloc((units + 1) * sizeof *numbers);
    void *zeros = cal_alloc(units * 4); /* as uint32 and as float32 */
    for (size_t i = 0; i <= units; i++)
        numbers[i] = i;
    hid_t group = make_group(f, name);
    int err = group < 0 ? cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name) : CAL_OK;
    if (!err)
        err = put(f, group, "node_ids", H5T_STD_U64LE, H5T_NATIVE_UINT64, units, numbers);
    if (!err)
        err = put(f, group, "index_pointers", H5T_STD_U64LE, H5T_NATIVE_UINT64, units + 1, numbers);
    if (!err && H5Lcreate_hard(group, "index_pointers", group, "index_pointer", H5P_DEFAULT, H5P_DEFAULT) < 0)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    if (!err)
        err = put(f, group, "element_ids", H5T_STD_U32LE, H5T_NATIVE_UINT32, units, zeros);
    if (!err)
        err = put(f, group, "element_pos", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, units, zeros);
    if (!err)
        err = put(f, group, "time", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 3, (double[]){0.0, 0.0, 1.0});
    if (!err)
        err = cal_h5_set_text(f, time, "units", "ms");
    hid_t set = err ? -1 : H5Dopen2(f->id, nodes, H5P_DEFAULT);
    if (!err)
        err = mark(f, set, "sorted", H5T_STD_U8LE, 0, (unsigned[]){1});
    if (set >= 0)
        H5Dclose(set);
    if (group >= 0)
        H5Gclose(group);
    cal_free(zeros);
    cal_free(numbers);
    cal_free(nodes);
    cal_free(time);
    cal_free(name);
    return err;
}

/* data (0, units), to grow; a chunk is a block where that is not too large. */
static int put_data(struct cal_h5 *f, const char *name, size_t units, size_t room)
{
    size_t fit = CHUNK_BYTES / (units * sizeof(float));
    hsize_t extent[2] = {0, units}, most[2] = {H5S_UNLIMITED, units}, chunk[2] = {room < fit ? room : fit ? fit : 1, units};
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, false);
    H5Pset_chunk(creation, 2, chunk);
    hid_t space = H5Screate_simple(2, extent, most);
    hid_t set = H5Dcreate2(f->id, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    int err = set < 0 || f->note.write_error ? cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name) : CAL_OK;
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(creation);
    return err;
}

/* The file at s->path with everything but frames. */
static int create_report(const struct cal_sonata *s, const char *variable, const char *unit)
{
    struct cal_h5 *f;
    int err = cal_h5_create(s->path, &f);
    if (err)
        return err;
    char *data = cal_sprintf("/report/%s/data", s->population);
    err = mark_root(f);
    if (!err)
        err = put_mapping(f, s->population, (size_t)s->units);
    if (!err)
        err = put_data(f, data, (size_t)s->units, s->room);
    if (!err)
        err = cal_h5_set_text(f, data, "units", unit);
    if (!err)
        err = cal_h5_set_text(f, data, "variable", variable);
    if (!err)
        err = cal_h5_set_i64(f, data, "rows_per_step", s->rows_per_step);
    cal_free(data);
    if (!err)
        return cal_h5_close(f, false);
    cal_h5_drop(f);
    return err;
}

/* ---- appending ---- */

/* Write `count` rows behind the `first` that are there. */
static int write_rows(struct cal_h5 *f, const char *name, size_t first, size_t count, size_t units, const float *rows)
{
    hsize_t start[2] = {first, 0}, extent[2] = {count, units}, grown[2] = {first + count, units};
    hid_t set = H5Dopen2(f->id, name, H5P_DEFAULT);
    if (set < 0)
        return cal_h5_fail(f, CAL_EINPUT, "cannot open `%s`", name);
    hid_t in_file = -1, in_memory = H5Screate_simple(2, extent, NULL);
    int err = CAL_OK;
    if (H5Dset_extent(set, grown) < 0 || (in_file = H5Dget_space(set)) < 0 ||
        H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, extent, NULL) < 0 ||
        H5Dwrite(set, H5T_NATIVE_FLOAT, in_memory, in_file, H5P_DEFAULT, rows) < 0)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    if (in_file >= 0)
        H5Sclose(in_file);
    H5Sclose(in_memory);
    if (H5Dclose(set) < 0 && !err)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    return err;
}

static int write_time(struct cal_h5 *f, const char *name, size_t frames)
{
    const double range[3] = {0.0, (double)frames, 1.0};
    hid_t set = H5Dopen2(f->id, name, H5P_DEFAULT);
    int err = CAL_OK;
    if (set < 0 || H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, range) < 0)
        err = cal_h5_fail(f, CAL_EIO, "cannot write `%s`", name);
    if (set >= 0)
        H5Dclose(set);
    return err;
}

/* Readers count frames by `time`: it is raised when the rows are in the file. */
int cal_sonata_flush(struct cal_sonata *s)
{
    if (s->held == 0)
        return CAL_OK;
    struct cal_h5 *f;
    int err = cal_h5_open(s->path, true, &f);
    if (err)
        return err;
    char *data = cal_sprintf("/report/%s/data", s->population), *time = cal_sprintf("/report/%s/mapping/time", s->population);
    err = write_rows(f, data, s->written, s->held, (size_t)s->units, s->block);
    if (!err)
        err = cal_h5_flush(f);
    if (!err)
        err = write_time(f, time, s->written + s->held);
    cal_free(time);
    cal_free(data);
    if (err)
        cal_h5_drop(f);
    else
        err = cal_h5_close(f, false);
    if (err)
        return err;
    s->written += s->held;
    s->held = 0;
    return CAL_OK;
}

int cal_sonata_append(struct cal_sonata *s, const float *data, int rows)
{
    size_t units = (size_t)s->units, left = (size_t)rows;
    while (left > 0) {
        size_t n = s->room - s->held < left ? s->room - s->held : left;
        memcpy(s->block + s->held * units, data, n * units * sizeof *data);
        s->held += n;
        data += n * units;
        left -= n;
        int err = s->held == s->room ? cal_sonata_flush(s) : CAL_OK;
        if (err)
            return err;
    }
    return CAL_OK;
}

static void release(struct cal_sonata *s)
{
    cal_free(s->path);
    cal_free(s->population);
    cal_free(s->block);
    memset(s, 0, sizeof *s);
}

void cal_sonata_drop(struct cal_sonata *s)
{
    release(s);
}

int cal_sonata_finish(struct cal_sonata *s)
{
    int err = cal_sonata_flush(s);
    release(s);
    return err;
}

/* ---- reading ---- */

/* Frames by the time range, which the rows must cover, and units. */
int cal_sonata_measure(struct cal_h5 *f, const char *population, size_t *frames, size_t *units)
{
    char *data = cal_sprintf("/report/%s/data", population), *time = cal_sprintf("/report/%s/mapping/time", population);
    double range[3];
    size_t dims[CAL_DIMS_MAX];
    int n_dims;
    int err = cal_h5_shape(f, data, &n_dims, dims);
    if (!err)
        err = cal_h5_read(f, time, CAL_F64, 1, (size_t[]){3}, range);
    if (!err && (n_dims != 2 || range[2] != 1.0 || !(range[1] >= range[0]) || range[1] - range[0] > (double)dims[0]))
        err = cal_fail(CAL_EINPUT, "%s: not a report of one frame a step: its time range is %g, %g, %g", f->path, range[0], range[1],
                       range[2]);
    cal_free(time);
    cal_free(data);
    if (err)
        return err;
    *frames = (size_t)(range[1] - range[0]);
    *units = dims[1];
    return CAL_OK;
}

int cal_sonata_read(const char *path, const char *population, size_t *frames, size_t *units, float **data)
{
    struct cal_h5 *f;
    int err = cal_h5_open(path, false, &f);
    if (err)
        return err;
    err = cal_sonata_measure(f, population, frames, units);
    if (!err) {
        char *name = cal_sprintf("/report/%s/data", population);
        *data = cal_alloc(*frames * *units * sizeof **data);
        err = cal_h5_read_rows(f, name, CAL_F32, 0, *frames, *data);
        if (err)
            cal_free(*data);
        cal_free(name);
    }
    cal_h5_drop(f);
    return err;
}

/* ---- starting ---- */

/* Is the file a report like s, of at least `keep` frames? */
static int check_kept(struct cal_h5 *f, const struct cal_sonata *s, const char *variable, size_t keep)
{
    size_t frames, units;
    int64_t rows_per_step;
    char found[64];
    int err = cal_sonata_measure(f, s->population, &frames, &units);
    if (err)
        return err;
    char *data = cal_sprintf("/report/%s/data", s->population);
    err = cal_h5_get_i64(f, data, "rows_per_step", &rows_per_step);
    if (!err)
        err = cal_h5_get_text(f, data, "variable", found, sizeof found);
    cal_free(data);
    if (err)
        return err;
    if (units != (size_t)s->units || rows_per_step != s->rows_per_step || strcmp(found, variable) != 0)
        return cal_fail(CAL_EINPUT, "%s: has %zu units of `%s`, %lld rows a step; expected %d of `%s`, %d", f->path, units, found,
                        (long long)rows_per_step, s->units, variable, s->rows_per_step);
    if (frames < keep)
        return cal_fail(CAL_EINPUT, "%s: has %zu frames, expected at least %zu", f->path, frames, keep);
    return CAL_OK;
}

/* The first `keep` frames of f, through s's block, into the new report s. */
static int copy_frames(struct cal_h5 *f, struct cal_sonata *s, size_t keep)
{
    char *data = cal_sprintf("/report/%s/data", s->population);
    int err = CAL_OK;
    while (!err && s->written < keep) {
        s->held = keep - s->written < s->room ? keep - s->written : s->room;
        err = cal_h5_read_rows(f, data, CAL_F32, s->written, s->held, s->block);
        if (!err)
            err = cal_sonata_flush(s);
    }
    cal_free(data);
    return err;
}

/* Was the file left by a close, with just `keep` frames? A kill within a flush leaves frames that the time range does not have, or bytes
 * beyond the space that HDF5 knows of. */
static bool ends_cleanly(struct cal_h5 *f, const struct cal_sonata *s, size_t keep)
{
    char *data = cal_sprintf("/report/%s/data", s->population);
    size_t frames, units, dims[CAL_DIMS_MAX];
    int n_dims;
    hsize_t size;
    haddr_t allocated;
    bool clean = !cal_sonata_measure(f, s->population, &frames, &units) && frames == keep && !cal_h5_shape(f, data, &n_dims, dims) &&
                 dims[0] == keep && H5Fget_filesize(f->id, &size) >= 0 && H5Fget_eoa(f->id, &allocated) >= 0 && size == allocated;
    cal_free(data);
    return clean;
}

/* Make the new report beside the old one, copy, and let it take the old one's place. */
static int copy_report(struct cal_h5 *old, struct cal_sonata *s, const char *variable, const char *unit, size_t keep)
{
    char *path = s->path;
    s->path = cal_sprintf("%s.new", path);
    int err = create_report(s, variable, unit);
    if (!err)
        err = copy_frames(old, s, keep);
    if (!err && rename(s->path, path) < 0)
        err = cal_fail(CAL_EIO, "%s: cannot take the place of %s: %s", s->path, path, strerror(errno));
    if (err)
        remove(s->path);
    cal_free(s->path);
    s->path = path;
    return err;
}

static int go_on(struct cal_sonata *s, const char *variable, const char *unit, size_t keep)
{
    struct cal_h5 *old;
    int err = cal_h5_open(s->path, false, &old);
    if (err)
        return err;
    err = check_kept(old, s, variable, keep);
    if (!err && ends_cleanly(old, s, keep))
        s->written = keep;
    else if (!err)
        err = copy_report(old, s, variable, unit, keep);
    cal_h5_drop(old);
    return err;
}

int cal_sonata_init(struct cal_sonata *s, const char *path, const char *population, const char *variable, const char *unit, int units,
                    int rows_per_step, size_t room, size_t keep)
{
    CAL_ASSERT(units > 0 && rows_per_step > 0 && room > 0);
    *s = (struct cal_sonata){
        .path = cal_strdup(path), .population = cal_strdup(population), .units = units, .rows_per_step = rows_per_step, .room = room};
    s->block = cal_alloc(room * (size_t)units * sizeof *s->block);
    int err = keep ? go_on(s, variable, unit, keep) : create_report(s, variable, unit);
    if (err)
        release(s);
    return err;
}

/* ---- beside a report ---- */

int cal_sonata_set_i64(const char *path, const char *population, const char *name, int64_t value)
{
    struct cal_h5 *f;
    int err = cal_h5_open(path, true, &f);
    if (err)
        return err;
    char *data = cal_sprintf("/report/%s/data", population);
    err = cal_h5_set_i64(f, data, name, value);
    cal_free(data);
    if (!err)
        return cal_h5_close(f, false);
    cal_h5_drop(f);
    return err;
}

int cal_sonata_get_i64(const char *path, const char *population, const char *name, int64_t *value)
{
    struct cal_h5 *f;
    int err = cal_h5_open(path, false, &f);
    if (err)
        return err;
    char *data = cal_sprintf("/report/%s/data", population);
    err = cal_h5_get_i64(f, data, name, value);
    cal_free(data);
    cal_h5_drop(f);
    return err;
}

int cal_sonata_master(const char *path, int n, const char *const *populations, const char *const *files)
{
    struct cal_h5 *f;
    int err = cal_h5_create(path, &f);
    if (err)
        return err;
    err = mark_root(f);
    for (int i = 0; i < n && !err; i++) {
        char *name = cal_sprintf("/report/%s", populations[i]);
        err = cal_h5_link(f, name, files[i], name);
        cal_free(name);
    }
    if (!err)
        return cal_h5_close(f, false);
    cal_h5_drop(f);
    return err;
}
