// A decoded instruction: what the decoder writes; what the interpreter, the FPU/SSE handlers and translate/ read.
// Compiled by TypeScript too: only `export const NAME: u32 = number` may stand here.
// 32 bytes. Fields from +8 on belong to the handler class; those named FP_* hold for every x87, MMX and SSE record.

export const RECORD_SIZE: u32 = 32;
/** u16 handler number (dense, under 1,000: engine.md §7). */
export const R_OP: u32 = 0;
/** u8 length of the instruction, 1..15. */
export const R_LENGTH: u32 = 2;
/** u8 instructions that stand before this one in its block. */
export const R_INDEX: u32 = 3;
/** u16 offset of the instruction's first byte in the page that PAGE_VA names. */
export const R_OFF: u32 = 4;

// Effective address of a memory operand, any class: read by `effectiveAddress(rec)` (mmu.ts) only.
// base + (index << scale) + disp; the two are addresses of 64-bit words in the CPU block (ZERO where absent).

/** u8 0..3. */
export const R_SCALE: u32 = 6;
/** u8 bit 7: a non-canonical address is #SS, not #GP. The rest as the handler says. */
export const R_MISC: u32 = 7;
/** u16 address of the base. */
export const R_BASE: u32 = 16;
/** u16 address of the index. */
export const R_IDX: u32 = 18;
/** i32 */
export const R_DISP: u32 = 20;

// Integer instructions.

/** u16 address of the register operand (the destination, where there is one). */
export const R_A: u32 = 8;
/** u16 address of a third operand, or a register number. */
export const R_C: u32 = 10;
/** u32 address of the other operand: a register, or the immediate in this record. */
export const R_B: u32 = 12;
/** i64 immediate, sign-extended. */
export const R_IMM: u32 = 24;
/** u32 first record of an in-page branch's target; until it is known: host address of the page (or 0) | UNLINKED. */
export const R_LINK: u32 = 24;
export const UNLINKED: u32 = 1;
/** i32 branch displacement from the end of the instruction. */
export const R_REL: u32 = 28;
/** Link and displacement of records whose R_IMM is taken (they have no memory operand). */
export const R_LINK_LOW: u32 = 16;
export const R_REL_LOW: u32 = 20;

export const MISC_STACK: u32 = 0x80;
/** Handlers of both forms: the ModRM operand is memory. */
export const MISC_MEM: u32 = 0x40;

/** u8 0xff: the ModRM operand is memory; else register number 0..15 (REX applied; MMX and x87 use the low 3 bits). */
export const FP_RM: u32 = 8;
/** u8 ModRM.reg, REX.R applied. */
export const FP_REG: u32 = 9;
/** u8 the opcode byte: after 0F for MMX/SSE, D8..DF for x87 (9B is FWAIT). */
export const FP_OPCODE: u32 = 10;
/** u8 mandatory prefix: 0 none, 1 = 66, 2 = F3, 3 = F2. */
export const FP_PP: u32 = 11;
/** u8 immediate byte, where there is one. */
export const FP_IMM: u32 = 12;
/** u8 1 = REX.W. */
export const FP_REXW: u32 = 13;
/** u8 the ModRM byte as it stands. */
export const FP_MODRM: u32 = 14;
/** u8 bit 0: x87, bit 1: 66 prefix seen at all, bit 2: the memory operand goes through FS or GS. */
export const FP_KIND: u32 = 15;
