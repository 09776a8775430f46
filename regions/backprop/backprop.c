/* regions/backprop/backprop.c - see backprop.h. */
#include "regions/backprop/backprop.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define AT(field) offsetof(struct cal_backprop_params, field)

static const struct cal_param params[] = {
    {"stages", CAL_STRINGS, AT(stages),
     .help = "channels of each stage, followed by p where it ends in 2x2 max-pooling: [16p, 32p, 64, 64p]"},
    {"classes", CAL_INT, AT(net.readout.classes), "1", "10", 2, 65536, .help = "labels are 0 to one less"},
    {"boxes", CAL_BOOL, AT(net.readout.boxes), .value = "false", .help = "a second head says where the thing is: centre and size"},
    {"beta", CAL_FLOAT, AT(net.readout.beta), "1", "0", 0, 1e3, .help = "weight of the last representation's entropy in the loss"},
    {"alpha", CAL_CHOICE, AT(net.readout.alpha), .value = "2", .choices = cal_readout_alphas, .help = "order of the entropy"},
    {"conditional", CAL_BOOL, AT(net.readout.conditional), .value = "false", .help = "entropy counts pairs of one class only"},
    {"optimiser", CAL_TABLE, AT(net.optimiser), .table = cal_optim_table, .help = "how body and head learn"},
    {0},
};

/* "64p" into the shape's next block. */
static int add_stage(struct cal_net_shape *shape, const char *word)
{
    char *end;
    long channels = strtol(word, &end, 10);
    bool pool = !strcmp(end, "p");
    if (channels < 1 || channels > 4096 || (*end && !pool))
        return cal_fail(CAL_EUSAGE, "`stages`: `%s`, expected 1 to 4096 channels, followed by p for pooling, such as 64 or 64p", word);
    shape->block[shape->n].channels = (int)channels;
    shape->block[shape->n++].pool = pool;
    return CAL_OK;
}

static int outputs(struct cal_region *r)
{
    const struct cal_backprop_params *p = r->params;
    struct cal_net_shape shape = {.numbered = true};
    if (p->stages.n < 1 || p->stages.n > CAL_NET_BLOCKS_MAX)
        return cal_fail(CAL_EUSAGE, "`stages`: %d of them, expected 1 to %d", p->stages.n, CAL_NET_BLOCKS_MAX);
    for (int i = 0; i < p->stages.n; i++) {
        int error = add_stage(&shape, p->stages.item[i]);
        if (error)
            return error;
    }
    shape.body = shape.n;
    return cal_net_outputs(r, &shape);
}

const struct cal_region_ops cal_backprop_ops = {
    .kind = "backprop",
    .help = "a whole convolutional net in one region, trained end to end: the control",
    .params = params,
    .params_size = sizeof(struct cal_backprop_params),
    .outputs = outputs,
    CAL_NET_OPS,
};
