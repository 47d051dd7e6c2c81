/** A row of the generator's tables: one opcode with one kind of operands. */
import type { Exactness } from "../case.ts";
import type { Builder } from "./builder.ts";

/** How 66 and REX.W set the operand size. */
type Sizing =
  /** Bytes. */
  | "b"
  /** 16, 32 or 64 bits. */
  | "v"
  /** 64 bits, 16 with 66: the stack's own. */
  | "q"
  /** 64 bits whatever the prefixes say: near branches (on Intel). */
  | "f"
  /** 32 or 64 bits. */
  | "y"
  /** Fixed by the opcode, which has REX.W. */
  | "w"
  /** Fixed by the opcode; 66 would make another of it. */
  | "x";

export interface Row {
  readonly name: string;
  readonly opcode: readonly number[];
  /** Prefix that belongs to the opcode. */
  readonly mandatory?: 0x66 | 0xf2 | 0xf3;
  readonly sizing: Sizing;
  /** What ModRM's r/m may be; without, there is no ModRM. */
  readonly modrm?: "rm" | "r" | "m";
  /** ModRM.reg where it belongs to the opcode. */
  readonly ext?: number;
  /** Register number in the low bits of the opcode. */
  readonly plus?: boolean;
  /** Register file of ModRM.reg and of r/m as a register. */
  readonly reg?: "gpr" | "mmx" | "xmm";
  readonly rm?: "gpr" | "mmx" | "xmm";
  /** Bytes of the memory operand; without: the operand size. 0: it is not accessed (LEA, prefetches). */
  readonly memory?: number;
  /** The memory operand has the operand size, whatever `memory` says. */
  readonly memoryFollowsSize?: boolean;
  readonly access?: "r" | "w" | "rw";
  /** Alignment that the operand needs; most of the time it gets it. */
  readonly align?: number;
  /** Immediate: byte, word, 16 or 32 bits by operand size, all of the operand size, word and byte (ENTER). */
  readonly imm?: "b" | "w" | "z" | "v" | "wb";
  /** 64-bit (32 with 67) address as an immediate. */
  readonly moffs?: boolean;
  /** LOCK is allowed. */
  readonly lock?: boolean;
  /** No prefixes but those that belong to it (branches; encodings that a prefix would turn into something else). */
  readonly plain?: boolean;
  /** RSP is used. */
  readonly stack?: boolean;
  /** REP prefixes: "rep" both mean the same, "repz" they differ. */
  readonly rep?: "rep" | "repz";
  /** Which unit's state is made interesting. */
  readonly unit?: "x87" | "mmx" | "sse";
  /** Lanes of vector operands. */
  readonly lanes?: "f32" | "f64" | "int";
  readonly undefinedFlags?: number;
  readonly undefinedFsw?: number;
  readonly exactness?: Exactness;
  /**
   * Processors differ in how a fault shows: which byte of the operand CR2 names, whether an MMX instruction has made its
   * transition (TOP 0, tags full) already, whether a part was stored. It is restarted either way.
   */
  readonly looseFault?: boolean;
  /** How many cases, relative to others. */
  readonly weight?: number;
  readonly expect?: "ud";
  /** TF is set: a #DB follows the instruction, or each iteration of a REP. */
  readonly trace?: boolean;
  /** Before operands are chosen: registers that need certain values. */
  readonly setup?: (b: Builder) => void;
  /** Operands are chosen: their values, and what is undefined given these. */
  readonly finish?: (b: Builder) => void;
  /** Takes the place of encoding operands: the whole instruction. */
  readonly assemble?: (b: Builder) => Uint8Array;
  /** The processor's bytes, where they differ. */
  readonly native?: (code: Uint8Array) => Uint8Array;
}
