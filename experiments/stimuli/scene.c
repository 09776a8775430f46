/* experiments/stimuli/scene.c - see scene.h. */
#include "experiments/stimuli/scene.h"

#include <math.h>
#include <string.h>

#include "core/err.h"

enum { SIDE = CAL_SCENE_SIDE, CELL = 32, CELLS = SIDE / CELL, SIZE_MAX_PX = 1024, FINEST = 64 };

/* Greys. */
enum { KERB_LIGHT = 235, KERB_DARK = 20, GRASS_LIGHT = 90, GRASS_DARK = 55, BODY = 255, WINDOW = 60 };

/* The car, m ahead of its place and half its width. */
#define BODY_BACK (-2.0)
#define BODY_FRONT 2.4
#define WINDOW_BACK 0.2
#define WINDOW_FRONT 1.2
#define HALF_WIDTH 1.1

/* --- the ground --- */

static void stamp_track(const struct cal_track *track, uint32_t *key)
{
    double reach = CAL_SCENE_KERB / CAL_SCENE_TEXEL;
    for (uint32_t p = 0; p < CAL_TRACK_POINTS; p++) {
        double x = track->x[p] / CAL_SCENE_TEXEL - 0.5, y = track->y[p] / CAL_SCENE_TEXEL - 0.5; /* centre of texel 0 is 0 */
        int first = (int)ceil(y - reach), last = (int)floor(y + reach);
        CAL_ASSERT(first > 0 && last < SIDE - 1 && x - reach > 0 && x + reach + 2 < SIDE); /* tracks are smaller than the world */
        for (int row = first; row <= last; row++)
            cal_scene_stamp(x, (row - y) * (row - y), reach, p, key + (size_t)row * SIDE);
    }
}

/* A square of m^2 as keys have it. */
static uint32_t as_key(double square)
{
    return (uint32_t)(square / (CAL_SCENE_TEXEL * CAL_SCENE_TEXEL) * (double)CAL_SCENE_FINE);
}

/* Keys of the whole ground become greys. */
static void colour(const struct cal_track *track, const uint32_t *cell, uint32_t *texel)
{
    uint32_t middle[CAL_TRACK_POINTS], edge[CAL_TRACK_POINTS]; /* greys of dash and kerb at each point */
    uint32_t dash = as_key(0.4 * 0.4), road = as_key(CAL_SCENE_ROAD * CAL_SCENE_ROAD);
    for (int p = 0; p < CAL_TRACK_POINTS; p++) {
        double along = p * track->spacing;
        middle[p] = fmod(along, 12) < 5 ? CAL_SCENE_DASH_GREY : CAL_SCENE_ROAD_GREY;
        edge[p] = (int)(along / 3) % 2 ? KERB_DARK : KERB_LIGHT;
    }
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        uint32_t square = texel[i] >> 10, point = texel[i] & (CAL_TRACK_POINTS - 1);
        if (texel[i] == CAL_SCENE_NOWHERE)
            texel[i] = cell[i / SIDE / CELL * CELLS + i % SIDE / CELL];
        else
            texel[i] = square < dash ? middle[point] : square < road ? CAL_SCENE_ROAD_GREY : edge[point];
    }
}

/* A texel keeps its grey in the lowest byte, which is all that its neighbours read: so this can be done in place. */
static uint32_t four(uint32_t here, uint32_t right, uint32_t above, uint32_t above_right)
{
    return (here & 255) | (right & 255) << 8 | (above & 255) << 16 | above_right << 24;
}

static void gather_fours(uint32_t *texel)
{
    for (size_t y = 0; y < SIDE; y++) {
        uint32_t *row = texel + y * SIDE;
        const uint32_t *above = texel + (y + 1) % SIDE * SIDE;
        for (size_t x = 0; x + 1 < SIDE; x++)
            row[x] = four(row[x], row[x + 1], above[x], above[x + 1]);
        row[SIDE - 1] = four(row[SIDE - 1], row[0], above[SIDE - 1], above[0]);
    }
}

void cal_scene_paint(const struct cal_rng *grass, const struct cal_track *track, uint32_t *texel)
{
    uint32_t cell[CELLS * CELLS];
    for (uint32_t i = 0; i < CELLS * CELLS; i++) {
        uint32_t plain = (i / CELLS + i % CELLS) % 2 ? GRASS_DARK : GRASS_LIGHT;
        cell[i] = plain - 8 + cal_rng_below(grass, i, 16);
    }
    memset(texel, 0xff, sizeof *texel * SIDE * SIDE); /* CAL_SCENE_NOWHERE */
    stamp_track(track, texel);
    colour(track, cell, texel);
    gather_fours(texel);
}

