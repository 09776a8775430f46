/* experiments/stimuli/racing.c - see racing.h. */
#include "experiments/stimuli/racing.h"

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"
#include "experiments/stimuli/scene.h"
#include "experiments/stimuli/windows.h"

struct racing_params {
    long size, sequences, held_out, frames;
    struct cal_windows_params windows;
};

/* All sequences of one split. */
struct part {
    bool *made;           /* [own] (sequences) */
    struct cal_car *path; /* [own] (sequences,frames) */
    uint8_t *grey;        /* [own] (sequences,frames,size,size) */
    uint8_t *road;        /* [own] (sequences,frames), bits of (size,size) each */
};

struct racing {
    const struct racing_params *p; /* [borrow] */
    uint32_t seed;
    struct part part[2];     /* by split */
    struct cal_track *track; /* [own] of the sequence in the making */
    uint32_t *texel;         /* [own] likewise */
    struct cal_windows windows;
    int road, curvature, car; /* slices */
};

/* What is drawn for a sequence. */
enum draw { TRACK, DRIVER, GRASS };

static struct cal_rng key_of(const struct racing *r, enum draw draw, enum cal_split split, long sequence)
{
    return cal_rng_key(r->seed, CAL_STREAM_WORLD, CAL_OWNER_SHARED, 2 * (uint32_t)draw + (uint32_t)split, (uint64_t)sequence);
}

static size_t grey_bytes(const struct racing_params *p)
{
    return (size_t)p->size * (size_t)p->size;
}

static size_t road_bytes(const struct racing_params *p)
{
    return (grey_bytes(p) + 7) / 8;
}

/* Number of a frame among all of its split; its sequence is made, if it is not yet. */
static size_t find_frame(struct racing *r, enum cal_split split, struct cal_frame_place place)
{
    struct part *part = &r->part[split];
    size_t frames = (size_t)r->p->frames, first = (size_t)place.sequence * frames;
    if (!part->made[place.sequence]) {
        struct cal_rng track = key_of(r, TRACK, split, place.sequence), driver = key_of(r, DRIVER, split, place.sequence),
                       grass = key_of(r, GRASS, split, place.sequence);
        cal_track_draw(&track, r->track);
        cal_car_drive(&driver, r->track, frames, part->path + first);
        cal_scene_paint(&grass, r->track, r->texel);
        for (size_t i = first; i < first + frames; i++)
            cal_scene_show(r->texel, &part->path[i], (int)r->p->size, part->grey + i * grey_bytes(r->p), part->road + i * road_bytes(r->p));
        part->made[place.sequence] = true;
    }
    return first + (size_t)place.frame;
}

static const uint8_t *frame(void *who, enum cal_split split, struct cal_frame_place place)
{
    struct racing *r = who;
    size_t i = find_frame(r, split, place);
    return r->part[split].grey + i * grey_bytes(r->p);
}

static void racing_close(struct cal_stimulus *s)
{
    struct racing *r = s->state;
    for (int split = 0; split < 2; split++) {
        cal_free(r->part[split].made);
        cal_free(r->part[split].path);
        cal_free(r->part[split].grey);
        cal_free(r->part[split].road);
    }
    cal_free(r->track);
    cal_free(r->texel);
    cal_windows_finish(&r->windows);
    cal_free(r);
}

static struct part reserve(const struct racing_params *p, long sequences)
{
    size_t frames = (size_t)sequences * (size_t)p->frames;
    return (struct part){.made = cal_alloc((size_t)sequences * sizeof(bool)),
                         .path = cal_alloc(frames * sizeof(struct cal_car)),
                         .grey = cal_alloc(frames * grey_bytes(p)),
                         .road = cal_alloc(frames * road_bytes(p))};
}

/* Every process keeps all sequences. */
static int check_memory(const struct racing_params *p)
{
    double frame = (double)(grey_bytes(p) + road_bytes(p) + sizeof(struct cal_car)), all = (double)(p->sequences + p->held_out),
           gib = frame * (double)p->frames * all / (1 << 30), machine = (double)cal_mem_machine_bytes() / (1 << 30);
    return machine == 0 || gib < machine ? CAL_OK
                                         : cal_fail(CAL_EUSAGE,
                                                    "stimulus car-racing: %.0f sequences of %ld frames take %.1f GiB, this machine has "
                                                    "%.1f, expected fewer or smaller ones",
                                                    all, p->frames, gib, machine);
}

