/* experiments/stimuli/shots.c - see shots.h. */
#include "experiments/stimuli/shots.h"

#include <stdbool.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/rng.h"

#define SHOTS_KEY 0xffffu /* in place of a phase's number; none has this. The order of held-out samples is presentation 0 of it */

/* Mark those of one class. `of_class`: room for all pictures. */
static int draw_class(const struct cal_pictures *p, int32_t label, long shots, uint32_t seed, const char *name, long *of_class, bool *keep)
{
    uint32_t n = 0;
    for (long i = 0; i < p->n; i++)
        if (p->label[i] == label)
            of_class[n++] = i;
    if (n == 0)
        return CAL_OK;
    if (n < shots)
        return cal_fail(CAL_EUSAGE, "stimulus file: %ld shots, but %s has %u training images of class %d", shots, name, n, (int)label);
    struct cal_rng key = cal_rng_key(seed, CAL_STREAM_ORDER, CAL_OWNER_SHARED, SHOTS_KEY, 1 + (uint64_t)label);
    for (uint32_t k = 0; k < (uint32_t)shots; k++)
        keep[of_class[cal_rng_permute(&key, k, n)]] = true;
    return CAL_OK;
}

int cal_shots_draw(struct cal_pictures *p, long shots, uint32_t seed, const char *name)
{
    if (!p->label)
        return cal_fail(CAL_EUSAGE, "stimulus file: shots of each class, but %s has no labels", name);
    long *of_class = cal_alloc((size_t)p->n * sizeof *of_class);
    bool *keep = cal_alloc((size_t)p->n * sizeof *keep);
    int32_t classes = cal_pictures_classes(p, p);
    int err = CAL_OK;
    for (int32_t label = 0; !err && label < classes; label++)
        err = draw_class(p, label, shots, seed, name, of_class, keep);
    if (!err)
        cal_pictures_select(p, keep);
    cal_free(keep);
    cal_free(of_class);
    return err;
}
