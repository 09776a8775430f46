/* regions/layers/net.h - a convolutional net as a region: a stack of blocks and a readout, trained end to end on the readout's loss.
 *
 * What the kinds `stage` (one block: the loss is local) and `backprop` (all of them in one region: the control) share is everything but their
 * parameters. Drive: a map. Context: the labels of the stimulus. Sends: the body's last map, from before the presentation is learnt.
 * Blocks above that belong to the head: they are trained with it, serve the loss alone and rest where nobody asks for it. */
#ifndef CAL_REGIONS_LAYERS_NET_H
#define CAL_REGIONS_LAYERS_NET_H

#include "core/optim.h"
#include "regions/layers/block.h"
#include "regions/layers/readout.h"
#include "regions/region.h"

#define CAL_NET_BLOCKS_MAX 8

/* The parts that may learn alone. The body takes the running statistics along; with neither, it is normalised by the running ones, and they stay. The
 * blocks of the head go by the batch's statistics whatever learns, and theirs follow. */
enum { CAL_NET_BODY, CAL_NET_HEAD, CAL_NET_STATISTICS };
extern const char *const cal_net_parts[];

extern const char *const cal_net_takes_drive[], *const cal_net_takes_context[], *const cal_net_metrics[];

/* The parameters of both kinds begin with these. */
struct cal_net_params {
    struct cal_readout_params readout;
    struct cal_optim_params optimiser;
};

struct cal_net_shape {
    int n, body; /* blocks in all, and those of the body, which come first */
    struct {
        int channels;
        bool pool;
    } block[CAL_NET_BLOCKS_MAX];
    bool numbered; /* arrays and variables of block i are called by i, from 1 */
};

struct cal_net {
    struct cal_region base;
    struct cal_net_shape shape;
    struct cal_block block[CAL_NET_BLOCKS_MAX];
    struct cal_readout readout;
    struct cal_optim optim;
    float *scratch; /* of the convolutions */
    float *g_map;   /* the gradient in one map after the other, from the last to the first block's */
    float *top;     /* the last block's map, where that is the head's; NULL: it is the one sent */
};

struct cal_net_tape {
    struct cal_block_tape block[CAL_NET_BLOCKS_MAX];
    float *gap[CAL_NET_BLOCKS_MAX]; /* (B,K) global averages of each block's map */
    struct cal_readout_tape readout;
};

/* The number of the drive's slice that is a map, or -1. */
int cal_net_map_slice(const struct cal_rep_spec *spec);

/* For ops->outputs: the net of that shape over the drive; says what is sent and can be recorded. Error: CAL_EUSAGE. */
int cal_net_outputs(struct cal_region *r, const struct cal_net_shape *shape);

/* Whole ops. declare checks the context; errors: CAL_EUSAGE. */
int cal_net_declare(struct cal_region *r);
void cal_net_declare_tape(struct cal_region *r, void *tape, struct cal_layout *l);
void cal_net_init(struct cal_region *r);
int cal_net_forward(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *drive, void *tape, float *const *out);
int cal_net_learn(struct cal_region *r, const struct cal_step *s, const struct cal_rep *const *context, void *tape, double *metric);
const float *cal_net_observe(struct cal_region *r, void *tape, int i);

/* What both kinds have in their tables, but for name, help, parameters and outputs. */
#define CAL_NET_OPS                                                                                                                        \
    .size = sizeof(struct cal_net), .tape_size = sizeof(struct cal_net_tape), .takes_drive = cal_net_takes_drive,                          \
    .takes_context = cal_net_takes_context, .parts = cal_net_parts, .metrics = cal_net_metrics, .declare = cal_net_declare,                \
    .declare_tape = cal_net_declare_tape, .init = cal_net_init, .forward = cal_net_forward, .learn = cal_net_learn,                        \
    .observe = cal_net_observe

#endif
