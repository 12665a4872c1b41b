/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A serial ports: COM1 (0x3f8, line 4) and COM2 (0x2f8, line 3). */
#ifndef VITRINE_VMM_DEV_UART_H
#define VITRINE_VMM_DEV_UART_H

#include "vmm/device.h"

extern const struct device_ops uart0_ops, uart1_ops;

/* Bytes from the outside world. Returns how many were taken (the rest: try again later). Any
 * thread. */
size_t uart_input(void *state, const uint8_t *data, size_t len);

#endif
