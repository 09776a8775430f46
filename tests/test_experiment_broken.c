/* tests/test_experiment_broken.c - experiment files that are refused: by one line that names the place, with nothing left behind. */
#include <dirent.h>

#include "tests/experiment_fakes.h"

static char *get_bytes(const char *path, size_t *n)
{
    char *bytes = calloc(1, 1 << 16);
    FILE *f = fopen(path, "rb");
    assert_non_null(bytes);
    assert_non_null(f);
    *n = fread(bytes, 1, (1 << 16) - 1, f);
    fclose(f);
    return bytes;
}

/* Refused with CAL_EUSAGE and one line that has `part` in it; nothing is held. */
static void refuse(const char *path, const struct cal_overrides *o, const char *part)
{
    size_t before = cal_mem_now_bytes();
    struct cal_experiment *e = NULL;
    cal_err_clear();
    int err = cal_experiment_read(path, o, &e);
    if (err != CAL_EUSAGE || !strstr(cal_err_message(), part))
        fail_msg("%s: expected `%s`, got %d `%s`", path, part, err, cal_err_message());
    assert_null(e);
    assert_null(strchr(cal_err_message(), '\n'));
    assert_int_equal(cal_mem_now_bytes(), before);
}

static void a_bad_command_line_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *seed, *set, *message;
    } cases[] = {
        {"contrl", NULL, NULL, ": no variant `contrl`, expected one that the file has, such as `minimax`, did you mean `control`?"},
        {NULL, "x", NULL, "--seed: seed is `x`, expected an integer from 0 to 4294967295"},
        {NULL, "", NULL, "--seed: seed is empty, expected an integer from 0 to 4294967295"},
        {NULL, "-1", NULL, "--seed: seed is `-1`, expected an integer from 0 to 4294967295"},
        {NULL, "4294967296", NULL, "--seed: seed is `4294967296`, expected"},
        {NULL, "1e3", NULL, "--seed: seed is `1e3`, expected"},
        {NULL, NULL, "regions.V.unit=4", "--set regions.V.unit=4: unknown key `unit` in region kind cortex, did you mean `units`?"},
        {NULL, NULL, "regoins.V.units=4", "--set regoins.V.units=4: unknown key `regoins` in the file, did you mean `regions`?"},
        {NULL, NULL, "phases.train.steps=many", "--set phases.train.steps=many: steps is `many`, expected an integer from 0 to"},
        {NULL, NULL, "batch", "--set batch: expected path=value"},
        {NULL, NULL, "batch.x=1", "--set batch.x=1: path `batch.x` goes on below `batch`, which is a value"},
        {NULL, NULL, "variants.minimax={}", "--set: `variants` cannot be overridden"},
        {NULL, NULL, "variants={}", "--set: `variants` cannot be overridden"},
        {NULL, NULL, "variant=control", "--set: `variant` cannot be overridden"},
        {NULL, NULL, "experiment=../x", "--set experiment=../x: `../x` cannot name an experiment"},
        {NULL, NULL, "projections.loop={from: V.0, to: V.0}", "cycle: V.0 -> V.0, expected a delay"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cal_overrides o = {
            .variant = cases[i].variant, .seed = cases[i].seed, .n_sets = cases[i].set ? 1 : 0, .sets = &cases[i].set};
        refuse(PATCHES, &o, cases[i].message);
    }
}

/* Each file says in its first line what is wrong with it. */
static void broken_files_say_what_is_wrong(void **state)
{
    (void)state;
    const char *folder = "tests/data/broken";
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[400], line[500];
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof line, f));
        fclose(f);
        line[strcspn(line, "\n")] = '\0';
        assert_int_equal(strncmp(line, "# expect: ", 10), 0);
        assert_true(strlen(line) > 30);
        char *message = malloc(strlen(path) + strlen(line));
        sprintf(message, "%s%s", path, line + 10); /* the place comes first, and whole */
        refuse(path, NULL, message);
        free(message);
        n++;
    }
    closedir(dir);
    assert_true(n >= 30);
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct cal_experiment *e;
    assert_int_equal(cal_experiment_read("experiments/none.yaml", NULL, &e), CAL_EINPUT);
    assert_string_equal(cal_err_message(), "experiments/none.yaml: No such file or directory");
    assert_null(e);
    put_bytes("", 0);
    refuse(scratch, NULL, ":1:1: empty");
    size_t size = 2 << 20;
    char *big = malloc(size);
    uint64_t x = 3;
    for (size_t i = 0; i < size; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        big[i] = (char)(x >> 56);
    }
    put_bytes(big, 4096);
    refuse(scratch, NULL, ": not text: ");
    memset(big, ' ', size);
    put_bytes(big, size);
    refuse(scratch, NULL, ": larger than 1 MiB");
    put_bytes(big, 1 << 20);
    refuse(scratch, NULL, ": empty");
    free(big);
}

