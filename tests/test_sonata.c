/* tests/test_sonata.c - frame reports: appended by blocks, readable between them, after a kill and on a full disk, resumed to equal bytes.
 * Called with two arguments, `test_sonata REPORT.h5 MASTER.h5`, it writes a report and a master of it, for tests/test_bmtk.py. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"
#include "core/sonata.h"
#include "tests/fixtures.h"

#define UNITS 5
#define B 6
#define POPULATION "V.3"

static char dir[64], file_a[96], file_b[96], file_new[104], file_master[96];
static size_t bytes_before;

static int setup_dir(void **state)
{
    (void)state;
    if (scratch_folder(dir, sizeof dir))
        return -1;
    snprintf(file_a, sizeof file_a, "%s/probe.V.3.code.h5", dir);
    snprintf(file_b, sizeof file_b, "%s/b.h5", dir);
    snprintf(file_new, sizeof file_new, "%s.new", file_a);
    snprintf(file_master, sizeof file_master, "%s/probe.code.h5", dir);
    signal(SIGXFSZ, SIG_IGN);
    return 0;
}

static int teardown_dir(void **state)
{
    (void)state;
    return rmdir(dir); /* fails where a test left a file */
}

static int before_each(void **state)
{
    (void)state;
    bytes_before = cal_mem_now_bytes();
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    remove(file_a);
    remove(file_b);
    remove(file_master);
    assert_int_not_equal(access(file_new, F_OK), 0);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    assert_int_equal(cal_mem_now_bytes(), bytes_before);
    return 0;
}

/* ---- helpers ---- */

static float value_at(size_t frame, size_t unit)
{
    return (float)frame * 0.5f - (float)unit * 1000.0f;
}

static void fill(float *rows, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t u = 0; u < UNITS; u++)
            rows[i * UNITS + u] = value_at(first + i, u);
}

static int start(struct cal_sonata *s, const char *path, size_t room, size_t keep)
{
    return cal_sonata_init(s, path, POPULATION, "code", "1", UNITS, B, room, keep);
}

/* Append steps first ... last-1, a step B frames. */
static int append_steps(struct cal_sonata *s, size_t first, size_t last)
{
    float rows[B * UNITS];
    int err = CAL_OK;
    for (size_t t = first; t < last && !err; t++) {
        fill(rows, t * B, B);
        err = cal_sonata_append(s, rows, B);
    }
    return err;
}

static int write_report(const char *path, size_t steps, size_t room)
{
    struct cal_sonata s;
    int err = start(&s, path, room, 0);
    if (err)
        return err;
    int first = append_steps(&s, 0, steps);
    err = cal_sonata_finish(&s);
    return first ? first : err;
}

/* The report reads, and every frame of it is right; returns their number. */
static size_t check_report(const char *path)
{
    size_t frames, units;
    float *data;
    if (cal_sonata_read(path, POPULATION, &frames, &units, &data))
        fail_msg("%s", cal_err_message());
    assert_int_equal(units, UNITS);
    for (size_t i = 0; i < frames; i++)
        for (size_t u = 0; u < UNITS; u++)
            assert_true(data[i * UNITS + u] == value_at(i, u));
    cal_free(data);
    return frames;
}

static void assert_same_bytes(const char *a, const char *b)
{
    FILE *in_a = fopen(a, "rb"), *in_b = fopen(b, "rb");
    assert_true(in_a && in_b);
    int x, y;
    do {
        x = getc(in_a);
        y = getc(in_b);
        assert_int_equal(x, y);
    } while (x != EOF);
    fclose(in_a);
    fclose(in_b);
}

/* ---- tests ---- */

