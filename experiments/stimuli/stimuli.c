/* experiments/stimuli/stimuli.c - see stimuli.h. */
#include "experiments/stimuli/stimuli.h"

#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "experiments/stimuli/dead_leaves.h"
#include "experiments/stimuli/file.h"
#include "experiments/stimuli/racing.h"
#include "experiments/stimuli/recorded.h"
#include "experiments/stimuli/signs.h"
#include "experiments/stimuli/video.h"

const struct cal_stimulus_ops *const cal_stimulus_kinds[] = {
    &cal_dead_leaves_ops, &cal_file_ops, &cal_recorded_ops, &cal_signs_ops, &cal_racing_ops, &cal_video_ops, NULL,
};

const struct cal_stimulus_ops *cal_stimulus_kind(const char *name)
{
    for (int i = 0; cal_stimulus_kinds[i]; i++)
        if (!strcmp(cal_stimulus_kinds[i]->kind, name))
            return cal_stimulus_kinds[i];
    return NULL;
}

int cal_stimulus_create(const struct cal_stimulus_ops *ops, const void *params, uint32_t seed, int batch, struct cal_stimulus **s)
{
    CAL_ASSERT(batch > 0);
    struct cal_stimulus *made = cal_alloc(sizeof *made);
    made->ops = ops;
    made->params = params;
    made->seed = seed;
    made->batch = batch;
    made->spec.rows = batch;
    *s = NULL;
    int err = ops->open(made);
    if (err) {
        cal_free(made);
        return err;
    }
    if (made->samples[CAL_SPLIT_TRAIN] < batch) {
        err = cal_fail(CAL_EUSAGE, "stimulus %s: %ld training samples are fewer than a batch of %d", ops->kind,
                       made->samples[CAL_SPLIT_TRAIN], batch);
        cal_stimulus_destroy(made);
        return err;
    }
    *s = made;
    return CAL_OK;
}

void cal_stimulus_destroy(struct cal_stimulus *s)
{
    if (!s)
        return;
    s->ops->close(s);
    cal_free(s);
}

/* --- batches --- */

struct entry {
    struct cal_view view;
    float *values; /* [own] all slices, each at a multiple of CAL_ALIGN */
    struct cal_rep rep;
    bool filled;   /* holds a batch */
    unsigned have; /* these slices of it */
};

struct cal_batches {
    struct cal_stimulus *s; /* [borrow] */
    int depth;
    bool borrows;          /* what the world lends is not copied */
    struct entry *entries; /* [own] (depth) */
};

/* Floats that slice i takes, rounded up to CAL_ALIGN. */
static size_t slice_floats(const struct cal_rep_spec *spec, int i)
{
    size_t line = CAL_ALIGN / sizeof(float), n = (size_t)cal_slice_rows(spec, i) * (size_t)spec->slice[i].cols;
    return (n + line - 1) / line * line;
}

static size_t entry_floats(const struct cal_rep_spec *spec)
{
    size_t n = 0;
    for (int i = 0; i < spec->n; i++)
        n += slice_floats(spec, i);
    return n;
}

struct cal_batches *cal_batches_create(struct cal_stimulus *s, int depth)
{
    CAL_ASSERT(depth > 0);
    struct cal_batches *b = cal_alloc(sizeof *b);
    b->s = s;
    b->depth = depth;
    b->entries = cal_alloc((size_t)depth * sizeof *b->entries);
    for (int e = 0; e < depth; e++) {
        struct entry *entry = &b->entries[e];
        entry->values = cal_alloc(entry_floats(&s->spec) * sizeof *entry->values);
        entry->rep.spec = &s->spec;
    }
    return b;
}

void cal_batches_borrow(struct cal_batches *b)
{
    b->borrows = b->depth == 1;
}

void cal_batches_destroy(struct cal_batches *b)
{
    if (!b)
        return;
    for (int e = 0; e < b->depth; e++)
        cal_free(b->entries[e].values);
    cal_free(b->entries);
    cal_free(b);
}

