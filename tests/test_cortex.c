/* tests/test_cortex.c - the cortex region: its gradients, its recorded codes, its guard, and that it listens to its context alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "regions/layers/layers.h"
#include "regions/objectives/nce.h"
#include "tests/star.h"

enum { B = 32, D = 7, H = 3 };

static struct star_setup setup_of(const struct cal_contrast_rule *rule)
{
    return (struct star_setup){
        .cortices = 2, .units = {3, 2}, .batch = B, .inputs = D, .hidden = H, .seed = 5, .rate = 0, .learn_total = 1000, .rule = *rule};
}

/* A picture and two views of each of B things. */
static void look(float image[B * D], float view1[B * D], float view2[B * D], int which)
{
    star_draw(image, B * D, 10 * which, 0, 1);
    star_draw(view1, B * D, 10 * which + 1, 0, 0.3f);
    star_draw(view2, B * D, 10 * which + 2, 0, 0.3f);
    for (int i = 0; i < B * D; i++) {
        view1[i] += image[i];
        view2[i] += image[i];
    }
}

/* All weights off their special values: biases are born 0. */
static void roughen(struct cal_region *r)
{
    const char *const biases[] = {"b1", "b2"};
    for (int i = 0; i < 2; i++) {
        size_t n;
        float *b = star_array(r, biases[i], &n);
        star_draw(b, (int)n, 50 + i, 0.1f, 0.3f);
    }
}

/* y_u(x) in float64, from the region's own arrays. */
static double code(const struct cal_cortex *c, int u, const float *x)
{
    double y = (double)c->bank.b2[u];
    for (int h = 0; h < H; h++) {
        double z = (double)c->bank.b1[u * H + h];
        for (int d = 0; d < D; d++)
            z += (double)c->bank.w1[(u * H + h) * D + d] * (double)x[d];
        y += (double)c->bank.w2[u * H + h] * (z > 0 ? z : (double)CAL_LEAK * z);
    }
    return y;
}

/* The region's loss in float64, divided by N = B U; the weights of the negatives as they were at `frozen`, the codes then (B, a unit each). */
static double loss(const struct star *s, int which, const float *view1, const float *view2, double (*frozen)[B])
{
    const struct cal_cortex *c = (const struct cal_cortex *)s->cortex[which];
    const struct cal_contrast_rule *rule = &s->setup.rule;
    struct cal_contrast shape = cal_contrast_of(rule, 1, B, 0);
    struct cal_step step = star_at(s, 0);
    const struct cal_rep *sent = &s->context_sent[which];
    double sum = 0;
    for (int u = 0; u < c->bank.units; u++) {
        double y1[B], y2[B], key[B], query[B] = {0}, counted[B], scratch[4][B];
        float mask[B];
        cal_contrast_mask(rule, s->setup.seed, &step, s->context[which].unit_offset + u, B, mask);
        int at_key = cal_rep_find(sent->spec, "key"), at_query = cal_rep_find(sent->spec, at_key < 0 ? "guess" : "query");
        int at_tau = cal_rep_find(sent->spec, "tau");
        for (int q = 0; q < B; q++) {
            y1[q] = code(c, u, view1 + q * D);
            y2[q] = code(c, u, view2 + q * D);
            key[q] = at_key < 0 ? frozen[u][q] : (double)sent->data[at_key][q * sent->ld[at_key] + u];
            if (at_query >= 0)
                query[q] = (double)sent->data[at_query][q * sent->ld[at_query] + u];
            counted[q] = (double)mask[q];
        }
        struct cal_contrast_twin t = {.batch = B,
                                      .groups = shape.groups,
                                      .exclude_self = shape.exclude_self,
                                      .clip = (double)shape.clip,
                                      .scale = 1,
                                      .tau = at_tau < 0 ? 0 : (double)sent->data[at_tau][u],
                                      .y1 = y1,
                                      .y2 = y2,
                                      .key = key,
                                      .query = query,
                                      .counted = rule->negatives == CAL_MASKED ? counted : NULL,
                                      .dy1 = scratch[0],
                                      .dy2 = scratch[1],
                                      .dkey = scratch[2],
                                      .dquery = scratch[3]};
        cal_contrast_twin(&t);
        sum += t.loss;
    }
    return sum / (B * s->units);
}

