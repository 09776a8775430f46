/* core/h5_internal.h - what the HDF5 files of core share among themselves: h5.c, h5_attribute.c, sonata.c, frames.c. */
#ifndef CAL_CORE_H5_INTERNAL_H
#define CAL_CORE_H5_INTERNAL_H

#include <hdf5.h>

#include "core/h5.h"
#include "core/h5_driver.h"

struct cal_h5 {
    hid_t id;
    char *path; /* [own] as given, for messages */
    struct cal_h5_note note;
};

/* Note `path: what: why`, why being what the system said where it did and else HDF5's innermost error, whose stack is cleared.
 * To be called before another HDF5 call replaces that. Returns `code`. */
int cal_h5_fail(struct cal_h5 *f, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Clear what HDF5 and the system said about something that was not there, or need not be. */
void cal_h5_forget(struct cal_h5 *f);

/* Frames of a report, by its time range, which the rows must cover, and units. Error: CAL_EINPUT. */
int cal_sonata_measure(struct cal_h5 *f, const char *population, size_t *frames, size_t *units);

#endif
