/* tests/test_track.c - a race track, the car that is driven round it, and the picture of it: against slow twins and what is known of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/mem.h"
#include "experiments/stimuli/scene.h"

enum { TRACKS = 40, FRAMES = 512, POINTS = CAL_TRACK_POINTS, SIDE = CAL_SCENE_SIDE, LARGEST = 64 };

static struct cal_track track;
static struct cal_car path[FRAMES];
static uint32_t *texel;

static struct cal_rng key_of(uint32_t what, uint64_t number)
{
    return cal_rng_key(5, CAL_STREAM_TEST, CAL_OWNER_SHARED, what, number);
}

static void make(uint64_t number)
{
    struct cal_rng a = key_of(0, number), b = key_of(1, number);
    cal_track_draw(&a, &track);
    cal_car_drive(&b, &track, FRAMES, path);
}

static void paint(uint64_t number)
{
    struct cal_rng grass = key_of(2, number);
    make(number);
    cal_scene_paint(&grass, &track, texel);
}

/* --- the track --- */

static double heading_at(int i)
{
    int before = (i + POINTS - 1) % POINTS, after = (i + 1) % POINTS;
    return atan2(track.y[after] - track.y[before], track.x[after] - track.x[before]);
}

static void tracks_keep_to_their_bounds(void **state)
{
    (void)state;
    int left = 0;
    double length = 0;
    for (uint64_t t = 0; t < TRACKS; t++) {
        double turned = 0;
        make(t);
        for (int i = 0; i < POINTS; i++) {
            int next = (i + 1) % POINTS;
            double r = hypot(track.x[i] - CAL_TRACK_MIDDLE, track.y[i] - CAL_TRACK_MIDDLE);
            double chord = hypot(track.x[next] - track.x[i], track.y[next] - track.y[i]);
            double bend = cal_track_turn(heading_at((i + 4) % POINTS) - heading_at((i + POINTS - 4) % POINTS)) / (8 * track.spacing);
            assert_true(r > 17.99 && r < 95.01);
            assert_true(fabs(chord / track.spacing - 1) < 2e-3); /* a chord is a little shorter than its arc */
            assert_true(fabs(bend) <= 1 / 9.0);
            assert_true(fabs(bend - track.curvature[i]) < 1e-9);
            turned += cal_track_turn(heading_at(next) - heading_at(i));
        }
        assert_true(fabs(fabs(turned) - 2 * acos(-1)) < 1e-6); /* once round, one way or the other */
        left += turned > 0;
        length += track.spacing * POINTS / TRACKS;
    }
    assert_true(left > TRACKS / 4 && left < 3 * TRACKS / 4);
    assert_true(length > 365 && length < 390);
}

static void two_keys_give_two_tracks(void **state)
{
    (void)state;
    static struct cal_track first;
    make(0);
    first = track;
    make(1);
    assert_true(fabs(first.spacing - track.spacing) > 1e-6);
    make(0);
    assert_memory_equal(&first, &track, sizeof track);
}

/* --- the car --- */

static double nearest_line(const struct cal_car *car) /* m from the centre line, by its points */
{
    double least = 1e9;
    for (int i = 0; i < POINTS; i++)
        least = fmin(least, hypot(track.x[i] - car->x, track.y[i] - car->y));
    return least;
}

static void cars_never_leave_the_road(void **state)
{
    (void)state;
    double sum = 0, squares = 0, n = TRACKS * FRAMES;
    int wide = 0;
    for (uint64_t t = 0; t < TRACKS; t++) {
        make(t);
        for (int i = 0; i < FRAMES; i++) {
            sum += path[i].speed;
            squares += path[i].speed * path[i].speed;
            wide += fabs(path[i].offset) > 3.2;
            assert_true(fabs(path[i].offset) < 3.9);
            if (i % 16 == 0) /* points are 0.4 m apart */
                assert_true(fabs(nearest_line(&path[i]) - fabs(path[i].offset)) < 0.22);
        }
    }
    double mean = sum / n, sd = sqrt(squares / n - mean * mean);
    assert_true(wide < 0.015 * n);
    assert_true(fabs(mean - 13.7) < 0.5);
    assert_true(fabs(sd - 2.9) < 0.4);
}

