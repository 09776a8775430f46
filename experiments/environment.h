/* experiments/environment.h - what a run's bits depend on beside its experiment: version, libraries, processor, kernels. */
#ifndef CAL_EXPERIMENTS_ENVIRONMENT_H
#define CAL_EXPERIMENTS_ENVIRONMENT_H

/* Lines `key: value` for used.yml. [borrow] a static buffer, made at the first call. */
const char *cal_environment(void);

#endif
