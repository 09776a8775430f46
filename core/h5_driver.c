/* core/h5_driver.c - see h5_driver.h. The calls are those of HDF5's own "sec2" driver. */
#include "core/h5_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include "core/mem.h"

#define ADDRESS_MAX (((haddr_t)1 << 62) - 1) /* fits an off_t */

/* Bytes that replace others, held back until the flush. */
struct late {
    struct late *next;
    haddr_t address;
    size_t size;
    unsigned char bytes[];
};

struct driven {
    H5FD_t base; /* HDF5's part, first */
    int fd;
    bool writable;
    struct cal_h5_note *note;
    haddr_t eoa, eof;  /* end of what HDF5 has allocated; end of the file */
    haddr_t committed; /* end of the file after the last flush: what is before it may be pointed at */
    struct late *late; /* [own] by address, disjoint */
};

struct access { /* what travels in the property list */
    struct cal_h5_note *note;
};

static void *access_copy(const void *access)
{
    struct access *copy = cal_alloc(sizeof *copy);
    memcpy(copy, access, sizeof *copy);
    return copy;
}

static herr_t access_free(void *access)
{
    cal_free(access);
    return 0;
}

/* For the file at the other end of an external link, which is opened like this one. */
static void *access_get(H5FD_t *base)
{
    return access_copy(&(struct access){((struct driven *)base)->note});
}

static void note_write_failure(struct cal_h5_note *note)
{
    if (!note->write_error)
        note->write_error = errno ? errno : EIO;
}

static H5FD_t *driver_open(const char *path, unsigned flags, hid_t access_list, haddr_t maxaddr)
{
    (void)maxaddr;
    const struct access *access = H5Pget_driver_info(access_list);
    int how = flags & H5F_ACC_RDWR ? O_RDWR : O_RDONLY;
    if (flags & H5F_ACC_TRUNC)
        how |= O_TRUNC;
    if (flags & H5F_ACC_CREAT)
        how |= O_CREAT;
    if (flags & H5F_ACC_EXCL)
        how |= O_EXCL;
    int fd = open(path, how | O_CLOEXEC, 0666);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        access->note->read_error = errno;
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct driven *f = cal_alloc(sizeof *f);
    f->fd = fd;
    f->writable = flags & H5F_ACC_RDWR;
    f->note = access->note;
    f->eof = f->committed = (haddr_t)status.st_size;
    return &f->base;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags)
{
    (void)base;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA |
             H5FD_FEAT_DEFAULT_VFD_COMPATIBLE | H5FD_FEAT_SUPPORTS_SWMR_IO; /* the last: H5Fget_eoa() insists */
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driven *)base)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *base, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((struct driven *)base)->eoa = address;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driven *)base)->eof;
}

