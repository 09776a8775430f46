/* experiments/stimuli/car.c - see car.h. */
#include "experiments/stimuli/car.h"

#include <math.h>

#include "core/mem.h"

#define WHEELBASE 2.6 /* m */
#define STEER_RATE 2.5
#define STEER_MAX 0.5
#define START_SPEED 10.0
#define TAU 2.0 /* s */
#define OFFSET_SD 1.5
#define OFFSET_MAX 3.0
#define FACTOR_SD 0.12
#define FACTOR_MAX 0.3
#define SIDEWARDS 8.0 /* m/s^2 */
#define SEEN 20.0     /* m ahead within which bends count */

enum { DROPPED = 40, POINTS = CAL_TRACK_POINTS };

/* The car and its driver. */
struct state {
    struct cal_car car;
    double steer;          /* rad, of the front wheels */
    double offset, factor; /* wishes: o, n */
    int nearest;           /* point of the track */
};

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double distance(const struct cal_track *t, int point, const struct cal_car *car)
{
    return hypot(t->x[point % POINTS] - car->x, t->y[point % POINTS] - car->y);
}

/* Where on the track it is; it never goes back. */
static void find_place(const struct cal_track *t, struct state *s)
{
    while (distance(t, s->nearest + 1, &s->car) <= distance(t, s->nearest, &s->car))
        s->nearest = (s->nearest + 1) % POINTS;
    int i = s->nearest;
    s->car.offset = cos(t->heading[i]) * (s->car.y - t->y[i]) - sin(t->heading[i]) * (s->car.x - t->x[i]);
    s->car.curvature = t->curvature[i];
}

static struct state start(const struct cal_rng *key, const struct cal_track *t)
{
    struct state s = {.nearest = (int)cal_rng_below(key, 0, POINTS)};
    int i = s.nearest;
    s.car = (struct cal_car){.x = t->x[i], .y = t->y[i], .heading = t->heading[i], .speed = START_SPEED};
    find_place(t, &s);
    return s;
}

static double wander(double z, double sd, double normal)
{
    return z - z * CAL_CAR_STEP_S / TAU + sd * sqrt(2 * CAL_CAR_STEP_S / TAU) * normal;
}

static double wanted_steer(const struct cal_track *t, const struct state *s)
{
    double ahead = 5 + 0.35 * s->car.speed, aside = clip(s->offset, -OFFSET_MAX, OFFSET_MAX);
    int i = (s->nearest + (int)lround(ahead / t->spacing)) % POINTS;
    double x = t->x[i] - aside * sin(t->heading[i]) - s->car.x, y = t->y[i] + aside * cos(t->heading[i]) - s->car.y;
    double alpha = atan2(y, x) - s->car.heading;
    return clip(atan2(2 * WHEELBASE * sin(alpha), hypot(x, y)), -STEER_MAX, STEER_MAX);
}

static double wanted_speed(const struct cal_track *t, const struct state *s)
{
    double sharpest = 1e-9;
    for (int i = 0; i * t->spacing <= SEEN; i++)
        sharpest = fmax(sharpest, fabs(t->curvature[(s->nearest + i) % POINTS]));
    return clip(sqrt(SIDEWARDS / sharpest), 6, 20) * (1 + clip(s->factor, -FACTOR_MAX, FACTOR_MAX));
}

/* One step of time. The place moves with the old speed, the heading turns with the new one. */
static void drive(const struct cal_track *t, struct state *s)
{
    double turn = STEER_RATE * CAL_CAR_STEP_S, v = s->car.speed;
    double acceleration = clip(2 * (wanted_speed(t, s) - v), -9, 5);
    s->steer += clip(wanted_steer(t, s) - s->steer, -turn, turn);
    s->car.x += v * cos(s->car.heading) * CAL_CAR_STEP_S;
    s->car.y += v * sin(s->car.heading) * CAL_CAR_STEP_S;
    s->car.speed = fmax(v + acceleration * CAL_CAR_STEP_S, 0);
    s->car.heading += s->car.speed / WHEELBASE * tan(s->steer) * CAL_CAR_STEP_S;
    find_place(t, s);
}

void cal_car_drive(const struct cal_rng *key, const struct cal_track *track, size_t n, struct cal_car *path)
{
    size_t steps = DROPPED + n;
    float *normal = cal_alloc(2 * steps * sizeof *normal);
    struct state s = start(key, track);
    cal_rng_normal_fill(key, 64, normal, 2 * steps); /* element 0 was the start */
    for (size_t i = 0; i < steps; i++) {
        if (i >= DROPPED)
            path[i - DROPPED] = s.car;
        s.offset = wander(s.offset, OFFSET_SD, (double)normal[2 * i]);
        s.factor = wander(s.factor, FACTOR_SD, (double)normal[2 * i + 1]);
        drive(track, &s);
    }
    cal_free(normal);
}
