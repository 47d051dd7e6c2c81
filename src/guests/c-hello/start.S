/* Where Xen begins: RSI holds the address of start_info, RSP a small stack. The notes tell the domain builder how to load us. */
	.section .text.start, "ax"
	.globl	_start
_start:
	cld
	leaq	stack_end(%rip), %rsp
	xorl	%ebp, %ebp
	movq	%rsi, %rdi
	call	c_main
1:	pause
	jmp	1b

	.section .text.hypercall, "ax"
	.balign	4096
	.globl	hypercall_page
hypercall_page:			/* Xen fills it: call number N is at N * 32 */
	.skip	4096

	.bss
	.balign	16
	.skip	16384
stack_end:

	.macro	note type, desc:vararg
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\desc
2:	.balign	4
	.endm

	.section .note.Xen, "a", @note
	.balign	4
	note	5, .asciz "xen-3.0"		/* XEN_ELFNOTE_XEN_VERSION */
	note	6, .asciz "hello-c"		/* GUEST_OS */
	note	7, .asciz "0.1"			/* GUEST_VERSION */
	note	8, .asciz "generic"		/* LOADER */
	note	3, .quad VIRT_BASE		/* VIRT_BASE */
	note	4, .quad 0			/* PADDR_OFFSET */
	note	1, .quad _start			/* ENTRY */
	note	2, .quad hypercall_page		/* HYPERCALL_PAGE */

	.section .note.GNU-stack, "", @progbits
