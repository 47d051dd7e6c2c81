/* LZ77 and Huffman codes there and back, base64, run lengths. */
#include "program.h"

static u8 text[1500], packed[2000], again[1500];

static size_t compress(const u8 *in, size_t n, u8 *out)
{
	static u16 seen[4096];
	size_t o = 0, literal = 0;
	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < n;) {
		size_t best = 0, from = 0;
		if (i + 4 <= n) {
			u32 word, h;
			memcpy(&word, in + i, 4);
			h = word * 2654435761u >> 20;
			from = seen[h];
			seen[h] = i + 1;
			if (from--)
				while (i + best < n && best < 130 && in[from + best] == in[i + best])
					best++;
		}
		if (best >= 4) {
			out[literal ? o : o] = 0x80 | (best - 4);
			out[o + 1] = i - from;
			out[o + 2] = (i - from) >> 8;
			o += 3;
			i += best;
			literal = 0;
		} else {
			if (!literal || out[literal - 1] == 0x7f) {
				out[o++] = 0;
				literal = o;
			} else
				out[literal - 1]++;
			out[o++] = in[i++];
		}
	}
	return o;
}

static size_t expand(const u8 *in, size_t n, u8 *out)
{
	size_t o = 0;
	for (size_t i = 0; i < n;) {
		u8 c = in[i++];
		if (c & 0x80) {
			size_t length = (c & 0x7f) + 4, back = in[i] | in[i + 1] << 8;
			for (i += 2; length--; o++)
				out[o] = out[o - back];
		} else
			for (int k = c + 1; k--;)
				out[o++] = in[i++];
	}
	return o;
}

static void code_lengths(const u8 *p, size_t n, u8 length[256])
{
	u32 weight[512] = { 0 };
	u16 parent[512];
	int next = 256;
	memset(length, 0, 256);
	for (size_t i = 0; i < n; i++)
		weight[p[i]]++;
	for (;;) {
		int a = -1, b = -1;
		for (int i = 0; i < next; i++) {
			if (!weight[i])
				continue;
			if (a < 0 || weight[i] < weight[a])
				b = a, a = i;
			else if (b < 0 || weight[i] < weight[b])
				b = i;
		}
		if (b < 0)
			break;
		weight[next] = weight[a] + weight[b];
		weight[a] = weight[b] = 0;
		parent[a] = parent[b] = next++;
	}
	for (int i = 0; i < 256; i++) {
		int k = i;
		u8 d = 0;
		for (size_t j = 0; j < n; j++)
			if (p[j] == i) {
				while (k != next - 1)
					k = parent[k], d++;
				break;
			}
		length[i] = d;
	}
}

static void base64(const u8 *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		u32 v = p[i] << 16 | (i + 1 < n ? p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
		for (int k = 18; k >= 0; k -= 6)
			put(&digits[v >> k & 63], 1);
	}
}

void program(void)
{
	static const char *const words[] = { "the ", "hypervisor ", "maps ", "a ", "frame ", "of ", "grant ", "event ", "channel ", "and " };
	u64 s = 77;
	size_t n = 0;
	u8 length[256];

	while (n < 1400) {
		const char *w = words[next_random(&s) % 10];
		for (; *w; w++)
			text[n++] = *w;
	}
	size_t m = compress(text, n, packed), back = expand(packed, m, again);
	PUT((u32)n);
	PUT((u32)m);
	PUT((u32)back);
	PUT(memcmp(text, again, n));
	base64(packed, m < 900 ? m : 900);
	code_lengths(text, n, length);
	put(length, sizeof length);
}