static void cars_move_as_bicycles_do(void **state)
{
    (void)state;
    for (uint64_t t = 0; t < 8; t++) {
        make(t);
        for (int i = 1; i < FRAMES; i++) {
            const struct cal_car *was = &path[i - 1], *is = &path[i];
            double acceleration = (is->speed - was->speed) / CAL_CAR_STEP_S;
            double steer = atan(2.6 * (is->heading - was->heading) / CAL_CAR_STEP_S / is->speed);
            assert_true(fabs(is->x - was->x - was->speed * cos(was->heading) * CAL_CAR_STEP_S) < 1e-9);
            assert_true(fabs(is->y - was->y - was->speed * sin(was->heading) * CAL_CAR_STEP_S) < 1e-9);
            assert_true(acceleration > -9 - 1e-9 && acceleration < 5 + 1e-9);
            assert_true(fabs(steer) < 0.5 + 1e-9);
        }
    }
}

/* --- the ground --- */

/* What texel (x,y) should be, its value in *grey; false where it is too near a border to say. */
static bool slow_ground(int x, int y, int *grey)
{
    double px = (x + 0.5) * 0.2, py = (y + 0.5) * 0.2, least = 1e9, second = 1e9;
    int nearest = 0;
    for (int i = 0; i < POINTS; i++) {
        double d = hypot(track.x[i] - px, track.y[i] - py);
        if (d < least) {
            second = least;
            least = d;
            nearest = i;
        } else {
            second = fmin(second, d);
        }
    }
    double along = nearest * track.spacing;
    *grey = -1;
    if (least < 0.4 && fmod(along, 12) < 5)
        *grey = 230;
    else if (least < 5)
        *grey = 150;
    else if (least < 6.2)
        *grey = fmod(along, 6) < 3 ? 235 : 20;
    return (second - least > 1e-3 || least > 6.3) && fabs(least - 0.4) > 1e-3 && fabs(least - 5) > 1e-3 && fabs(least - 6.2) > 1e-3;
}

static int ground(int x, int y)
{
    return (int)(texel[(y + SIDE) % SIDE * SIDE + (x + SIDE) % SIDE] & 255);
}

static void the_ground_is_road_kerb_and_grass(void **state)
{
    (void)state;
    int seen[256] = {0}, doubtful = 0;
    paint(3);
    for (int y = 3; y < SIDE; y += 7)
        for (int x = 1; x < SIDE; x += 5) {
            int expected, is = ground(x, y), corner = ground(x / 32 * 32, y / 32 * 32);
            if (!slow_ground(x, y, &expected)) {
                doubtful++;
                continue;
            }
            seen[is]++;
            if (expected >= 0) {
                assert_int_equal(is, expected);
                continue;
            }
            int plain = (x / 32 + y / 32) % 2 ? 55 : 90;
            assert_true(is >= plain - 8 && is < plain + 8);
            assert_true(is == corner || corner >= 100 || corner == 20); /* one grey a cell */
        }
    assert_true(seen[230] > 5 && seen[150] > 500 && seen[235] > 50 && seen[20] > 50 && doubtful < 500);
}

static void texels_know_their_neighbours(void **state)
{
    (void)state;
    paint(4);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            uint32_t four = texel[y * SIDE + x];
            assert_true((int)(four >> 8 & 255) == ground(x + 1, y) && (int)(four >> 16 & 255) == ground(x, y + 1) &&
                        (int)(four >> 24) == ground(x + 1, y + 1));
        }
}

/* --- the picture --- */

/* Grey of the world at (x,y) m. */
static double slow_sample(double x, double y)
{
    double tx = x / 0.2 - 0.5, ty = y / 0.2 - 0.5, fx = tx - floor(tx), fy = ty - floor(ty);
    int cx = (int)floor(tx), cy = (int)floor(ty);
    return (1 - fy) * ((1 - fx) * ground(cx, cy) + fx * ground(cx + 1, cy)) +
           fy * ((1 - fx) * ground(cx, cy + 1) + fx * ground(cx + 1, cy + 1));
}

static double slow_pixel(const struct cal_car *car, int size, int i, int j)
{
    int each = (int)ceil(64.0 / size);
    double sum = 0, span = 40.0 / (size * each);
    for (int a = i * each; a < (i + 1) * each; a++)
        for (int b = j * each; b < (j + 1) * each; b++) {
            double u = 30 - (a + 0.5) * span, w = (b + 0.5) * span - 20;
            if (fabs(w) < 1.1 && u > -2 && u < 2.4)
                sum += u > 0.2 && u < 1.2 ? 60 : 255;
            else
                sum += slow_sample(car->x + u * cos(car->heading) + w * sin(car->heading),
                                   car->y + u * sin(car->heading) - w * cos(car->heading));
        }
    return sum / (each * each);
}