static void the_layout(void **state)
{
    (void)state;
    assert_int_equal(write_report(file_a, 7, 10), CAL_OK);
    assert_int_equal(check_report(file_a), 7 * B);
    struct cal_h5 *f;
    assert_int_equal(cal_h5_open(file_a, false, &f), CAL_OK);
    int64_t number, node[UNITS], pointer[UNITS + 1];
    char text[16];
    double time[3];
    float position[UNITS];
    assert_int_equal(cal_h5_get_i64(f, "/", "magic", &number), CAL_OK);
    assert_int_equal(number, 0x0A7A);
    assert_int_equal(cal_h5_get_text(f, "/report/V.3/data", "units", text, sizeof text), CAL_OK);
    assert_string_equal(text, "1");
    assert_int_equal(cal_h5_get_text(f, "/report/V.3/data", "variable", text, sizeof text), CAL_OK);
    assert_string_equal(text, "code");
    assert_int_equal(cal_h5_get_i64(f, "/report/V.3/data", "rows_per_step", &number), CAL_OK);
    assert_int_equal(number, B);
    assert_int_equal(cal_h5_get_i64(f, "/report/V.3/mapping/node_ids", "sorted", &number), CAL_OK);
    assert_int_equal(number, 1);
    assert_int_equal(cal_h5_get_text(f, "/report/V.3/mapping/time", "units", text, sizeof text), CAL_OK);
    assert_string_equal(text, "ms");
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/node_ids", CAL_I64, 1, (size_t[]){UNITS}, node), CAL_OK);
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/index_pointers", CAL_I64, 1, (size_t[]){UNITS + 1}, pointer), CAL_OK);
    assert_true(node[0] == 0 && node[UNITS - 1] == UNITS - 1 && pointer[UNITS] == UNITS);
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/index_pointer", CAL_I64, 1, (size_t[]){UNITS + 1}, pointer), CAL_OK);
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/element_ids", CAL_I64, 1, (size_t[]){UNITS}, node), CAL_OK);
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/element_pos", CAL_F32, 1, (size_t[]){UNITS}, position), CAL_OK);
    assert_true(node[UNITS - 1] == 0 && position[UNITS - 1] == 0.0f);
    assert_int_equal(cal_h5_read(f, "/report/V.3/mapping/time", CAL_F64, 1, (size_t[]){3}, time), CAL_OK);
    assert_true(time[0] == 0.0 && time[1] == 7 * B && time[2] == 1.0);
    assert_int_equal(cal_h5_close(f, false), CAL_OK);
}

/* Any way of handing over the rows, any way to flush: the same file. */
static void bytes_do_not_depend_on_the_appends(void **state)
{
    (void)state;
    float *rows = malloc(50 * B * UNITS * sizeof *rows);
    struct cal_sonata s;
    fill(rows, 0, 50 * B);
    assert_int_equal(write_report(file_a, 50, 16), CAL_OK);
    assert_int_equal(start(&s, file_b, 16, 0), CAL_OK);
    for (size_t at = 0, n = 1; at < 50 * B; at += n, n = n % 40 + 3) {
        n = n < 50 * B - at ? n : 50 * B - at;
        assert_int_equal(cal_sonata_append(&s, rows + at * UNITS, (int)n), CAL_OK);
        if (n % 5 == 0)
            assert_int_equal(cal_sonata_flush(&s), CAL_OK);
    }
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    assert_int_equal(check_report(file_b), 50 * B);
    assert_same_bytes(file_a, file_b);
    free(rows);
}

static void readers_between_blocks(void **state)
{
    (void)state;
    struct cal_sonata s;
    assert_int_equal(start(&s, file_a, 4 * B, 0), CAL_OK);
    for (size_t t = 0; t < 30; t++) {
        assert_int_equal(check_report(file_a), t / 4 * 4 * B);
        assert_int_equal(append_steps(&s, t, t + 1), CAL_OK);
    }
    hid_t held = H5Fopen(file_a, H5F_ACC_RDONLY, H5P_DEFAULT); /* a reader that does not let go does not stop the run */
    assert_true(held >= 0);
    assert_int_equal(append_steps(&s, 30, 40), CAL_OK);
    H5Fclose(held);
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    assert_int_equal(check_report(file_a), 40 * B);
}

static void resumed(void **state)
{
    (void)state;
    struct cal_sonata s;
    assert_int_equal(write_report(file_b, 33, 16), CAL_OK);
    assert_int_equal(write_report(file_a, 20, 16), CAL_OK);
    assert_int_equal(start(&s, file_a, 16, 13 * B), CAL_OK); /* cut in the middle of a block */
    assert_int_equal(s.written, 13 * B);
    assert_int_equal(check_report(file_a), 13 * B);
    assert_int_equal(append_steps(&s, 13, 33), CAL_OK);
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    assert_same_bytes(file_a, file_b);
}