static int racing_open(struct cal_stimulus *s)
{
    const struct racing_params *p = s->params;
    struct racing *r = s->state = cal_alloc(sizeof *r);
    r->p = p;
    r->seed = s->seed;
    r->windows = (struct cal_windows){.p = &p->windows, .mean = CAL_RACING_MEAN, .sd = CAL_RACING_SD};
    r->windows.split[CAL_SPLIT_TRAIN] = (struct cal_sequences){.n = p->sequences, .each = p->frames};
    r->windows.split[CAL_SPLIT_HELD_OUT] = (struct cal_sequences){.n = p->held_out, .each = p->frames};
    int err = check_memory(p);
    if (!err)
        err = cal_windows_init(&r->windows, s, (int)p->size, (int)p->size);
    if (err) {
        racing_close(s);
        return err;
    }
    r->part[CAL_SPLIT_TRAIN] = reserve(p, p->sequences);
    r->part[CAL_SPLIT_HELD_OUT] = reserve(p, p->held_out);
    r->track = cal_alloc(sizeof *r->track);
    r->texel = cal_alloc(sizeof *r->texel * CAL_SCENE_SIDE * CAL_SCENE_SIDE);
    r->road = s->spec.n;
    struct cal_slice *road = cal_rep_spec_add(&s->spec, "road", (int)(p->size * p->size));
    road->c = 1;
    road->h = road->w = (int)p->size;
    r->curvature = s->spec.n;
    cal_rep_spec_add(&s->spec, "curvature", 1);
    r->car = s->spec.n;
    cal_rep_spec_add(&s->spec, "car", 5);
    return CAL_OK;
}

/* Eight at a time, then what is left. */
static void show_bits(const uint8_t *bits, size_t n, float *out)
{
    for (size_t i = 0; i < n / 8; i++)
        for (int k = 0; k < 8; k++)
            out[8 * i + (size_t)k] = (float)(bits[i] >> k & 1);
    for (size_t i = n / 8 * 8; i < n; i++)
        out[i] = (float)(bits[i / 8] >> i % 8 & 1);
}

static void show_truths(struct racing *r, const struct part *part, size_t i, int row, float *const *out)
{
    const struct cal_car *car = &part->path[i];
    size_t b = (size_t)row, pixels = grey_bytes(r->p);
    if (out[r->road])
        show_bits(part->road + i * road_bytes(r->p), pixels, out[r->road] + b * pixels);
    if (out[r->curvature])
        out[r->curvature][b] = (float)car->curvature;
    if (out[r->car]) {
        float *state = out[r->car] + 5 * b;
        state[0] = (float)car->x;
        state[1] = (float)car->y;
        state[2] = (float)cal_track_turn(car->heading);
        state[3] = (float)car->speed;
        state[4] = (float)car->offset;
    }
}

static int racing_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    struct racing *r = s->state;
    bool truths = out[r->road] || out[r->curvature] || out[r->car];
    cal_windows_show(&r->windows, s, view, presentation, frame, r, out);
    for (int b = 0; truths && b < s->batch; b++) {
        size_t i = find_frame(r, view->split, cal_windows_latest(&r->windows, s, view, presentation, b));
        show_truths(r, &r->part[view->split], i, b, out);
    }
    return CAL_OK;
}

static const float *racing_lend(struct cal_stimulus *s, const struct cal_view *view, long presentation, int slice, int *ld)
{
    struct racing *r = s->state;
    return cal_windows_lend(&r->windows, s, view, presentation, frame, r, slice, ld);
}

#define AT(field) offsetof(struct racing_params, field)
static const struct cal_param params[] = {
    {"size", CAL_INT, AT(size), "px", "32", 8, 256, NULL, NULL, "side of the frames, which show 40 x 40 m"},
    {"sequences", CAL_INT, AT(sequences), "1", "64", 1, 1e5, NULL, NULL,
     "how many tracks to train on; a frame is kept as 9/8 size^2 bytes"},
    {"held_out", CAL_INT, AT(held_out), "1", "32", 1, 1e5, NULL, NULL, "how many others are held out"},
    {"frames", CAL_INT, AT(frames), "1", "512", 2, 1e6, NULL, NULL, "length of a sequence, at 20 frames a second"},
    CAL_WINDOWS_PARAMS(struct racing_params, windows),
    {.name = NULL},
};

const struct cal_stimulus_ops cal_racing_ops = {
    .kind = "car-racing",
    .help = "windows of made-up car racing: what is seen from above a car that is driven round tracks, row by row and frame by frame",
    .params = params,
    .params_size = sizeof(struct racing_params),
    .open = racing_open,
    .batch = racing_batch,
    .lend = racing_lend,
    .spares = CAL_SPARES_SLICES,
    .close = racing_close,
};
