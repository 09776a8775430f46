/* tests/test_h5.c - HDF5 files: what is written is read, what is damaged is refused, what cannot be written is said, nothing leaks. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"
#include "tests/fixtures.h"

static char dir[64], file_a[96], file_b[96];

/* ---- helpers ---- */

static int setup_dir(void **state)
{
    (void)state;
    if (scratch_folder(dir, sizeof dir))
        return -1;
    snprintf(file_a, sizeof file_a, "%s/a.h5", dir);
    snprintf(file_b, sizeof file_b, "%s/b.h5", dir);
    signal(SIGXFSZ, SIG_IGN);
    return 0;
}

static int teardown_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static hsize_t ids_open(void)
{
    const H5I_type_t types[] = {H5I_FILE, H5I_GROUP, H5I_DATASPACE, H5I_DATASET, H5I_ATTR};
    hsize_t sum = 0, n;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (H5Inmembers(types[i], &n) >= 0)
            sum += n;
    if (H5Inmembers(H5I_GENPROP_LST, &n) >= 0)
        sum += n; /* HDF5 keeps some of its own: compared before and after */
    return sum;
}

static hsize_t ids_before;
static size_t bytes_before;

static int before_each(void **state)
{
    (void)state;
    cal_err_clear();
    struct cal_h5 *f; /* lets HDF5 and the driver start, which keeps ids of their own */
    assert_int_equal(cal_h5_create(file_a, &f), CAL_OK);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
    ids_before = ids_open();
    bytes_before = cal_mem_now_bytes();
    return 0;
}

/* No handle, no memory and no file is left by any test. */
static int after_each(void **state)
{
    (void)state;
    remove(file_a);
    remove(file_b);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    assert_int_equal(ids_open(), ids_before);
    assert_int_equal(cal_mem_now_bytes(), bytes_before);
    return 0;
}

static size_t read_bytes(const char *path, unsigned char **bytes)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    size_t n = (size_t)ftell(in);
    rewind(in);
    *bytes = malloc(n);
    assert_int_equal(fread(*bytes, 1, n, in), n);
    fclose(in);
    return n;
}

