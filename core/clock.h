/* core/clock.h - wall time. Nothing that learns may look at it. */
#ifndef CAL_CORE_CLOCK_H
#define CAL_CORE_CLOCK_H

double cal_now_s(void); /* seconds since some fixed point, monotonic */

#endif
