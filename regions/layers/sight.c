/* regions/layers/sight.c - see sight.h. */
#include "regions/layers/sight.h"

#include <math.h>

#include "core/err.h"

const char *const cal_channel_names[] = {[CAL_ON] = "on", [CAL_ON_OFF] = "on-off", NULL};
const char *const cal_sight_takes[] = {"image", "map", NULL};

int cal_sight_slice(const struct cal_rep_spec *spec)
{
    int i = cal_rep_find(spec, "image");
    return i >= 0 ? i : cal_rep_find(spec, "map");
}

void cal_sight_respond_twin(float contrast, size_t n, double *x)
{
    double g = (double)contrast;
    for (size_t i = 0; contrast >= CAL_CONTRAST_LEAST && i < n; i++)
        x[i] = 0.5 * (1 + tanh(g * (x[i] - 0.5) / 2) / tanh(g / 4));
}

float cal_sight_slope(float contrast, float r)
{
    if (contrast < CAL_CONTRAST_LEAST)
        return 1;
    float most = tanhf(contrast / 4), c = coshf(contrast / 4); /* 1 - (most (2 r - 1))^2, without the difference */
    return contrast / (4 * most) * fmaxf(1 / (c * c) + 4 * most * most * r * (1 - r), 0);
}

const struct cal_slice *cal_sight_check(const struct cal_region *r)
{
    if (r->n_drives != 1) {
        cal_fail(CAL_EUSAGE, "needs exactly one drive, the picture it looks at; it has %d", r->n_drives);
        return NULL;
    }
    const struct cal_port *port = &r->drive[0];
    int i = cal_sight_slice(&port->spec);
    if (i >= 0 && !port->spec.slice[i].shared)
        return &port->spec.slice[i];
    cal_fail(CAL_EUSAGE, "`%s` from %s brings no `image` and no `map`", port->projection, port->peer);
    return NULL;
}
