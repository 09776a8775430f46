/* tests/picture_file.h - write stimulus files, good and bad, with HDF5 itself, for the tests that read them. */
#ifndef CAL_TESTS_PICTURE_FILE_H
#define CAL_TESTS_PICTURE_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>

static inline hid_t new_file(const char *path)
{
    hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(f >= 0);
    return f;
}

static inline void put(hid_t f, const char *name, hid_t stored, hid_t native, int n_dims, const hsize_t *dims, const void *data)
{
    hid_t space = H5Screate_simple(n_dims, dims, NULL);
    hid_t set = H5Dcreate2(f, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    if (data)
        assert_true(H5Dwrite(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static inline void put_bytes(hid_t f, const char *name, hsize_t n, hsize_t c, hsize_t h, hsize_t w, const uint8_t *data)
{
    put(f, name, H5T_STD_U8LE, H5T_NATIVE_UINT8, 4, (const hsize_t[]){n, c, h, w}, data);
}

static inline void put_labels(hid_t f, const char *name, hsize_t n, const int *data)
{
    put(f, name, H5T_STD_I32LE, H5T_NATIVE_INT, 1, &n, data);
}

#endif
