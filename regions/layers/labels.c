/* regions/layers/labels.c - see labels.h. */
#include "regions/layers/labels.h"

#include <math.h>

#include "core/err.h"

int cal_labels_take(const struct cal_rep *context, int classes, float *label)
{
    cal_rep_pack(context, cal_rep_find(context->spec, "label"), label);
    for (int b = 0; b < context->spec->rows; b++)
        if (!(label[b] >= 0 && label[b] < (float)classes && label[b] == floorf(label[b])))
            return cal_fail(CAL_EUSAGE, "label %g in presentation %ld, expected 0 to %d: `classes` is %d", (double)label[b],
                            context->presentation, classes - 1, classes);
    return CAL_OK;
}

int cal_labels_check(const struct cal_region *r)
{
    if (r->n_contexts != 1)
        return cal_fail(CAL_EUSAGE, "needs exactly one context, the stimulus with its labels; it has %d", r->n_contexts);
    const struct cal_port *port = &r->context[0];
    int at = cal_rep_find(&port->spec, "label");
    if (at >= 0 && port->spec.slice[at].cols == 1 && !port->spec.slice[at].shared)
        return CAL_OK;
    return cal_fail(CAL_EUSAGE, "`%s` from %s brings no `label` (1 a sample)", port->projection, port->peer);
}
