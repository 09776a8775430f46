/* experiments/main.c - build/callosum: one command, one exit code. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/weights.h"
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

static void print_robustness(const struct cal_robustness *r)
{
    printf("%zu held-out pictures, named rightly (%%): %.1f as they are\n\n%-8s", r->images, 100 * r->clean, "eps");
    for (int k = 0; k < CAL_ROBUST_COLUMNS; k++)
        if (r->asked.n_eps && !isnan(r->at[0].right[k]))
            printf("%*s", (int)strlen(cal_robust_names[k]) + 3, cal_robust_names[k]);
    printf("   worst   noise of 2 eps\n");
    for (int e = 0; e < r->asked.n_eps; e++) {
        printf("%-8g", r->asked.eps[e]);
        for (int k = 0; k < CAL_ROBUST_COLUMNS; k++)
            if (!isnan(r->at[e].right[k]))
                printf("%*.1f", (int)strlen(cal_robust_names[k]) + 3, 100 * r->at[e].right[k]);
        printf("%8.1f%17.1f\n", 100 * r->at[e].worst, 100 * r->at[e].noise);
    }
}

static int attack(const char *dir, const struct cal_robust_options *o)
{
    struct cal_robustness r;
    int err = cal_robustness_measure(dir, o, &r);
    if (!err)
        err = cal_robustness_write(dir, &r);
    if (!err)
        print_robustness(&r);
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
        } else if (!strcmp(c.command, "attack")) {
            err = attack(c.path, &c.robust);
        } else if (!strcmp(c.command, "weights")) {
            err = cal_weights_write(c.path);
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