static void write_bytes(const char *path, const unsigned char *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

#define ROWS 700
#define COLS 600 /* 1.6 MB of float32: more than one chunk */

static float value_at(size_t i)
{
    return (float)(i % 9973) * 0.37f - 11.0f;
}

static float *make_big(void)
{
    float *big = malloc(ROWS * COLS * sizeof *big);
    for (size_t i = 0; i < ROWS * COLS; i++)
        big[i] = value_at(i);
    return big;
}

/* A file with every kind of content; returns what the last step said. */
static int write_sample(const char *path, bool sync)
{
    struct cal_h5 *f;
    float *big = make_big();
    const double doubles[6] = {1.0 / 3.0, -2e300, 3, 4, 5, 6};
    const int64_t integers[3] = {INT64_MIN, 0, INT64_MAX};
    int err = cal_h5_create(path, &f);
    if (!err) {
        err = cal_h5_write(f, "/state/big", CAL_F32, 2, (size_t[]){ROWS, COLS}, big);
        if (!err)
            err = cal_h5_write(f, "/state/deep/doubles", CAL_F64, 3, (size_t[]){1, 2, 3}, doubles);
        if (!err)
            err = cal_h5_write(f, "integers", CAL_I64, 1, (size_t[]){3}, integers);
        if (!err)
            err = cal_h5_set_text(f, "/", "kind", "cortex \xc3\xa9");
        if (!err)
            err = cal_h5_set_i64(f, "/state", "step", -1234567890123);
        if (!err)
            err = cal_h5_close(f, sync);
        else
            cal_h5_drop(f);
    }
    free(big);
    return err;
}

static void assert_says(const char *part)
{
    if (!strstr(cal_err_message(), part))
        fail_msg("`%s` does not say `%s`", cal_err_message(), part);
    assert_null(strchr(cal_err_message(), '\n'));
}

/* ---- tests ---- */

static void what_is_written_is_read(void **state)
{
    (void)state;
    assert_int_equal(write_sample(file_a, true), CAL_OK);
    struct cal_h5 *f;
    assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
    float *back = malloc(ROWS * COLS * sizeof *back), *big = make_big();
    assert_int_equal(cal_h5_read(f, "/state/big", CAL_F32, 2, (size_t[]){ROWS, COLS}, back), CAL_OK);
    assert_memory_equal(back, big, ROWS * COLS * sizeof *back);
    memset(back, 0, ROWS * COLS * sizeof *back);
    assert_int_equal(cal_h5_read_rows(f, "state/big", CAL_F32, 431, 17, back), CAL_OK);
    assert_memory_equal(back, big + 431 * COLS, 17 * COLS * sizeof *back);
    double doubles[6], as_double[COLS];
    assert_int_equal(cal_h5_read(f, "/state/deep/doubles", CAL_F64, 3, (size_t[]){1, 2, 3}, doubles), CAL_OK);
    assert_true(doubles[0] == 1.0 / 3.0 && doubles[1] == -2e300 && doubles[5] == 6);
    assert_int_equal(cal_h5_read_rows(f, "/state/big", CAL_F64, 699, 1, as_double), CAL_OK);
    assert_true(as_double[5] == (double)value_at(699 * COLS + 5));
    int64_t integers[3];
    assert_int_equal(cal_h5_read(f, "integers", CAL_I64, 1, (size_t[]){3}, integers), CAL_OK);
    assert_true(integers[0] == INT64_MIN && integers[1] == 0 && integers[2] == INT64_MAX);
    size_t dims[CAL_DIMS_MAX];
    int n_dims;
    assert_int_equal(cal_h5_shape(f, "/state/deep/doubles", &n_dims, dims), CAL_OK);
    assert_true(n_dims == 3 && dims[0] == 1 && dims[1] == 2 && dims[2] == 3);
    assert_true(cal_h5_has(f, "/state/deep") && !cal_h5_has(f, "/state/none") && !cal_h5_has(f, "/none/at/all"));
    assert_true(cal_h5_is_integer(f, "integers") && !cal_h5_is_integer(f, "/state/big") && !cal_h5_is_integer(f, "none"));
    free(big);
    free(back);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

static void empty_and_wide_datasets(void **state)
{
    (void)state;
    struct cal_h5 *f;
    size_t wide[2] = {2, 300000}, dims[CAL_DIMS_MAX]; /* a row of 2.4 MB */
    double *row = calloc(wide[0] * wide[1], sizeof *row), one;
    row[wide[1]] = 7.5;
    int n_dims;
    assert_int_equal(cal_h5_create(file_a, &f), CAL_OK);
    assert_int_equal(cal_h5_write(f, "empty", CAL_F32, 2, (size_t[]){0, 5}, NULL), CAL_OK);
    assert_int_equal(cal_h5_write(f, "wide", CAL_F64, 2, wide, row), CAL_OK);
    assert_int_equal(cal_h5_shape(f, "empty", &n_dims, dims), CAL_OK);
    assert_true(n_dims == 2 && dims[0] == 0 && dims[1] == 5);
    assert_int_equal(cal_h5_read_rows(f, "empty", CAL_F32, 0, 0, &one), CAL_OK);
    memset(row, 0, wide[0] * wide[1] * sizeof *row);
    assert_int_equal(cal_h5_read_rows(f, "wide", CAL_F64, 1, 1, row), CAL_OK);
    assert_true(row[0] == 7.5);
    free(row);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

static void bytes_as_floats(void **state)
{
    (void)state;
    const unsigned char pixels[4] = {0, 7, 128, 255};
    hid_t raw = H5Fcreate(file_a, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, (hsize_t[]){2, 2}, NULL);
    hid_t set = H5Dcreate2(raw, "images", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(raw);
    struct cal_h5 *f;
    float row[2];
    assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
    assert_true(cal_h5_is_integer(f, "images"));
    assert_int_equal(cal_h5_read_rows(f, "images", CAL_F32, 1, 1, row), CAL_OK);
    assert_true(row[0] == 128.0f && row[1] == 255.0f);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

static void attributes_and_links(void **state)
{
    (void)state;
    assert_int_equal(write_sample(file_a, false), CAL_OK);
    struct cal_h5 *f;
    int64_t number;
    char text[16], tiny[4];
    assert_int_equal(cal_h5_open(file_a, true, &f), CAL_OK);
    assert_int_equal(cal_h5_get_text(f, "/", "kind", text, sizeof text), CAL_OK);
    assert_string_equal(text, "cortex \xc3\xa9");
    assert_int_equal(cal_h5_get_text(f, "/", "kind", tiny, sizeof tiny), CAL_EINPUT);
    assert_int_equal(cal_h5_get_i64(f, "/state", "step", &number), CAL_OK);
    assert_true(number == -1234567890123);
    assert_int_equal(cal_h5_set_i64(f, "/state", "step", 8), CAL_OK); /* again */
    assert_int_equal(cal_h5_set_text(f, "/", "kind", "x"), CAL_OK);
    assert_int_equal(cal_h5_get_i64(f, "/state", "step", &number), CAL_OK);
    assert_true(number == 8);
    assert_int_equal(cal_h5_get_text(f, "/", "kind", tiny, sizeof tiny), CAL_OK);
    assert_string_equal(tiny, "x");
    assert_int_equal(cal_h5_get_i64(f, "/", "kind", &number), CAL_EINPUT);
    assert_says("not a whole number");
    assert_int_equal(cal_h5_get_text(f, "/state", "step", text, sizeof text), CAL_EINPUT);
    assert_int_equal(cal_h5_get_i64(f, "/state", "stop", &number), CAL_EINPUT);
    assert_says("no attribute `stop`");
    assert_int_equal(cal_h5_close(f, false), CAL_OK);

    assert_int_equal(cal_h5_create(file_b, &f), CAL_OK);
    assert_int_equal(cal_h5_link(f, "/far/state", "a.h5", "/state"), CAL_OK);
    assert_int_equal(cal_h5_link(f, "/far/gone", "nowhere.h5", "/state"), CAL_OK);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
    assert_int_equal(cal_h5_open(file_b, false, &f), CAL_OK);
    double doubles[6];
    assert_int_equal(cal_h5_read(f, "/far/state/deep/doubles", CAL_F64, 3, (size_t[]){1, 2, 3}, doubles), CAL_OK);
    assert_true(doubles[4] == 5);
    assert_false(cal_h5_has(f, "/far/gone"));
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

/* Text as other programs write it: of fixed length. */
static void fixed_text(void **state)
{
    (void)state;
    hid_t raw = H5Fcreate(file_a, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 5);
    hid_t attribute = H5Acreate2(raw, "split", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, "train") >= 0); /* no room for a 0 at the end */
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    H5Fclose(raw);
    struct cal_h5 *f;
    char text[8];
    assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
    assert_int_equal(cal_h5_get_text(f, "/", "split", text, sizeof text), CAL_OK);
    assert_string_equal(text, "train");
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

static void layouts(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct cal_layout l;
        float *w;
        double *m;
        long *n;
        cal_layout_init(&l);
        cal_layout_f32(&l, CAL_STATE, "weights", &w, (size_t[]){3, 4, 0});
        cal_layout_f64(&l, CAL_TAPE, "mean", &m, (size_t[]){2, 0});
        cal_layout_i64(&l, CAL_STATE, "steps", &n, (size_t[]){round ? 2 : 1, 0}); /* of another shape the second time */
        cal_layout_alloc(&l);
        struct cal_h5 *f;
        if (round == 0) {
            w[11] = 5.25f;
            m[1] = -1;
            n[0] = 99;
            assert_int_equal(cal_h5_create(file_a, &f), CAL_OK);
            assert_int_equal(cal_h5_save_layout(f, "/state", &l, CAL_STATE), CAL_OK);
            assert_int_equal(cal_h5_save_layout(f, "/tape-0", &l, CAL_TAPE), CAL_OK);
            assert_false(cal_h5_has(f, "/state/mean"));
            w[11] = 0;
            n[0] = 0;
            assert_int_equal(cal_h5_load_layout(f, "/state", &l, CAL_STATE), CAL_OK);
            assert_true(w[11] == 5.25f && n[0] == 99);
            assert_int_equal(cal_h5_load_layout(f, "/tape-1", &l, CAL_TAPE), CAL_EINPUT);
        } else {
            assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
            assert_int_equal(cal_h5_load_layout(f, "/state", &l, CAL_STATE), CAL_EINPUT);
            assert_says("`/state/steps` has shape 1, expected 2");
        }
        assert_int_equal(cal_h5_close(f, false), CAL_OK);
        cal_layout_finish(&l);
    }
}

static void equal_content_is_equal_bytes(void **state)
{
    (void)state;
    unsigned char *a, *b;
    assert_int_equal(write_sample(file_a, true), CAL_OK);
    nanosleep(&(struct timespec){1, 100000000}, NULL); /* HDF5's times are in seconds */
    assert_int_equal(write_sample(file_b, false), CAL_OK);
    size_t n_a = read_bytes(file_a, &a), n_b = read_bytes(file_b, &b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
}

static void what_is_missing(void **state)
{
    (void)state;
    struct cal_h5 *f;
    float x[8];
    assert_int_equal(cal_h5_open("no/such/file.h5", false, &f), CAL_EINPUT);
    assert_null(f);
    assert_string_equal(cal_err_message(), "no/such/file.h5: cannot open: No such file or directory");
    assert_int_equal(cal_h5_open(file_b, true, &f), CAL_EINPUT);
    assert_int_equal(cal_h5_create("no/such/file.h5", &f), CAL_EIO);
    assert_says("No such file or directory");
    assert_int_equal(cal_h5_open(dir, false, &f), CAL_EINPUT);
    assert_int_equal(write_sample(file_a, false), CAL_OK);
    assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "/state/small", CAL_F32, 1, (size_t[]){8}, x), CAL_EINPUT);
    assert_says("a.h5: there is no dataset `/state/small`");
    assert_int_equal(cal_h5_read(f, "/state/big", CAL_F32, 2, (size_t[]){4, 2}, x), CAL_EINPUT);
    assert_says("`/state/big` has shape 700 x 600, expected 4 x 2");
    assert_int_equal(cal_h5_read_rows(f, "integers", CAL_F32, 2, 2, x), CAL_EINPUT);
    assert_says("`integers` has 3 rows, expected at least 4");
    assert_int_equal(cal_h5_read_rows(f, "integers", CAL_F32, SIZE_MAX, 2, x), CAL_EINPUT);
    assert_int_equal(cal_h5_write(f, "new", CAL_F32, 1, (size_t[]){8}, x), CAL_EIO); /* opened for reading */
    cal_h5_drop(f);
    cal_h5_drop(NULL);
}

/* Open and read all; the code of the first failure. */
static int read_sample(const char *path)
{
    static float big[ROWS * COLS];
    double doubles[6];
    int64_t integers[3];
    struct cal_h5 *f;
    int err = cal_h5_open(path, false, &f);
    if (err)
        return err;
    err = cal_h5_read(f, "/state/big", CAL_F32, 2, (size_t[]){ROWS, COLS}, big);
    if (!err)
        err = cal_h5_read(f, "/state/deep/doubles", CAL_F64, 3, (size_t[]){1, 2, 3}, doubles);
    if (!err)
        err = cal_h5_read(f, "integers", CAL_I64, 1, (size_t[]){3}, integers);
    cal_h5_drop(f);
    return err;
}

static void what_is_damaged(void **state)
{
    (void)state;
    unsigned char *bytes;
    assert_int_equal(write_sample(file_a, false), CAL_OK);
    assert_int_equal(read_sample(file_a), CAL_OK);
    size_t n = read_bytes(file_a, &bytes);
    for (int i = 0; i < 40; i++) { /* cut anywhere */
        write_bytes(file_b, bytes, n * (size_t)i / 40);
        assert_int_equal(read_sample(file_b), CAL_EINPUT);
        assert_says(file_b);
    }
    const float *first = NULL; /* one bit of a stored value: Fletcher32 sees it */
    for (size_t at = 0; at + sizeof(float) <= n && !first; at++)
        if (memcmp(bytes + at, (float[]){value_at(0), value_at(1), value_at(2)}, 3 * sizeof(float)) == 0)
            first = (const float *)(const void *)(bytes + at);
    assert_non_null(first);
    bytes[(const unsigned char *)(const void *)first - bytes + 1] ^= 0x10;
    write_bytes(file_b, bytes, n);
    assert_int_equal(read_sample(file_b), CAL_EINPUT);
    assert_says("/state/big");
    for (size_t at = 0; at < n; at++)
        bytes[at] = (unsigned char)(at * 2654435761u >> 13);
    write_bytes(file_b, bytes, n);
    assert_int_equal(read_sample(file_b), CAL_EINPUT);
    free(bytes);
}

/* The disk is full from some byte on: said as CAL_EIO with the system's words, whichever of write, flush and close meets it, and
 * nothing crashes or stays open afterwards. A limit on the file's size stands in for the disk. */
static void a_full_disk(void **state)
{
    (void)state;
    unsigned char *bytes;
    assert_int_equal(write_sample(file_a, false), CAL_OK);
    size_t n = read_bytes(file_a, &bytes);
    free(bytes);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit whole = limit;
    for (int i = 0; i <= 50; i++) {
        limit.rlim_cur = n * (size_t)i / 50 - (i == 50);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int err = write_sample(file_b, i % 2);
        setrlimit(RLIMIT_FSIZE, &whole);
        assert_int_equal(err, CAL_EIO);
        assert_says("b.h5: cannot ");
        assert_says("File too large");
    }
    assert_int_equal(write_sample(file_b, true), CAL_OK); /* and goes on well after */
    assert_int_equal(read_sample(file_b), CAL_OK);
}

/* What was flushed is readable though the file was never closed. */
static void flushed_is_there(void **state)
{
    (void)state;
    struct cal_h5 *f;
    float x[3] = {1, 2, 3}, y[3] = {0};
    unsigned char *bytes;
    assert_int_equal(cal_h5_create(file_a, &f), CAL_OK);
    assert_int_equal(cal_h5_write(f, "x", CAL_F32, 1, (size_t[]){3}, x), CAL_OK);
    assert_int_equal(cal_h5_flush(f), CAL_OK);
    size_t n = read_bytes(file_a, &bytes);
    write_bytes(file_b, bytes, n);
    free(bytes);
    cal_h5_drop(f);
    assert_int_equal(cal_h5_open(file_b, false, &f), CAL_OK);
    assert_int_equal(cal_h5_read(f, "x", CAL_F32, 1, (size_t[]){3}, y), CAL_OK);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(empty_and_wide_datasets),
        TEST(bytes_as_floats),
        TEST(attributes_and_links),
        TEST(fixed_text),
        TEST(layouts),
        TEST(what_is_missing),
        TEST(equal_content_is_equal_bytes),
        TEST(what_is_damaged),
        TEST(a_full_disk),
        TEST(flushed_is_there),
    };
    return cmocka_run_group_tests(tests, setup_dir, teardown_dir);
}
