/* setjmp and longjmp, variable-length arrays, alloca, recursion, tail calls, tables of functions, nested functions. */
#include "program.h"

static void *unwind[5];
static int depth;

__attribute__((noinline)) static void dive(int n)
{
	volatile char ballast[64];
	ballast[n & 63] = n;
	depth += ballast[n & 63];
	if (n == 0)
		__builtin_longjmp(unwind, 1);
	dive(n - 1);
	depth += ballast[0];
}

__attribute__((noinline)) static int attempt(int n)
{
	if (__builtin_setjmp(unwind) == 0) {
		dive(n);
		return -1;
	}
	return depth;
}

__attribute__((noinline)) static u32 ackermann(u32 m, u32 n)
{
	return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

__attribute__((noinline)) static u64 sum_array(int n)
{
	u32 v[n];
	u64 s = 0;
	char *more = __builtin_alloca(n * 3 + 1);
	for (int i = 0; i < n; i++)
		v[i] = i * i, more[i * 3] = i;
	for (int i = 0; i < n; i++)
		s += v[i] ^ (u8)more[i * 3];
	return s;
}

static int queens(int n, u32 columns, u32 left, u32 right)
{
	u32 all = (1u << n) - 1, free = all & ~(columns | left | right);
	int count = columns == all;
	while (free) {
		u32 bit = free & -free;
		free ^= bit;
		count += queens(n, columns | bit, (left | bit) << 1, (right | bit) >> 1);
	}
	return count;
}

static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double times(double a, double b) { return a * b; }
static double over(double a, double b) { return a / b; }
static double (*const table[])(double, double) = { add, subtract, times, over };

/* More arguments than registers. */
__attribute__((noinline)) static double many(int a, double b, s64 c, float d, u8 e, double f, s16 g, u64 h, int i, double j, int k, float l)
{
	return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10 + k * 11 + l * 12;
}

static int even(unsigned n);
static int odd(unsigned n) { return n == 0 ? 0 : even(n - 1); }
static int even(unsigned n) { return n == 0 ? 1 : odd(n - 1); }

void program(void)
{
	double v = 1;

	for (int n = 1; n < 20; n += 3)
		PUT(attempt(n));
	PUT(ackermann(2, 6));
	for (int n = 1; n < 200; n = n * 2 + 1)
		PUT(sum_array(n));
	PUT(queens(7, 0, 0, 0));
	for (int i = 0; i < 40; i++) {
		v = table[(i * 7) >> 1 & 3](v, i + 1.5);
		PUT(v);
	}
	PUT(many(1, 2, -3, 4, 5, 6, -7, 8, 9, 10, -11, 12));
	PUT(even(301) + 2 * odd(77));
}
