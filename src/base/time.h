/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks. */
#ifndef VITRINE_BASE_TIME_H
#define VITRINE_BASE_TIME_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t time_now_ns(void);

#endif
