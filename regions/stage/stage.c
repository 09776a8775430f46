/* regions/stage/stage.c - see stage.h. */
#include "regions/stage/stage.h"

#include <stddef.h>

#define AT(field) offsetof(struct cal_stage_params, field)

static const struct cal_param params[] = {
    {"channels", CAL_INT, AT(channels), "1", "16", 1, 4096, .help = "maps that it makes"},
    {"pool", CAL_INT, AT(pool), "1", "1", 1, 2, .help = "side of the squares whose maximum is passed on; 1: every value is"},
    {"head", CAL_INT, AT(head), "1", "0", 0, 4096,
     .help = "maps of a convolutional block in the head, below its averages; 0: no such block"},
    {"classes", CAL_INT, AT(net.readout.classes), "1", "10", 2, 65536, .help = "labels are 0 to one less"},
    {"boxes", CAL_BOOL, AT(net.readout.boxes), .value = "false", .help = "a second head says where the thing is: centre and size"},
    {"local", CAL_CHOICE, AT(net.readout.local), .value = "cross-entropy", .choices = cal_readout_locals,
     .help = "what the body learns from: the classifier's loss, or mostly that samples of a class be alike"},
    {"beta", CAL_FLOAT, AT(net.readout.beta), "1", "0", 0, 1e3, .help = "weight of the representation's entropy in the loss"},
    {"alpha", CAL_CHOICE, AT(net.readout.alpha), .value = "2", .choices = cal_readout_alphas, .help = "order of the entropy"},
    {"conditional", CAL_BOOL, AT(net.readout.conditional), .value = "false", .help = "entropy counts pairs of one class only"},
    {"optimiser", CAL_TABLE, AT(net.optimiser), .table = cal_optim_table, .help = "how body and head learn"},
    {0},
};

static int outputs(struct cal_region *r)
{
    const struct cal_stage_params *p = r->params;
    struct cal_net_shape shape = {
        .n = p->head ? 2 : 1, .body = 1, .block = {{.channels = (int)p->channels, .pool = p->pool == 2}, {.channels = (int)p->head}}};
    return cal_net_outputs(r, &shape);
}

const struct cal_region_ops cal_stage_ops = {
    .kind = "stage",
    .help = "a convolutional block that learns from a loss of its own, for chains of stages",
    .params = params,
    .params_size = sizeof(struct cal_stage_params),
    .outputs = outputs,
    CAL_NET_OPS,
};
