/* analysis/contact.c - see contact.h. */
#include "analysis/contact.h"

#include "core/err.h"
#include "core/files.h"
#include "core/mem.h"
#include "experiments/stimuli/dump.h"
#include "experiments/stimuli/stimuli.h"

int cal_contact_write(const char *dir, const struct cal_experiment *e)
{
    char *folder = cal_sprintf("%s/figures", dir), *path = cal_sprintf("%s/stimulus.h5", folder);
    struct cal_stimulus *s = NULL;
    const struct cal_view view = {.split = CAL_SPLIT_TRAIN, .noise = -1};
    int err = cal_make_dirs(folder);
    if (!err)
        err = cal_stimulus_create(e->stimulus, e->stimulus_params, e->seed, e->batch, &s);
    if (!err)
        err = cal_stimulus_dump(s, &view, 1, path);
    cal_stimulus_destroy(s);
    cal_free(folder);
    cal_free(path);
    return err;
}
