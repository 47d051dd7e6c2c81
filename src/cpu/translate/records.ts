/** Decoded records (core/record.ts) as the translator reads them. */

import { ENTER } from "../core/ops.ts";
import {
  R_A,
  R_B,
  R_BASE,
  R_C,
  R_DISP,
  R_IDX,
  R_IMM,
  R_INDEX,
  R_LENGTH,
  R_LINK,
  R_MISC,
  R_OFF,
  R_OP,
  R_REL,
  R_SCALE,
  RECORD_SIZE,
} from "../core/record.ts";
import { CPU, GPR } from "../layout.ts";

/** Before a block's name (core/blocks.ts): u16 offset in its page, u16 records in it; u32 the region it heads. */
const FROM_BEFORE = 20;
const COUNT_BEFORE = 16;
const REGION_BEFORE = 12;
const REGION_CELL = 32;

/** A register operand: r0…r15, `high`: bits 8 to 15 of it. */
export interface Register {
  readonly number: number;
  readonly high: boolean;
}

export class Records {
  readonly view: DataView;

  constructor(view: DataView) {
    this.view = view;
  }

  /** Records of the block with this name. */
  count(block: number): number {
    return this.view.getUint16(block - COUNT_BEFORE, true);
  }
  /** Offset of the block's first instruction in its page. */
  from(block: number): number {
    return this.view.getUint16(block - FROM_BEFORE, true);
  }
  /** Is it the head of a region? */
  entersRegion(block: number): boolean {
    return this.view.getUint16(block + R_OP, true) === ENTER;
  }
  /** The handler; of a head that enters a region, the one that stood there. */
  op(rec: number): number {
    const op = this.view.getUint16(rec + R_OP, true);
    if (op !== ENTER) return op;
    return this.view.getUint16(this.view.getUint32(rec - REGION_BEFORE, true) + REGION_CELL + R_OP, true);
  }
  length(rec: number): number {
    return this.view.getUint8(rec + R_LENGTH);
  }
  index(rec: number): number {
    return this.view.getUint8(rec + R_INDEX);
  }
  offset(rec: number): number {
    return this.view.getUint16(rec + R_OFF, true);
  }
  scale(rec: number): number {
    return this.view.getUint8(rec + R_SCALE);
  }
  misc(rec: number): number {
    return this.view.getUint8(rec + R_MISC);
  }
  base(rec: number): number {
    return this.view.getUint16(rec + R_BASE, true);
  }
  idx(rec: number): number {
    return this.view.getUint16(rec + R_IDX, true);
  }
  disp(rec: number): number {
    return this.view.getInt32(rec + R_DISP, true);
  }
  a(rec: number): number {
    return this.view.getUint16(rec + R_A, true);
  }
  c(rec: number): number {
    return this.view.getUint16(rec + R_C, true);
  }
  b(rec: number): number {
    return this.view.getUint32(rec + R_B, true);
  }
  /** Is the other operand the immediate? */
  hasImmediate(rec: number): boolean {
    // a copied record points into the original: any address outside the register file is an immediate
    return registerAt(this.b(rec)) === undefined;
  }
  immediate(rec: number): bigint {
    return this.view.getBigInt64(rec + R_IMM, true);
  }
  link(rec: number): number {
    return this.view.getUint32(rec + R_LINK, true);
  }
  rel(rec: number): number {
    return this.view.getInt32(rec + R_REL, true);
  }
  /** Offset from the page's start of what stands behind the instruction. */
  end(rec: number): number {
    return this.offset(rec) + this.length(rec);
  }
}

/** The register whose word, or second byte, lies at this address. */
export function registerAt(address: number): Register | undefined {
  const at = address - CPU - GPR;
  if (at < 0 || at >= 128) return undefined;
  return { number: at >> 3, high: (at & 7) === 1 };
}

export { RECORD_SIZE };