/* Every gradient array of the region against the slope of the float64 loss. */
static void check_gradients(const struct cal_contrast_rule *rule)
{
    struct star s;
    struct star_setup setup = setup_of(rule);
    float image[B * D], view1[B * D], view2[B * D];
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    look(image, view1, view2, 1);
    for (int which = 0; which < 2; which++)
        roughen(s.cortex[which]);
    assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
    assert_int_equal(star_learn(&s), CAL_OK);
    for (int which = 0; which < 2; which++) {
        const struct cal_cortex *c = (const struct cal_cortex *)s.cortex[which];
        double frozen[3][B];
        for (int u = 0; u < c->bank.units; u++)
            for (int q = 0; q < B; q++)
                frozen[u][q] = code(c, u, view1 + q * D);
        double here = loss(&s, which, view1, view2, frozen), mean = here * s.units / c->bank.units;
        assert_true(fabs(s.metric[which][0] - mean) < 1e-5 * (1 + fabs(mean)));
        const char *const names[][2] = {{"w1", "w1.g"}, {"b1", "b1.g"}, {"w2", "w2.g"}, {"b2", "b2.g"}};
        double largest = 0, worst = 0;
        for (int i = 0; i < 4; i++) {
            size_t n, n_gradient;
            float *w = star_array(s.cortex[which], names[i][0], &n), *g = star_array(s.cortex[which], names[i][1], &n_gradient);
            assert_int_equal(n, n_gradient);
            for (size_t k = 0; k < n; k++) {
                float was = w[k], up = was + 1e-5f, down = was - 1e-5f; /* float32 weights: their exact difference counts */
                w[k] = up;
                double above = loss(&s, which, view1, view2, frozen);
                w[k] = down;
                double below = loss(&s, which, view1, view2, frozen);
                w[k] = was;
                double slope = (above - below) / ((double)up - (double)down);
                largest = fmax(largest, fabs(slope));
                worst = fmax(worst, fabs(slope - (double)g[k]));
            }
        }
        assert_true(largest > 1e-2);
        if (worst > 1e-4 * largest)
            fail_msg("gradient off by %g, the largest is %g", worst, largest);
    }
    star_destroy(&s);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients(&star_predictor);
    check_gradients(&star_masked);
    check_gradients(&star_uniform);
}

/* The fused layers against their twins, at sizes that do and do not fill vectors. */
static void test_layers(void **state)
{
    (void)state;
    const int sizes[][3] = {{5, 3, 4}, {8, 2, 128}, {17, 4, 33}};
    for (int i = 0; i < 3; i++) {
        int rows = sizes[i][0], units = sizes[i][1], hidden = sizes[i][2], n = rows * units * hidden, uh = units * hidden;
        float *block = cal_alloc((size_t)(3 * n + 8 * uh) * sizeof *block), *a = block, *b = a + n, *d = b + n, *b1 = d + n, *w2 = b1 + uh;
        float *out[6];
        for (int k = 0; k < 6; k++)
            out[k] = w2 + (1 + k) * uh;
        float *y = cal_alloc((size_t)(3 * rows * units) * sizeof *y), *y_twin = y + rows * units, *dy = y_twin + rows * units;
        star_draw(block, 3 * n + 2 * uh, i, 0, 1);
        star_draw(dy, rows * units, i + 40, 0, 1);
        memcpy(b, a, (size_t)n * sizeof *a);
        cal_bank_read(rows, units, hidden, a, b1, w2, b1, y);
        cal_bank_read_twin(rows, units, hidden, b, b1, w2, b1, y_twin);
        for (int k = 0; k < rows * units; k++)
            assert_true(fabsf(y[k] - y_twin[k]) < 1e-4f);
        cal_bank_back(rows, units, hidden, a, w2, dy, out[0], out[1], out[2]);
        cal_bank_back_twin(rows, units, hidden, b, w2, dy, out[3], out[4], out[5]);
        for (int k = 0; k < n; k++)
            assert_true(fabsf(a[k] - b[k]) < 1e-5f);
        for (int k = 0; k < 2 * uh + units; k++) /* the three gradients, one after the other */
            assert_true(fabsf(out[0][k] - out[3][k]) < 1e-4f);
        star_draw(a, n, i + 20, 0, 1);
        memcpy(b, a, (size_t)n * sizeof *a);
        cal_leaky_read(rows, uh, a, b1);
        cal_leaky_read_twin(rows, uh, b, b1);
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
        cal_leaky_back(rows, uh, a, d, out[0]);
        cal_leaky_back_twin(rows, uh, b, d, out[3]);
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
        for (int k = 0; k < uh; k++)
            assert_true(fabsf(out[0][k] - out[3][k]) < 1e-4f);
        cal_free(y);
        cal_free(block);
    }
}

