/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks: see time.h. */
#include "base/time.h"

#include <time.h>

uint64_t time_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}
