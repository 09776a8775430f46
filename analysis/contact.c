/* analysis/contact.c - see contact.h. */
#include "analysis/contact.h"

#include "analysis/figure.h"
#include "core/err.h"
#include "experiments/stimuli/dump.h"
#include "experiments/stimuli/stimuli.h"

enum { MOMENTS = 8 }; /* of a window that are shown, spread over it */

static int write_file(const char *path, const void *experiment)
{
    const struct cal_experiment *e = experiment;
    const struct cal_view view = {.split = CAL_SPLIT_TRAIN, .noise = -1};
    struct cal_stimulus *s = NULL;
    int err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &s);
    if (!err)
        err = s->window > MOMENTS ? cal_stimulus_dump(s, &view, MOMENTS, s->window / MOMENTS, path)
                                  : cal_stimulus_dump(s, &view, s->window ? s->window : 1, 1, path);
    cal_stimulus_destroy(s);
    return err;
}

int cal_contact_write(const char *dir, const struct cal_experiment *e)
{
    return cal_figure_write(dir, "stimulus.h5", write_file, e);
}
