/* tests/death.h - how does it die? Runs a call in a process of its own, for functions that end in cal_die(). */
#ifndef CAL_TESTS_DEATH_H
#define CAL_TESTS_DEATH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The exit code of a child that calls act(with), 0 when act returns; what it wrote on standard error goes to said[size]. */
static inline int death(void (*act)(void *with), void *with, char *said, size_t size)
{
    int ends[2], status = 0;
    size_t n = 0;
    fflush(NULL); /* nothing buffered that the child would write too */
    if (pipe(ends))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        act(with);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got; n < size - 1 && (got = read(ends[0], said + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = '\0';
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

#endif
