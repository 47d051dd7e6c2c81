/* LOCK in all its forms, exchange, compare and exchange of 1 to 8 bytes, fences, bit strings in memory. */
#include "program.h"

static u8 byte;
static u16 half;
static u32 word;
static u64 wide;
static u64 pair[2] __attribute__((aligned(16)));
static u32 map[64];

static u8 test_and_set(u32 *at, s64 bit)
{
	u8 was;
	asm volatile("lock btsq %2, %0; setc %1" : "+m"(*at), "=r"(was) : "r"(bit) : "memory", "cc");
	return was;
}

static u64 exchange8(u64 *at, u64 old, u64 new)
{
	asm volatile("lock cmpxchg8b %1" : "+A"(old), "+m"(*at) : "b"((u32)new), "c"((u32)(new >> 32)) : "memory", "cc");
	return old;
}

void program(void)
{
	u64 s = 8;

	for (int i = 0; i < 50; i++) {
		u64 v = next_random(&s);
		PUT((u8)__atomic_fetch_add(&byte, (u8)v, __ATOMIC_SEQ_CST));
		PUT((u16)__atomic_exchange_n(&half, (u16)v, __ATOMIC_SEQ_CST));
		PUT(__atomic_add_fetch(&word, (u32)v, __ATOMIC_ACQ_REL));
		__atomic_fetch_xor(&wide, v, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&word, (u32)(v >> 40), __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&wide, v | 0xffff00000000ffff, __ATOMIC_RELEASE);
		__atomic_sub_fetch(&half, 3, __ATOMIC_RELAXED);
		u32 expected = i & 1 ? word : 5;
		PUT((u8)__atomic_compare_exchange_n(&word, &expected, (u32)v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
		PUT(expected);
		PUT(__atomic_fetch_nand(&wide, v, __ATOMIC_SEQ_CST));
		PUT(exchange8(&pair[i & 1], i % 3 ? pair[i & 1] : v, v * 5));
		PUT(test_and_set(map + 32, (s64)(v % 2048) - 1024));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	PUT(byte);
	PUT(half);
	PUT(wide);
	put(pair, sizeof pair);
	put(map, sizeof map);
}
