/* regions/objectives/nce_fast.c - the loss in time and its gradients, fused and vectorised; see nce.h.
 *
 * For each (n,u) one pass over the sequences m makes the two exponentials that everything is made of,
 *     w = exp(T q_n.q_m - the most in m's group),     E = exp(tau (e_n.e_m - 1)),
 * and a second spreads the gradients: the weights' softmax is w / Z, the share of m among the negatives w E / Z over its sum, the control's sum is
 * that of E. No array of B x B is ever there. Sequence m is in lane m mod 16, so a group (m mod G, G dividing 16) is a set of lanes, and sums run in
 * lanes, the same on every machine's vectors. Uniform weights are those of one group and temperature 0. */
#include <math.h>
#include <string.h>

#include "regions/objectives/lanes_fast.h"
#include "regions/objectives/nce.h"

/* One (n,u). After the first pass, with l = m mod 16, softmax_m = w[m] r0[l] G and share_m = we[m] r1[l]. */
struct row {
    int pitch, groups;
    float *there;                  /* (P) 1 for another sequence, else 0 */
    float *logit, *alike, *w, *we; /* (P) q_n.q_m, e_n.e_m, w, w E */
    float r0[LANES], r1[LANES];
    float whole[LANES];    /* sum of share over the lane's group */
    float negatives, even; /* log of the weighted sum of E, and of the plain one */
};

/* A distance that exp_minus() takes. */
static inline float within(float d)
{
    return d > 0 ? least(d, FAR) : 0;
}

/* out[m] = x_n.x_m for x (D,P). */
static void dots(int width, int pitch, const float *restrict x, int n, float *restrict out)
{
    for (int m = 0; m < pitch; m++)
        out[m] = 0;
    for (int d = 0; d < width; d++, x += pitch) {
        float at = x[n];
        for (int m = 0; m < pitch; m++)
            out[m] += at * x[m];
    }
}

/* Each lane gets the most that a logit of its group is, less the sign. */
static inline void nearest(const struct row *r, float *low)
{
    const float *restrict there = r->there, *restrict logit = r->logit;
    for (int l = 0; l < LANES; l++)
        low[l] = AWAY;
    for (int m = 0; m < r->pitch; m += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++)
            low[l] = least(low[l], there[m + l] > 0 ? -logit[m + l] : AWAY);
    fold_least(low, r->groups);
}

/* The first pass. `warm` and `sharp` are T and tau in UNITs. */
static void row_first(struct row *r, float warm, float sharp)
{
    const float *restrict there = r->there, *restrict logit = r->logit, *restrict alike = r->alike;
    float *restrict w = r->w, *restrict we = r->we;
    float low[LANES], z[LANES] = {0}, s[LANES] = {0}, c[LANES] = {0};
    nearest(r, low);
    for (int m = 0; m < r->pitch; m += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float a = there[m + l] * exp_minus(within(warm * (-logit[m + l] - low[l])));
            float b = exp_minus(within(sharp * (1.0f - alike[m + l])));
            w[m + l] = a;
            we[m + l] = a * b;
            z[l] += a;
            s[l] += a * b;
            c[l] += there[m + l] * b;
        }
    fold(z, r->groups);
    for (int l = 0; l < LANES; l++) {
        r->r0[l] = 1.0f / ((float)r->groups * z[l]);
        s[l] *= r->r0[l];
    }
    float sum = total(s), even = total(c), f = 1.0f / sum;
    for (int l = 0; l < LANES; l++) {
        r->r1[l] = r->r0[l] * f;
        r->whole[l] = s[l] * f;
    }
    fold(r->whole, r->groups);
    r->negatives = logf(sum);
    r->even = logf(even);
}

/* x and its gradient d (D,P): d_m += by share_m x_n, and d_n += by sum_m share_m x_m. */
static inline void spread(const struct row *r, int width, const float *restrict x, int n, float by, const float *restrict share,
                          float *restrict d)
{
    for (int i = 0; i < width; i++, x += r->pitch, d += r->pitch) {
        float at = by * x[n], sums[LANES] = {0};
        for (int m = 0; m < r->pitch; m += LANES)
#pragma omp simd simdlen(LANES)
            for (int l = 0; l < LANES; l++) {
                sums[l] += share[m + l] * x[m + l];
                d[m + l] += at * share[m + l];
            }
        d[n] += by * total(sums);
    }
}

/* Second pass, cortex: de (D,P) += by share_m dE, the positive apart. */
static void spread_codes(const struct row *r, int width, const float *e, int n, float by, float *de)
{
    float *restrict we = r->we;
    for (int m = 0; m < r->pitch; m += LANES)
        for (int l = 0; l < LANES; l++)
            we[m + l] *= r->r1[l];
    spread(r, width, e, n, by, we, de);
}

