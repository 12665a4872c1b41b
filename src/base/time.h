/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and the calendar. */
#ifndef VITRINE_BASE_TIME_H
#define VITRINE_BASE_TIME_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t time_now_ns(void);
/*
 * UTC's date of SEC, seconds since 1970, for years of up to nine digits; and back, from a date
 * whose members may lie outside their ranges. As gmtime_r() and timegm(), which read the time
 * zone's file first.
 */
void time_to_utc(int64_t sec, struct tm *tm);
int64_t time_from_utc(const struct tm *tm);

#endif
