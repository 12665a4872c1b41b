/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's KVM: opened once per process, its capabilities and its CPUID asked once. */
#ifndef VITRINE_VMM_KVM_H
#define VITRINE_VMM_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Open /dev/kvm (kept open for the process) and check the API version. -ENOENT,
 * -EACCES, ... with what to do about it in ERR. [any thread, first call wins]
 */
int kvm_open(struct err *err);
/* The descriptor of kvm_open(). */
int kvm_fd(void);
/* KVM_CHECK_EXTENSION on the system descriptor; 0: not there. */
int kvm_cap(int cap);
/* Whether this processor's virtualization is AMD-V, which resets a vCPU at a triple fault. */
bool kvm_is_svm(void);
/* Size of a vCPU's shared run area in bytes. */
size_t kvm_run_size(void);
/* KVM_GET_SUPPORTED_CPUID, cached. NULL if it fails. */
const struct kvm_cpuid2 *kvm_supported_cpuid(void);
/* ioctl() that retries on EINTR. */
int kvm_ioctl(int fd, unsigned long req, void *arg);

#endif
