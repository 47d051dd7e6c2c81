/* What every program includes: sized types, and a place for its results. No libc. */
#ifndef PROGRAM_H
#define PROGRAM_H
#include <float.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;
typedef __int128 s128;

#define RESULT_SIZE 4096
extern u8 result[RESULT_SIZE];
extern u32 result_used;

/* The program; called once, on a stack of its own. */
void program(void);

void put(const void *bytes, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#define PUT(value) do { __typeof__(value) put_ = (value); put(&put_, sizeof put_); } while (0)
/* A long double has 10 bytes of value and 6 of nothing. */
#define PUT_LONG(value) do { long double put_ = (value); put(&put_, 10); } while (0)

/* xorshift64* */
static inline u64 next_random(u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dull;
}
#endif
