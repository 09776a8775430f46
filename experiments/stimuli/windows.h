/* experiments/stimuli/windows.h - what worlds made of sequences of frames share: windows of them, side by side and in lock-step.
 *
 * Presentation t shows, in each of the B rows, frame t % T of the row's window: T frames in a row of one sequence. With t / T all rows go on
 * to other windows. The sequences come in a keyed permutation, another one each time round, so that all are shown equally often and rows that
 * run together show different ones where there are enough; where in its sequence a window begins is drawn. Training depends on the phase, held-out
 * windows on nothing but the seed, as with single samples (samples.h). Any presentation can be made without those before it.
 *
 * `image` is a map of `stack` channels, the frames t - stack + 1 ... t, the latest last: it is the world and not the region that stacks, so that
 * a region has no memory of frames to keep, save and clear. Windows begin late enough for all channels to be of their own sequence. view_i is
 * the image and noise that was drawn once for each frame, so that it moves through the channels with it. `sequence` is the number of the row's
 * sequence within its split, for measures. */
#ifndef CAL_EXPERIMENTS_STIMULI_WINDOWS_H
#define CAL_EXPERIMENTS_STIMULI_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stimulus.h"
#include "experiments/stimuli/samples.h"

#define CAL_STACK_MAX 8

struct cal_windows_params {
    long window, stack, views; /* T; frames in an image; noisy views */
    double noise;
};

/* Their rows in the table of a world whose parameters, a `type`, have these as `member`. */
#define CAL_WINDOWS_PARAMS(type, member)                                                                                                   \
    {"window",                                                                                                                             \
     CAL_INT,                                                                                                                              \
     offsetof(type, member.window),                                                                                                        \
     "presentations",                                                                                                                      \
     "96",                                                                                                                                 \
     1,                                                                                                                                    \
     1e6,                                                                                                                                  \
     NULL,                                                                                                                                 \
     NULL,                                                                                                                                 \
     "frames in a row that each row of the batch shows before it goes on to another window"},                                              \
        {"stack",                                                                                                                          \
         CAL_INT,                                                                                                                          \
         offsetof(type, member.stack),                                                                                                     \
         "frames",                                                                                                                         \
         "1",                                                                                                                              \
         1,                                                                                                                                \
         CAL_STACK_MAX,                                                                                                                    \
         NULL,                                                                                                                             \
         NULL,                                                                                                                             \
         "channels of an image: the frame and those before it, the latest last"},                                                          \
        {"views", CAL_INT, offsetof(type, member.views), "1", "1", 0, CAL_VIEWS_MAX, NULL, NULL, "how many noisy views of each image"},    \
    {                                                                                                                                      \
        "noise", CAL_FLOAT, offsetof(type, member.noise), "sd of the frames", "0.2", 0, 100, NULL, NULL,                                   \
            "standard deviation of the views' noise, drawn once for each frame"                                                            \
    }

/* The sequences of one split. */
struct cal_sequences {
    long n;
    const long *frames; /* [borrow] (n) how many each has; or NULL: then */
    long each;
};

/* A frame of a split. */
struct cal_frame_place {
    long sequence, frame;
};

struct cal_windows {
    const struct cal_windows_params *p; /* [borrow] */
    struct cal_sequences split[2];
    float mean, sd; /* a byte g is shown as (g - mean) / sd */
    int sequence;   /* slice */
    float *noise;   /* [own] (rows,pixels): some rows' numbers for a frame, in the making */
    float *
        noisy; /* [own] (views,B,...): rows of 2 stack frames of the views, in which what is shown moves along, so that each frame is made once */
    struct cal_shown {
        bool filled;
        int phase;
        enum cal_split split;
        double noise;
        long presentation;
        size_t at; /* frames before what is shown */
    } shows;
    struct cal_frame_place *begin; /* [own] (B) where the rows of the window last shown begin, so that each is drawn once */
    struct cal_window {
        bool filled;
        int phase;
        enum cal_split split;
        long turn; /* number of the window in its phase */
    } shown;
};

/* A frame as bytes. [borrow] until the next call */
typedef const uint8_t *cal_frame_fn(void *who, enum cal_split split, struct cal_frame_place place);

/* Offer image and views as maps of stack x h x w, and sequence, and set s->window and s->samples (frames). `w` has p, split, mean and sd.
 * Local. Error: CAL_EUSAGE when a sequence has fewer frames than a window needs (and nothing is held). */
int cal_windows_init(struct cal_windows *w, struct cal_stimulus *s, int height, int width);
void cal_windows_finish(struct cal_windows *w);

/* Which frame row `row` shows, its latest. */
struct cal_frame_place cal_windows_place(const struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view,
                                         long presentation, int row);

/* The same, remembered for the whole window: what its rows begin with is drawn once. */
struct cal_frame_place cal_windows_latest(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view,
                                          long presentation, int row);

/* Write image, views and sequence of a batch, slices 0 ... views + 1, those that are not NULL. Local. */
void cal_windows_show(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                      cal_frame_fn *frame, void *who, float *const *out);

/* Slice 1 ... views of a batch where it is made: *ld floats from row to row. [borrow] until another presentation is asked for. Local. */
const float *cal_windows_lend(struct cal_windows *w, const struct cal_stimulus *s, const struct cal_view *view, long presentation,
                              cal_frame_fn *frame, void *who, int slice, int *ld);

/* One frame to one channel: out = scale from + shift + sd noise, n values; noise NULL: without. And its strict twin. */
void cal_windows_shade(size_t n, const uint8_t *from, float scale, float shift, float sd, const float *noise, float *out);
void cal_windows_shade_twin(size_t n, const uint8_t *from, float scale, float shift, float sd, const float *noise, float *out);

#endif
