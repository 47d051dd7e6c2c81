// A decoded instruction: what the decoder writes, what the interpreter and the FPU/SSE handlers read.
// 32 bytes. Fields from +8 on belong to the handler class; those named FP_* hold for every x87, MMX and SSE record.

export const RECORD_SIZE: u32 = 32;
/** u16 handler number (dense, under 1,000: engine.md §7). */
export const R_OP: u32 = 0;
/** u8 length of the instruction, 1..15. */
export const R_LENGTH: u32 = 2;

// Effective address of a memory operand, any class: read by `effectiveAddress(rec)` (mmu.ts) only.

/** u8 0xff: the ModRM operand is memory; else register number 0..15 (REX applied; MMX and x87 use the low 3 bits). */
export const FP_RM: u32 = 8;
/** u8 ModRM.reg, REX.R applied. */
export const FP_REG: u32 = 9;
/** u8 the opcode byte: after 0F for MMX/SSE, D8..DF for x87. */
export const FP_OPCODE: u32 = 10;
/** u8 mandatory prefix: 0 none, 1 = 66, 2 = F3, 3 = F2. */
export const FP_PP: u32 = 11;
/** u8 immediate byte, where there is one. */
export const FP_IMM: u32 = 12;
/** u8 1 = REX.W. */
export const FP_REXW: u32 = 13;
/** u8 the ModRM byte as it stands. */
export const FP_MODRM: u32 = 14;