/* A phase that recurs: each time the report goes on where it was, in place, and keeps what was noted beside it. */
static void gone_on_with(void **state)
{
    (void)state;
    struct cal_sonata s;
    int64_t hash;
    assert_int_equal(write_report(file_a, 10, 16), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(file_a, POPULATION, "stimulus_hash", 7), CAL_OK);
    for (size_t t = 10; t < 30; t += 10) {
        assert_int_equal(start(&s, file_a, 16, t * B), CAL_OK);
        assert_int_equal(append_steps(&s, t, t + 10), CAL_OK);
        assert_int_equal(cal_sonata_finish(&s), CAL_OK);
        assert_int_equal(check_report(file_a), (t + 10) * B);
    }
    assert_int_equal(cal_sonata_get_i64(file_a, POPULATION, "stimulus_hash", &hash), CAL_OK);
    assert_int_equal(hash, 7);
}

static void assert_not_kept(int units, int rows_per_step, const char *variable, size_t keep, const char *says)
{
    struct cal_sonata s;
    assert_int_equal(cal_sonata_init(&s, file_a, POPULATION, variable, "1", units, rows_per_step, 16, keep), CAL_EINPUT);
    if (!strstr(cal_err_message(), says))
        fail_msg("`%s` does not say `%s`", cal_err_message(), says);
}

static void what_cannot_be_resumed(void **state)
{
    (void)state;
    assert_not_kept(UNITS, B, "code", 6, "No such file");
    assert_int_equal(write_report(file_a, 2, 16), CAL_OK);
    assert_not_kept(UNITS, B, "code", 2 * B + 1, "has 12 frames, expected at least 13");
    assert_not_kept(UNITS + 1, B, "code", 6, "has 5 units of `code`");
    assert_not_kept(UNITS, B / 2, "code", 6, "expected 5 of `code`, 3");
    assert_not_kept(UNITS, B, "view1", 6, "expected 5 of `view1`");
    assert_int_equal(check_report(file_a), 2 * B); /* untouched */
    struct cal_sonata s;
    assert_int_equal(start(&s, file_a, 16, 0), CAL_OK);
    assert_int_equal(cal_sonata_finish(&s), CAL_OK);
    assert_int_equal(check_report(file_a), 0); /* begun anew */
}

/* Kill a writer at any time: the report reads, has lost no block that was done, and is resumed; where it is cut, to the
 * same bytes. */
