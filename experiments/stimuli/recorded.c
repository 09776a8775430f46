/* experiments/stimuli/recorded.c - see recorded.h. */
#include "experiments/stimuli/recorded.h"

#include <math.h>
#include <unistd.h>

#include "core/err.h"
#include "core/frames.h"
#include "core/mem.h"
#include "core/sonata.h"
#include "experiments/stimuli/recorded_run.h"
#include "experiments/stimuli/samples.h"

#define BOX 4
#define LABELS_MAX 65536

struct recorded_params {
    char *run, *region, *variable, *train, *held_out;
    long views;
    double noise;
};

/* One split: what a phase recorded. */
struct part {
    struct cal_frames *activity; /* [own] */
    int c, h, w;
    float *label, *box; /* [own] (frames), (frames,4); NULL where they were not recorded */
};

struct recorded {
    struct part part[2]; /* by split */
    uint32_t *frame;     /* [own] (B) */
};

/* ---- a phase's reports ---- */

/* Is it all there, recorded once, and by a phase that came to its end? Only then does the recorder note `repeats`. */
static int check_whole(struct cal_frames *f, const char *path, const char *key, const char *phase)
{
    int64_t repeats = cal_frames_number(f, "repeats", 0), batch = cal_frames_number(f, "rows_per_step", 0);
    size_t frames = cal_frames_count(f);
    if (repeats < 1 || batch < 1)
        return cal_fail(CAL_EINPUT, "%s: has no `%s`, expected a report of a phase that came to its end", path,
                        repeats < 1 ? "repeats" : "rows_per_step");
    if (repeats > 1)
        return cal_fail(CAL_EUSAGE,
                        "stimulus recorded: %s: phase `%s` ran %lld times, at as many moments of learning; expected one that runs once",
                        key, phase, (long long)repeats);
    if (frames == 0 || frames % (size_t)batch || frames > INT32_MAX)
        return cal_fail(CAL_EINPUT, "%s: has %zu frames, expected a multiple of %lld, below 2^31: is it whole?", path, frames,
                        (long long)batch);
    return CAL_OK;
}

/* A map where the report says that it is one; else a row of values, (1,1,units). */
static int find_shape(struct part *part, const char *path)
{
    size_t units = cal_frames_units(part->activity);
    int64_t c = cal_frames_number(part->activity, "channels", 1), h = cal_frames_number(part->activity, "height", 1),
            w = cal_frames_number(part->activity, "width", (int64_t)units);
    if (units > INT32_MAX || c < 1 || h < 1 || w < 1 || c > INT32_MAX || h > INT32_MAX || w > INT32_MAX || (size_t)c * (size_t)h > units ||
        (size_t)c * (size_t)h * (size_t)w != units)
        return cal_fail(CAL_EINPUT, "%s: %zu units are no maps of %lld x %lld x %lld", path, units, (long long)c, (long long)h,
                        (long long)w);
    part->c = (int)c;
    part->h = (int)h;
    part->w = (int)w;
    return CAL_OK;
}

static int open_activity(const struct recorded_params *p, const char *dir, const char *key, const char *phase, struct part *part)
{
    char *path;
    int err = cal_recorded_run_report(dir, key, phase, p->region, p->variable, &path);
    if (!err)
        err = cal_frames_open(path, p->region, &part->activity);
    if (!err)
        err = check_whole(part->activity, path, key, phase);
    if (!err)
        err = find_shape(part, path);
    cal_free(path);
    return err;
}

/* What the world showed beside, where that was recorded too: [give] *values (frames, cols), or NULL. */
static int read_shown(const char *dir, const char *phase, const char *region, const char *variable, const struct part *part, size_t cols,
                      float **values)
{
    char *path = cal_sprintf("%s/activity/%s.%s.%s.h5", dir, phase, region, variable);
    size_t frames, units;
    int err = CAL_OK;
    *values = NULL;
    if (access(path, F_OK) == 0)
        err = cal_sonata_read(path, region, &frames, &units, values);
    if (!err && *values && (frames != cal_frames_count(part->activity) || units != cols))
        err = cal_fail(CAL_EINPUT, "%s: has %zu frames of %zu units, expected %zu of %zu", path, frames, units,
                       cal_frames_count(part->activity), cols);
    for (size_t i = 0; !err && *values && i < frames * cols; i++) {
        float x = (*values)[i];
        if (!isfinite(x) || (cols == 1 && (x < 0 || x >= LABELS_MAX || x != floorf(x))))
            err = cal_fail(CAL_EINPUT, "%s: frame %zu holds %g, expected %s", path, i / cols, (double)x,
                           cols == 1 ? "a label: a whole number from 0 to 65535" : "a number");
    }
    cal_free(path);
    return err;
}

static int open_part(const struct recorded_params *p, const char *dir, const char *key, const char *phase, struct part *part)
{
    int err = open_activity(p, dir, key, phase, part);
    if (!err)
        err = read_shown(dir, phase, p->region, "true_label", part, 1, &part->label);
    return err ? err : read_shown(dir, phase, p->region, "true_box", part, BOX, &part->box);
}

/* ---- both ---- */

static int check_both(const struct recorded_params *p, const char *variable, const float *train, const float *held_out)
{
    if (!train == !held_out)
        return CAL_OK;
    return cal_fail(CAL_EINPUT, "stimulus recorded: phase `%s` recorded `%s` of %s, phase `%s` did not; expected both or neither",
                    train ? p->train : p->held_out, variable, p->region, train ? p->held_out : p->train);
}

