/*
 * Runs prepared instructions on the processor of this machine and writes down what they did.
 *
 *   recorder CASES RESULTS
 *
 * CASES (written by ../case-file.ts; little endian, every record a multiple of 4 bytes):
 *
 *   header    u32 magic, version, pages, mappings, cases, timeout_ms
 *   mappings  u64 va, u32 first page, u32 pages, u32 access (4 read, 2 write, 1 execute), u32 0
 *   arena     pages * 4096 bytes: what memory holds before every case
 *   case      u32 patches, u32 0, struct state; then per patch u32 offset, u32 length, bytes padded to 4
 *
 * RESULTS has one record a case: u32 vector, u32 error, u64 cr2, u32 writes, u32 0, struct state; then the bytes of
 * the arena that differ, as runs u32 offset, u32 length, bytes padded to 4. Vector 255: it did not stop in time.
 *
 * A case is a signal frame: the handler of the trap that ends case n writes case n+1 into the frame it returns
 * through, so that rt_sigreturn loads all registers, x87 and SSE state at once. A case ends at the int3 that lies
 * behind every instruction (vector 3), or with the fault it raises. The handler runs on its own stack with foreign
 * FS and GS bases: it may call nothing of libc.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define MAGIC 0x43505543u /* "CUPC" */
#define VERSION 1u
#define PAGE 4096u
#define HANG 255u
/* CF PF AF ZF SF TF DF OF: what a case may set. sigreturn loads no others but AC and RF. */
#define FLAGS_IN 0xdd5ull
/* Not the program's: TF and RF. */
#define FLAGS_OUT (~0x10100ull)
#define FX_SIZE 416u

struct state {
	uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
	uint64_t rip, rflags, fs_base, gs_base;
	uint8_t fx[FX_SIZE]; /* the head of an FXSAVE image, XMM15 included */
};

struct header {
	uint32_t magic, version, pages, mappings, cases, timeout_ms;
};

struct mapping {
	uint64_t va;
	uint32_t page, pages, access, zero;
};

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct header head;
static uint8_t *arena;  /* what the case sees, mapped elsewhere */
static uint8_t *before; /* the same with the patches of this case and nothing else */
static const uint8_t *base;
static uint32_t arena_size;
static const uint8_t *next_case; /* reading position */
static const uint8_t *this_case; /* the one that runs; NULL before the first */
static uint32_t case_number;
static uint8_t *out, *out_at, *out_end;
static int out_fd;
static uint64_t own_fs;
static uint32_t alarmed_case = ~0u;

static void copy(void *to, const void *from, uint64_t n)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static uint32_t u32_at(const uint8_t *p)
{
	return *(const uint32_t *)p;
}

static void put32(uint32_t v)
{
	*(uint32_t *)out_at = v;
	out_at += 4;
}

static void die(const char *why)
{
	_writefsbase_u64(own_fs);
	perror(why);
	_exit(2);
}

static uint32_t padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

/* Writes the patches of a case from `from`, or from the base when undoing them. */
static const uint8_t *patch(const uint8_t *at, int undo)
{
	uint32_t n = u32_at(at);
	at += 8 + sizeof(struct state);
	while (n--) {
		uint32_t offset = u32_at(at), length = u32_at(at + 4);
		const uint8_t *from = undo ? base + offset : at + 8;
		copy(arena + offset, from, length);
		copy(before + offset, from, length);
		at += 8 + padded(length);
	}
	return at;
}

/* Puts down the bytes that the case changed, and puts them back. Answers how many runs. */
static uint32_t note_writes(void)
{
	uint32_t runs = 0, i = 0;
	while (i < arena_size) {
		if ((i & 7) == 0 && *(uint64_t *)(arena + i) == *(uint64_t *)(before + i)) {
			i += 8;
			continue;
		}
		if (arena[i] == before[i]) {
			i++;
			continue;
		}
		uint32_t start = i;
		while (i < arena_size && arena[i] != before[i])
			i++;
		put32(start);
		put32(i - start);
		copy(out_at, arena + start, i - start);
		copy(arena + start, before + start, i - start);
		out_at += padded(i - start);
		runs++;
	}
	return runs;
}

