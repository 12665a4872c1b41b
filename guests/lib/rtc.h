/* SPDX-License-Identifier: MIT */
/*
 * The MC146818 real-time clock.
 */
#ifndef GUEST_RTC_H
#define GUEST_RTC_H

struct rtc_time {
	unsigned int year, month, day, hour, minute, second;
};

/* Reads the date and time; BCD or binary, 12 or 24 hours. */
void rtc_read(struct rtc_time *t);

#endif
