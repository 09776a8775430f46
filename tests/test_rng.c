/* tests/test_rng.c - random numbers: the generator is Philox, a draw depends on its key and index alone, the distributions are right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "tests/death.h"

static struct cal_rng key_for(uint32_t presentation)
{
    return cal_rng_key(7, CAL_STREAM_TEST, 3, 1, presentation);
}

/* Random123, tests/kat_vectors: "philox4x32 10", counter, key, result. */
static void philox_has_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        cal_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void different_sequences_have_different_keys(void **state)
{
    (void)state;
    static const uint32_t seeds[] = {0, 1, 0x80000000u, 0xffffffffu}, owners[] = {0, 1, 0x800000u, CAL_OWNER_SHARED};
    static const uint32_t phases[] = {0, 1, 0x8000u, 0xffffu};
    static const uint64_t presentations[] = {0, 1, 0xffffffffu, (uint64_t)1 << 32, ((uint64_t)1 << 48) - 1};
    enum { N = 4 * 7 * 4 * 4 * 5 };
    struct cal_rng *all = cal_alloc(N * sizeof *all);
    size_t n = 0;
    for (size_t s = 0; s < 4; s++)
        for (int stream = CAL_STREAM_INIT; stream <= CAL_STREAM_TEST; stream++)
            for (size_t o = 0; o < 4; o++)
                for (size_t f = 0; f < 4; f++)
                    for (size_t p = 0; p < 5; p++)
                        all[n++] = cal_rng_key(seeds[s], (enum cal_stream)stream, owners[o], phases[f], presentations[p]);
    assert_int_equal(n, N);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(all[i].counter[0] | all[i].counter[1], 0); /* room for the block's number */
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(&all[i], &all[j], sizeof all[i]);
    }
    cal_free(all);
}

static void key_out_of_range(void *with)
{
    switch (*(int *)with) {
    case 0:
        cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED + 1, 0, 0);
        break;
    case 1:
        cal_rng_key(1, CAL_STREAM_TEST, 0, 1u << 16, 0);
        break;
    case 2:
        cal_rng_key(1, CAL_STREAM_TEST, 0, 0, (uint64_t)1 << 48);
        break;
    }
}

static void a_key_out_of_range_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    for (int field = 0; field < 3; field++)
        assert_int_equal(death(key_out_of_range, &field, said, sizeof said), CAL_EINTERNAL);
}

static void elements_are_words_in_the_documented_order(void **state)
{
    (void)state;
    static const uint64_t indices[] = {0, 1, 15, 16, 31, 32, 63, 64, 65, 1000, ((uint64_t)1 << 34) - 1, (uint64_t)1 << 34, UINT64_MAX};
    struct cal_rng r = cal_rng_key(0xdeadbeef, CAL_STREAM_NOISE, 0x123456, 0x789a, 0xbcdef0123456);
    assert_int_equal(r.key[0], 0xdeadbeef);
    assert_int_equal(r.key[1], (uint32_t)CAL_STREAM_NOISE << 24 | 0x123456);
    for (size_t k = 0; k < sizeof indices / sizeof *indices; k++) {
        uint64_t i = indices[k], block = i / 64 * 16 + i % 16;
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0xf0123456u, 0x789abcdeu}, out[4];
        cal_philox(counter, r.key, out);
        assert_int_equal(cal_rng_u32(&r, i), out[i / 16 % 4]);
        assert_true(cal_rng_uniform(&r, i) == (float)(out[i / 16 % 4] >> 8) / 16777216.0f);
    }
}

static void uniform_fill_is_uniform_element_by_element(void **state)
{
    (void)state;
    /* The last three lie on either side of where the block's number outgrows 32 bits. */
    static const uint64_t firsts[] = {0, 64, 192, ((uint64_t)1 << 34) - 64, ((uint64_t)1 << 34) - 128, (uint64_t)1 << 34};
    static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 129, 200, 1000};
    struct cal_rng r = key_for(5);
    float x[1001];
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t n = sizes[s];
            x[n] = -1;
            cal_rng_uniform_fill(&r, firsts[f], x, n);
            for (size_t i = 0; i < n; i++)
                assert_true(x[i] == cal_rng_uniform(&r, firsts[f] + i));
            assert_true(x[n] == -1);
        }
}

