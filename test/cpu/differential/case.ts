/**
 * One case: a processor's state, an instruction, memory; and what came of it. The state is a block of bytes of one
 * layout, in recorder.c (`struct state`) as here.
 */

// ── struct state ──
export const S_GPR = 0; // rax rcx rdx rbx rsp rbp rsi rdi r8..r15
export const S_RIP = 128;
export const S_RFLAGS = 136;
export const S_FS_BASE = 144;
export const S_GS_BASE = 152;
/** The head of an FXSAVE image: */
export const S_FX = 160;
export const S_FCW = S_FX;
export const S_FSW = S_FX + 2;
/** Abridged: one bit a physical register, 1 = not empty. */
export const S_FTW = S_FX + 4;
export const S_MXCSR = S_FX + 24;
/** ST(0)..ST(7), 16 bytes each, 10 of them used. */
export const S_ST = S_FX + 32;
export const S_XMM = S_FX + 160;
export const STATE_SIZE = S_FX + 416;

export const CF = 0x001;
export const PF = 0x004;
export const AF = 0x010;
export const ZF = 0x040;
export const SF = 0x080;
export const TF = 0x100;
export const DF = 0x400;
export const OF = 0x800;
export const STATUS = CF | PF | AF | ZF | SF | OF;

/** Bits of FSW. */
export const C0 = 0x0100;
export const C1 = 0x0200;
export const C2 = 0x0400;
export const C3 = 0x4000;

export const VECTOR_INT3 = 3;
export const VECTOR_UD = 6;
export const VECTOR_PF = 14;
/** The recorder's word for: it did not stop. */
export const VECTOR_HANG = 255;

/** Bytes of memory, by offset in the arena. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** How exact a result must be: approximations differ from one processor to another. */
export type Exactness =
  | "exact"
  /** RCPPS and kin: relative error of at most 1.5 * 2^-12. */
  | "reciprocal"
  /** FSIN and kin: good to about 2^-50. */
  | "transcendental";

export interface Case {
  /** Row of the generator's table, for grouping: `add Eb,Gb`. */
  readonly row: string;
  /** The instruction, as the engine gets it. */
  readonly code: Uint8Array;
  /** What the processor is given instead, of equal length, where it would take `code` for something newer. */
  readonly nativeCode?: Uint8Array;
  /** The answer where no processor is asked: #UD, for what x86-64-v1 does not have. */
  readonly expect?: "ud";
  readonly state: Uint8Array;
  /** Memory other than the arena's base content, without the code. */
  readonly patches: readonly Patch[];
  /** What the architecture leaves open. */
  readonly undefinedFlags: number;
  /** By register number; the bits that are undefined. */
  readonly undefinedGpr: ReadonlyMap<number, bigint>;
  readonly undefinedFsw: number;
  readonly undefinedMemory: readonly { readonly offset: number; readonly length: number }[];
  readonly exactness: Exactness;
  /** The operand, where processors differ in how a fault on it shows: see Row. */
  readonly looseFault?: { readonly from: bigint; readonly size: number };
}

export interface Result {
  /** VECTOR_INT3: the instruction completed, and the int3 behind it. Else the fault. */
  readonly vector: number;
  readonly error: number;
  readonly cr2: bigint;
  readonly state: Uint8Array;
  /** Bytes of memory that the instruction changed. */
  readonly writes: readonly Patch[];
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const GPR_NAMES = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const; // prettier-ignore
