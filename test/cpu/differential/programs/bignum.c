/* Long numbers: carries through ADC and SBB, schoolbook multiplication, Montgomery powers, division, to decimal. */
#include "program.h"

#define WORDS 8
typedef u64 number[WORDS];

static u64 add(number r, const number a, const number b)
{
	u64 carry = 0;
	for (int i = 0; i < WORDS; i++) {
		u128 t = (u128)a[i] + b[i] + carry;
		r[i] = t;
		carry = t >> 64;
	}
	return carry;
}

static u64 add_asm(number r, const number a, const number b)
{
	u64 n = WORDS, carry = 0, t;
	asm volatile("clc\n1: movq (%[a]), %[t]; adcq (%[b]), %[t]; movq %[t], (%[r])\n"
		     "leaq 8(%[a]), %[a]; leaq 8(%[b]), %[b]; leaq 8(%[r]), %[r]; decq %[n]; jnz 1b\n"
		     "adcq $0, %[carry]"
		     : [a] "+r"(a), [b] "+r"(b), [r] "+r"(r), [n] "+r"(n), [carry] "+r"(carry), [t] "=&r"(t)
		     :
		     : "memory", "cc");
	return carry;
}

static u64 subtract(number r, const number a, const number b)
{
	u64 borrow = 0;
	for (int i = 0; i < WORDS; i++) {
		u64 x = a[i], d;
		u64 out = __builtin_sub_overflow(x, b[i], &d);
		out |= __builtin_sub_overflow(d, borrow, &d);
		r[i] = d;
		borrow = out;
	}
	return borrow;
}

static void multiply(u64 r[2 * WORDS], const number a, const number b)
{
	memset(r, 0, 16 * WORDS);
	for (int i = 0; i < WORDS; i++) {
		u64 carry = 0;
		for (int k = 0; k < WORDS; k++) {
			u128 t = (u128)a[i] * b[k] + r[i + k] + carry;
			r[i + k] = t;
			carry = t >> 64;
		}
		r[i + WORDS] = carry;
	}
}

static void montgomery(number r, const number a, const number b, const number m, u64 inverse)
{
	u64 t[WORDS + 2] = { 0 };
	for (int i = 0; i < WORDS; i++) {
		u64 carry = 0, f;
		for (int k = 0; k < WORDS; k++) {
			u128 v = (u128)a[k] * b[i] + t[k] + carry;
			t[k] = v;
			carry = v >> 64;
		}
		t[WORDS + 1] = __builtin_add_overflow(t[WORDS], carry, &t[WORDS]);
		f = t[0] * inverse;
		carry = ((u128)f * m[0] + t[0]) >> 64;
		for (int k = 1; k < WORDS; k++) {
			u128 v = (u128)f * m[k] + t[k] + carry;
			t[k - 1] = v;
			carry = v >> 64;
		}
		u128 v = (u128)t[WORDS] + carry;
		t[WORDS - 1] = v;
		t[WORDS] = t[WORDS + 1] + (u64)(v >> 64);
	}
	number d;
	u64 borrow = subtract(d, t, m);
	memcpy(r, t[WORDS] || !borrow ? d : t, sizeof d);
}

static void decimal(number v)
{
	char text[160];
	int n = 0, left = 1;
	while (left) {
		u64 rest = 0;
		left = 0;
		for (int i = WORDS; i--;) {
			u128 t = (u128)rest << 64 | v[i];
			v[i] = t / 10000000000000000000u;
			rest = t % 10000000000000000000u;
			left |= v[i] != 0;
		}
		for (int k = 0; k < 19; k++, rest /= 10)
			text[n++] = '0' + rest % 10;
	}
	while (n--)
		put(&text[n], 1);
}

void program(void)
{
	u64 s = 17, inverse = 1, wide[2 * WORDS];
	number a, b, m, r;

	for (int i = 0; i < WORDS; i++)
		a[i] = next_random(&s), b[i] = next_random(&s), m[i] = next_random(&s);
	m[0] |= 1;
	PUT(add(r, a, b));
	PUT(add_asm(r, a, m));
	put(r, sizeof r);
	PUT(subtract(r, b, a));
	put(r, sizeof r);
	multiply(wide, a, b);
	put(wide, sizeof wide);
	for (int i = 0; i < 6; i++)
		inverse *= 2 - m[0] * inverse;
	for (int i = 0; i < 30; i++) {
		montgomery(r, a, b, m, -inverse);
		memcpy(a, i & 1 ? b : r, sizeof a);
		memcpy(b, r, sizeof b);
	}
	put(r, sizeof r);
	decimal(r);
}
