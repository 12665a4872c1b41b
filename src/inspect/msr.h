/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers in words. SDM 4, AMD APM 2 appendix A. */
#ifndef VITRINE_INSPECT_MSR_H
#define VITRINE_INSPECT_MSR_H

#include <stddef.h>
#include <stdint.h>

/* What VAL in MSR means, empty where there is nothing to say; BUF of LEN bytes is returned. */
const char *msr_text(uint32_t msr, uint64_t val, char *buf, size_t len);

#endif
