// What F_KIND may say (flags.ts explains), and the bits of RFLAGS.
// Compiled by TypeScript too (translate/): only `export const NAME: u32 = number` may stand here.

export const SUB: u32 = 0;
export const ADD: u32 = 1;
export const ADC: u32 = 2;
export const SBB: u32 = 3;
export const INC: u32 = 4;
export const DEC: u32 = 5;
export const RESULT: u32 = 6;
export const EXPLICIT: u32 = 7;

export const CF: u32 = 1;
export const PF: u32 = 4;
export const AF: u32 = 16;
export const ZF: u32 = 64;
export const SF: u32 = 128;
export const TF: u32 = 0x100;
export const IF: u32 = 0x200;
export const DF: u32 = 0x400;
export const OF: u32 = 0x800;
/** The six arithmetic flags. */
export const ARITH: u32 = 0x8d5;
