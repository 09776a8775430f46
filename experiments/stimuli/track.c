/* experiments/stimuli/track.c - see track.h. */
#include "experiments/stimuli/track.h"

#include <math.h>
#include <stdbool.h>

#include "core/err.h"

#define RADIUS 55.0 /* m, mean */
#define ROUGH 0.45
#define REACH 4 /* points each way over which curvature is measured */

enum {
    FIRST = 2,
    LAST = 6,
    FINE = 8192,
    DRAWS = 16
}; /* harmonics; points before they are spaced equally, a power of 2; draws kept for a try */

static const double two_pi = 6.283185307179586;

struct outline {
    double a[LAST + 1], phase[LAST + 1]; /* by harmonic; the phase is that of the first point */
    double start;                        /* rad */
    int direction;                       /* +-1 */
};

double cal_track_turn(double x)
{
    return remainder(x, two_pi);
}

static struct outline draw_outline(const struct cal_rng *key, uint64_t try)
{
    struct outline o;
    uint64_t next = try * DRAWS;
    for (int k = FIRST; k <= LAST; k++) {
        o.a[k] = (0.3 + 0.7 * (double)cal_rng_uniform(key, next++)) * ROUGH / k;
        o.phase[k] = two_pi * (double)cal_rng_uniform(key, next++);
    }
    o.direction = cal_rng_uniform(key, next++) < 0.5f ? 1 : -1;
    o.start = two_pi * (double)cal_rng_uniform(key, next++);
    for (int k = FIRST; k <= LAST; k++)
        o.phase[k] += k * o.start;
    return o;
}

/* Cosine of angle + 2 pi i / FINE, by those of the angle and a table of one turn. i may be of any turn. */
static double cosine(const double *turn, double cos_angle, double sin_angle, int i)
{
    return cos_angle * turn[i & (FINE - 1)] - sin_angle * turn[(i - FINE / 4) & (FINE - 1)];
}

/* The fine points, the first one again at the end. False when the track comes too near the middle or the edge of the world. */
static bool lay_fine(const struct outline *o, const double *turn, double *x, double *y)
{
    double re[LAST + 1], im[LAST + 1], c = cos(o->start), s = sin(o->start);
    for (int k = FIRST; k <= LAST; k++) {
        re[k] = o->a[k] * cos(o->phase[k]);
        im[k] = o->a[k] * sin(o->phase[k]);
    }
    for (int i = 0; i <= FINE; i++) {
        int at = o->direction * i;
        double r = 1;
        for (int k = FIRST; k <= LAST; k++)
            r += cosine(turn, re[k], im[k], k * at);
        r *= RADIUS;
        if (r < CAL_TRACK_RADIUS_MIN || r > CAL_TRACK_RADIUS_MAX)
            return false;
        x[i] = CAL_TRACK_MIDDLE + r * cosine(turn, c, s, at);
        y[i] = CAL_TRACK_MIDDLE + r * cosine(turn, s, -c, at); /* sin a = cos(a - pi / 2) */
    }
    return true;
}

/* Points at equal distances along the fine ones. */
static void space_equally(const double *x, const double *y, struct cal_track *t)
{
    double length = 0, gone = 0;
    for (int i = 0; i < FINE; i++)
        length += hypot(x[i + 1] - x[i], y[i + 1] - y[i]);
    t->spacing = length / CAL_TRACK_POINTS;
    for (int i = 0, p = 0; i < FINE && p < CAL_TRACK_POINTS; i++) {
        double piece = hypot(x[i + 1] - x[i], y[i + 1] - y[i]);
        for (; p < CAL_TRACK_POINTS && p * t->spacing < gone + piece; p++) {
            double share = (p * t->spacing - gone) / piece;
            t->x[p] = x[i] + share * (x[i + 1] - x[i]);
            t->y[p] = y[i] + share * (y[i + 1] - y[i]);
        }
        gone += piece;
    }
}

/* Headings by the neighbours, curvature by headings. False when it bends too much. */
static bool measure_bends(struct cal_track *t)
{
    bool fits = true;
    for (int i = 0; i < CAL_TRACK_POINTS; i++) {
        int before = (i + CAL_TRACK_POINTS - 1) % CAL_TRACK_POINTS, after = (i + 1) % CAL_TRACK_POINTS;
        t->heading[i] = atan2(t->y[after] - t->y[before], t->x[after] - t->x[before]);
    }
    for (int i = 0; i < CAL_TRACK_POINTS; i++) {
        int before = (i + CAL_TRACK_POINTS - REACH) % CAL_TRACK_POINTS, after = (i + REACH) % CAL_TRACK_POINTS;
        t->curvature[i] = cal_track_turn(t->heading[after] - t->heading[before]) / (2 * REACH * t->spacing);
        fits = fits && fabs(t->curvature[i]) <= CAL_TRACK_CURVATURE_MAX;
    }
    return fits;
}

void cal_track_draw(const struct cal_rng *key, struct cal_track *track)
{
    double x[FINE + 1], y[FINE + 1], turn[FINE];
    bool fits = false;
    for (int i = 0; i < FINE; i++)
        turn[i] = cos(two_pi * i / FINE);
    for (uint64_t try = 0; !fits; try++) {
        CAL_ASSERT(try < 100000); /* about one in ten fits */
        struct outline o = draw_outline(key, try);
        if (!lay_fine(&o, turn, x, y))
            continue;
        space_equally(x, y, track);
        fits = measure_bends(track);
    }
}
