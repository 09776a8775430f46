/* tests/bench_racing.c - what the world of car racing costs on one core: frames, whole sequences, batches. The least processor time of several
 * calls counts; the machine may be shared. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/mem.h"
#include "experiments/stimuli/scene.h"
#include "tests/used.h"
#include "tests/world.h"

enum { FRAMES = 256, BATCH = 64, REPEATS = 25 };

static struct cal_rng key_of(uint32_t what)
{
    return cal_rng_key(1, CAL_STREAM_TEST, CAL_OWNER_SHARED, what, 0);
}

static struct cal_track track;
static struct cal_car path[FRAMES];
static uint32_t *texel;
static uint8_t *grey, *road;

static void make_ground(void)
{
    struct cal_rng a = key_of(0), b = key_of(1), c = key_of(2);
    cal_track_draw(&a, &track);
    cal_car_drive(&b, &track, FRAMES, path);
    cal_scene_paint(&c, &track, texel);
}

static int size;

static void make_frames(void)
{
    for (int i = 0; i < FRAMES; i++)
        cal_scene_show(texel, &path[i], size, grey, road);
}

static struct world world;
static float *out[CAL_SLICES_MAX];
static long presentation;

static void make_batch(void)
{
    const struct cal_view view = {.split = CAL_SPLIT_TRAIN, .noise = -1};
    world.ops->batch(world.s, &view, presentation++, out);
}

static void lend_view(void)
{
    const struct cal_view view = {.split = CAL_SPLIT_TRAIN, .noise = -1};
    int ld;
    world.ops->lend(world.s, &view, presentation++, 1, &ld);
}

/* Batches in the middle of a window, all of its sequences made: whole ones, or the noisy view alone. */
static int bench_batches(const char *text, bool view_alone)
{
    if (world_open(&world, text, 1, BATCH))
        return 1;
    for (int i = 0; i < world.s->spec.n; i++)
        out[i] = view_alone && i != 1 ? NULL : cal_alloc((size_t)BATCH * (size_t)world.s->spec.slice[i].cols * sizeof *out[i]);
    presentation = 0;
    make_batch();
    printf("car racing, batch of %d, %-30s %-12s %8.3f ms\n", BATCH, text, view_alone ? "view1 alone" : "all",
           least_ms(REPEATS, make_batch));
    if (view_alone)
        printf("car racing, batch of %d, %-30s %-12s %8.3f ms\n", BATCH, text, "view1 lent", least_ms(REPEATS, lend_view));
    for (int i = 0; i < world.s->spec.n; i++)
        cal_free(out[i]);
    world_close(&world);
    return 0;
}

int main(void)
{
    texel = cal_alloc((size_t)CAL_SCENE_SIDE * CAL_SCENE_SIDE * sizeof *texel);
    grey = cal_alloc((size_t)256 * 256);
    road = cal_alloc((size_t)256 * 256);
    printf("car racing, track, drive and ground of a sequence %8.3f ms\n", least_ms(REPEATS, make_ground));
    for (size = 32; size <= 96; size += 32)
        printf("car racing, frames of %d x %d %28.0f frames/s\n", size, size, 1e3 * FRAMES / least_ms(REPEATS, make_frames));
    int err = bench_batches("{kind: car-racing}", false);
    for (int k = 0; k < 2 && !err; k++)
        err = bench_batches("{kind: car-racing, stack: 4}", k);
    cal_free(texel);
    cal_free(grey);
    cal_free(road);
    return err;
}