/* code, view1 and view2 are what the units say of image and views. */
static void test_variables(void **state)
{
    (void)state;
    struct star s;
    struct star_setup setup = setup_of(&star_predictor);
    setup.record = 7;
    float image[B * D], view1[B * D], view2[B * D];
    const float *const seen[] = {image, view1, view2};
    const char *const name[] = {"code", "view1", "view2"};
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    look(image, view1, view2, 1);
    assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < 3; i++) {
            const struct cal_cortex *c = (const struct cal_cortex *)s.cortex[which];
            int variable = cal_region_variable(s.cortex[which], name[i]);
            assert_true(variable >= 0 && s.cortex[which]->variable[variable].cols == setup.units[which]);
            const float *y = s.cortex[which]->ops->observe(s.cortex[which], s.tape[which].kind, variable);
            for (int q = 0; q < B; q++)
                for (int u = 0; u < setup.units[which]; u++)
                    assert_true(fabs((double)y[q * setup.units[which] + u] - code(c, u, seen[i] + q * D)) < 1e-5);
        }
    assert_int_equal(cal_region_variable(s.cortex[0], "nothing"), -1);
    star_destroy(&s);
}

/* The array is what it was at the first call, when *kept was NULL. */
static void same_as_before(const struct cal_region *r, const char *name, float **kept)
{
    size_t n;
    const float *x = star_array(r, name, &n);
    if (*kept)
        assert_memory_equal(x, *kept, n * sizeof *x);
    else
        *kept = memcpy(cal_alloc(n * sizeof *x), x, n * sizeof *x);
}

/* A presentation learnt late has the gradient of the weights that it was seen with. */
static void test_late_gradient(void **state)
{
    (void)state;
    float image[B * D], view1[B * D], view2[B * D];
    float *kept = NULL;
    size_t n;
    look(image, view1, view2, 1);
    for (int moved = 0; moved < 2; moved++) {
        struct star s;
        struct star_setup setup = setup_of(&star_predictor);
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
        const char *const weights[] = {"w1", "b1", "w2", "b2"};
        for (int i = 0; i < 4 && moved; i++) {
            float *w = star_array(s.cortex[0], weights[i], &n);
            for (size_t k = 0; k < n; k++)
                w[k] = 3 - 2 * w[k];
        }
        assert_int_equal(star_learn(&s), CAL_OK);
        same_as_before(s.cortex[0], "w1.g", &kept);
        star_destroy(&s);
    }
    cal_free(kept);
}

