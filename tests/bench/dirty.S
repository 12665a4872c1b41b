/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For snapshot.sh: for each byte that comes in on COM1, writes to 10 MiB of memory
 * page by page, then sends a '.'. A PVH kernel, so that QEMU boots it as well.
 */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	mov $0x3fd, %edx
1:	in (%dx), %al
	test $1, %al
	jz 1b
	mov $0x3f8, %edx
	in (%dx), %al
	inc %ebx
	mov $0x400000, %edi
	mov $2560, %ecx
2:	mov %ebx, (%edi)
	add $4096, %edi
	dec %ecx
	jnz 2b
	mov $0x3f8, %edx
	mov $'.', %al
	out %al, (%dx)
	jmp start
