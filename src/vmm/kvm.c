/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's KVM: see kvm.h. */
#include "vmm/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KVM_CPUID_MAX 256
#define KVM_HYGON_EBX 0x6f677948 /* "Hygo" */

static pthread_mutex_t kvm_lock = PTHREAD_MUTEX_INITIALIZER;
static int kvm_dev = -1;
static struct kvm_cpuid2 *kvm_cpuid;

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, req, arg);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

static int kvm_open_error(int code, struct err *err)
{
	if (code == ENOENT)
		return err_set(err, code,
			       "/dev/kvm is not there: enable virtualization in the firmware "
			       "setup and load the kvm-intel or kvm-amd module");
	if (code == EACCES)
		return err_set(err, code,
			       "no permission on /dev/kvm: add yourself to its group "
			       "(usermod -aG kvm USER) and log in again");
	return err_sys(err, code, "/dev/kvm");
}

static int kvm_open_locked(struct err *err)
{
	int fd, version;

	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return kvm_open_error(errno, err);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		close(fd);
		return err_set(err, ENOTSUP, "/dev/kvm speaks API version %d, not %d", version,
			       KVM_API_VERSION);
	}
	kvm_dev = fd;
	return 0;
}

int kvm_open(struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&kvm_lock);
	if (kvm_dev < 0)
		ret = kvm_open_locked(err);
	pthread_mutex_unlock(&kvm_lock);
	return ret;
}

int kvm_fd(void)
{
	return kvm_dev;
}

int kvm_cap(int cap)
{
	int ret = ioctl(kvm_dev, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

bool kvm_is_svm(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0, &eax, &ebx, &ecx, &edx) &&
	       (ebx == signature_AMD_ebx || ebx == KVM_HYGON_EBX);
}

size_t kvm_run_size(void)
{
	int ret = ioctl(kvm_dev, KVM_GET_VCPU_MMAP_SIZE, 0);

	return ret > 0 ? (size_t)ret : sizeof(struct kvm_run);
}

const struct kvm_cpuid2 *kvm_supported_cpuid(void)
{
	struct kvm_cpuid2 *cpuid;

	pthread_mutex_lock(&kvm_lock);
	if (!kvm_cpuid) {
		cpuid = calloc(1, sizeof(*cpuid) + KVM_CPUID_MAX * sizeof(cpuid->entries[0]));
		if (cpuid) {
			cpuid->nent = KVM_CPUID_MAX;
			if (kvm_ioctl(kvm_dev, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
				kvm_cpuid = cpuid;
			else
				free(cpuid);
		}
	}
	pthread_mutex_unlock(&kvm_lock);
	return kvm_cpuid;
}
