/* SPDX-License-Identifier: MIT */
/*
 * Entry stubs for all vectors. Each leaves a struct trap_frame and calls trap_dispatch() with
 * interrupts off. A copy of rip and rbp is pushed below it as a call would have done, so that
 * frame pointers lead through the interrupt into the code that was interrupted.
 */
	.altmacro
	.cfi_sections .debug_frame
	.text

	.macro isr vector, name
	.globl	isr_\name
	.type	isr_\name, @function
	.balign	16
isr_\name:
	.cfi_startproc simple
	.cfi_signal_frame
	.if	(\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21)
	.cfi_def_cfa rsp, 8
	.cfi_offset rip, 0
	.cfi_offset rsp, 24
	.else
	.cfi_def_cfa rsp, 0
	.cfi_offset rip, 0
	.cfi_offset rsp, 24
	pushq	$0
	.cfi_adjust_cfa_offset 8
	.endif
	pushq	$\vector
	.cfi_adjust_cfa_offset 8
	jmp	trap_entry
	.cfi_endproc
	.size	isr_\name, . - isr_\name
	.section .rodata.trap_stubs, "a"
	.quad	isr_\name
	.text
	.endm

	.macro isr_range from, to, kind
	.set	vec, \from
	.rept	\to - \from + 1
	isr_numbered %vec, %(vec - \from), \kind
	.set	vec, vec + 1
	.endr
	.endm

	.macro isr_numbered vector, number, kind
	isr	\vector, \kind\number
	.endm

	.section .rodata.trap_stubs, "a"
	.balign	8
	.globl	trap_stubs
trap_stubs:
	.text

	isr	0, divide_error
	isr	1, debug
	isr	2, nmi
	isr	3, breakpoint
	isr	4, overflow
	isr	5, bound_range
	isr	6, invalid_opcode
	isr	7, device_not_available
	isr	8, double_fault
	isr	9, coprocessor_overrun
	isr	10, invalid_tss
	isr	11, segment_not_present
	isr	12, stack_fault
	isr	13, general_protection
	isr	14, page_fault
	isr	15, reserved
	isr	16, x87_error
	isr	17, alignment_check
	isr	18, machine_check
	isr	19, simd_error
	isr	20, virtualization
	isr	21, control_protection
	isr_range 22, 31, exception
	isr_range 32, 47, irq
	isr_range 48, 255, vector

	.type	trap_entry, @function
	.globl	trap_entry
trap_entry:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 16			/* the address of the saved rip */
	.cfi_offset rip, 0
	.cfi_offset rsp, 24
	.macro save reg
	pushq	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
	.endm
	.noaltmacro
	save	rax
	save	rbx
	save	rcx
	save	rdx
	save	rsi
	save	rdi
	save	rbp
	save	r8
	save	r9
	save	r10
	save	r11
	save	r12
	save	r13
	save	r14
	save	r15
	cld
	movq	%rsp, %rdi
	pushq	136(%rsp)			/* rip */
	.cfi_adjust_cfa_offset 8
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	movq	%rsp, %rbp
	.cfi_def_cfa rbp, 152
	andq	$-16, %rsp
	call	trap_dispatch
	leaq	16(%rbp), %rsp
	.cfi_def_cfa rsp, 136
	.macro restore reg
	popq	%\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
	.endm
	restore	r15
	restore	r14
	restore	r13
	restore	r12
	restore	r11
	restore	r10
	restore	r9
	restore	r8
	restore	rbp
	restore	rdi
	restore	rsi
	restore	rdx
	restore	rcx
	restore	rbx
	restore	rax
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	iretq
	.cfi_endproc
	.size	trap_entry, . - trap_entry

	.globl	trap_mark
	.type	trap_mark, @function
trap_mark:
	.cfi_startproc
	movq	%rbx, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	xorl	%eax, %eax
	ret
	.cfi_endproc
	.size	trap_mark, . - trap_mark

	.globl	trap_return_to
	.type	trap_return_to, @function
trap_return_to:
	.cfi_startproc
	movq	0(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	movl	%esi, %eax
	jmp	*56(%rdi)
	.cfi_endproc
	.size	trap_return_to, . - trap_return_to

	.section .note.GNU-stack, "", @progbits
