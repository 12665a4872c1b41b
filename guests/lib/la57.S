/* SPDX-License-Identifier: MIT */
/*
 * void la57_enter(uint64_t root_pa): changes from four to five levels of paging. Paging must be
 * off for that, so the way leads through 32-bit mode, in the part of the image that is linked
 * at its physical address; both tables map that part there. Interrupts are off.
 */
	.cfi_sections .debug_frame
	.text
	.globl	la57_enter
	.type	la57_enter, @function
la57_enter:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	.cfi_adjust_cfa_offset 32
	movq	%rsp, la57_rsp
	sgdt	la57_kernel_gdt_ptr
	lgdt	la57_gdt_ptr
	pushq	$0x18
	pushq	$la57_down
	lretq
la57_high:
	lgdt	la57_kernel_gdt_ptr
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	la57_rsp, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	.cfi_adjust_cfa_offset -32
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	la57_enter, . - la57_enter

	.section .boot.text, "ax"
	.code32
	.type	la57_down, @function
la57_down:
	movl	$0x10, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%cr0, %eax
	andl	$0x7fffffff, %eax		/* PG */
	movl	%eax, %cr0
	movl	%cr4, %ecx
	orl	$0x1000, %ecx			/* LA57 */
	movl	%ecx, %cr4
	movl	%edi, %cr3
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmp	$0x08, $la57_up
	.size	la57_down, . - la57_down

	.code64
	.type	la57_up, @function
la57_up:
	movq	$la57_high, %rax
	jmp	*%rax
	.size	la57_up, . - la57_up

	.section .boot.data, "aw"
	.balign	8
la57_gdt:
	.quad	0
	.quad	0x00209b0000000000		/* 08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 10: data */
	.quad	0x00cf9b000000ffff		/* 18: 32-bit code */
la57_gdt_end:
la57_gdt_ptr:
	.word	la57_gdt_end - la57_gdt - 1
	.quad	la57_gdt
la57_kernel_gdt_ptr:
	.skip	10
	.balign	8
la57_rsp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
