/* regions/objectives/contrast_fast.c - the contrast and its gradients, fused and vectorised; see contrast.h.
 *
 * For each (q,u) one pass over the samples k makes the three exponentials that everything is made of,
 *     e0 = exp(-t), t = tau |key_k - query_q|,     E1 = exp(-D(y1_q, y1_k)),     E2 = exp(-D(y2_q, y1_k)),
 * and a second spreads the gradients: the weights' softmax is e0 / Z, the shares p1, p2 are e0 E1 and e0 E2 over their sums, the control's
 * n is the mean of E. No array of B x B is ever there. Sample k is in lane k mod 16, so a group (k mod G, G dividing 16) is a set of lanes,
 * and sums run in lanes, the same on every machine's vectors. */
#include <math.h>
#include <string.h>

#include "regions/objectives/contrast.h"
#include "regions/objectives/lanes_fast.h"

#define TINY 1e-14f /* sums under this: what underflows in a product e0 E, at 1e-38, might tell; the row is done again with shifts */

/* One (q,u). Codes, keys and what is compared with them are in UNITs. After the first pass, with l = k mod 16,
 * softmax_k = e0[k] r0[l], p1_k = e1[k] r1[l], p2_k = e2[k] r2[l]. */
struct row {
    float y1, y2, query, clip;
    int pitch, groups;
    const float *codes, *key;    /* (P) y1_k; tau key_k */
    const float *away, *present; /* (P) AWAY or 0; 1 for a sample, 0 for padding */
    float *e0, *e1, *e2;         /* (P) */
    float r0[LANES], r1[LANES], r2[LANES];
    float both[LANES];     /* sum of p1 + p2 over the lane's group */
    float negatives, even; /* log(G n1) + log(G n2); the control's log(B n1) + log(B n2) */
};