typedef void fill_function(const struct cal_rng *, uint64_t, float *, size_t);

static void fill_in_pieces(fill_function *fill)
{
    enum { N = 3000, ROOM = N + 64 };
    static const size_t pieces[] = {64, 192, 128, 320, 64, 704};
    struct cal_rng r = key_for(9);
    float *whole = cal_alloc(ROOM * sizeof *whole), *split = cal_alloc(ROOM * sizeof *split);
    fill(&r, 64, whole, N);
    for (size_t offset = 0; offset < 33; offset++) {
        size_t done = 0;
        for (size_t k = 0; done < N; k = (k + 1) % 6) {
            size_t n = N - done < pieces[k] ? N - done : pieces[k];
            fill(&r, 64 + done, split + offset + done, n);
            done += n;
        }
        assert_memory_equal(whole, split + offset, N * sizeof *whole);
    }
    cal_free(whole);
    cal_free(split);
}

static void a_fill_depends_neither_on_the_split_nor_on_the_address(void **state)
{
    (void)state;
    fill_in_pieces(cal_rng_uniform_fill);
    fill_in_pieces(cal_rng_normal_fill);
    fill_in_pieces(cal_rng_normal_fill_twin);
}

/* The documented bound: a few units in the last place of r, sin and cos. */
static bool near(float fast, float slow)
{
    return fabsf(fast - slow) <= 5e-7f * (1 + fabsf(slow));
}

static void normals_agree_with_their_twin(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    float *fast = cal_alloc(N * sizeof *fast), *slow = cal_alloc(N * sizeof *slow);
    for (uint32_t k = 0; k < 4; k++) {
        struct cal_rng r = key_for(k);
        uint64_t first = k == 3 ? ((uint64_t)1 << 34) - N / 2 : 0;
        cal_rng_normal_fill(&r, first, fast, N);
        cal_rng_normal_fill_twin(&r, first, slow, N);
        for (size_t i = 0; i < N; i++)
            assert_true(near(fast[i], slow[i]));
    }
    cal_free(fast);
    cal_free(slow);
}

/* The smallest and the largest uniform that can come under the logarithm: radius sqrt(48 log 2) = 5.77 and 0. */
static void normals_are_finite_at_both_ends_of_the_logarithm(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    float *u = cal_alloc(N * sizeof *u), x[64], y[64];
    bool smallest = false, largest = false;
    struct cal_rng r = key_for(0);
    for (uint64_t first = 0; !(smallest && largest); first += N) {
        assert_true(first < (uint64_t)1 << 30); /* 32 of either are expected by then */
        cal_rng_uniform_fill(&r, first, u, N);
        for (size_t i = 0; i < N; i++) {
            if (i % 64 >= 32 || !(u[i] == 0 || u[i] == 1 - 0x1p-24f))
                continue;
            cal_rng_normal_fill(&r, first + i / 64 * 64, x, 64);
            cal_rng_normal_fill_twin(&r, first + i / 64 * 64, y, 64);
            double radius = hypot(x[i % 64], x[i % 64 + 32]);
            assert_true(fabs(radius - (u[i] == 0 ? sqrt(48 * log(2)) : 0)) < 2e-6);
            assert_true(near(x[i % 64], y[i % 64]) && near(x[i % 64 + 32], y[i % 64 + 32]));
            *(u[i] == 0 ? &smallest : &largest) = true;
        }
    }
    cal_free(u);
}