static void many_regions_are_fine_and_too_many_refused(void **state)
{
    (void)state;
    const char *sets[] = {"regions.V.count=65536", "projections.sight.to=V.*"};
    struct cal_overrides o = {.n_sets = 1, .sets = sets};
    struct cal_experiment *e = read_good(PATCHES, &o);
    assert_int_equal(e->n_regions, 65537);
    assert_int_equal(e->n_edges, 3 * 65536);
    cal_experiment_destroy(e);
    const char *more[] = {"regions.V.count=65536", "regions.W={kind: cortex, units: 1, count: 65536}"};
    o = (struct cal_overrides){.n_sets = 2, .sets = more};
    refuse(PATCHES, &o, ": more than 100000 regions so far, expected fewer");
    const char *all[] = {"regions.V.count=65536", "projections.peers={from: V.*, to: V.*, delay: 1}"};
    o = (struct cal_overrides){.n_sets = 2, .sets = all};
    refuse(PATCHES, &o, ": more than 4000000 edges so far, expected fewer");
}

static uint64_t draw(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

/* A few random edits of a good file: letters changed, put in or taken out, lines dropped, doubled or swapped with pieces from elsewhere. */
static size_t mutate(char *text, size_t n, size_t capacity, uint64_t *x)
{
    static const char letters[] = "{}[]:,-*&!#.0189 \n\"'~abVxz=\xff";
    for (uint64_t edits = 1 + draw(x) % 3; edits > 0; edits--) {
        size_t at = draw(x) % n, length = 1 + draw(x) % 30, from = draw(x) % n;
        if (length > n - at)
            length = n - at;
        if (length > n - from)
            length = n - from;
        switch (draw(x) % 4) {
        case 0:
            text[at] = letters[draw(x) % (sizeof letters - 1)];
            break;
        case 1:
            if (n + 1 < capacity) {
                memmove(text + at + 1, text + at, n - at);
                text[at] = letters[draw(x) % (sizeof letters - 1)];
                n++;
            }
            break;
        case 2:
            if (n > length + 1) {
                memmove(text + at, text + at + length, n - at - length);
                n -= length;
            }
            break;
        default:
            memmove(text + at, text + from, length);
        }
    }
    return n;
}

static void mutations_never_crash_or_leak(void **state)
{
    (void)state;
    size_t n, before = cal_mem_now_bytes();
    char *good = get_bytes(PATCHES, &n), *text = malloc(n + 64);
    size_t start = (size_t)(strstr(good, "experiment: ") - good); /* comments at the top only take the edits away */
    uint64_t x = 11;
    int refused = 0, read = 0;
    for (int round = 0; round < 4000; round++) {
        memcpy(text, good + start, n - start);
        size_t length = mutate(text, n - start, n + 64, &x);
        put_bytes(text, length);
        struct cal_experiment *e = NULL;
        int err = cal_experiment_read(scratch, NULL, &e);
        if (err) {
            refused++;
            assert_int_equal(err, CAL_EUSAGE);
            assert_null(e);
            assert_null(strchr(cal_err_message(), '\n'));
            assert_int_equal(strncmp(cal_err_message(), scratch, strlen(scratch)), 0); /* every refusal names the file */
        } else {
            read++;
            char *used = write_out(e, NULL); /* what was read can be used again */
            put_bytes(used, strlen(used));
            struct cal_experiment *again = read_good(scratch, NULL);
            char *twice = write_out(again, NULL);
            assert_string_equal(used, twice);
            free(used);
            free(twice);
            cal_experiment_destroy(again);
        }
        cal_experiment_destroy(e);
    }
    free(good);
    free(text);
    assert_true(refused > 1000 && read > 500);
    assert_int_equal(cal_mem_now_bytes(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_command_line_is_refused), cmocka_unit_test(broken_files_say_what_is_wrong),
        cmocka_unit_test(files_that_are_none),           cmocka_unit_test(many_regions_are_fine_and_too_many_refused),
        cmocka_unit_test(mutations_never_crash_or_leak),
    };
    return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