static bool slow_road(const struct cal_car *car, int size, int i, int j)
{
    double u = 30 - (i + 0.5) * 40 / size, w = (j + 0.5) * 40 / size - 20;
    double x = car->x + u * cos(car->heading) + w * sin(car->heading), y = car->y + u * sin(car->heading) - w * cos(car->heading);
    int is = ground((int)floor(x / 0.2), (int)floor(y / 0.2));
    return is == 150 || is == 230;
}

static void pictures_equal_their_slow_twins(void **state)
{
    (void)state;
    static const int sizes[] = {64, 32, 33, 13};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int size = sizes[k], wrong = 0, roads = 0;
        uint8_t grey[LARGEST * LARGEST], road[LARGEST * LARGEST / 8];
        paint(k);
        for (int frame = 0; frame < FRAMES; frame += 64) {
            cal_scene_show(texel, &path[frame], size, grey, road);
            for (int p = 0; p < size * size; p++) {
                bool is_road = road[p / 8] >> p % 8 & 1;
                assert_true(fabs(grey[p] - slow_pixel(&path[frame], size, p / size, p % size)) < 0.6);
                wrong += is_road != slow_road(&path[frame], size, p / size, p % size);
                roads += is_road;
            }
        }
        assert_true(wrong <= 8 * size * size / 500); /* at borders between texels */
        assert_true(roads > 8 * size * size / 10 && roads < 8 * size * size / 2);
    }
}

/* Places may be negative or beyond the world, or far: it wraps. */
static void the_world_wraps(void **state)
{
    (void)state;
    uint8_t here[32 * 32], there[32 * 32];
    double world = SIDE * CAL_SCENE_TEXEL;
    int off = 0;
    paint(6);
    struct cal_car car = path[0];
    cal_scene_show(texel, &car, 32, here, NULL);
    car.x -= 3 * world;
    car.y += 2 * world;
    cal_scene_show(texel, &car, 32, there, NULL);
    for (int i = 0; i < 32 * 32; i++) {
        assert_true(abs(here[i] - there[i]) <= 1);
        off += here[i] != there[i];
    }
    assert_true(off < 32 * 32 / 20);
}

/* Of 64 x 64 pixels of 0.625 m the white ones in the middle are the car's. */
static void the_car_is_in_its_place(void **state)
{
    (void)state;
    uint8_t grey[64 * 64], road[64 * 8];
    paint(7);
    for (int frame = 0; frame < FRAMES; frame += 50) {
        cal_scene_show(texel, &path[frame], 64, grey, road);
        for (int i = 40; i < 56; i++)
            for (int j = 26; j < 38; j++) {
                double u = 30 - (i + 0.5) * 0.625; /* m ahead */
                if (u > -2 && u < 2.4 && j >= 30 && j <= 33)
                    assert_int_equal(grey[i * 64 + j], u > 0.2 && u < 1.2 ? 60 : 255);
                else
                    assert_true(grey[i * 64 + j] < 240);
            }
        assert_true(road[(48 * 64 + 32) / 8] >> (48 * 64 + 32) % 8 & 1); /* it stands on road */
    }
}

static int get_ground(void **state)
{
    (void)state;
    texel = cal_alloc((size_t)SIDE * SIDE * sizeof *texel);
    return 0;
}

static int drop_ground(void **state)
{
    (void)state;
    cal_free(texel);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracks_keep_to_their_bounds),       cmocka_unit_test(two_keys_give_two_tracks),
        cmocka_unit_test(cars_never_leave_the_road),         cmocka_unit_test(cars_move_as_bicycles_do),
        cmocka_unit_test(the_ground_is_road_kerb_and_grass), cmocka_unit_test(texels_know_their_neighbours),
        cmocka_unit_test(pictures_equal_their_slow_twins),   cmocka_unit_test(the_world_wraps),
        cmocka_unit_test(the_car_is_in_its_place),
    };
    return cmocka_run_group_tests(tests, get_ground, drop_ground);
}
