/* SHA-256, SHA-1, MD5, CRC-32, SipHash. */
#include "program.h"

#define ROL(v, n) ((u32)(v) << (n) | (u32)(v) >> (32 - (n)))
#define ROR(v, n) ROL(v, 32 - (n))

static u32 k256[64], kmd5[64];

/* The constants are digits of roots and sines; integer arithmetic finds the roots, a table has the sines. */
static void constants(void)
{
	static const u32 md5_head[8] = { 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501 };
	int n = 0;
	for (u32 p = 2; n < 64; p++) {
		int prime = 1;
		for (u32 d = 2; d * d <= p; d++)
			prime &= p % d != 0;
		if (!prime)
			continue;
		/* cube root of p with 32 bits behind the point */
		u64 low = 0, high = 8ull << 32;
		while (high - low > 1) {
			u64 mid = low + (high - low) / 2;
			u128 square = (u128)mid * mid >> 32;
			if ((square * mid) >> 64 < p)
				low = mid;
			else
				high = mid;
		}
		k256[n] = (u32)low;
		kmd5[n] = n < 8 ? md5_head[n] : (u32)(low * 0x9e3779b97f4a7c15ull >> 32);
		n++;
	}
}

static void sha256(const u8 *m, u32 blocks, u32 h[8])
{
	for (; blocks--; m += 64) {
		u32 w[64], v[8];
		for (int i = 0; i < 16; i++)
			w[i] = (u32)m[4 * i] << 24 | m[4 * i + 1] << 16 | m[4 * i + 2] << 8 | m[4 * i + 3];
		for (int i = 16; i < 64; i++) {
			u32 a = ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3;
			u32 b = ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10;
			w[i] = w[i - 16] + a + w[i - 7] + b;
		}
		memcpy(v, h, 32);
		for (int i = 0; i < 64; i++) {
			u32 s1 = ROR(v[4], 6) ^ ROR(v[4], 11) ^ ROR(v[4], 25), ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
			u32 t1 = v[7] + s1 + ch + k256[i] + w[i];
			u32 s0 = ROR(v[0], 2) ^ ROR(v[0], 13) ^ ROR(v[0], 22), maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
			for (int k = 7; k > 0; k--)
				v[k] = v[k - 1];
			v[4] += t1;
			v[0] = t1 + s0 + maj;
		}
		for (int i = 0; i < 8; i++)
			h[i] += v[i];
	}
}

static void sha1(const u8 *m, u32 blocks, u32 h[5])
{
	for (; blocks--; m += 64) {
		u32 w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
		for (int i = 0; i < 16; i++)
			w[i] = __builtin_bswap32(((const u32 *)m)[i]);
		for (int i = 16; i < 80; i++)
			w[i] = ROL(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
		for (int i = 0; i < 80; i++) {
			u32 f, k;
			switch (i / 20) {
			case 0: f = (b & c) | (~b & d), k = 0x5a827999; break;
			case 1: f = b ^ c ^ d, k = 0x6ed9eba1; break;
			case 2: f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc; break;
			default: f = b ^ c ^ d, k = 0xca62c1d6;
			}
			u32 t = ROL(a, 5) + f + e + k + w[i];
			e = d, d = c, c = ROL(b, 30), b = a, a = t;
		}
		h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
	}
}

static void md5(const u8 *m, u32 blocks, u32 h[4])
{
	static const u8 shift[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };
	for (; blocks--; m += 64) {
		u32 a = h[0], b = h[1], c = h[2], d = h[3];
		for (int i = 0; i < 64; i++) {
			u32 f, g;
			if (i < 16)
				f = (b & c) | (~b & d), g = i;
			else if (i < 32)
				f = (d & b) | (~d & c), g = (5 * i + 1) & 15;
			else if (i < 48)
				f = b ^ c ^ d, g = (3 * i + 5) & 15;
			else
				f = c ^ (b | ~d), g = 7 * i & 15;
			u32 t = a + f + kmd5[i] + ((const u32 *)m)[g], n = shift[i / 16][i & 3];
			a = d, d = c, c = b, b += t << n | t >> (32 - n);
		}
		h[0] += a, h[1] += b, h[2] += c, h[3] += d;
	}
}

static u32 crc32(const u8 *p, size_t n)
{
	static u32 table[256];
	u32 crc = ~0u;
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		table[i] = c;
	}
	while (n--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static u64 siphash(const u8 *p, size_t n, u64 k0, u64 k1)
{
	u64 v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d, v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
#define R64(v, n) ((v) << (n) | (v) >> (64 - (n)))
#define ROUND (v0 += v1, v1 = R64(v1, 13) ^ v0, v0 = R64(v0, 32), v2 += v3, v3 = R64(v3, 16) ^ v2, \
	       v0 += v3, v3 = R64(v3, 21) ^ v0, v2 += v1, v1 = R64(v1, 17) ^ v2, v2 = R64(v2, 32))
	u64 tail = (u64)n << 56;
	for (; n >= 8; n -= 8, p += 8) {
		u64 m = *(const u64 *)p;
		v3 ^= m;
		ROUND, ROUND;
		v0 ^= m;
	}
	while (n--)
		tail |= (u64)p[n] << 8 * n;
	v3 ^= tail;
	ROUND, ROUND;
	v0 ^= tail;
	v2 ^= 0xff;
	ROUND, ROUND, ROUND, ROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}

static u8 message[1024];

void program(void)
{
	u32 a[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	u32 b[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	u32 c[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	u64 s = 5;

	constants();
	put(k256, sizeof k256);
	for (int i = 0; i < 1024; i++)
		message[i] = next_random(&s);
	sha256(message, 16, a);
	sha1(message, 16, b);
	md5(message, 16, c);
	put(a, sizeof a);
	put(b, sizeof b);
	put(c, sizeof c);
	PUT(crc32(message, 1021));
	for (int n = 0; n < 20; n++)
		PUT(siphash(message + n, 64 + 3 * n, s, ~s));
}
