/* experiments/metrics.c - see metrics.h. */
#include "experiments/metrics.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/json.h"
#include "core/mem.h"

int cal_metrics_open(struct cal_sim *s, const long *size)
{
    for (int i = 0; i < s->n_hosts; i++) {
        struct cal_host *h = &s->host[i];
        if (h->region->ops->learn == NULL)
            continue;
        char *path = cal_sprintf("%s/metrics/%s.jsonl", s->dir, h->region->name);
        h->metrics.file = fopen(path, size ? "r+" : "w");
        int err = CAL_OK;
        if (!h->metrics.file)
            err = cal_fail(CAL_EIO, "%s: cannot open: %s", path, strerror(errno));
        else if (size && (ftruncate(fileno(h->metrics.file), size[i]) || fseek(h->metrics.file, 0, SEEK_END)))
            err = cal_fail(CAL_EIO, "%s: cannot cut to %ld bytes: %s", path, size[i], strerror(errno));
        cal_free(path);
        if (err)
            return err;
    }
    return CAL_OK;
}

void cal_metrics_add(struct cal_host *h, const double *metric)
{
    int n = cal_region_n_metrics(h->region);
    for (int i = 0; i < n; i++)
        h->metrics.sum[i] += metric[i];
    h->metrics.n++;
}

static int write_line(struct cal_sim *s, struct cal_host *h)
{
    struct cal_metrics *m = &h->metrics;
    struct cal_json json;
    cal_json_init(&json, m->file, false);
    cal_json_object(&json, NULL);
    cal_json_integer(&json, "step", s->at.step);
    cal_json_string(&json, "phase", s->experiment->phase[cal_sim_phase(s)].name);
    for (int i = 0; h->region->ops->metrics[i]; i++)
        cal_json_number(&json, h->region->ops->metrics[i], m->sum[i] / (double)m->n);
    cal_json_end(&json);
    memset(m->sum, 0, sizeof m->sum);
    m->n = 0;
    int err = cal_json_finish(&json);
    if (err) {
        char *path = cal_sprintf("%s/metrics/%s.jsonl", s->dir, h->region->name);
        cal_fail_in(err, path);
        cal_free(path);
    }
    return err;
}

int cal_metrics_log(struct cal_sim *s)
{
    int err = CAL_OK;
    for (int i = 0; !err && i < s->n_hosts; i++)
        if (s->host[i].metrics.n && s->host[i].metrics.file) /* none was opened where nothing is written */
            err = write_line(s, &s->host[i]);
    return err;
}

long cal_metrics_size(struct cal_host *h)
{
    if (!h->metrics.file)
        return 0;
    fflush(h->metrics.file);
    return ftell(h->metrics.file);
}

int cal_metrics_shown(const struct cal_experiment *e, const char **names)
{
    int n = 0;
    for (int g = 0; g < e->n_groups; g++)
        for (const char *const *m = e->group[g].ops->metrics; m && *m && n < CAL_SHOWN_MAX; m++) {
            bool known = false;
            for (int i = 0; i < n; i++)
                known = known || !strcmp(names[i], *m);
            if (!known)
                names[n++] = *m;
        }
    return n;
}

void cal_metrics_report(const struct cal_sim *s, double *value)
{
    const char *names[CAL_SHOWN_MAX];
    int n = cal_metrics_shown(s->experiment, names);
    for (int i = 0; i < s->n_hosts; i++) {
        const struct cal_host *h = &s->host[i];
        for (int k = 0; h->metrics.n && h->region->ops->metrics && h->region->ops->metrics[k]; k++)
            for (int j = 0; j < n; j++)
                if (!strcmp(names[j], h->region->ops->metrics[k])) {
                    value[2 * j] += h->metrics.sum[k] / (double)h->metrics.n;
                    value[2 * j + 1] += 1;
                }
    }
}
