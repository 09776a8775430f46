/* tests/test_net_probe.c - the way back through stages and whole nets, against the slope of the same net in float64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels.h"
#include "regions/layers/probe.h"
#include "tests/net_reference.h"

enum { B = 3, SIDE = 8, CHANNELS = 2, CLASSES = 3, PIXELS = CHANNELS * SIDE * SIDE };

/* What the gradients are of: weights x logits + weights x map. */
static double reading(struct net_reference *f, const float *of_logits, const float *of_map)
{
    double sum = 0;
    size_t floats = cal_block_out_floats(&f->net->block[f->net->shape.body - 1]);
    net_reference_loss(f);
    for (size_t i = 0; of_logits && i < B * CLASSES; i++)
        sum += f->logits[i] * (double)of_logits[i];
    for (size_t i = 0; i < floats; i++)
        sum += f->map[i] * (double)of_map[i];
    return sum;
}

static void check(const struct cal_probe *probe, const char *parameters, bool read)
{
    struct net_chain c;
    struct net_world w;
    struct net_reference f;
    net_world_init(&w, B, CHANNELS, SIDE, CLASSES);
    assert_int_equal(net_create(&c, &w, probe->kind, 1, &parameters), CAL_OK);
    net_roughen(c.region[0]);
    struct cal_step s = net_step(0, 0);
    assert_int_equal(net_forward(&c, &s), CAL_OK);
    net_reference_init(&f, &c, 0);
    f.running = true;
    float of_logits[B * CLASSES], of_map[B * 1024], gradient[B * PIXELS], *g_drive = gradient;
    assert_true(cal_rep_spec_floats(&c.region[0]->out) <= B * 1024);
    net_draw(of_logits, B * CLASSES, 40, 0, 1);
    net_draw(of_map, B * 1024, 41, 0, 0.1f);
    struct cal_rep seen = {.spec = &c.drive[0].spec, .data = {w.image}, .ld = {PIXELS}};
    const struct cal_rep *drive = &seen;
    const struct cal_probe_pass pass = {.region = c.region[0],
                                        .drive = &drive,
                                        .tape = c.tape[0].kind,
                                        .g_out = (const float *[]){of_map},
                                        .g_logits = read ? of_logits : NULL};
    probe->back(&pass, &g_drive);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < B * PIXELS; i++) {
        const float h = 1.0f / 16384, was = w.image[i];
        w.image[i] = was + h;
        double above = reading(&f, read ? of_logits : NULL, of_map), step = (double)w.image[i];
        w.image[i] = was - h;
        step -= (double)w.image[i];
        double slope = (above - reading(&f, read ? of_logits : NULL, of_map)) / step;
        w.image[i] = was;
        worst = fmax(worst, fabs(slope - (double)gradient[i]));
        largest = fmax(largest, fabs(slope));
    }
    if (worst > 1e-4 * largest)
        fail_msg("%s: off by %g of %g", parameters, worst, largest);
    assert_true(largest > 1e-3);
    net_reference_finish(&f);
    net_destroy(&c);
    net_world_finish(&w);
    assert_int_equal(cal_mem_now_bytes(), 0);
}

static void test_stage(void **state)
{
    (void)state;
    const char *const parameters[] = {"{channels: 3, pool: 2, classes: 3}", "{channels: 4, classes: 3, boxes: true}",
                                      "{channels: 3, pool: 2, classes: 3, head: 2}"};
    for (int i = 0; i < 3; i++) {
        check(&cal_stage_probe, parameters[i], true);
        check(&cal_stage_probe, parameters[i], false); /* in the middle of a chain */
    }
}

static void test_backprop(void **state)
{
    (void)state;
    check(&cal_backprop_probe, "{stages: [3, 4p, 2], classes: 3}", true);
    check(&cal_backprop_probe, "{stages: [4p], classes: 3}", false);
}

int main(void)
{
    cal_kernels_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stage), cmocka_unit_test(test_backprop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
