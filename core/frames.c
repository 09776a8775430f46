/* core/frames.c - see frames.h. */
#include "core/frames.h"

#include <hdf5.h>

#include "core/err.h"
#include "core/h5_internal.h"
#include "core/mem.h"

struct cal_frames {
    struct cal_h5 *file; /* [own] */
    char *data;          /* [own] name of the dataset */
    hid_t set;           /* [own] it, (count, units) */
    size_t count, units;
};

/* Without a cache of chunks: HDF5 would read a whole one, 1 MiB, for each frame that is asked for out of order. The system's cache is enough. */
static int open_data(struct cal_frames *f)
{
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT);
    f->set = H5Dopen2(f->file->id, f->data, access);
    H5Pclose(access);
    return f->set < 0 ? cal_h5_fail(f->file, CAL_EINPUT, "cannot read `%s`", f->data) : CAL_OK;
}

int cal_frames_open(const char *path, const char *population, struct cal_frames **out)
{
    struct cal_frames *f = cal_alloc(sizeof *f);
    f->set = -1;
    f->data = cal_sprintf("/report/%s/data", population);
    int err = cal_h5_open(path, false, &f->file);
    if (!err)
        err = cal_sonata_measure(f->file, population, &f->count, &f->units);
    if (!err)
        err = open_data(f);
    if (err) {
        cal_frames_close(f);
        f = NULL;
    }
    *out = f;
    return err;
}

void cal_frames_close(struct cal_frames *f)
{
    if (!f)
        return;
    if (f->set >= 0)
        H5Dclose(f->set);
    cal_h5_drop(f->file);
    cal_free(f->data);
    cal_free(f);
}

size_t cal_frames_count(const struct cal_frames *f)
{
    return f->count;
}

size_t cal_frames_units(const struct cal_frames *f)
{
    return f->units;
}

int64_t cal_frames_number(struct cal_frames *f, const char *name, int64_t otherwise)
{
    int64_t value;
    return H5Aexists(f->set, name) > 0 && !cal_h5_get_i64(f->file, f->data, name, &value) ? value : otherwise;
}

int cal_frames_read(struct cal_frames *f, size_t n, const uint32_t *frame, float *out)
{
    const hsize_t extent[2] = {1, f->units};
    hid_t in_file = H5Dget_space(f->set), in_memory = H5Screate_simple(2, extent, NULL);
    int err = CAL_OK;
    for (size_t i = 0; i < n && !err; i++) {
        CAL_ASSERT(frame[i] < f->count);
        const hsize_t start[2] = {frame[i], 0};
        if (H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, extent, NULL) < 0 ||
            H5Dread(f->set, H5T_NATIVE_FLOAT, in_memory, in_file, H5P_DEFAULT, out + i * f->units) < 0)
            err = cal_h5_fail(f->file, CAL_EINPUT, "cannot read frame %lu of `%s`", (unsigned long)frame[i], f->data);
    }
    H5Sclose(in_memory);
    H5Sclose(in_file);
    return err;
}