/* --- the picture --- */

/* Where the lines of samples lie: `across` of them each way. */
struct camera {
    double x, y;         /* the car, texels from the first one's centre */
    double ahead, aside; /* cosine and sine of its heading */
    double spacing;      /* m between samples */
    int across;
};

static struct camera camera_at(const struct cal_car *car, int across)
{
    return (struct camera){.x = car->x / CAL_SCENE_TEXEL - 0.5,
                           .y = car->y / CAL_SCENE_TEXEL - 0.5,
                           .ahead = cos(car->heading),
                           .aside = sin(car->heading),
                           .spacing = CAL_SCENE_SPAN / across,
                           .across = across};
}

/* How far ahead of the car line i is, m. */
static double ahead_of(const struct camera *c, int i)
{
    return CAL_SCENE_AHEAD - (i + 0.5) * c->spacing;
}

/* First sample of line i, and the way to the next one, to the right; texels. */
static void line_at(const struct camera *c, int i, double *x, double *y, double *dx, double *dy)
{
    double u = ahead_of(c, i) / CAL_SCENE_TEXEL, w = (0.5 * c->spacing - CAL_SCENE_SPAN / 2) / CAL_SCENE_TEXEL;
    *x = c->x + u * c->ahead + w * c->aside;
    *y = c->y + u * c->aside - w * c->ahead;
    *dx = c->spacing / CAL_SCENE_TEXEL * c->aside;
    *dy = -c->spacing / CAL_SCENE_TEXEL * c->ahead;
}

/* The car on a line of samples. */
static void draw_car(const struct camera *c, int i, float *grey)
{
    double u = ahead_of(c, i);
    if (u <= BODY_BACK || u >= BODY_FRONT)
        return;
    float shade = u > WINDOW_BACK && u < WINDOW_FRONT ? WINDOW : BODY;
    double left = (CAL_SCENE_SPAN / 2 - HALF_WIDTH) / c->spacing - 0.5, right = (CAL_SCENE_SPAN / 2 + HALF_WIDTH) / c->spacing - 0.5;
    for (int j = (int)floor(left) + 1; j < right; j++)
        grey[j] = shade;
}

static void show_grey(const uint32_t *texel, const struct cal_car *car, int size, uint8_t *grey)
{
    int each = (FINEST + size - 1) / size;
    struct camera c = camera_at(car, size * each);
    float line[SIZE_MAX_PX], sum[SIZE_MAX_PX], share = 1 / (float)(each * each);
    for (int i = 0; i < size; i++) {
        memset(sum, 0, sizeof *sum * (size_t)size);
        for (int k = i * each; k < (i + 1) * each; k++) {
            double x, y, dx, dy;
            line_at(&c, k, &x, &y, &dx, &dy);
            cal_scene_sample(texel, x, y, dx, dy, c.across, line);
            draw_car(&c, k, line);
            cal_scene_pool(line, each, size, sum);
        }
        for (int j = 0; j < size; j++)
            grey[i * size + j] = (uint8_t)(sum[j] * share + 0.5f);
    }
}

static void show_road(const uint32_t *texel, const struct cal_car *car, int size, uint8_t *road)
{
    struct camera c = camera_at(car, size);
    uint8_t line[SIZE_MAX_PX];
    memset(road, 0, ((size_t)size * (size_t)size + 7) / 8);
    for (int i = 0; i < size; i++) {
        double x, y, dx, dy;
        line_at(&c, i, &x, &y, &dx, &dy);
        cal_scene_find_road(texel, x, y, dx, dy, size, line);
        for (int j = 0; j < size; j++)
            road[(i * size + j) / 8] |= (uint8_t)(line[j] << (i * size + j) % 8);
    }
}

void cal_scene_show(const uint32_t *texel, const struct cal_car *car, int size, uint8_t *grey, uint8_t *road)
{
    CAL_ASSERT(size > 0 && size <= SIZE_MAX_PX / 2);
    show_grey(texel, car, size, grey);
    if (road)
        show_road(texel, car, size, road);
}