static bool same(const struct cal_view *a, const struct cal_view *b)
{
    return a->phase == b->phase && a->split == b->split && a->noise == b->noise;
}

#define ALL_SLICES (~0u)

/* What batch() makes for those who want these slices. */
static unsigned makes(const struct cal_stimulus *s, unsigned wanted)
{
    unsigned maps = 0;
    for (int i = 0; i < s->spec.n; i++)
        maps |= s->spec.slice[i].c ? 1u << i : 0;
    if (s->ops->spares == CAL_SPARES_SLICES)
        return wanted;
    return s->ops->spares == CAL_SPARES_NOTHING || wanted & maps ? ALL_SLICES : ALL_SLICES & ~maps;
}

static int fill(struct cal_batches *b, struct entry *e, const struct cal_view *view, long presentation, unsigned slices)
{
    const unsigned lent = b->borrows ? b->s->lends & slices : 0;
    float *out[CAL_SLICES_MAX], *at = e->values;
    for (int i = 0; i < b->s->spec.n; i++) {
        out[i] = slices & ~lent & 1u << i ? at : NULL;
        e->rep.data[i] = at;
        e->rep.ld[i] = b->s->spec.slice[i].cols;
        at += slice_floats(&b->s->spec, i);
    }
    e->filled = false;
    e->view = *view;
    e->rep.presentation = presentation;
    int err = b->s->ops->batch(b->s, view, presentation, out);
    for (int i = 0; i < b->s->spec.n && !err; i++)
        if (lent >> i & 1)
            e->rep.data[i] = b->s->ops->lend(b->s, view, presentation, i, &e->rep.ld[i]);
    e->filled = !err;
    e->have = slices;
    return err;
}

/* What may go before the view needs it again: nothing, then what another view showed, then the earliest. */
static long worth(const struct entry *e, const struct cal_view *view)
{
    return !e->filled ? -2 : same(&e->view, view) ? e->rep.presentation : -1;
}

/* A batch that takes the place of an earlier one of the view is made with what was wanted of that, so that two who want different slices do
 * not have every batch made twice. */
int cal_batches_get_some(struct cal_batches *b, const struct cal_view *view, long presentation, unsigned wanted, const struct cal_rep **rep)
{
    struct entry *place = b->entries;
    for (int i = 0; i < b->depth && worth(place, view) != presentation; i++)
        if (worth(&b->entries[i], view) == presentation || worth(&b->entries[i], view) < worth(place, view))
            place = &b->entries[i];
    int err = CAL_OK;
    unsigned slices = makes(b->s, wanted), had = worth(place, view) >= 0 ? place->have : 0;
    if (worth(place, view) != presentation || slices & ~had)
        err = fill(b, place, view, presentation, slices | had);
    if (!err)
        *rep = &place->rep;
    return err;
}

int cal_batches_get(struct cal_batches *b, const struct cal_view *view, long presentation, const struct cal_rep **rep)
{
    return cal_batches_get_some(b, view, presentation, ALL_SLICES, rep);
}

/* FNV-1a (Fowler, Noll, Vo) on words of 64 bits, two floats each, the last one of a slice filled with zeros. A multiplication carries
 * nothing downwards, so the upper half is folded into the lower after each word. `before` chains batches; start with 0. */
static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

uint64_t cal_rep_hash(const struct cal_rep *rep, uint64_t before)
{
    uint64_t hash = before ^ UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < rep->spec->n; i++) {
        size_t cols = (size_t)rep->spec->slice[i].cols;
        for (int b = 0; b < cal_slice_rows(rep->spec, i); b++) {
            const float *row = rep->data[i] + (size_t)b * (size_t)rep->ld[i];
            for (size_t j = 0; j < cols; j += 2) {
                uint64_t word = 0;
                memcpy(&word, row + j, (cols - j < 2 ? 1 : 2) * sizeof *row);
                hash = hash_word(hash, word);
            }
        }
    }
    return hash;
}
