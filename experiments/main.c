/* experiments/main.c - build/callosum: one command, one exit code. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/kernels.h"
#include "core/mem.h"
#include "experiments/check.h"
#include "experiments/cli.h"
#include "experiments/run.h"
#include "experiments/summary.h"

static int with_experiment(const struct cal_cli *c)
{
    struct cal_experiment *e = NULL;
    int err = cal_experiment_read(c->path, &c->overrides, &e);
    if (!err && !strcmp(c->command, "check"))
        err = cal_check(c, e);
    else if (!err && !strcmp(c->command, "ranks")) {
        int ranks;
        err = cal_run_ranks(c, e, &ranks);
        if (!err)
            printf("%d\n", ranks);
    } else if (!err) {
        for (int i = 0; i < e->n_variants; i++)
            printf("%s\n", e->variants[i]);
    }
    cal_experiment_destroy(e);
    return err;
}

static int measure(const char *dir)
{
    struct cal_measures *m = cal_alloc(sizeof *m);
    int err = cal_measure_run(dir, m);
    if (!err)
        err = cal_summary_replace_measures(dir, m);
    if (!err)
        cal_summary_print_measures(m);
    cal_free(m);
    return err;
}

/* A file must never become standard output because somebody closed that. */
static void hold_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    hold_descriptors();
    struct cal_cli c;
    bool done;
    cal_kernels_init();
    int err = cal_cli_parse(&c, argc, argv, &done);
    bool told = false;
    if (!err && !done) {
        if (!strcmp(c.command, "run")) {
            err = cal_run(&c, &argc, &argv);
            told = true;
        } else if (!strcmp(c.command, "measure")) {
            err = measure(c.path);
        } else if (!strcmp(c.command, "parameters")) {
            cal_experiment_document(stdout);
        } else {
            err = with_experiment(&c);
        }
    }
    if (err && !told)
        cal_complain();
    cal_cli_finish(&c);
    if (fflush(stdout) && !err) {
        cal_fail(CAL_EIO, "cannot write to standard output");
        cal_complain();
        err = CAL_EIO;
    }
    return err;
}
