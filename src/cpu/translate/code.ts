/** Writes the body of one WebAssembly function: opcodes by the names of the specification, labels as absolute depths. */

const EMPTY = 0x40;
export const I32 = 0x7f;
export const I64 = 0x7e;

/** Opcodes without operands. Those of i64 follow those of i32 at a fixed distance: see `typed`. */
export const OP = {
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32LtU: 0x49,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64LeS: 0x57,
  i64LeU: 0x58,
  i64GeU: 0x5a,
  i32LtS: 0x48,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeU: 0x4f,
  i32Popcnt: 0x69,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i32Rotr: 0x78,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  wrap: 0xa7,
  extendS: 0xac,
  extendU: 0xad,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

const COMPARES_APART = OP.i64Eqz - OP.i32Eqz;
const ARITHMETIC_APART = OP.i64Add - OP.i32Add;

/** The opcode of i32 or its counterpart of i64. */
export function typed(op: number, wide: boolean): number {
  if (!wide) return op;
  return op + (op < OP.i64Eqz ? COMPARES_APART : ARITHMETIC_APART);
}

export class Code {
  #bytes = new Uint8Array(4096);
  #length = 0;
  /** Constructs that are open. */
  depth = 0;

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): this {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
    return this;
  }

  unsigned(value: number): this {
    let v = value;
    while (v >= 0x80) {
      this.byte((v & 0x7f) | 0x80);
      v = Math.floor(v / 128);
    }
    return this.byte(v);
  }

  op(...ops: number[]): this {
    for (const op of ops) this.byte(op);
    return this;
  }

  get(local: number): this {
    return this.byte(0x20).unsigned(local);
  }

  set(local: number): this {
    return this.byte(0x21).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(0x22).unsigned(local);
  }

  i32(value: number): this {
    this.byte(0x41);
    let v = value | 0;
    for (;;) {
      const low = v & 0x7f;
      v >>= 7;
      if ((v === 0 && !(low & 0x40)) || (v === -1 && low & 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  /** Any value; taken modulo 2^64. */
  i64(value: bigint | number): this {
    this.byte(0x42);
    if (typeof value === "number" && value >= -0x4000_0000 && value < 0x4000_0000) {
      let v = value;
      for (;;) {
        const low = v & 0x7f;
        v >>= 7;
        if ((v === 0 && !(low & 0x40)) || (v === -1 && low & 0x40)) return this.byte(low);
        this.byte(low | 0x80);
      }
    }
    let v = BigInt.asIntN(64, BigInt(value));
    for (;;) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && !(low & 0x40)) || (v === -1n && low & 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  /** Memory instruction by its opcode; the address is on the stack. */
  memory(op: number, offset = 0): this {
    return this.byte(op).byte(0).unsigned(offset);
  }

  call(index: number): this {
    return this.byte(0x10).unsigned(index);
  }

  /** Each answers the label to branch to: `br`. */
  block(): number {
    this.byte(0x02).byte(EMPTY);
    return this.depth++;
  }

  loop(): number {
    this.byte(0x03).byte(EMPTY);
    return this.depth++;
  }

  if(result = EMPTY): number {
    this.byte(0x04).byte(result);
    return this.depth++;
  }

  else(): this {
    return this.byte(0x05);
  }

  end(): this {
    this.depth--;
    return this.byte(0x0b);
  }

  br(label: number): this {
    return this.byte(0x0c).unsigned(this.depth - 1 - label);
  }

  select(): this {
    return this.byte(0x1b);
  }

  unreachable(): this {
    return this.byte(0x00);
  }
}

/** Opcodes of loads and stores. */
export const MEM = {
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
} as const;
