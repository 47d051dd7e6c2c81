/* Entry, result buffer, and the four functions that gcc calls on its own. */
#include "program.h"

u8 result[RESULT_SIZE] __attribute__((section(".result"), aligned(4096)));
u32 result_used;

void put(const void *bytes, size_t n)
{
	const u8 *p = bytes;
	while (n-- && result_used < RESULT_SIZE)
		result[result_used++] = *p++;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *answer = to;
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return answer;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = (u8 *)to + n;
	const u8 *s = (const u8 *)from + n;
	if (to <= from)
		return memcpy(to, from, n);
	if (n) {
		d--, s--;
		asm volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *answer = to;
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return answer;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;
	size_t n = ~0ul;
	asm volatile("repne scasb" : "+D"(p), "+c"(n) : "a"(0) : "memory", "cc");
	return ~n - 1;
}

asm(".section .start, \"ax\"\n"
    ".globl start\n"
    "start:\n"
    "	call program\n"
    "	int3\n"
    ".text\n");
