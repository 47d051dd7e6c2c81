/* A stack machine, dispatched once by switch and once by computed goto; it counts primes and computes Fibonacci. */
#include "program.h"

enum op { PUSH, ADD, SUB, MUL, MOD, DUP, SWAP, DROP, LOAD, STORE, JMP, JZ, LT, CALL, RET, PRINT, HALT };

static s64 memory[32];

static const s16 primes[] = {
	PUSH, 2, STORE, 0, PUSH, 0, STORE, 2,				/* n = 2, count = 0 */
	LOAD, 0, PUSH, 400, LT, JZ, 67,					/* 8: while n < 400 */
	PUSH, 2, STORE, 1,						/* d = 2 */
	LOAD, 1, LOAD, 1, MUL, PUSH, 1, SUB, LOAD, 0, LT, JZ, 48,	/* 19: while d*d-1 < n */
	LOAD, 0, LOAD, 1, MOD, JZ, 58,					/* 32: divides? */
	LOAD, 1, PUSH, 1, ADD, STORE, 1, JMP, 19,			/* 39: d++ */
	LOAD, 2, PUSH, 1, ADD, STORE, 2, LOAD, 0, PRINT,		/* 48: count++ */
	LOAD, 0, PUSH, 1, ADD, STORE, 0, JMP, 8,			/* 58: n++ */
	LOAD, 2, PRINT, HALT,
};

static const s16 fibonacci[] = {
	PUSH, 17, CALL, 6, PRINT, HALT,
	DUP, PUSH, 2, LT, JZ, 13, RET,					/* 6: n < 2: n */
	DUP, PUSH, 1, SUB, CALL, 6, SWAP, PUSH, 2, SUB, CALL, 6, ADD, RET,
};

static void run_switch(const s16 *code)
{
	s64 stack[64], *sp = stack;
	const s16 *calls[64], **cp = calls, *pc = code;
	for (;;)
		switch (*pc++) {
		case PUSH: *sp++ = *pc++; break;
		case ADD: sp--; sp[-1] += *sp; break;
		case SUB: sp--; sp[-1] -= *sp; break;
		case MUL: sp--; sp[-1] *= *sp; break;
		case MOD: sp--; sp[-1] %= *sp; break;
		case DUP: *sp = sp[-1]; sp++; break;
		case SWAP: { s64 t = sp[-1]; sp[-1] = sp[-2]; sp[-2] = t; break; }
		case DROP: sp--; break;
		case LOAD: *sp++ = memory[*pc++]; break;
		case STORE: memory[*pc++] = *--sp; break;
		case JMP: pc = code + *pc; break;
		case JZ: pc = *--sp ? pc + 1 : code + *pc; break;
		case LT: sp--; sp[-1] = sp[-1] < *sp; break;
		case CALL: *cp++ = pc + 1; pc = code + *pc; break;
		case RET: pc = *--cp; break;
		case PRINT: sp--; PUT((s32)*sp); break;
		default: return;
		}
}

static void run_goto(const s16 *code)
{
	static const void *const labels[] = { &&push, &&add, &&sub, &&mul, &&mod, &&dup, &&swap, &&drop, &&load, &&store, &&jmp, &&jz, &&lt, &&call, &&ret, &&print, &&halt };
	s64 stack[64], *sp = stack;
	const s16 *calls[64], **cp = calls, *pc = code;
#define NEXT goto *labels[*pc++]
	NEXT;
push:	*sp++ = *pc++; NEXT;
add:	sp--; sp[-1] += *sp; NEXT;
sub:	sp--; sp[-1] -= *sp; NEXT;
mul:	sp--; sp[-1] *= *sp; NEXT;
mod:	sp--; sp[-1] %= *sp; NEXT;
dup:	*sp = sp[-1]; sp++; NEXT;
swap:	{ s64 t = sp[-1]; sp[-1] = sp[-2]; sp[-2] = t; } NEXT;
drop:	sp--; NEXT;
load:	*sp++ = memory[*pc++]; NEXT;
store:	memory[*pc++] = *--sp; NEXT;
jmp:	pc = code + *pc; NEXT;
jz:	pc = *--sp ? pc + 1 : code + *pc; NEXT;
lt:	sp--; sp[-1] = sp[-1] < *sp; NEXT;
call:	*cp++ = pc + 1; pc = code + *pc; NEXT;
ret:	pc = *--cp; NEXT;
print:	sp--; PUT((s32)*sp); NEXT;
halt:	return;
}

void program(void)
{
	run_switch(primes);
	run_switch(fibonacci);
	run_goto(primes);
	run_goto(fibonacci);
}
