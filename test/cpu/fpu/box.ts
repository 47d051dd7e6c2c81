/** One case, or its result: `struct box` of recorder.c. */

export const BOX_SIZE = 976;
export const B_CODE = 0;
export const B_LENGTH = 16;
export const B_VECTOR = 20;
export const B_RAX = 24;
export const B_RFLAGS = 32;
export const B_FX = 48;
export const B_FCW = B_FX + 0;
export const B_FSW = B_FX + 2;
export const B_FTW = B_FX + 4;
export const B_FOP = B_FX + 6;
export const B_FIP = B_FX + 8;
export const B_FDP = B_FX + 16;
export const B_MXCSR = B_FX + 24;
export const B_ST = B_FX + 32;
export const B_XMM = B_FX + 160;
export const FX_SIZE = 416;
export const B_MEM = B_FX + FX_SIZE;
export const MEM_SIZE = 512;
/** CF PF AF ZF SF OF. */
export const STATUS = 0x8d5;
