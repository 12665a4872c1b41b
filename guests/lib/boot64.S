/* SPDX-License-Identifier: MIT */
/*
 * The way into long mode. A Multiboot 1 loader enters _start in 32-bit protected mode, an
 * application processor comes from real mode through boot_trampoline; both turn paging on
 * with the first page tables (the first 4 GiB at 0, the first GiB at -2 GiB, all rights) and
 * go up to the high half, where paging.c soon replaces those tables.
 */
#define KERNEL_BASE 0xffffffff80000000
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3		/* modules on page boundaries, memory map wanted */

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18

	.cfi_sections .debug_frame

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.section .boot.text, "ax"

/* Turns on PAE, long mode, NX where there is one, write protection and paging; clobbers all. */
	.macro enter_long_mode
	movl	$0xa0, %eax			/* CR4.PAE | CR4.PGE */
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$0x80000001, %eax
	cpuid
	movl	%edx, %edi
	movl	$0xc0000080, %ecx		/* EFER */
	rdmsr
	orl	$0x100, %eax			/* LME */
	btl	$20, %edi
	jnc	1f
	orl	$0x800, %eax			/* NXE */
1:	wrmsr
	movl	$0x80010033, %eax		/* CR0: PG WP NE ET MP PE */
	movl	%eax, %cr0
	.endm

	.code32
	.globl _start
	.type _start, @function
_start:
	cli
	cld
	movl	%eax, boot_magic
	movl	%ebx, boot_info_pa
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	boot_no_long_mode
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx
	jnc	boot_no_long_mode
	enter_long_mode
	lgdt	boot_gdt_ptr
	ljmp	$SEL_CODE64, $boot_long
	.size _start, . - _start

	.type boot_no_long_mode, @function
boot_no_long_mode:
	movl	$boot_no_long_mode_text, %esi
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	cli
	hlt
	jmp	2b
	.size boot_no_long_mode, . - boot_no_long_mode
boot_no_long_mode_text:
	.asciz	"guest: this processor has no long mode\r\n"

	.code64
	.type boot_long, @function
boot_long:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movl	boot_magic, %edi
	movl	boot_info_pa, %esi
	movq	$boot_high, %rax
	jmp	*%rax
	.size boot_long, . - boot_long

/*
 * What an application processor runs first, in real mode: smp.c copies it to a page below
 * 1 MiB. It uses no address inside itself, so it may be any page.
 */
	.code16
	.globl boot_trampoline, boot_trampoline_end
boot_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	boot_trampoline_gdt_ptr - boot_trampoline
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$SEL_CODE32, $boot_ap
	.balign	4
boot_trampoline_gdt_ptr:
	.word	boot_gdt_end - boot_gdt - 1
	.long	boot_gdt
boot_trampoline_end:

	.code32
	.type boot_ap, @function
boot_ap:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	enter_long_mode
	ljmp	$SEL_CODE64, $boot_ap_long
	.size boot_ap, . - boot_ap

	.code64
	.type boot_ap_long, @function
boot_ap_long:
	movq	$boot_ap_high, %rax
	jmp	*%rax
	.size boot_ap_long, . - boot_ap_long

	.section .boot.data, "aw"
	.balign	4096
	.globl boot_pml4
boot_pml4:
	.quad	boot_pdpt_low + 0x3
	.skip	510 * 8
	.quad	boot_pdpt_high + 0x3
boot_pdpt_low:
	.quad	boot_pd + 0x3, boot_pd + 0x1003, boot_pd + 0x2003, boot_pd + 0x3003
	.skip	508 * 8
boot_pdpt_high:
	.skip	510 * 8
	.quad	boot_pd + 0x3, 0
boot_pd:
	.set	page, 0
	.rept	2048
	.quad	page + 0x83			/* present, writable, 2 MiB */
	.set	page, page + 0x200000
	.endr

	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00209b0000000000		/* 08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 10: data */
	.quad	0x00cf9b000000ffff		/* 18: 32-bit code */
boot_gdt_end:
boot_gdt_ptr:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt
	.balign	4
boot_magic:
	.long	0
boot_info_pa:
	.long	0

	.text
	.type boot_high, @function
boot_high:
	.cfi_startproc
	.cfi_undefined rip
	movq	$boot_stack_top, %rsp
	xorl	%ebp, %ebp
	call	guest_start			/* (magic, info_pa), does not return */
	ud2
	.cfi_endproc
	.size boot_high, . - boot_high

/*
 * An application processor, still on the first tables: smp.c brings them up one at a time and
 * has left cr3, the stack and the struct cpu of this one.
 */
	.type boot_ap_high, @function
boot_ap_high:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	boot_ap_cr3, %rax
	movq	%rax, %cr3
	movq	boot_ap_stack, %rsp
	movq	boot_ap_cpu, %rdi
	xorl	%ebp, %ebp
	call	smp_ap_start			/* (cpu), does not return */
	ud2
	.cfi_endproc
	.size boot_ap_high, . - boot_ap_high

/* void stack_call(uintptr_t top, void (*fn)(void)): runs fn on another stack, for good. */
	.globl stack_call
	.type stack_call, @function
stack_call:
	.cfi_startproc
	.cfi_undefined rip
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	call	*%rsi
	ud2
	.cfi_endproc
	.size stack_call, . - stack_call

	.bss
	.globl boot_ap_cr3, boot_ap_stack, boot_ap_cpu
	.balign	8
boot_ap_cr3:
	.skip	8
boot_ap_stack:
	.skip	8
boot_ap_cpu:
	.skip	8
	.balign	16
	.skip	8192
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