/* Past the end of the file there are zeros, as HDF5 expects. */
static int read_bytes(const struct driven *f, haddr_t address, size_t size, unsigned char *to)
{
    while (size > 0) {
        ssize_t n = pread(f->fd, to, size, (off_t)address);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            f->note->read_error = errno;
            return -1;
        }
        if (n == 0) {
            memset(to, 0, size);
            return 0;
        }
        to += n;
        address += (haddr_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static void write_bytes(const struct driven *f, haddr_t address, size_t size, const unsigned char *from)
{
    while (size > 0 && !f->note->write_error) {
        errno = 0;
        ssize_t n = pwrite(f->fd, from, size, (off_t)address);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            note_write_failure(f->note);
            return;
        }
        from += n;
        address += (haddr_t)n;
        size -= (size_t)n;
    }
}

static bool overlap(const struct late *l, haddr_t address, size_t size)
{
    return l->address < address + size && address < l->address + l->size;
}

/* Do the bytes replace some that a reader may be led to, or that are held back themselves? */
static bool replaces(const struct driven *f, haddr_t address, size_t size)
{
    const struct late *l = f->late;
    while (l && !overlap(l, address, size))
        l = l->next;
    return l || address < f->committed;
}

/* Put the bytes on the list; what they overlap becomes one piece with them. */
static void hold_back(struct driven *f, haddr_t address, size_t size, const void *bytes)
{
    haddr_t first = address, end = address + size;
    for (const struct late *l = f->late; l; l = l->next)
        if (overlap(l, address, size)) {
            first = l->address < first ? l->address : first;
            end = l->address + l->size > end ? l->address + l->size : end;
        }
    struct late *piece = cal_alloc(sizeof *piece + (size_t)(end - first)), **at = &f->late;
    piece->address = first;
    piece->size = (size_t)(end - first);
    while (*at && (*at)->address < end) {
        struct late *l = *at;
        if (!overlap(l, address, size)) {
            at = &l->next;
            continue;
        }
        memcpy(piece->bytes + (l->address - first), l->bytes, l->size);
        *at = l->next;
        cal_free(l);
    }
    memcpy(piece->bytes + (address - first), bytes, size);
    piece->next = *at;
    *at = piece;
}

/* Bring the file's length to what HDF5 has allocated. */
static void set_length(struct driven *f)
{
    if (f->writable && !f->note->write_error && ftruncate(f->fd, (off_t)f->eoa) < 0)
        note_write_failure(f->note);
    f->eof = f->eoa;
}

/* All that is new is in the file, which is made long enough: now what points at it. */
static void commit(struct driven *f)
{
    if (f->eof <= f->eoa) /* what is held back may reach beyond the file's end */
        set_length(f);
    while (f->late) {
        struct late *l = f->late;
        write_bytes(f, l->address, l->size, l->bytes);
        f->late = l->next;
        cal_free(l);
    }
    f->committed = f->eof;
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
    (void)type;
    (void)transfer;
    struct driven *f = (struct driven *)base;
    if (read_bytes(f, address, size, buffer))
        return -1;
    for (const struct late *l = f->late; l; l = l->next)
        if (overlap(l, address, size)) {
            haddr_t first = l->address > address ? l->address : address;
            haddr_t end = l->address + l->size < address + size ? l->address + l->size : address + size;
            memcpy((unsigned char *)buffer + (first - address), l->bytes + (first - l->address), (size_t)(end - first));
        }
    return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, const void *buffer)
{
    (void)type;
    (void)transfer;
    struct driven *f = (struct driven *)base;
    if (replaces(f, address, size))
        hold_back(f, address, size, buffer);
    else
        write_bytes(f, address, size, buffer);
    if (address + size > f->eof)
        f->eof = address + size;
    return 0;
}

static herr_t driver_flush(H5FD_t *base, hid_t transfer, hbool_t closing)
{
    (void)transfer;
    (void)closing;
    commit((struct driven *)base);
    return 0;
}

static herr_t driver_close(H5FD_t *base)
{
    struct driven *f = (struct driven *)base;
    commit(f);
    set_length(f); /* shorter only now that the superblock says so */
    if (f->note->sync && !f->note->write_error && fsync(f->fd) < 0)
        note_write_failure(f->note);
    if (close(f->fd) < 0)
        note_write_failure(f->note);
    cal_free(f);
    return 0;
}

static const H5FD_class_t driver_class = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)(H5_VFD_RESERVED + 71),
#endif
    .name = "callosum",
    .maxaddr = ADDRESS_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(struct access),
    .fapl_get = access_get,
    .fapl_copy = access_copy,
    .fapl_free = access_free,
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .flush = driver_flush,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

int64_t cal_h5_driver_access(struct cal_h5_note *note)
{
    static hid_t driver = -1;
    if (driver < 0)
        driver = H5FDregister(&driver_class);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    struct access access = {note};
    if (list >= 0 && H5Pset_driver(list, driver, &access) < 0) {
        H5Pclose(list);
        return -1;
    }
    return list;
}
