/* comm/simulated.h - the same exchange in simulated time: this folder built a second time, against SimGrid's SMPI.
 *
 * The ranks are threads of one process that take turns, on the hosts and links of a platform file; MPI calls take the time that the messages would
 * take there, and nothing else takes any, unless it says so with cal_simulated_compute(). cal_now_s() is the simulated clock here. One
 * process: what the ranks share must not change while they run. Method: Degomme et al. 2017, "Simulating MPI Applications: The SMPI Approach". */
#ifndef CAL_COMM_SIMULATED_H
#define CAL_COMM_SIMULATED_H

struct cal_simulation {
    const char *platform; /* SimGrid's XML; ranks fill its hosts in order, one a core */
    int ranks;
    double message_s, byte_s; /* what it costs a process to pack or sum up a message: fixed, and a byte */
};

/* Run body(argument) in every rank, to the end of all; there each makes its world with cal_world_create(..., false). Once a process.
 * Errors: CAL_EINPUT (no such file), CAL_EUSAGE (fewer cores than ranks). */
int cal_simulated_run(const struct cal_simulation *s, void (*body)(void *argument), void *argument);

/* In a rank: compute for so many seconds. */
void cal_simulated_compute(double seconds);

#endif
