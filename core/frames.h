/* core/frames.h - a report to which nothing is added any more, held open and read a few frames at a time, in any order.
 *
 * For reports that are too large to be held in memory (core/sonata.h reads whole ones): 50,000 frames of 8,192 units are 1.6 GB. Several
 * processes may read one file. */
#ifndef CAL_CORE_FRAMES_H
#define CAL_CORE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct cal_frames;

/* Errors: CAL_EINPUT (no such file, no such population, no report, cut off). [give] *f, NULL after one. Local. */
int cal_frames_open(const char *path, const char *population, struct cal_frames **f);
void cal_frames_close(struct cal_frames *f); /* NULL is fine */

size_t cal_frames_count(const struct cal_frames *f);
size_t cal_frames_units(const struct cal_frames *f);
/* A number beside the report (core/sonata.h), or `otherwise` where there is none of that name. */
int64_t cal_frames_number(struct cal_frames *f, const char *name, int64_t otherwise);

/* The n frames of these numbers, each below the count, to out (n, units), in the order asked for. Error: CAL_EINPUT. */
int cal_frames_read(struct cal_frames *f, size_t n, const uint32_t *frame, float *out);

#endif