static int compare_parts(const struct recorded_params *p, const struct part *train, const struct part *held_out)
{
    if (train->c != held_out->c || train->h != held_out->h || train->w != held_out->w)
        return cal_fail(CAL_EINPUT,
                        "stimulus recorded: held_out: `%s` of phase `%s` is %d x %d x %d, expected %d x %d x %d as in phase `%s`",
                        p->variable, p->held_out, held_out->c, held_out->h, held_out->w, train->c, train->h, train->w, p->train);
    int err = check_both(p, "true_label", train->label, held_out->label);
    return err ? err : check_both(p, "true_box", train->box, held_out->box);
}

/* One more than the largest label. */
static int count_classes(const struct part *part, int so_far)
{
    for (size_t i = 0; part->label && i < cal_frames_count(part->activity); i++)
        if ((int)part->label[i] >= so_far)
            so_far = (int)part->label[i] + 1;
    return so_far;
}

static void offer(struct cal_stimulus *s, const struct recorded *r)
{
    const struct recorded_params *p = s->params;
    const struct part *train = &r->part[CAL_SPLIT_TRAIN];
    cal_samples_offer(&s->spec, (int)p->views, train->c, train->h, train->w);
    if (train->label)
        cal_rep_spec_add(&s->spec, "label", 1);
    if (train->box)
        cal_rep_spec_add(&s->spec, "box", BOX);
    for (int split = 0; split < 2; split++)
        if (r->part[split].activity) {
            s->samples[split] = (long)cal_frames_count(r->part[split].activity);
            s->classes = count_classes(&r->part[split], s->classes);
        }
}

static void recorded_close(struct cal_stimulus *s)
{
    struct recorded *r = s->state;
    for (int split = 0; split < 2; split++) {
        cal_frames_close(r->part[split].activity);
        cal_free(r->part[split].label);
        cal_free(r->part[split].box);
    }
    cal_free(r->frame);
    cal_free(r);
}

static int recorded_open(struct cal_stimulus *s)
{
    const struct recorded_params *p = s->params;
    struct recorded *r = s->state = cal_alloc(sizeof *r);
    struct part *train = &r->part[CAL_SPLIT_TRAIN], *held_out = &r->part[CAL_SPLIT_HELD_OUT];
    char *dir;
    r->frame = cal_alloc((size_t)s->batch * sizeof *r->frame);
    int err = cal_recorded_run_find(p->run, s->seed, &dir);
    if (!err)
        err = open_part(p, dir, "train", p->train, train);
    if (!err && p->held_out[0])
        err = open_part(p, dir, "held_out", p->held_out, held_out);
    if (!err && p->held_out[0])
        err = compare_parts(p, train, held_out);
    cal_free(dir);
    if (err)
        recorded_close(s);
    else
        offer(s, r);
    return err;
}

static int recorded_batch(struct cal_stimulus *s, const struct cal_view *view, long presentation, float *const *out)
{
    const struct recorded_params *p = s->params;
    struct recorded *r = s->state;
    const struct part *part = &r->part[view->split];
    struct cal_samples samples;
    int err = cal_samples_init(&samples, s, view, presentation);
    if (err)
        return err;
    int label = cal_rep_find(&s->spec, "label"), box = cal_rep_find(&s->spec, "box");
    for (int b = 0; b < s->batch; b++) {
        size_t frame = r->frame[b] = cal_samples_row(&samples, b);
        if (label >= 0)
            out[label][b] = part->label[frame];
        for (size_t i = 0; box >= 0 && i < BOX; i++)
            out[box][BOX * (size_t)b + i] = part->box[BOX * frame + i];
    }
    err = cal_frames_read(part->activity, (size_t)s->batch, r->frame, out[0]);
    if (!err)
        cal_samples_views(s, view, presentation, (int)p->views, p->noise, out);
    return err;
}

#define AT(field) offsetof(struct recorded_params, field)
static const struct cal_param params[] = {
    {"run", CAL_STRING, AT(run), NULL, NULL, 0, 0, NULL, NULL,
     "folder of a finished run, or one that holds seed-1, seed-2 ...: of these, the run of this experiment's seed"},
    {"region", CAL_STRING, AT(region), NULL, NULL, 0, 0, NULL, NULL, "whose activity is shown, as `image`: a sample a frame"},
    {"variable", CAL_STRING, AT(variable), NULL, "map", 0, 0, NULL, NULL, "which of the variables it recorded"},
    {"train", CAL_STRING, AT(train), NULL, NULL, 0, 0, NULL, NULL,
     "the phase that recorded the training samples; it ran once, and recorded `true_label` and `true_box` of the region where they are "
     "needed"},
    {"held_out", CAL_STRING, AT(held_out), NULL, "", 0, 0, NULL, NULL,
     "the phase that recorded the held-out ones; without it there are none"},
    {"views", CAL_INT, AT(views), "1", "0", 0, CAL_VIEWS_MAX, NULL, NULL, "how many noisy views of each sample"},
    {"noise", CAL_FLOAT, AT(noise), "as shown", "0.1", 0, 100, NULL, NULL, "standard deviation of the views' noise"},
    {.name = NULL},
};

const struct cal_stimulus_ops cal_recorded_ops = {
    .kind = "recorded",
    .help = "what a region of a finished run sent, from the run's activity files",
    .params = params,
    .params_size = sizeof(struct recorded_params),
    .open = recorded_open,
    .batch = recorded_batch,
    .close = recorded_close,
};
