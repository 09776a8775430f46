/* core/sonata.h - activity as SONATA frame reports.
 *
 * Source: Dai et al. 2020, "The SONATA data format", and what BMTK and libsonata in fact read. node = unit,
 * frame = presentation x B + row. The file is opened, appended to, its time range raised, flushed and closed for every block, so
 * that a reader may look between blocks and a kill costs no more than the block. The data carry no checksum: it would have to be
 * written again with every block of a chunk, and a kill in between would cost the chunk. */
#ifndef CAL_CORE_SONATA_H
#define CAL_CORE_SONATA_H

#include <stddef.h>
#include <stdint.h>

struct cal_sonata {
    char *path;       /* [own] */
    char *population; /* [own] the region's name */
    int units;        /* values a frame */
    int rows_per_step;
    float *block;      /* [own] frames not yet written */
    size_t held, room; /* frames */
    size_t written;    /* frames in the file */
};

/* Start a report: creates the file with no frames. `room`: frames to hold before a block is written; the buffer is that large.
 *   variable, unit  as the region declares them, such as "code", "1"
 *   keep            frames already in an existing file to keep (a resumed run, a phase that recurs). Where the file holds more or was
 *                   left by a kill, they are copied to a new one that takes its place: no more than what reads is to be trusted;
 *                   attributes set with cal_sonata_set_i64() are lost then. 0: a new file.
 * Errors: CAL_EIO, CAL_EINPUT (keep > 0 and the file is missing, shorter or other); nothing is held then. */
int cal_sonata_init(struct cal_sonata *s, const char *path, const char *population, const char *variable, const char *unit, int units,
                    int rows_per_step, size_t room, size_t keep);
/* Append `rows` frames, rows x units. Writes a block when full. Error: CAL_EIO, CAL_EINPUT (the file was taken away). */
int cal_sonata_append(struct cal_sonata *s, const float *data, int rows);
/* Write what is held. */
int cal_sonata_flush(struct cal_sonata *s);
/* Flush and free. Errors as above; freed in any case. */
int cal_sonata_finish(struct cal_sonata *s);

/* Free without writing what is held: on the way out of an error. */
void cal_sonata_drop(struct cal_sonata *s);

/* Read a whole report: [give] *data, frames x units. */
int cal_sonata_read(const char *path, const char *population, size_t *frames, size_t *units, float **data);
/* A number beside the report: an attribute of /report/<population>/data. */
int cal_sonata_set_i64(const char *path, const char *population, const char *name, int64_t value);
int cal_sonata_get_i64(const char *path, const char *population, const char *name, int64_t *value);

/* A master file whose /report/<population[i]> is an external link to files[i] (relative to it). */
int cal_sonata_master(const char *path, int n, const char *const *populations, const char *const *files);

#endif
