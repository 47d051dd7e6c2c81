/* 64- and 128-bit arithmetic, division by everything, overflow, rotations. */
#include "program.h"

static u64 rotl(u64 v, unsigned n) { return v << (n & 63) | v >> (-n & 63); }

static u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static u64 power(u64 base, u64 e, u64 m)
{
	u64 r = 1;
	for (; e; e >>= 1) {
		if (e & 1)
			r = (u128)r * base % m;
		base = (u128)base * base % m;
	}
	return r;
}

void program(void)
{
	u64 s = 42, acc = 0;
	u128 wide = 1;
	s128 sum = 0;

	for (int i = 1; i < 200; i++) {
		u64 a = next_random(&s), b = next_random(&s) >> (i & 63);
		s64 sa = (s64)a, sb = (s64)b | 1;
		s32 ia = (s32)a, ib = (s32)b | 1;
		s16 ha = (s16)a, hb = (s16)(b | 1);
		s8 ba = (s8)a, bb = (s8)(b | 1);
		acc += a / (b | 1) ^ a % (b | 1);
		if (sb != -1)
			acc ^= (u64)(sa / sb) + (u64)(sa % sb);
		if (ib != -1)
			acc = rotl(acc, i) + (u32)(ia / ib) - (u32)(ia % ib);
		acc += (u64)(ha / hb) + (u64)(ha % hb) * 3 + (u64)(ba / bb) * 7 + (u64)(ba % bb);
		acc += (u32)a / 10 + (u32)a % 1000 + a / 1000000007 + (u64)(sa / 7) + (u64)(ia / -13);
		wide = wide * a + b;
		wide ^= wide >> (i % 127);
		sum += (s128)sa * sb;
		if (i % 16 == 0) {
			u128 q = wide / ((u128)b << 20 | 1), r = wide % ((u128)a | 1);
			PUT(q);
			PUT(r);
			PUT(sum / (sa | 1));
		}
		s64 o;
		acc += __builtin_add_overflow(sa, sb, &o);
		acc += __builtin_mul_overflow(sa, (s64)ib, &o);
		acc ^= (u64)o;
		int io;
		acc += __builtin_sub_overflow(ia, ib, &io);
		acc ^= (u32)io;
	}
	PUT(acc);
	PUT(wide);
	PUT(sum);
	PUT(gcd(1234567890123456789ull, 987654321098765432ull));
	PUT(power(3, 0xfedcba987654321ull, 0xffffffffffffffc5ull));
	for (int i = 0; i < 70; i += 5) {
		PUT((u128)(1) << i);
		PUT((s128)sum >> i);
	}
}
