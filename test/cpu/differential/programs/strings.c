/* Strings and memory: every length and alignment of copies, searches, comparisons; the string instructions. */
#include "program.h"

static u8 from[512], to[512];

static char *find(const char *hay, const char *needle)
{
	for (; *hay; hay++) {
		const char *h = hay, *n = needle;
		while (*n && *h == *n)
			h++, n++;
		if (!*n)
			return (char *)hay;
	}
	return NULL;
}

static int compare(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

static u32 checksum(const u8 *p, size_t n)
{
	u32 a = 1, b = 0;
	for (size_t i = 0; i < n; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static size_t compare_words(const u32 *a, const u32 *b, size_t n)
{
	const u32 *start = a;
	u8 equal;
	asm volatile("cmpl %%eax, %%eax; repe cmpsl; sete %3" : "+S"(a), "+D"(b), "+c"(n), "=r"(equal) : : "memory", "cc");
	return a - start - !equal;
}

void program(void)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog; and then it does so again, and again";
	char words[24][16];
	int count = 0;

	for (int i = 0; i < 512; i++)
		from[i] = i * 7 + (i >> 5);
	for (int n = 0; n < 70; n += 3)
		for (int shift = 0; shift < 9; shift += 4) {
			memset(to, n, sizeof to);
			memcpy(to + shift + 1, from + (n & 7), n);
			memmove(to + 100, to + 97, n);
			memmove(to + 200, to + 203 - n % 6, n);
			__builtin_memcpy(to + 300 + shift, from + shift, 45);
			PUT(checksum(to, sizeof to));
		}
	for (int i = 0; text[i];) {
		int k = 0;
		while (text[i] && text[i] != ' ')
			words[count][k++] = text[i++];
		words[count++][k] = 0;
		while (text[i] == ' ')
			i++;
	}
	for (int i = 1; i < count; i++)
		for (int k = i; k > 0 && compare(words[k - 1], words[k]) > 0; k--) {
			char t[16];
			memcpy(t, words[k], 16);
			memcpy(words[k], words[k - 1], 16);
			memcpy(words[k - 1], t, 16);
		}
	for (int i = 0; i < count; i++)
		put(words[i], strlen(words[i]) + 1);
	PUT((u32)(find(text, "lazy") - text));
	PUT((u32)(find(text, "again, and") - text));
	PUT(find(text, "cat"));
	PUT(memcmp(from, from + 1, 300));
	PUT((u32)compare_words((u32 *)from, (u32 *)from, 60));
	memcpy(to, from, 400);
	to[333] ^= 1;
	PUT((u32)compare_words((u32 *)from, (u32 *)to, 100));
}
