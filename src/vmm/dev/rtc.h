/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818 real-time clock and the CMOS memory of a PC (0x70, 0x71, line 8). */
#ifndef VITRINE_VMM_DEV_RTC_H
#define VITRINE_VMM_DEV_RTC_H

#include "vmm/device.h"

extern const struct device_ops rtc_ops;

#endif