static void finish_case(const ucontext_t *uc, uint32_t vector)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct state s;
	uint32_t *count;

	if (out_at + sizeof s + 64 + 2 * arena_size > out_end)
		die("results too large");
	for (int i = 0; i < 16; i++)
		s.gpr[i] = g[greg_of[i]];
	s.rip = g[REG_RIP];
	s.rflags = g[REG_EFL] & FLAGS_OUT;
	s.fs_base = _readfsbase_u64();
	s.gs_base = _readgsbase_u64();
	copy(s.fx, uc->uc_mcontext.fpregs, FX_SIZE);
	put32(vector);
	put32(g[REG_ERR]);
	*(uint64_t *)out_at = g[REG_CR2];
	out_at += 8;
	count = (uint32_t *)out_at;
	put32(0);
	put32(0);
	copy(out_at, &s, sizeof s);
	out_at += sizeof s;
	*count = note_writes();
	patch(this_case, 1);
}

static void start_case(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
	const struct state *s = (const struct state *)(next_case + 8);
	uint32_t mxcsr_mask = u32_at(fx + 28);

	this_case = next_case;
	next_case = patch(this_case, 0);
	for (int i = 0; i < 16; i++)
		g[greg_of[i]] = s->gpr[i];
	g[REG_RIP] = s->rip;
	g[REG_EFL] = (s->rflags & FLAGS_IN) | 0x202;
	g[REG_ERR] = 0;
	copy(fx, s->fx, FX_SIZE);
	*(uint32_t *)(fx + 28) = mxcsr_mask;
	*(uint64_t *)(fx + 512) = 3; /* XSTATE_BV: x87 and SSE from this frame, everything else reset */
	_writefsbase_u64(s->fs_base);
	_writegsbase_u64(s->gs_base);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint32_t vector = uc->uc_mcontext.gregs[REG_TRAPNO];
	(void)info;

	if (sig == SIGVTALRM) {
		/* twice within the same case: it hangs */
		if (this_case == NULL || alarmed_case != case_number) {
			alarmed_case = case_number;
			return;
		}
		vector = HANG;
	}
	/* NT, AC and ID outlive a sigreturn: POPF may have set them. */
	asm volatile("pushfq; andl $~0x244000, (%%rsp); popfq" : : : "cc", "memory");
	if (this_case) {
		finish_case(uc, vector);
		case_number++;
	}
	if (case_number == head.cases) {
		const uint8_t *p = out;
		_writefsbase_u64(own_fs);
		while (p < out_at) {
			ssize_t n = write(out_fd, p, out_at - p);
			if (n <= 0)
				die("write");
			p += n;
		}
		_exit(0);
	}
	start_case(uc);
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM };
	struct stat st;
	int fd, memfd;

	if (argc != 3 || (fd = open(argv[1], O_RDONLY)) < 0 || fstat(fd, &st) < 0)
		die("cases");
	const uint8_t *file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		die("cases");
	head = *(const struct header *)file;
	if (head.magic != MAGIC || head.version != VERSION)
		die("not a case file");
	out_fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	arena_size = head.pages * PAGE;
	memfd = memfd_create("arena", 0);
	if (out_fd < 0 || memfd < 0 || ftruncate(memfd, arena_size) < 0)
		die("set-up");
	arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memfd, 0);
	before = mmap(NULL, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t out_size = 64ull * 1024 * 1024 + (uint64_t)head.cases * 2048;
	out = out_at = mmap(NULL, out_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	out_end = out + out_size;
	if (arena == MAP_FAILED || before == MAP_FAILED || out == MAP_FAILED)
		die("mmap");

	const struct mapping *m = (const struct mapping *)(file + sizeof head);
	base = (const uint8_t *)(m + head.mappings);
	next_case = base + arena_size;
	copy(arena, base, arena_size);
	copy(before, base, arena_size);
	for (uint32_t i = 0; i < head.mappings; i++, m++) {
		int prot = (m->access & 4 ? PROT_READ : 0) | (m->access & 2 ? PROT_WRITE : 0) | (m->access & 1 ? PROT_EXEC : 0);
		volatile uint8_t *at = mmap((void *)m->va, m->pages * PAGE, prot,
					    MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, memfd, m->page * PAGE);
		if (at == MAP_FAILED || (uint64_t)at != m->va)
			die("mapping");
		/* present from the start, so that a refused write reports a protection fault and not an absent page */
		for (uint32_t p = 0; p < m->pages; p++)
			(void)at[p * PAGE];
	}

	own_fs = _readfsbase_u64();
	stack_t stack = { .ss_sp = malloc(1 << 18), .ss_size = 1 << 18 };
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigfillset(&act.sa_mask);
	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &act, NULL);
	struct timeval period = { .tv_sec = head.timeout_ms / 1000, .tv_usec = head.timeout_ms % 1000 * 1000 };
	struct itimerval every = { .it_interval = period, .it_value = period };
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	raise(SIGTRAP);
	return 1;
}
