/* core/err.h - the three sorts of failure, kept apart.
 *
 * Our bug: CAL_ASSERT, which dies. The world (a file, a key, a disk): a function returns one of enum cal_err and has said
 * why with cal_fail(). The parallel job: comm agrees on the codes of all ranks (comm/world.h). Nothing here prints,
 * except cal_die(), which is on its way out. */
#ifndef CAL_CORE_ERR_H
#define CAL_CORE_ERR_H

/* What went wrong. The numbers are the exit codes of the program, see docs/design.md, "Exit codes". */
enum cal_err {
    CAL_OK = 0,
    CAL_EUSAGE = 2,    /* command line or configuration */
    CAL_EINPUT = 3,    /* an input file is missing or unreadable */
    CAL_EIO = 4,       /* reading or writing failed */
    CAL_ENUMERICS = 5, /* NaN, infinity, or a guard against collapse */
    CAL_STOPPED = 6,   /* stopped on request, resumable */
    CAL_EINTERNAL = 7, /* our bug */
};

/* Note why something fails and return `code`, so that a caller can write `return cal_fail(CAL_EIO, "%s: ...", path)`.
 * Local. One message is kept a process: a later call replaces it. Cut at 1,023 bytes. */
int cal_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put `prefix: ` before the noted message (which region, which file). Returns `code`, for the same style of use. */
int cal_fail_in(int code, const char *prefix);

/* The message of the last cal_fail(), "" when there was none. [borrow] until the next call. */
const char *cal_err_message(void);
void cal_err_clear(void);
/* Print it: `callosum: message`, one line on standard error. */
void cal_complain(void);

/* Say something on standard error that the user should know and that stops nothing: `callosum: warning: ...`, one line. */
void cal_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* End the process at once: one line on standard error, then the hook (comm sets MPI_Abort), then exit(code). */
_Noreturn void cal_die(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cal_die_set_hook(void (*hook)(int code));

_Noreturn void cal_assert_failed(const char *what, const char *file, int line);
#define CAL_ASSERT(condition) ((condition) ? (void)0 : cal_assert_failed(#condition, __FILE__, __LINE__))

#endif
