/* analysis/sheet.c - see sheet.h. */
#include "analysis/sheet.h"

#include "analysis/dump.h"
#include "analysis/figure.h"
#include "core/err.h"
#include "core/h5.h"
#include "core/mem.h"
#include "regions/cortex/cortex.h"
#include "regions/cortex/probe.h"

struct sheet {
    struct cal_preferred how;
    int regions;  /* how many have a part in it */
    size_t units; /* of all */
    int height, width;
    float *stimulus; /* [own] (units, height, width) */
    long *count;     /* [own] units of each region */
    char *names;     /* [own] */
};

/* The map that a cortex region sees; false where it is none of one channel. */
static bool sees(const struct cal_region *r, int *height, int *width)
{
    const struct cal_rep_spec *spec = &r->drive[0].spec;
    const struct cal_slice *s = &spec->slice[cal_rep_find(spec, "view1")];
    *height = s->h;
    *width = s->w;
    return s->c == 1;
}

/* What will be in the sheet; false: nothing that could be drawn. */
static bool plan(const struct cal_graph *g, struct sheet *sheet)
{
    *sheet = (struct sheet){.how = CAL_PREFERRED_DEFAULT, .count = cal_alloc((size_t)g->n_regions * sizeof(long)), .names = cal_strdup("")};
    for (int r = 0; r < g->n_regions; r++) {
        const struct cal_region *region = g->region[r];
        int height, width;
        if (region->ops != &cal_cortex_ops)
            continue;
        if (!sees(region, &height, &width) || (sheet->regions && (height != sheet->height || width != sheet->width)))
            return false;
        char *names = cal_sprintf("%s%s%s", sheet->names, sheet->regions ? " " : "", region->name);
        cal_free(sheet->names);
        sheet->names = names;
        sheet->height = height;
        sheet->width = width;
        sheet->count[sheet->regions++] = region->out.units;
        sheet->units += (size_t)region->out.units;
    }
    return sheet->units > 0;
}

static int fill(struct cal_dump *d, struct sheet *sheet)
{
    size_t pixels = (size_t)sheet->height * (size_t)sheet->width, first = 0;
    int err = CAL_OK;
    sheet->stimulus = cal_alloc(sheet->units * pixels * sizeof *sheet->stimulus);
    for (int r = 0; !err && r < d->graph->n_regions; r++) {
        struct cal_region *region = d->graph->region[r];
        if (region->ops != &cal_cortex_ops)
            continue;
        cal_region_init(region);
        err = cal_dump_load(d, region);
        if (!err)
            cal_cortex_preferred(region, &sheet->how, sheet->stimulus + first * pixels);
        first += (size_t)region->out.units;
    }
    return err;
}

static int write_file(const char *path, const void *drawn)
{
    const struct sheet *sheet = drawn;
    const struct cal_preferred *how = &sheet->how;
    struct cal_h5 *f;
    int err = cal_h5_create(path, &f);
    if (err)
        return err;
    char *method = cal_sprintf("sum over %d starts from uniform noise of %d steps of gradient ascent, rate %g, decay %g", how->starts,
                               how->steps, how->rate, how->decay);
    size_t dims[3] = {sheet->units, (size_t)sheet->height, (size_t)sheet->width}, regions = (size_t)sheet->regions;
    err = cal_h5_write(f, "sheet", CAL_F32, 3, dims, sheet->stimulus);
    if (!err)
        err = cal_h5_write(f, "units", CAL_I64, 1, &regions, sheet->count);
    if (!err)
        err = cal_h5_set_text(f, "sheet", "regions", sheet->names);
    if (!err)
        err = cal_h5_set_text(f, "sheet", "method", method);
    if (!err)
        err = cal_h5_set_i64(f, "sheet", "starts", how->starts);
    if (!err)
        err = cal_h5_set_i64(f, "sheet", "steps", how->steps);
    if (!err)
        err = cal_h5_set_i64(f, "sheet", "seed", how->seed);
    cal_free(method);
    if (!err)
        return cal_h5_close(f, false);
    cal_h5_drop(f);
    return err;
}

int cal_sheet_write(const char *dir)
{
    struct cal_dump *d;
    int err = cal_dump_open(dir, &d);
    if (err)
        return err;
    struct sheet sheet;
    if (plan(d->graph, &sheet)) {
        sheet.how.seed = d->experiment->seed;
        err = fill(d, &sheet);
        if (!err)
            err = cal_figure_write(dir, "preferred.h5", write_file, &sheet);
    }
    cal_free(sheet.stimulus);
    cal_free(sheet.count);
    cal_free(sheet.names);
    cal_dump_close(d);
    return err;
}
