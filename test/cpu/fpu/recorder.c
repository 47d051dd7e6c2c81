/*
 * Runs single x87, MMX and SSE instructions on the processor of this machine.
 *
 *   gcc -O1 -o recorder recorder.c; ./recorder CASES RESULTS
 *
 * A case and its result are one `struct box` each: the state before and after. `vector` comes back 0, or as the trap
 * that the instruction raised; the state is then that of the trap. Memory operands
 * are [rdi] = `mem`, at 0x50000; the code lies at 0x10000000.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct box {
	uint8_t code[16]; /* padded with what it likes; `length` bytes count */
	uint32_t length, vector;
	uint64_t rax, rflags;
	uint8_t pad[8];
	uint8_t fx[416];
	uint8_t mem[512];
};

static struct box *now;
static uint8_t *page;
static sigjmp_buf back;
static uint8_t image[512] __attribute__((aligned(64)));
static uint8_t *mem;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
	now->vector = uc->uc_mcontext.gregs[REG_TRAPNO];
	now->rax = uc->uc_mcontext.gregs[REG_RAX];
	now->rflags = uc->uc_mcontext.gregs[REG_EFL];
	memcpy(image, uc->uc_mcontext.fpregs, 416);
	siglongjmp(back, 1);
}

static void run(void)
{
	memcpy(page, now->code, now->length);
	page[now->length] = 0xc3;
	memcpy(image, now->fx, 416);
	memcpy(mem, now->mem, 512);
	now->vector = 0;
	if (!sigsetjmp(back, 1)) {
		uint64_t rax = now->rax, rflags = now->rflags;
		asm volatile("sub $128, %%rsp\n\t"
			     "push %[flags]\n\t"
			     "fxrstor64 (%[image])\n\t"
			     "popfq\n\t"
			     "call *%[page]\n\t"
			     "fxsave64 (%[image])\n\t"
			     "pushfq\n\t"
			     "pop %[flags]\n\t"
			     "fninit\n\t"
			     "cld\n\t"
			     "add $128, %%rsp\n\t"
			     : "+a"(rax), [flags] "+r"(rflags)
			     : [image] "r"(image), [page] "r"(page), "D"(mem)
			     : "memory", "cc");
		now->rax = rax;
		now->rflags = rflags;
	}
	memcpy(now->fx, image, 416);
	memcpy(now->mem, mem, 512);
	asm volatile("fninit");
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS };
	FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
	struct box box;
	uint32_t mxcsr = 0x1f80;

	if (!out)
		return 1;
	page = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	mem = mmap((void *)0x50000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page == MAP_FAILED || mem == MAP_FAILED)
		return 1;
	stack_t stack = { .ss_sp = malloc(1 << 18), .ss_size = 1 << 18 };
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &act, NULL);
	now = &box;
	while (fread(&box, sizeof box, 1, in) == 1) {
		run();
		asm volatile("ldmxcsr %0" : : "m"(mxcsr));
		fwrite(&box, sizeof box, 1, out);
	}
	return fclose(out) != 0;
}