/* Second pass, attention: da_m = share_m - softmax_m (their sum in the group), down the logits T q_n.q_m. The factor T of dquery is left to the
 * caller. */
static void spread_weights(const struct row *r, int width, const float *query, int n, float scale, float *dquery, float *d_temperature)
{
    float *restrict w = r->w, *restrict we = r->we;
    const float *restrict logit = r->logit;
    float sums[LANES] = {0}, back[LANES];
    for (int l = 0; l < LANES; l++)
        back[l] = r->r0[l] * (float)r->groups * r->whole[l];
    for (int m = 0; m < r->pitch; m += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float da = we[m + l] * r->r1[l] - w[m + l] * back[l];
            we[m + l] = da;
            sums[l] += da * logit[m + l];
        }
    spread(r, width, query, n, scale, we, dquery);
    *d_temperature += scale * total(sums);
}

enum side { NEITHER, CODES, WEIGHTS };

static struct row row_of(const struct cal_nce *c)
{
    size_t pitch = (size_t)c->pitch;
    float *rows = c->rows;
    for (int m = 0; m < c->pitch; m++)
        rows[m] = m < c->batch ? 1.0f : 0.0f;
    return (struct row){.pitch = c->pitch,
                        .groups = c->groups ? c->groups : 1,
                        .there = rows,
                        .logit = rows + pitch,
                        .alike = rows + 2 * pitch,
                        .w = rows + 3 * pitch,
                        .we = rows + 4 * pitch};
}

/* e_n.p_n of one unit. */
static float agreement(const struct cal_nce *c, const float *e, const float *p, int n)
{
    float sum = 0;
    for (int d = 0; d < c->width; d++)
        sum += e[d * c->pitch + n] * p[d * c->pitch + n];
    return sum;
}

/* One unit: all n. d1 is de or dquery. */
static void nce_unit(const struct cal_nce *c, size_t u, enum side side, float *d1, float *d_temperature, struct cal_nce_value *value)
{
    size_t codes = u * (size_t)c->width * (size_t)c->pitch, queries = u * (size_t)c->query_width * (size_t)c->pitch;
    const float *e = c->e + codes, *p = c->p + codes, *query = c->groups ? c->query + queries : NULL;
    float warm = c->groups ? UNIT * c->temperature[u] : 0, sharp = UNIT * c->tau;
    double log_others = log(c->batch - 1);
    struct row r = row_of(c);
    for (int n = 0; n < c->batch; n++) {
        r.there[n] = 0;
        dots(c->groups ? c->query_width : 0, c->pitch, query, n, r.logit);
        dots(c->width, c->pitch, e, n, r.alike);
        row_first(&r, warm, sharp);
        r.there[n] = 1;
        double apart = (double)(c->tau * (1 - agreement(c, e, p, n)));
        value->loss += apart + (double)r.negatives;
        value->control += apart + (double)r.even - log_others;
        if (side == CODES)
            spread_codes(&r, c->width, e, n, c->tau * c->scale, d1);
        else if (side == WEIGHTS)
            spread_weights(&r, c->query_width, query, n, c->scale, d1, d_temperature);
    }
}

void cal_nce_codes(const struct cal_nce *c, float *de, float *dp, struct cal_nce_value *value)
{
    size_t unit = (size_t)c->width * (size_t)c->pitch, n = (size_t)c->units * unit;
    float by = -c->tau * c->scale;
    for (size_t i = 0; i < n; i++) {
        de[i] = by * c->p[i];
        dp[i] = by * c->e[i];
    }
    *value = (struct cal_nce_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++)
        nce_unit(c, u, CODES, de + u * unit, NULL, value);
}

void cal_nce_weights(const struct cal_nce *c, float *dquery, float *d_temperature, struct cal_nce_value *value)
{
    size_t unit = (size_t)c->query_width * (size_t)c->pitch;
    memset(dquery, 0, (size_t)c->units * unit * sizeof *dquery);
    memset(d_temperature, 0, (size_t)c->units * sizeof *d_temperature);
    *value = (struct cal_nce_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++) {
        nce_unit(c, u, WEIGHTS, dquery + u * unit, d_temperature + u, value);
        for (size_t i = u * unit; i < (u + 1) * unit; i++)
            dquery[i] *= c->temperature[u];
    }
}

void cal_nce_measure(const struct cal_nce *c, struct cal_nce_value *value)
{
    *value = (struct cal_nce_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++)
        nce_unit(c, u, NEITHER, NULL, NULL, value);
}
