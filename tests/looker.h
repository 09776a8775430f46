/* tests/looker.h - one that looks at a world, batch by batch, for the tests of stimuli. */
#ifndef CAL_TESTS_LOOKER_H
#define CAL_TESTS_LOOKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"
#include "tests/world.h"

struct looker {
    struct world w;
    struct cal_batches *b;
    const struct cal_rep *rep;
};

static inline void look(struct looker *l, const char *text, uint32_t seed, int batch)
{
    int err = world_open(&l->w, text, seed, batch);
    if (err)
        print_error("%s\n", cal_err_message());
    assert_int_equal(err, CAL_OK);
    l->b = cal_batches_create(l->w.s, 1);
}

static inline void get(struct looker *l, int phase, enum cal_split split, long presentation)
{
    struct cal_view view = {.phase = phase, .split = split, .noise = -1};
    assert_int_equal(cal_batches_get(l->b, &view, presentation, &l->rep), CAL_OK);
}

static inline void look_away(struct looker *l)
{
    cal_batches_destroy(l->b);
    world_close(&l->w);
}

#endif
