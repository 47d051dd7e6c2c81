/* x87 through long double: arithmetic, comparisons, conversions, the built-in functions of the unit. */
#include "program.h"

static long double pi_by_series(void)
{
	/* Machin: 16 atan(1/5) - 4 atan(1/239) */
	long double sum = 0;
	for (int k = 20; k >= 0; k--) {
		long double a = 1, b = 1;
		for (int i = 0; i < 2 * k + 1; i++)
			a /= 5, b /= 239;
		long double term = (16 * a - 4 * b) / (2 * k + 1);
		sum += k & 1 ? -term : term;
	}
	return sum;
}

static long double power(long double x, int n)
{
	long double r = 1;
	for (unsigned m = n < 0 ? -n : n; m; m >>= 1, x *= x)
		if (m & 1)
			r *= x;
	return n < 0 ? 1 / r : r;
}

static long double square_root(long double x)
{
	asm("fsqrt" : "+t"(x));
	return x;
}

static long double round_to(long double x, int mode)
{
	u16 old, cw;
	asm volatile("fnstcw %0" : "=m"(old));
	cw = (old & ~0x0c00) | mode << 10;
	asm volatile("fldcw %1; frndint; fldcw %2" : "+t"(x) : "m"(cw), "m"(old));
	return x;
}

static long double remainder_of(long double x, long double y)
{
	u16 sw;
	do
		asm volatile("fprem; fnstsw %1" : "+t"(x), "=a"(sw) : "u"(y));
	while (sw & 0x400);
	return x;
}

void program(void)
{
	u64 s = 99;

	PUT_LONG(pi_by_series());
	for (int n = -40; n <= 40; n += 8)
		PUT_LONG(power(1.1L, n));
	PUT_LONG(power(10, 4000));
	PUT_LONG(power(10, -4940));
	for (int i = 0; i < 30; i++) {
		s64 n = (s64)next_random(&s) >> i;
		long double x = n, y = (double)(next_random(&s) >> 20) / 1024;
		PUT_LONG(x / y);
		PUT_LONG(square_root(y));
		PUT_LONG(round_to(x / 7, i & 3));
		PUT_LONG(remainder_of(x, y + 1));
		PUT((s64)(x / 3));
		PUT((s32)(y / 4096));
		PUT((double)(x * 1.25L));
		PUT((float)(y / 3));
		PUT((u8)(x < y));
		PUT((u8)(x == (long double)n));
		PUT((u64)(y));
	}
	volatile long double zero = 0, inf = __builtin_infl();
	PUT_LONG(1 / zero);
	PUT_LONG(-inf * 2);
	PUT((u8)__builtin_isnan(inf - inf));
	PUT((u8)(inf > LDBL_MAX));
}