/* The first pass as it goes when nothing underflows: three exponentials, shared by all sums. False when a sum is TINY. */
static bool row_shared(struct row *r)
{
    const float *restrict codes = r->codes, *restrict key = r->key, *restrict away = r->away, *restrict present = r->present;
    float *restrict e0 = r->e0, *restrict e1 = r->e1, *restrict e2 = r->e2;
    float y1 = r->y1, y2 = r->y2, query = r->query, bound = least(r->clip, FAR);
    float z[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, c1[LANES] = {0}, c2[LANES] = {0};
    for (int k = 0; k < r->pitch; k += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float w = exp_minus(least(fabsf(key[k + l] - query) + away[k + l], FAR));
            float a = exp_minus(least(fabsf(codes[k + l] - y1), bound)), b = exp_minus(least(fabsf(codes[k + l] - y2), bound));
            e0[k + l] = w;
            e1[k + l] = w * a;
            e2[k + l] = w * b;
            z[l] += w;
            s1[l] += w * a;
            s2[l] += w * b;
            c1[l] += a * present[k + l];
            c2[l] += b * present[k + l];
        }
    fold(z, r->groups);
    float low = 1.0f;
    for (int l = 0; l < LANES; l++) {
        low = least(low, z[l]);
        r->r0[l] = 1.0f / z[l];
        s1[l] *= r->r0[l];
        s2[l] *= r->r0[l];
    }
    float sum1 = total(s1), sum2 = total(s2), even1 = total(c1), even2 = total(c2), f1 = 1.0f / sum1, f2 = 1.0f / sum2;
    if (least(least(low, even2), least(sum1, sum2)) < TINY) /* even1 >= 1: q is among the samples */
        return false;
    for (int l = 0; l < LANES; l++) {
        r->r1[l] = r->r0[l] * f1;
        r->r2[l] = r->r0[l] * f2;
        r->both[l] = s1[l] * f1 + s2[l] * f2;
    }
    fold(r->both, r->groups);
    r->negatives = logf(sum1 * sum2);
    r->even = logf(even1 * even2);
    return true;
}

/* log sum_k exp(-x_k), x in UNITs, shifted by the least; exp(low - x_k) to x, its lanes' sums to s. */
static float log_sum(int pitch, float *restrict x, float *restrict s)
{
    float low = AWAY;
    for (int k = 0; k < pitch; k++)
        low = least(low, x[k]);
    memset(s, 0, LANES * sizeof *s);
    for (int k = 0; k < pitch; k += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            x[k + l] = exp_minus(least(x[k + l] - low, FAR));
            s[l] += x[k + l];
        }
    return logf(total(s)) - low / UNIT;
}

/* e_k = D(y, y1_k) - log of k's weight, or with no weights AWAY for padding: the exponents of a sum over the samples, less the sign. */
static void distances(const struct row *r, const float *restrict minus_log, float y, float *restrict e)
{
    for (int k = 0; k < r->pitch; k++)
        e[k] = least(fabsf(r->codes[k] - y), r->clip) + (minus_log ? minus_log[k] : (1.0f - r->present[k]) * AWAY);
}

/* The first pass with every sum shifted by its largest term: for codes so far apart that row_shared() loses them. */
static void row_shifted(struct row *r)
{
    float low[LANES], z[LANES] = {0}, s1[LANES], s2[LANES];
    for (int l = 0; l < LANES; l++)
        low[l] = AWAY;
    for (int k = 0; k < r->pitch; k++) {
        r->e0[k] = fabsf(r->key[k] - r->query) + r->away[k];
        low[k % LANES] = least(low[k % LANES], r->e0[k]);
    }
    fold_least(low, r->groups);
    for (int k = 0; k < r->pitch; k++)
        z[k % LANES] += exp_minus(least(r->e0[k] - low[k % LANES], FAR));
    fold(z, r->groups);
    for (int k = 0; k < r->pitch; k++)
        r->e0[k] += UNIT * logf(z[k % LANES]) - low[k % LANES]; /* now -log softmax_k */
    distances(r, NULL, r->y1, r->e1);
    distances(r, NULL, r->y2, r->e2);
    r->even = log_sum(r->pitch, r->e1, s1) + log_sum(r->pitch, r->e2, s2);
    distances(r, r->e0, r->y1, r->e1);
    distances(r, r->e0, r->y2, r->e2);
    r->negatives = log_sum(r->pitch, r->e1, s1) + log_sum(r->pitch, r->e2, s2);
    for (int k = 0; k < r->pitch; k++)
        r->e0[k] = exp_minus(least(r->e0[k], FAR));
    float f1 = 1.0f / total(s1), f2 = 1.0f / total(s2);
    for (int l = 0; l < LANES; l++) {
        r->r0[l] = 1.0f;
        r->r1[l] = f1;
        r->r2[l] = f2;
        r->both[l] = s1[l] * f1 + s2[l] * f2;
    }
    fold(r->both, r->groups);
}

/* e with the sign of the difference d; 0 where |d| is 0 or at least `clip`. In bits, with one comparison: floats of one sign are ordered as
 * their bits are, and 0 less 1 is the largest. */
static inline float along(float e, float d, float clip)
{
    uint32_t sign = bits_of(d) & 0x80000000u, far = bits_of(d) ^ sign;
    uint32_t keep = far - 1 < bits_of(clip) - 1 ? 0xffffffffu : 0;
    return float_of((bits_of(e) ^ sign) & keep);
}

/* Second pass, cortex: d1_k += scale p_k dD/dy1_k, and the same against q. */
static void spread_codes(const struct row *r, float scale, int q, float *restrict d1, float *restrict d2)
{
    const float *restrict codes = r->codes, *restrict e1 = r->e1, *restrict e2 = r->e2;
    float y1 = r->y1, y2 = r->y2, clip = r->clip, f1[LANES], f2[LANES], sum1[LANES] = {0}, sum2[LANES] = {0};
    for (int l = 0; l < LANES; l++) {
        f1[l] = scale * r->r1[l];
        f2[l] = scale * r->r2[l];
    }
    for (int k = 0; k < r->pitch; k += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float g1 = along(e1[k + l], y1 - codes[k + l], clip), g2 = along(e2[k + l], y2 - codes[k + l], clip);
            d1[k + l] += f1[l] * g1 + f2[l] * g2;
            sum1[l] += g1;
            sum2[l] += g2;
        }
    for (int l = 0; l < LANES; l++) {
        sum1[l] *= f1[l];
        sum2[l] *= f2[l];
    }
    float apart = along(2 * scale, y1 - y2, clip);
    d1[q] += apart - total(sum1);
    d2[q] -= apart + total(sum2);
}

/* Second pass, attention: da_k = p1_k + p2_k - softmax_k (their sum in the group), down the logits -tau |key_k - query|. Keys and query as
 * they are; the factor tau of dkey and dquery is left to the caller. */
static void spread_weights(const struct row *r, const float *restrict key, float query, float scale, float *restrict dkey,
                           float *restrict dquery, float *restrict dtau)
{
    const float *restrict e0 = r->e0, *restrict e1 = r->e1, *restrict e2 = r->e2;
    float f0[LANES], f1[LANES], f2[LANES], sums[LANES] = {0}, fars[LANES] = {0};
    for (int l = 0; l < LANES; l++) {
        f0[l] = scale * r->r0[l] * r->both[l];
        f1[l] = scale * r->r1[l];
        f2[l] = scale * r->r2[l];
    }
    for (int k = 0; k < r->pitch; k += LANES)
#pragma omp simd simdlen(LANES)
        for (int l = 0; l < LANES; l++) {
            float da = e1[k + l] * f1[l] + e2[k + l] * f2[l] - e0[k + l] * f0[l], d = key[k + l] - query;
            float g = along(da, d, AWAY);
            sums[l] += g;
            fars[l] += d * g;
            dkey[k + l] -= g;
        }
    *dquery += total(sums);
    *dtau -= total(fars);
}

enum side { NEITHER, CODES, WEIGHTS };

/* The rows of one unit: scaled copies of codes and keys, who is there, and where the exponentials go. */
static struct row row_of(const struct cal_contrast *c, const float *y1, const float *key, float tau)
{
    size_t pitch = (size_t)c->pitch;
    float *away = c->rows, *present = away + pitch, *codes = present + pitch, *keys = codes + pitch, *e = keys + pitch;
    for (int k = 0; k < c->pitch; k++) {
        away[k] = k < c->batch ? 0.0f : AWAY;
        present[k] = k < c->batch ? 1.0f : 0.0f;
        codes[k] = UNIT * y1[k];
        keys[k] = UNIT * tau * key[k];
    }
    return (struct row){.clip = UNIT * c->clip,
                        .pitch = c->pitch,
                        .groups = c->groups,
                        .codes = codes,
                        .key = keys,
                        .away = away,
                        .present = present,
                        .e0 = e,
                        .e1 = e + pitch,
                        .e2 = e + 2 * pitch};
}

/* One unit: all q. */
static void contrast_unit(const struct cal_contrast *c, size_t u, enum side side, float *d1, float *d2, float *dtau,
                          struct cal_contrast_value *value)
{
    size_t at = u * (size_t)c->pitch;
    const float *y1 = c->y1 + at, *y2 = c->y2 + at, *key = c->key + at, *query = c->query + at;
    float tau = c->tau[u], *away = c->rows;
    double log_groups = 2 * log(c->groups), log_batch = 2 * log(c->batch);
    struct row r = row_of(c, y1, key, tau);
    for (int q = 0; q < c->batch; q++) {
        if (c->counted && c->counted[at + (size_t)q] == 0)
            continue;
        r.y1 = r.codes[q];
        r.y2 = UNIT * y2[q];
        r.query = UNIT * tau * query[q];
        away[q] = c->exclude_self ? AWAY : 0.0f;
        if (!row_shared(&r))
            row_shifted(&r);
        away[q] = 0.0f;
        double apart = 2 * (double)least(fabsf(y1[q] - y2[q]), c->clip);
        value->loss += apart + (double)r.negatives - log_groups;
        value->control += apart + (double)r.even - log_batch;
        if (side == CODES)
            spread_codes(&r, c->scale, q, d1, d2);
        else if (side == WEIGHTS)
            spread_weights(&r, key, query[q], c->scale, d1, d2 + q, dtau);
    }
}

void cal_contrast_codes(const struct cal_contrast *c, float *dy1, float *dy2, struct cal_contrast_value *value)
{
    size_t pitch = (size_t)c->pitch, n = (size_t)c->units * pitch;
    memset(dy1, 0, n * sizeof *dy1);
    memset(dy2, 0, n * sizeof *dy2);
    *value = (struct cal_contrast_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++)
        contrast_unit(c, u, CODES, dy1 + u * pitch, dy2 + u * pitch, NULL, value);
}

void cal_contrast_weights(const struct cal_contrast *c, float *dkey, float *dquery, float *dtau, struct cal_contrast_value *value)
{
    size_t pitch = (size_t)c->pitch, n = (size_t)c->units * pitch;
    memset(dkey, 0, n * sizeof *dkey);
    memset(dquery, 0, n * sizeof *dquery);
    memset(dtau, 0, (size_t)c->units * sizeof *dtau);
    *value = (struct cal_contrast_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++) {
        contrast_unit(c, u, WEIGHTS, dkey + u * pitch, dquery + u * pitch, dtau + u, value);
        for (size_t k = u * pitch; k < (u + 1) * pitch; k++) {
            dquery[k] *= c->tau[u];
            dkey[k] *= c->tau[u];
        }
    }
}

void cal_contrast_measure(const struct cal_contrast *c, struct cal_contrast_value *value)
{
    *value = (struct cal_contrast_value){0, 0};
    for (size_t u = 0; u < (size_t)c->units; u++)
        contrast_unit(c, u, NEITHER, NULL, NULL, NULL, value);
}