static void normals_have_the_moments_and_tails_of_normals(void **state)
{
    (void)state;
    enum { N = 1 << 22 };
    float *x = cal_alloc(N * sizeof *x);
    double moment[5] = {0}, beyond[6] = {0}, largest = 0;
    struct cal_rng r = key_for(11);
    cal_rng_normal_fill(&r, 0, x, N);
    for (size_t i = 0; i < N; i++) {
        double power = 1;
        for (int k = 0; k < 5; k++, power *= x[i])
            moment[k] += power / N;
        for (int k = 1; k < 6; k++)
            beyond[k] += fabsf(x[i]) > (float)k;
        largest = fmax(largest, fabsf(x[i]));
    }
    /* five standard errors each: variances of the sample moments of a normal are 1, 2, 15, 96 over N */
    assert_true(fabs(moment[1]) < 5 * sqrt(1.0 / N));
    assert_true(fabs(moment[2] - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(moment[3]) < 5 * sqrt(15.0 / N));
    assert_true(fabs(moment[4] - 3) < 5 * sqrt(96.0 / N));
    for (int k = 1; k < 6; k++) {
        double expected = N * erfc(k / sqrt(2));
        assert_true(fabs(beyond[k] - expected) < 5 * sqrt(expected) + 1);
    }
    assert_true(largest > 4.5 && largest < 5.7681);
    cal_free(x);
}

/* Correlation of x and y shifted by `lag`, in standard errors. */
static double correlation(const float *x, const float *y, size_t n, size_t lag)
{
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++)
        sum += (double)x[i] * y[i + lag];
    return fabs(sum / sqrt((double)(n - lag)));
}

static void normals_of_neighbouring_keys_are_uncorrelated(void **state)
{
    (void)state;
    enum { N = 1 << 17, NEIGHBOURS = 6 };
    const struct cal_rng keys[NEIGHBOURS] = {
        cal_rng_key(1, CAL_STREAM_NOISE, 1, 1, 1), cal_rng_key(2, CAL_STREAM_NOISE, 1, 1, 1), cal_rng_key(1, CAL_STREAM_ORDER, 1, 1, 1),
        cal_rng_key(1, CAL_STREAM_NOISE, 2, 1, 1), cal_rng_key(1, CAL_STREAM_NOISE, 1, 2, 1), cal_rng_key(1, CAL_STREAM_NOISE, 1, 1, 2),
    };
    float *x[NEIGHBOURS];
    for (int k = 0; k < NEIGHBOURS; k++) {
        x[k] = cal_alloc(N * sizeof **x);
        cal_rng_normal_fill(&keys[k], 0, x[k], N);
    }
    for (int k = 0; k < NEIGHBOURS; k++) {
        for (int j = 0; j < k; j++)
            assert_true(correlation(x[k], x[j], N, 0) < 5);
        static const size_t lags[] = {1, 2, 4, 16, 31, 32, 64, 128};
        for (size_t l = 0; l < sizeof lags / sizeof *lags; l++)
            assert_true(correlation(x[k], x[k], N, lags[l]) < 5);
    }
    for (int k = 0; k < NEIGHBOURS; k++) { /* the radii too: element i and i + 32 share one */
        for (size_t i = 0; i < N; i++)
            x[k][i] = (x[k][i] * x[k][i] - 1) / sqrtf(2);
        assert_true(correlation(x[k], x[k], N, 32) < 5);
        for (int j = 0; j < k; j++)
            assert_true(correlation(x[k], x[j], N, 0) < 5);
    }
    for (int k = 0; k < NEIGHBOURS; k++)
        cal_free(x[k]);
}

/* (chi-square - degrees of freedom) in standard deviations, for `bins` counts of equal expectation. */
static double chi_square(const long *count, size_t bins, double expected, double freedom)
{
    double sum = 0;
    for (size_t b = 0; b < bins; b++)
        sum += (count[b] - expected) * (count[b] - expected) / expected;
    return (sum - freedom) / sqrt(2 * freedom);
}

