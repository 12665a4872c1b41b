/* SPDX-License-Identifier: MIT */
/*
 * Reads the clock until two readings agree: an update may fall between two registers.
 */
#include "rtc.h"

#include <stdint.h>

#include "cpu.h"
#include "string.h"

#define RTC_INDEX    0x70
#define RTC_DATA     0x71
#define RTC_B_BINARY 0x04
#define RTC_B_24H    0x02

static const uint8_t rtc_registers[6] = { 9, 8, 7, 4, 2, 0 };

static uint8_t rtc_register(uint8_t index)
{
	outb(RTC_INDEX, index);
	return inb(RTC_DATA);
}

static void rtc_read_raw(uint8_t raw[6])
{
	for (int i = 0; i < 6; i++)
		raw[i] = rtc_register(rtc_registers[i]);
}

static unsigned int rtc_number(uint8_t raw, uint8_t mode)
{
	return mode & RTC_B_BINARY ? raw : (raw >> 4) * 10 + (raw & 15);
}

void rtc_read(struct rtc_time *t)
{
	uint8_t raw[6], again[6], mode = rtc_register(0x0b), pm;

	for (int i = 0; i < 8; i++) {
		rtc_read_raw(raw);
		rtc_read_raw(again);
		if (!memcmp(raw, again, sizeof(raw)))
			break;
	}
	pm = mode & RTC_B_24H ? 0 : raw[3] & 0x80;
	raw[3] &= ~pm;
	*t = (struct rtc_time){
		.year = 2000 + rtc_number(raw[0], mode),
		.month = rtc_number(raw[1], mode),
		.day = rtc_number(raw[2], mode),
		.hour = rtc_number(raw[3], mode),
		.minute = rtc_number(raw[4], mode),
		.second = rtc_number(raw[5], mode),
	};
	if (!(mode & RTC_B_24H))
		t->hour = t->hour % 12 + (pm ? 12 : 0);
}
