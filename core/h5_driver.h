/* core/h5_driver.h - the layer below HDF5: a file driver for full disks and kills.
 *
 * Two things that HDF5 leaves to the layer below.
 * - HDF5 1.10 crashes or leaks in H5Fclose() once a write has failed, on a full disk for one: its caches cannot let go of what they
 *   could not write. So the first failure is noted, every later write dropped, and HDF5 told that all went well; core/h5.c looks at the
 *   note after each operation and reports it.
 * - A kill within a flush could leave an index that points at what is not there. So bytes that would replace others are held back until
 *   the flush is done, and follow what is new, in the order of their addresses: the superblock, which says how long the file is, then
 *   indices from the root down. A file reads at any moment, and after a failed write it is as the flush before left it. (One gap: chunk
 *   indices of three levels, beyond some 4,000 chunks, may put a leaf before its parent, once every 64 chunks and for microseconds.)
 *
 * No file locks are taken: Lustre and NFS often have none, and a reader that keeps a report open must not stop a run. One process writes a
 * file (docs/design.md), so nothing is lost by that. */
#ifndef CAL_CORE_H5_DRIVER_H
#define CAL_CORE_H5_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

/* One open file's side of the conversation; outlives the file. */
struct cal_h5_note {
    int write_error; /* errno of the first write that failed, 0: none did. Stays */
    int read_error;  /* errno of the last open or read that failed, which HDF5 was told, too */
    bool sync;       /* fsync before closing */
};

/* A file access property list that uses the driver and reports to *note. [give], closed with H5Pclose(). -1: HDF5 failed. */
int64_t cal_h5_driver_access(struct cal_h5_note *note);

#endif
