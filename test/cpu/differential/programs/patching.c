/*
 * Code that is written while it runs: a small compiler into a buffer, functions patched between calls, an instruction
 * that changes the one behind it, code across two pages, code moved over itself.
 */
#include "program.h"

/* Data pages are executable too: see ../programs.ts. */
static u8 code[3 * 4096] __attribute__((aligned(4096)));
static u8 *at;

static void byte(u8 b) { *at++ = b; }
static void word(u32 v) { memcpy(at, &v, 4), at += 4; }
static void quad(u64 v) { memcpy(at, &v, 8), at += 8; }

typedef u64 function(u64, u64);

/* A function of (rdi, rsi) from a string of operators on an accumulator: + - * ^ < with either argument or a constant. */
static function *compile(u8 *where, const char *text)
{
	at = where;
	byte(0x48), byte(0x89), byte(0xf8); /* mov rax, rdi */
	for (; *text; text++)
		switch (*text) {
		case '+': byte(0x48), byte(0x01), byte(0xf0); break;
		case '-': byte(0x48), byte(0x29), byte(0xf0); break;
		case '*': byte(0x48), byte(0x0f), byte(0xaf), byte(0xc6); break;
		case '^': byte(0x48), byte(0x35), word(0x5a5a1234); break;
		case '<': byte(0x48), byte(0xc1), byte(0xc0), byte(5); break;
		case 'k': byte(0x49), byte(0xb8), quad(0x123456789abcdef), byte(0x4c), byte(0x01), byte(0xc0); break;
		case 'p': byte(0x50), byte(0x59), byte(0x48), byte(0x8d), byte(0x44), byte(0x09), byte(1); break;
		}
	byte(0xc3);
	return (function *)where;
}

/* What this computes depends on a byte it has just written, a few bytes ahead in the same block. */
static u64 overtake(u32 n)
{
	u64 sum = 0;
	at = code + 128;
	byte(0x40), byte(0x88), byte(0x3d), word(4); /* mov [rip+4], dil: the immediate below */
	byte(0x89), byte(0xf0);			     /* mov eax, esi */
	byte(0x83), byte(0xc0), byte(0);	     /* add eax, ... */
	byte(0xc3);
	for (u32 i = 0; i < n; i++)
		sum = sum * 7 + (u32)((function *)(code + 128))(sum, i * 3);
	return sum;
}

void program(void)
{
	static const char *const texts[] = { "+*^<", "k-k+<<", "p*p+", "^^^^", "*****<<<<<", "kkkkkkkkkk", "+-+-+-*", "" };
	u64 s = 3;

	for (int i = 0; i < 40; i++) {
		/* near the end of the first page too, across into the second */
		u8 *where = code + (i % 5 == 0 ? 4096 - i : i % 5 == 1 ? 8192 - 17 : i * 40);
		function *f = compile(where, texts[i & 7]);
		PUT(f(s, i));
		s ^= f(i, s);
	}
	/* one constant patched a hundred times */
	at = code + 512;
	byte(0xb8), word(0), byte(0x48), byte(0x01), byte(0xf8), byte(0xc3); /* mov eax, n; add rax, rdi; ret */
	for (u32 i = 0; i < 100; i++) {
		*(u32 *)(code + 513) = i * 2654435761u;
		s += ((function *)(code + 512))(s, 0);
	}
	PUT(s);
	PUT(overtake(50));
	/* a function moved along, an instruction at a time, over itself and over page borders */
	for (int i = 0; i < 60; i++) {
		u8 *from = code + 4000 + i * 3, *to = from + 3;
		if (i == 0)
			compile(from, "+k*<p^");
		memmove(to, from, 64);
		PUT((u32)((function *)to)(i, 9));
	}
	/* rep movsb and rep stosb over code that was just run */
	compile(code, "kkk");
	PUT(((function *)code)(1, 2));
	memset(code, 0xc3, 100);
	((function *)code)(0, 0);
	compile(code + 1024, "p*");
	memcpy(code, code + 1024, 64);
	PUT(((function *)code)(5, 6));
}
