/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least a program can do to run a guest: raw KVM ioctls, no devices. What
 * vitrine's start-up and exit rate are measured against.
 *
 * raw spawn|machine|loop|loop-regs CODE: load the flat real-mode CODE at 0x7c00 of 128 MiB,
 * run it until it writes to port 0xf4. All but "spawn" also make the interrupt controllers
 * and the timer that a PC has; the loops print exits per second, "loop-regs" with all
 * registers brought out at each exit, which is what it takes to explain a crash.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RAW_RAM	 (128ul << 20)
#define RAW_CODE 0x7c00

static double raw_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *raw_ram(int vm, const char *path)
{
	struct kvm_userspace_memory_region region = { .memory_size = RAW_RAM };
	uint8_t *ram = mmap(NULL, RAW_RAM, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = open(path, O_RDONLY);

	if (ram == MAP_FAILED || fd < 0 || read(fd, ram + RAW_CODE, 4096) <= 0)
		return NULL;
	close(fd);
	region.userspace_addr = (uintptr_t)ram;
	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? NULL : ram;
}

static int raw_regs(int vcpu)
{
	struct kvm_regs regs = { .rip = RAW_CODE, .rflags = 2, .rsp = 0x7000 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = sregs.cs.selector = 0;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* An Intel processor's special registers survive a triple fault; AMD's are lost with it. */
static uint64_t raw_wanted(int kvm)
{
	uint64_t can = (uint64_t)ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	unsigned int eax, ebx = 0, ecx, edx;

	__get_cpuid(0, &eax, &ebx, &ecx, &edx);
	if (ebx == signature_INTEL_ebx)
		return can & KVM_SYNC_X86_REGS;
	return can & (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS);
}

static int raw_run(int vcpu, struct kvm_run *run, uint64_t *exits)
{
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_IO)
			return 1;
		(*exits)++;
		if (run->io.port == 0xf4)
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct kvm_pit_config pit = { .flags = 0 };
	struct kvm_run *run;
	uint64_t exits = 0;
	int kvm, vm, vcpu, ret;
	double start;

	if (argc != 3)
		return 2;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || !raw_ram(vm, argv[2]))
		return 1;
	if (strcmp(argv[1], "spawn") &&
	    (ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_PIT2, &pit)))
		return 1;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	if (vcpu < 0 || run == MAP_FAILED || raw_regs(vcpu))
		return 1;
	if (!strcmp(argv[1], "loop-regs"))
		run->kvm_valid_regs = raw_wanted(kvm);
	start = raw_now();
	ret = raw_run(vcpu, run, &exits);
	if (!strncmp(argv[1], "loop", 4))
		printf("%.0f\n", (double)exits / (raw_now() - start));
	return ret;
}
