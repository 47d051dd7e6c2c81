/* Quicksort, heapsort, mergesort through function pointers, on integers, doubles and structs. */
#include "program.h"

typedef int compare_t(const void *, const void *);

struct item {
	u32 key;
	s16 weight;
	char name[10];
};

static int by_u32(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;
	return (x > y) - (x < y);
}

static int by_s64(const void *a, const void *b)
{
	s64 x = *(const s64 *)a, y = *(const s64 *)b;
	return x < y ? -1 : x > y;
}

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y ? 1 : 0;
}

static int by_item(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return x->weight != y->weight ? x->weight - y->weight : memcmp(x->name, y->name, 10);
}

static void swap(u8 *a, u8 *b, size_t n)
{
	while (n--) {
		u8 t = *a;
		*a++ = *b;
		*b++ = t;
	}
}

static void quick(u8 *p, size_t n, size_t size, compare_t *cmp)
{
	while (n > 1) {
		size_t i = 0, last = n - 1;
		swap(p + n / 2 * size, p + last * size, size);
		for (size_t k = 0; k < last; k++)
			if (cmp(p + k * size, p + last * size) < 0)
				swap(p + k * size, p + i++ * size, size);
		swap(p + i * size, p + last * size, size);
		quick(p, i, size, cmp);
		p += (i + 1) * size;
		n -= i + 1;
	}
}

static void sift(u8 *p, size_t i, size_t n, size_t size, compare_t *cmp)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && cmp(p + child * size, p + (child + 1) * size) < 0)
			child++;
		if (cmp(p + i * size, p + child * size) >= 0)
			return;
		swap(p + i * size, p + child * size, size);
	}
}

static void heap(u8 *p, size_t n, size_t size, compare_t *cmp)
{
	for (size_t i = n / 2; i--;)
		sift(p, i, n, size, cmp);
	while (n > 1) {
		swap(p, p + --n * size, size);
		sift(p, 0, n, size, cmp);
	}
}

static void merge(struct item *p, struct item *spare, size_t n)
{
	if (n < 2)
		return;
	size_t half = n / 2, i = 0, k = half, o = 0;
	merge(p, spare, half);
	merge(p + half, spare, n - half);
	while (i < half && k < n)
		spare[o++] = by_item(&p[k], &p[i]) < 0 ? p[k++] : p[i++];
	while (i < half)
		spare[o++] = p[i++];
	while (k < n)
		spare[o++] = p[k++];
	for (i = 0; i < n; i++)
		p[i] = spare[i];
}

static u32 numbers[300];
static s64 wide[200];
static double reals[150];
static struct item items[90], spare[90];

void program(void)
{
	u64 s = 2024, sum = 0;

	for (int i = 0; i < 300; i++)
		numbers[i] = next_random(&s) >> (i & 31);
	for (int i = 0; i < 200; i++)
		wide[i] = next_random(&s) >> (i & 15);
	for (int i = 0; i < 150; i++)
		reals[i] = (double)(s64)next_random(&s) / (i + 1);
	for (int i = 0; i < 90; i++) {
		items[i].key = i;
		items[i].weight = (s16)(next_random(&s) % 40) - 20;
		for (int k = 0; k < 10; k++)
			items[i].name[k] = 'a' + next_random(&s) % 26;
	}
	quick((u8 *)numbers, 300, sizeof *numbers, by_u32);
	heap((u8 *)wide, 200, sizeof *wide, by_s64);
	heap((u8 *)reals, 150, sizeof *reals, by_double);
	merge(items, spare, 90);
	for (int i = 0; i < 300; i += 7)
		PUT(numbers[i]);
	for (int i = 0; i < 200; i += 9)
		PUT(wide[i]);
	for (int i = 0; i < 150; i += 6)
		PUT(reals[i]);
	for (int i = 0; i < 90; i++)
		PUT((u8)items[i].key);
	for (int i = 1; i < 300; i++)
		sum = sum * 31 + numbers[i] + (numbers[i - 1] > numbers[i]);
	PUT(sum);
}