static void a_kill(void **state)
{
    (void)state;
    const size_t steps = 400;
    assert_int_equal(write_report(file_b, steps, 2 * B), CAL_OK);
    for (int round = 0; round < 25; round++) {
        int done[2], status;
        size_t written = 0, seen;
        assert_int_equal(pipe(done), 0);
        pid_t child = fork();
        if (child == 0) {
            struct cal_sonata s;
            int err = start(&s, file_a, 2 * B, 0);
            for (size_t t = 0; t < steps && !err; t++) {
                err = append_steps(&s, t, t + 1);
                if (write(done[1], &s.written, sizeof s.written) < 0)
                    break;
            }
            _exit(1); /* too late to be killed, or failed */
        }
        close(done[1]);
        assert_int_equal(read(done[0], &written, sizeof written), sizeof written);
        nanosleep(&(struct timespec){0, 1000000L * (round % 20) + 137000L * round}, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        while (read(done[0], &seen, sizeof seen) == sizeof seen)
            written = seen;
        close(done[0]);
        size_t frames = check_report(file_a);
        assert_true(frames >= written && frames <= written + 2 * B && frames % (2 * B) == 0);
        struct cal_sonata s;
        size_t keep = round % 2 ? frames : frames / 2 / B * B; /* all of it, or part */
        assert_int_equal(start(&s, file_a, 2 * B, keep), CAL_OK);
        assert_int_equal(append_steps(&s, keep / B, steps), CAL_OK);
        assert_int_equal(cal_sonata_finish(&s), CAL_OK);
        assert_int_equal(check_report(file_a), steps * B);
        if (keep < frames)
            assert_same_bytes(file_a, file_b);
    }
}

/* A limit on the file's size stands in for a full disk: said as CAL_EIO, and the blocks before are there. */
static void a_full_disk(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit whole = limit;
    size_t most = 0;
    for (size_t i = 0; i <= 40; i++) {
        limit.rlim_cur = i * 500;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        struct cal_sonata s;
        int err = start(&s, file_a, 2 * B, 0);
        bool started = !err;
        size_t written = 0;
        if (started) {
            err = append_steps(&s, 0, 300);
            written = s.written;
            assert_int_equal(cal_sonata_finish(&s), CAL_EIO);
        }
        setrlimit(RLIMIT_FSIZE, &whole);
        assert_int_equal(err, CAL_EIO);
        assert_non_null(strstr(cal_err_message(), "File too large"));
        if (started)
            assert_int_equal(check_report(file_a), written);
        most = written > most ? written : most;
    }
    assert_true(most > 2 * B); /* some got past the first block */
}

static void numbers_beside_and_damage(void **state)
{
    (void)state;
    int64_t hash;
    size_t frames, units;
    float *data;
    assert_int_equal(write_report(file_a, 3, 16), CAL_OK);
    assert_int_equal(cal_sonata_get_i64(file_a, POPULATION, "stimulus_hash", &hash), CAL_EINPUT);
    assert_int_equal(cal_sonata_set_i64(file_a, POPULATION, "stimulus_hash", -77), CAL_OK);
    assert_int_equal(cal_sonata_set_i64(file_a, POPULATION, "stimulus_hash", INT64_MIN + 5), CAL_OK);
    assert_int_equal(cal_sonata_get_i64(file_a, POPULATION, "stimulus_hash", &hash), CAL_OK);
    assert_true(hash == INT64_MIN + 5);
    assert_int_equal(cal_sonata_read(file_a, "V.4", &frames, &units, &data), CAL_EINPUT);
    assert_int_equal(cal_sonata_read(file_b, POPULATION, &frames, &units, &data), CAL_EINPUT);
    FILE *garbage = fopen(file_b, "w");
    fputs("not a report", garbage);
    fclose(garbage);
    assert_int_equal(cal_sonata_read(file_b, POPULATION, &frames, &units, &data), CAL_EINPUT);
    assert_int_equal(cal_sonata_set_i64(file_b, POPULATION, "x", 1), CAL_EINPUT);
}

/* Names relative to the master, so that a run directory can be moved. The first n of two links, the second to nothing. */
static int write_master(const char *path, int n)
{
    return cal_sonata_master(path, n, (const char *const[]){POPULATION, "gone"},
                             (const char *const[]){"probe.V.3.code.h5", "probe.gone.code.h5"});
}

static void the_master(void **state)
{
    (void)state;
    assert_int_equal(write_report(file_a, 3, 16), CAL_OK);
    assert_int_equal(write_master(file_master, 2), CAL_OK);
    assert_int_equal(check_report(file_master), 3 * B);
    size_t frames, units;
    float *data;
    assert_int_equal(cal_sonata_read(file_master, "gone", &frames, &units, &data), CAL_EINPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(int n_args, char **args)
{
    if (n_args == 3) {
        if (write_report(args[1], 50, 16) || write_master(args[2], 1)) {
            fprintf(stderr, "%s\n", cal_err_message());
            return 1;
        }
        return 0;
    }
    const struct CMUnitTest tests[] = {
        TEST(the_layout),
        TEST(bytes_do_not_depend_on_the_appends),
        TEST(readers_between_blocks),
        TEST(resumed),
        TEST(gone_on_with),
        TEST(what_cannot_be_resumed),
        TEST(a_kill),
        TEST(a_full_disk),
        TEST(numbers_beside_and_damage),
        TEST(the_master),
    };
    return cmocka_run_group_tests(tests, setup_dir, teardown_dir);
}
