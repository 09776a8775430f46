/* core/mem.h - memory: aligned, zeroed, counted. */
#ifndef CAL_CORE_MEM_H
#define CAL_CORE_MEM_H

#include <stddef.h>

#define CAL_ALIGN 64 /* bytes; a cache line, and the widest vector */

/* `bytes` zeroed bytes at a multiple of CAL_ALIGN, or death with the size in the message: a simulator whose memory is
 * planned beforehand (callosum check) has nothing better to do. [give] to the caller, who frees with cal_free(). */
void *cal_alloc(size_t bytes);
void cal_free(void *p);

/* strdup and printf into counted memory. [give] */
char *cal_strdup(const char *s);
char *cal_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes asked for and not freed, now and at the highest. Local. */
size_t cal_mem_now_bytes(void);
size_t cal_mem_peak_bytes(void);
/* All that this machine has; 0 where it does not say. */
size_t cal_mem_machine_bytes(void);
/* The most that the system has held for this process at a time, libraries and all; 0 where it does not say (/proc). Local. */
size_t cal_mem_resident_peak_bytes(void);

#endif