static void uniforms_and_integers_are_even(void **state)
{
    (void)state;
    enum { N = 1 << 20, BINS = 256 };
    long fine[BINS] = {0}, coarse[7] = {0};
    float *x = cal_alloc(N * sizeof *x);
    struct cal_rng r = key_for(2);
    cal_rng_uniform_fill(&r, 0, x, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(x[i] >= 0 && x[i] < 1);
        fine[(int)(x[i] * BINS)]++;
        uint32_t below = cal_rng_below(&r, i, 7);
        assert_true(below < 7);
        coarse[below]++;
    }
    assert_true(fabs(chi_square(fine, BINS, (double)N / BINS, BINS - 1)) < 5);
    assert_true(fabs(chi_square(coarse, 7, N / 7.0, 6)) < 5);
    assert_int_equal(cal_rng_below(&r, 3, 1), 0);
    assert_true(cal_rng_below(&r, 3, 0x7fffffff) < 0x7fffffff);
    cal_free(x);
}

static void check_bijection(const struct cal_rng *r, uint32_t n)
{
    unsigned char *seen = cal_alloc(n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = cal_rng_permute(r, i, n);
        assert_true(to < n);
        assert_false(seen[to]);
        seen[to] = 1;
    }
    cal_free(seen);
}

static void a_permutation_is_a_bijection(void **state)
{
    (void)state;
    static const uint32_t large[] = {4095, 4096, 4097, 60000, 65537, 1u << 18};
    for (uint32_t k = 0; k < 3; k++) {
        struct cal_rng r = key_for(k);
        for (uint32_t n = 1; n <= 260; n++)
            check_bijection(&r, n);
    }
    struct cal_rng r = key_for(3);
    for (size_t k = 0; k < sizeof large / sizeof *large; k++)
        check_bijection(&r, large[k]);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void the_largest_permutations_have_no_collision(void **state)
{
    (void)state;
    enum { PART = 20000 };
    static const uint32_t sizes[] = {1000000007, (1u << 30) + 1, 0x7fffffff};
    uint32_t *to = cal_alloc(PART * sizeof *to);
    struct cal_rng r = key_for(4);
    for (size_t s = 0; s < 3; s++) {
        for (uint32_t i = 0; i < PART; i++) { /* both ends */
            to[i] = cal_rng_permute(&r, i < PART / 2 ? i : sizes[s] - 1 - (i - PART / 2), sizes[s]);
            assert_true(to[i] < sizes[s]);
        }
        qsort(to, PART, sizeof *to, compare);
        for (size_t i = 1; i < PART; i++)
            assert_true(to[i - 1] != to[i]);
        long quarter[4] = {0};
        for (size_t i = 0; i < PART; i++)
            quarter[(uint64_t)to[i] * 4 / sizes[s]]++;
        assert_true(fabs(chi_square(quarter, 4, PART / 4.0, 3)) < 5);
    }
    cal_free(to);
}

static void permute_beyond(void *with)
{
    struct cal_rng r = key_for(0);
    cal_rng_permute(&r, *(uint32_t *)with, *(uint32_t *)with);
}

static void permuting_what_is_not_there_is_our_bug(void **state)
{
    (void)state;
    char said[512];
    for (uint32_t n = 0; n < 2; n++)
        assert_int_equal(death(permute_beyond, &n, said, sizeof said), CAL_EINTERNAL);
}

static void every_element_goes_everywhere_equally_often(void **state)
{
    (void)state;
    enum { KEYS = 6000 };
    static const uint32_t sizes[] = {12, 64, 100};
    for (size_t s = 0; s < 3; s++) {
        uint32_t n = sizes[s];
        long *count = cal_alloc((size_t)n * n * sizeof *count);
        for (uint32_t k = 0; k < KEYS; k++) {
            struct cal_rng r = key_for(k);
            for (uint32_t i = 0; i < n; i++)
                count[i * n + cal_rng_permute(&r, i, n)]++;
        }
        assert_true(fabs(chi_square(count, (size_t)n * n, (double)KEYS / n, (n - 1.0) * (n - 1.0))) < 5);
        cal_free(count);
    }
}

/* The number of the order that r gives to n elements, among the n! there are; is it odd? Both by its inversions. */
static size_t order_number(const struct cal_rng *r, uint32_t n, bool *odd)
{
    uint32_t to[64];
    size_t number = 0, inversions = 0;
    for (uint32_t i = 0; i < n; i++)
        to[i] = cal_rng_permute(r, i, n);
    for (uint32_t i = 0; i < n; i++) {
        size_t smaller_later = 0;
        for (uint32_t j = i + 1; j < n; j++)
            smaller_later += to[j] < to[i];
        number = number * (n - i) + smaller_later;
        inversions += smaller_later;
    }
    *odd = inversions % 2;
    return number;
}

static void all_orders_of_a_few_are_equally_common(void **state)
{
    (void)state;
    enum { KEYS = 12000 };
    size_t orders = 1;
    for (uint32_t n = 2; n <= 5; n++) {
        long count[120] = {0};
        bool odd;
        orders *= n;
        for (uint32_t k = 0; k < KEYS; k++) {
            struct cal_rng r = key_for(k);
            count[order_number(&r, n, &odd)]++;
        }
        assert_true(fabs(chi_square(count, orders, (double)KEYS / (double)orders, (double)orders - 1)) < 5);
    }
}

static void orders_are_odd_as_often_as_even(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    static const uint32_t sizes[] = {2, 16, 17, 64};
    for (size_t s = 0; s < 4; s++) {
        long count[2] = {0};
        bool odd;
        for (uint32_t k = 0; k < KEYS; k++) {
            struct cal_rng r = key_for(k);
            order_number(&r, sizes[s], &odd);
            count[odd]++;
        }
        assert_true(fabs(chi_square(count, 2, KEYS / 2.0, 1)) < 5);
    }
}

/* Neighbours must not stay neighbours: the place of i + 1, seen from that of i, is as even as it can be. */
static void neighbours_are_parted(void **state)
{
    (void)state;
    enum { N = 1000, KEYS = 200 };
    long count[N] = {0}, same = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        struct cal_rng r = key_for(k), other = key_for(KEYS + k);
        for (uint32_t i = 0; i + 1 < N; i++) {
            uint32_t here = cal_rng_permute(&r, i, N);
            count[(cal_rng_permute(&r, i + 1, N) + N - here) % N]++;
            same += here == cal_rng_permute(&other, i, N);
        }
    }
    assert_int_equal(count[0], 0);
    assert_true(fabs(chi_square(count + 1, N - 1, KEYS, N - 2)) < 5);
    assert_true(fabs((double)same - KEYS) < 5 * sqrt(KEYS)); /* two keys agree on one element in N */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_has_the_known_answers),
        cmocka_unit_test(different_sequences_have_different_keys),
        cmocka_unit_test(a_key_out_of_range_is_our_bug),
        cmocka_unit_test(elements_are_words_in_the_documented_order),
        cmocka_unit_test(uniform_fill_is_uniform_element_by_element),
        cmocka_unit_test(a_fill_depends_neither_on_the_split_nor_on_the_address),
        cmocka_unit_test(normals_agree_with_their_twin),
        cmocka_unit_test(normals_are_finite_at_both_ends_of_the_logarithm),
        cmocka_unit_test(normals_have_the_moments_and_tails_of_normals),
        cmocka_unit_test(normals_of_neighbouring_keys_are_uncorrelated),
        cmocka_unit_test(uniforms_and_integers_are_even),
        cmocka_unit_test(a_permutation_is_a_bijection),
        cmocka_unit_test(the_largest_permutations_have_no_collision),
        cmocka_unit_test(permuting_what_is_not_there_is_our_bug),
        cmocka_unit_test(every_element_goes_everywhere_equally_often),
        cmocka_unit_test(all_orders_of_a_few_are_equally_common),
        cmocka_unit_test(orders_are_odd_as_often_as_even),
        cmocka_unit_test(neighbours_are_parted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