/* What others do after they have sent is nothing to me: same update to the bit. */
static void test_isolation(void **state)
{
    (void)state;
    float image[B * D], view1[B * D], view2[B * D];
    float *kept = NULL;
    look(image, view1, view2, 1);
    for (int disturbed = 0; disturbed < 2; disturbed++) {
        struct star s;
        struct star_setup setup = setup_of(&star_predictor);
        setup.rate = 0.1;
        assert_int_equal(star_create(&s, &setup), CAL_OK);
        assert_int_equal(star_forward(&s, 0, image, view1, view2), CAL_OK);
        struct cal_region *others[] = {s.cortex[1], s.attention};
        for (int i = 0; i < 2 && disturbed; i++)
            for (int k = 0; k < others[i]->layout.n; k++)
                if (others[i]->layout.arrays[k].type == CAL_F32)
                    memset(cal_array_data(&others[i]->layout.arrays[k]), 0x41, cal_array_bytes(&others[i]->layout.arrays[k]));
        const struct cal_rep *context = &s.context_sent[0];
        assert_int_equal(cal_region_learn(s.cortex[0], &context, &s.tape[0], s.metric[0]), CAL_OK);
        same_as_before(s.cortex[0], "w1", &kept);
        star_destroy(&s);
    }
    cal_free(kept);
}

/* Units that say the same of everything end the run, but not in its first steps. */
static void test_guard(void **state)
{
    (void)state;
    struct star s;
    struct star_setup setup = setup_of(&star_predictor);
    float image[B * D], view1[B * D], view2[B * D];
    size_t n;
    assert_int_equal(star_create(&s, &setup), CAL_OK);
    s.cortex_params[0].guard = 0.5;
    s.cortex_params[0].guard_after = 2;
    look(image, view1, view2, 1);
    float *w2 = star_array(s.cortex[0], "w2", &n);
    for (int i = 0; i < 2 * H; i++)
        w2[i] = 0; /* two of three are dead */
    for (long t = 0; t < 3; t++) {
        assert_int_equal(star_forward(&s, t, image, view1, view2), CAL_OK);
        int error = star_learn(&s);
        assert_int_equal(error, t < 2 ? CAL_OK : CAL_ENUMERICS);
        if (t < 2)
            assert_true(fabs(s.metric[0][2] - 1.0 / 3) < 1e-9);
    }
    assert_string_equal(cal_err_message(), "V.0: collapsed: 1 of 3 units live (std > 0.05), guard asks for 0.5");
    star_destroy(&s);
}

/* A declaration that has to fail, and a word of what it says. */
static void expect_refusal(struct cal_region *r, const char *word)
{
    assert_int_equal(cal_region_outputs(r), CAL_OK);
    assert_int_equal(cal_region_declare(r), CAL_EUSAGE);
    if (!strstr(cal_err_message(), word) || strncmp(cal_err_message(), "V.0: ", 5))
        fail_msg("expected `%s` in: %s", word, cal_err_message());
    cal_region_destroy(r);
}

static void test_refusals(void **state)
{
    (void)state;
    struct star s = {.setup = setup_of(&star_predictor), .units = 5};
    struct cal_cortex_params params = {.units = 3, .hidden = H};
    for (int i = 0; i < 7; i++) {
        static const char *const words[] = {
            "exactly one drive", "view2", "different sizes", "exactly one context", "`tau`", "for 2 units", "no rule for negatives of two"};
        s.world = (struct cal_rep_spec){.n = 0};
        star_ports(&s);
        struct cal_region *r = star_region(&cal_cortex_ops, "V.0", 0, &s, &params);
        r->drive = &s.sight[0];
        r->context = &s.context[0];
        r->n_drives = i != 0;
        r->n_contexts = i != 3;
        if (i == 1)
            s.sight[0].spec.n = 2;
        if (i == 2)
            s.sight[0].spec.slice[2].cols = 4;
        cal_rep_spec_add(&s.context[0].spec, "guess", i == 5 ? 2 : 3);
        if (i != 4)
            cal_rep_spec_add(&s.context[0].spec, "tau", 3)->shared = true;
        if (i == 6)
            s.context[0].rule_table = cal_nce_table;
        expect_refusal(r, words[i]);
    }
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),     cmocka_unit_test(test_layers),    cmocka_unit_test(test_variables),
        cmocka_unit_test(test_late_gradient), cmocka_unit_test(test_isolation), cmocka_unit_test(test_guard),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
