/* tests/test_populations_rule.c - the rule of populations and their readout, against a dense and scalar one in float64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fixtures.h"
#include "tests/pair.h"

#define READOUT "{classes: 3, rate: 6}"

struct dense {
    int units, channels, batch, classes;
    double *w;         /* (U,channels): 0 where there is no synapse */
    double *top, *v;   /* (U,C), (C,U) */
    double *mu, *sd;   /* (U) */
    double *h, *z, *p; /* (B,U), (B,U), (B,C) */
};

static double phi(double z)
{
    return tanh(fmax(z, 0) / 2);
}

static double channel_value(const struct pair *w, int b, int j)
{
    int d = w->sight.slice[0].cols;
    double x = (double)w->image[b * d + j % d];
    return j < d ? x : 1 - x;
}

static void dense_init(struct dense *m, struct pair *w)
{
    const struct cal_populations *k = (struct cal_populations *)w->region[0];
    const struct cal_reader *reader = (const struct cal_reader *)w->readout;
    size_t u = (size_t)k->units, c = (size_t)w->classes, b = (size_t)w->batch;
    *m = (struct dense){.units = k->units, .channels = k->channels, .batch = w->batch, .classes = w->classes};
    double **all[] = {&m->w, &m->top, &m->v, &m->mu, &m->sd, &m->h, &m->z, &m->p};
    const size_t sizes[] = {u * (size_t)k->channels, u * c, u * c, u, u, b * u, b * u, b * c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = cal_alloc(sizes[i] * sizeof(double));
    for (int i = 0; i < k->units; i++) {
        m->mu[i] = (double)k->mu[i];
        m->sd[i] = (double)k->sd[i];
        for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++)
            m->w[i * k->channels + k->channel[s]] = exp((double)k->log_w[s]);
    }
    for (size_t i = 0; i < u * c; i++) {
        m->top[i] = (double)k->top[i];
        m->v[i] = (double)reader->v[i];
    }
}

static void dense_finish(struct dense *m)
{
    double *all[] = {m->w, m->top, m->v, m->mu, m->sd, m->h, m->z, m->p};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cal_free(all[i]);
}

static void dense_forward(struct dense *m, const struct pair *w, double follow)
{
    int n = m->units;
    for (int i = 0; i < n; i++) {
        double mean = 0, square = 0;
        for (int b = 0; b < m->batch; b++) {
            double *u = &m->z[b * n + i];
            *u = 0;
            for (int j = 0; j < m->channels; j++)
                *u += m->w[i * m->channels + j] * channel_value(w, b, j);
            mean += *u / m->batch;
        }
        m->mu[i] += follow * (mean - m->mu[i]);
        for (int b = 0; b < m->batch; b++)
            square += pow(m->z[b * n + i] - m->mu[i], 2) / m->batch;
        m->sd[i] += follow * (sqrt(square) + 1e-4 - m->sd[i]);
        for (int b = 0; b < m->batch; b++) {
            m->z[b * n + i] = 3 * ((m->z[b * n + i] - m->mu[i]) / m->sd[i] - 0.5);
            m->h[b * n + i] = phi(m->z[b * n + i]);
        }
    }
    for (int b = 0; b < m->batch; b++) {
        double sum = 0, *p = m->p + b * m->classes;
        for (int c = 0; c < m->classes; c++) {
            double logit = 0;
            for (int i = 0; i < n; i++)
                logit += m->v[c * n + i] * m->h[b * n + i];
            sum += p[c] = exp(logit);
        }
        for (int c = 0; c < m->classes; c++)
            p[c] /= sum;
    }
}

static double bounded(double x, double most)
{
    return fmin(fmax(x, -most), most);
}

/* (h+ - h-) of unit i for sample b. */
static double dense_difference(const struct dense *m, const struct pair *w, int i, int b)
{
    double clamped = m->z[b * m->units + i], alone = clamped;
    for (int c = 0; c < m->classes; c++) {
        clamped += 0.3 * m->top[i * m->classes + c] * (c == (int)w->label[b]);
        alone += 0.3 * m->top[i * m->classes + c] * m->p[b * m->classes + c];
    }
    return phi(clamped) - phi(alone);
}

static void dense_learn(struct dense *m, const struct pair *w, double rate, double top_rate, double v_rate)
{
    int n = m->units;
    for (int i = 0; i < n; i++) {
        double sum = 0, count = 0;
        for (int j = 0; j < m->channels; j++) {
            double *at = &m->w[i * m->channels + j], change = 0;
            if (*at == 0)
                continue;
            for (int b = 0; b < m->batch; b++)
                change += dense_difference(m, w, i, b) * channel_value(w, b, j) / m->batch;
            *at *= exp(bounded(rate * change, 0.2));
            sum += log(*at);
            count++;
        }
        for (int j = 0; j < m->channels; j++)
            m->w[i * m->channels + j] *= exp(-sum / count);
    }
    for (int c = 0; c < m->classes; c++)
        for (int i = 0; i < n; i++) {
            double change = 0;
            for (int b = 0; b < m->batch; b++)
                change += ((c == (int)w->label[b]) - m->p[b * m->classes + c]) * m->h[b * n + i] / m->batch;
            m->v[c * n + i] *= exp(bounded(v_rate * change, 1));
            m->top[i * m->classes + c] *= exp(bounded(top_rate * change, 1));
        }
}

static void expect_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance * (1 + fabs(expected))))
        fail_msg("%g, expected %g", got, expected);
}

/* Five presentations from the same start: structure and rule as they are defined. Schedules: 1 - 0.9 t/1000; mu and sd: the first batches averaged. */
static void learning_is_the_dense_rule(void **state)
{
    (void)state;
    struct pair w;
    struct dense m;
    assert_int_equal(pair_create(&w, 1, 20, 12, "{populations: 3, units: 4, window: 7, margin: 1, rate: 30, top_rate: 5}", READOUT),
                     CAL_OK);
    dense_init(&m, &w);
    const struct cal_populations *k = (struct cal_populations *)w.region[0];
    const struct cal_reader *reader = (const struct cal_reader *)w.readout;
    double moved = 0;
    for (long t = 0; t < 5; t++) {
        double fall = 1 - 0.9 * (double)t / 1000;
        assert_int_equal(pair_train(&w, t), CAL_OK);
        dense_forward(&m, &w, 1 / (double)(t + 1));
        dense_learn(&m, &w, 30 * fall, 5 * fall, 6 * fall);
    }
    for (int i = 0; i < k->units; i++) {
        expect_near((double)k->mu[i], m.mu[i], 1e-4);
        expect_near((double)k->sd[i], m.sd[i], 1e-4);
        for (long s = k->row_start[i]; s < k->row_start[i + 1]; s++) {
            expect_near((double)k->log_w[s], log(m.w[i * k->channels + k->channel[s]]), 1e-4);
            moved = fmax(moved, fabs((double)k->log_w[s]));
        }
    }
    for (int i = 0; i < k->units * w.classes; i++) {
        expect_near((double)k->top[i], m.top[i], 1e-4);
        expect_near((double)reader->v[i], m.v[i], 1e-4);
    }
    assert_true(moved > 0.05);
    dense_finish(&m);
    pair_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_is_the_dense_rule),
    };
    return cmocka_run_group_tests(tests, NULL, no_memory_left);
}
