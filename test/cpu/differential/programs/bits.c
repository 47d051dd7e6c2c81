/* Bit tricks, bit fields, packed structs, byte orders, conditional moves, unaligned access. */
#include "program.h"

struct __attribute__((packed)) crooked {
	u8 a;
	u32 b;
	u16 c;
	u64 d;
	float e;
	s16 f;
};

struct fields {
	u32 a : 3, b : 7, c : 11, d : 11;
	s64 e : 17, f : 33, g : 14;
};

static int count_bits(u64 v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	return ((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56;
}

static u64 reverse(u64 v)
{
	v = v >> 1 & 0x5555555555555555 | (v & 0x5555555555555555) << 1;
	v = v >> 2 & 0x3333333333333333 | (v & 0x3333333333333333) << 2;
	v = v >> 4 & 0x0f0f0f0f0f0f0f0f | (v & 0x0f0f0f0f0f0f0f0f) << 4;
	return __builtin_bswap64(v);
}

static u64 bitmap[16];

void program(void)
{
	u64 s = 314159;
	struct crooked c[5];
	struct fields f = { 0 };

	for (int i = 0; i < 60; i++) {
		u64 v = next_random(&s) >> (i & 31);
		u32 w = v;
		PUT((u8)(count_bits(v) | (v & 1) << 7));
		PUT((u8)__builtin_ctzll(v | 1ull << 63));
		PUT((u8)__builtin_clzll(v | 1));
		PUT((u8)__builtin_clz(w | 1));
		PUT((u8)__builtin_ffs((int)w));
		PUT((u8)__builtin_parityll(v));
		PUT((u8)__builtin_popcount(w));
		if (i % 4 == 0) {
			PUT(reverse(v));
			PUT(__builtin_bswap32(w));
			PUT(__builtin_bswap16((u16)v));
			PUT(v & -v);
			PUT(v & (v - 1));
			PUT((s64)v >> 63 | (s64)(-v) >> 63);
		}
		bitmap[v >> 60] |= 1ull << (w & 63);
		bitmap[w >> 28] ^= 1ull << (v >> 32 & 63);
		bitmap[(w >> 20) & 15] &= ~(1ull << (w >> 8 & 63));
		f.a += v;
		f.b ^= w >> 3;
		f.c += f.b * 3;
		f.d = f.d << 1 ^ (u32)(v >> 40);
		f.e += (s64)v >> 50;
		f.f ^= v >> 5;
		f.g -= w;
		struct crooked *p = &c[i % 5];
		p->a = v;
		p->b = w ^ 0x55;
		p->c = v >> 7;
		p->d = v * 3;
		p->e = (float)(s32)w;
		p->f = -(s16)v;
		u64 t;
		memcpy(&t, (u8 *)c + (i & 3), 8);
		s ^= t;
		s += (v > t ? v : t) - (w < (u32)t ? w : (u32)t) + ((s64)v < (s64)t ? 3 : 5);
	}
	put(bitmap, sizeof bitmap);
	put(c, sizeof c);
	PUT(f);
	PUT(s);
}
