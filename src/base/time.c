/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and the calendar: see time.h. */
#include "base/time.h"

#define TIME_DAY	 86400
#define TIME_ERA_DAYS	 146097 /* 400 years of the Gregorian calendar */
#define TIME_ERA_YEARS	 400
#define TIME_EPOCH_DAYS	 719468 /* from 1 March of the year 0 to 1 January 1970 */
#define TIME_MONTHS	 12
#define TIME_MARCH	 2   /* of tm_mon */
#define TIME_EPOCH_WDAY	 4   /* Thursday */
#define TIME_FIVE_MONTHS 153 /* days in each five months from March or August on */

uint64_t time_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int64_t time_div_down(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years begin on 1 March here, so that the odd day of a leap year is their last. */
static int64_t time_days(int64_t year, int64_t month, int64_t day)
{
	int64_t from_march = (month + TIME_MONTHS - TIME_MARCH) % TIME_MONTHS, era;

	year -= month < TIME_MARCH;
	era = time_div_down(year, TIME_ERA_YEARS);
	year -= era * TIME_ERA_YEARS;
	return era * TIME_ERA_DAYS + year * 365 + year / 4 - year / 100 +
	       (TIME_FIVE_MONTHS * from_march + 2) / 5 + day - 1 - TIME_EPOCH_DAYS;
}

void time_to_utc(int64_t sec, struct tm *tm)
{
	int64_t days = time_div_down(sec, TIME_DAY), rest = sec - days * TIME_DAY;
	int64_t era = time_div_down(days + TIME_EPOCH_DAYS, TIME_ERA_DAYS);
	int64_t day = days + TIME_EPOCH_DAYS - era * TIME_ERA_DAYS;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t month;

	day -= year * 365 + year / 4 - year / 100;
	month = (5 * day + 2) / TIME_FIVE_MONTHS;
	*tm = (struct tm){
		.tm_sec = (int)(rest % 60),
		.tm_min = (int)(rest / 60 % 60),
		.tm_hour = (int)(rest / 3600),
		.tm_mday = (int)(day - (TIME_FIVE_MONTHS * month + 2) / 5 + 1),
		.tm_mon = (int)((month + TIME_MARCH) % TIME_MONTHS),
		.tm_wday = (int)(days + TIME_EPOCH_WDAY -
				 time_div_down(days + TIME_EPOCH_WDAY, 7) * 7),
	};
	year += era * TIME_ERA_YEARS + (tm->tm_mon < TIME_MARCH);
	tm->tm_year = (int)(year - 1900);
	tm->tm_yday = (int)(days - time_days(year, 0, 1));
}

int64_t time_from_utc(const struct tm *tm)
{
	int64_t years = time_div_down(tm->tm_mon, TIME_MONTHS);
	int64_t days = time_days(tm->tm_year + 1900ll + years, tm->tm_mon - years * TIME_MONTHS,
				 tm->tm_mday);

	return ((days * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 + tm->tm_sec;
}
