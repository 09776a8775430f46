/* comm/simulated.c - see simulated.h. */
#include "comm/simulated.h"

#include <errno.h>
#include <mpi.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xbt/config.h>

#include "comm/internal.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"

/* SMPI gives a rank's function no argument: these are set once, before any rank runs. */
static const struct cal_simulation *simulation;
static void (*rank_body)(void *argument);
static void *rank_argument;

/* In place of core/clock.c. */
double cal_now_s(void)
{
    return simgrid_get_clock();
}

void cal_simulated_compute(double seconds)
{
    if (seconds > 0)
        sg_actor_sleep_for(seconds);
}

void cal_moved(size_t bytes)
{
    cal_simulated_compute(simulation->message_s + simulation->byte_s * (double)bytes);
}

static void run_rank(int argc, char **argv)
{
    (void)argc, (void)argv;
    rank_body(rank_argument);
}

/* What the ranks themselves compute takes no time, nor does looking; collectives are trees, as on a cluster. */
static void configure(void)
{
    static const char *words[] = {"callosum-simulate",
                                  "--cfg=smpi/privatization:no",
                                  "--cfg=smpi/simulate-computation:no",
                                  "--cfg=smpi/wtime:0",
                                  "--cfg=smpi/test:0",
                                  "--cfg=smpi/cpu-threshold:0",
                                  "--cfg=smpi/host-speed:1Gf", /* smpi_execute() counts in these, and the platforms' cores have it */
                                  "--cfg=smpi/allreduce:rdb",
                                  "--cfg=smpi/bcast:binomial_tree",
                                  "--cfg=smpi/barrier:ompi_recursivedoubling",
                                  "--cfg=smpi/gather:ompi_binomial",
                                  "--cfg=network/model:SMPI",
                                  "--cfg=surf/precision:1e-9",
                                  "--cfg=contexts/stack-size:256", /* KiB */
                                  "--log=root.thres:error",
                                  NULL};
    int n = (int)(sizeof words / sizeof *words) - 1;
    smpi_init_options();
    simgrid_init(&n, (char **)words); /* takes out of the list what it knows, and leaves the words alone */
    SMPI_init();
}

/* node-2 before node-10. */
static int compare(const void *a, const void *b)
{
    const char *x = sg_host_get_name(*(const sg_host_t *)a), *y = sg_host_get_name(*(const sg_host_t *)b);
    size_t n = strlen(x), m = strlen(y);
    return n != m ? (n < m ? -1 : 1) : strcmp(x, y);
}

/* Which host each rank lives on, as SimGrid wants it told: in a file. */
static int deploy(const char *path, FILE *f)
{
    size_t n = sg_host_count();
    sg_host_t *hosts = sg_host_list();
    int rank = 0;
    qsort(hosts, n, sizeof(*hosts), compare);
    fputs("<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n<platform version=\"4.1\">\n", f);
    for (size_t h = 0; h < n; h++)
        for (int core = 0; core < sg_host_core_count(hosts[h]) && rank < simulation->ranks; core++)
            fprintf(f,
                    "<actor host=\"%s\" function=\"callosum\"><prop id=\"instance_id\" value=\"callosum\"/>"
                    "<prop id=\"rank\" value=\"%d\"/></actor>\n",
                    sg_host_get_name(hosts[h]), rank++);
    fputs("</platform>\n", f);
    xbt_free(hosts);
    bool written = !ferror(f);
    if (fclose(f) || !written)
        return cal_fail(CAL_EIO, "%s: cannot write: %s", path, strerror(errno));
    if (rank < simulation->ranks)
        return cal_fail(CAL_EUSAGE, "%s has %d cores, expected one for each of %d ranks", simulation->platform, rank, simulation->ranks);
    simgrid_load_deployment(path);
    return CAL_OK;
}

static int place_ranks(void)
{
    const char *folder = getenv("TMPDIR");
    char *path = cal_sprintf("%s/callosum-ranks-XXXXXX", folder && folder[0] ? folder : "/tmp");
    int fd = mkstemp(path), err;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    err = f ? deploy(path, f) : cal_fail(CAL_EIO, "%s: cannot create: %s", path, strerror(errno));
    if (fd >= 0)
        unlink(path);
    cal_free(path);
    return err;
}

int cal_simulated_run(const struct cal_simulation *s, void (*body)(void *argument), void *argument)
{
    if (access(s->platform, R_OK))
        return cal_fail(CAL_EINPUT, "%s: cannot open: %s", s->platform, strerror(errno));
    simulation = s;
    rank_body = body;
    rank_argument = argument;
    configure();
    simgrid_load_platform(s->platform);
    SMPI_app_instance_register("callosum", run_rank, s->ranks);
    int err = place_ranks();
    if (err)
        return err;
    simgrid_run();
    SMPI_finalize();
    return CAL_OK;
}
