/**
 * LZMA (Igor Pavlov's LZMA specification, as in the LZMA SDK), the coder inside both .lzma and .xz. The output is its own
 * dictionary, so that a dictionary of any size costs no memory. Below, {@link unlzma} reads the .lzma files of old.
 */
import { fault, type Parsed, parsed } from "../fault.ts";
import { Growing } from "./growing.ts";

/** Where each group of probabilities starts in the one array; the literal coders, whose number varies, come last. */
const IS_MATCH = 0; //         12 states x 16 position states
const IS_REP = 192; //         12
const IS_REP0 = 204; //        12
const IS_REP1 = 216; //        12
const IS_REP2 = 228; //        12
const IS_REP0_LONG = 240; //   12 x 16
const DISTANCE_SLOT = 432; //  4 x 64
const DISTANCE_LOW = 688; //   for slots 4 to 13
const DISTANCE_ALIGN = 816; // 16
const MATCH_LENGTH = 832; //   a length coder
const REP_LENGTH = 1346; //    a length coder
const LITERAL = 1860; //       0x300 << (lc + lp)
/** Inside a length coder: two choices, then trees. */
const LENGTH_LOW = 2; //       16 x 8
const LENGTH_MIDDLE = 130; //  16 x 8
const LENGTH_HIGH = 258; //    256

/** Bytes of the longest match. */
const LONGEST = 273;

const HALF = 1024;
const TOP = 2 ** 24;

/** Why decoding stopped. */
export type LzmaStop = "full" | "end marker" | "damaged";

export class LzmaDecoder {
  /** First byte of the output that a match may reach, and how far back it may reach. */
  dictionaryStart = 0;
  dictionarySize = 0;
  /** Next byte of `src` and of `out`. */
  from = 0;
  to = 0;

  private readonly src: Uint8Array;
  private readonly growing: Growing;
  private out: Uint8Array;
  /** Range and code: in a typed array, because as 32-bit unsigned fields each store would allocate. */
  private readonly rc = new Uint32Array(2);
  private probs = new Uint16Array(0);
  private lc = 0;
  private literalMask = 0;
  private positionMask = 0;
  private state = 0;
  /** The last four distances, less one. */
  private readonly reps = new Uint32Array(4);

  constructor(src: Uint8Array, out: Growing) {
    this.src = src;
    this.growing = out;
    this.out = out.bytes;
  }

  /** `properties` is the byte (pb * 5 + lp) * 9 + lc, below 225. Resets the state too. */
  setProperties(properties: number): void {
    const lp = Math.floor(properties / 9) % 5;
    this.lc = properties % 9;
    this.literalMask = (1 << lp) - 1;
    this.positionMask = (1 << Math.floor(properties / 45)) - 1;
    this.probs = new Uint16Array(LITERAL + (0x300 << (this.lc + lp)));
    this.resetState();
  }

  resetState(): void {
    this.probs.fill(HALF);
    this.state = 0;
    this.reps.fill(0);
  }

  /** Takes the five bytes that open a range coder's data. False: they are none. */
  open(): boolean {
    const { src, from } = this;
    if (src.length - from < 5 || src[from] !== 0) return false;
    this.rc[0] = 0xffffffff;
    this.rc[1] = new DataView(src.buffer, src.byteOffset, src.byteLength).getUint32(from + 1);
    this.from = from + 5;
    return true;
  }

  /** Whether the range coder ended as encoders leave it, at `end` of the input. */
  isFinishedAt(end: number): boolean {
    return this.rc[1] === 0 && this.from === end;
  }

  /** Decodes until the output is filled up to `outEnd` or an end marker comes. Input is taken up to `srcEnd`. */
  decode(srcEnd: number, outEnd: number): LzmaStop {
    let { out } = this;
    const { reps, dictionaryStart, dictionarySize, positionMask } = this;
    while (this.to < outEnd) {
      if (this.from > srcEnd) return "damaged";
      const to = this.to;
      if (out.length - to < LONGEST) {
        out = this.growing.reserve(to + LONGEST);
        this.out = out;
      }
      const position = to - dictionaryStart;
      const positionState = position & positionMask;
      const state = this.state;

      if (this.bit(IS_MATCH + (state << 4) + positionState) === 0) {
        this.literal(position);
        continue;
      }
      let length: number;
      if (this.bit(IS_REP + state) === 0) {
        length = this.length(MATCH_LENGTH, positionState);
        reps.copyWithin(1, 0, 3);
        const distance = this.distance(length);
        reps[0] = distance;
        this.state = state < 7 ? 7 : 10;
        if (distance === 0xffffffff) {
          this.normalize();
          return this.from > srcEnd ? "damaged" : "end marker";
        }
      } else {
        if (this.bit(IS_REP0 + state) === 0) {
          if (this.bit(IS_REP0_LONG + (state << 4) + positionState) === 0) {
            const distance = reps[0] as number;
            if (distance >= position || distance >= dictionarySize) return "damaged";
            out[to] = out[to - distance - 1] as number;
            this.to = to + 1;
            this.state = state < 7 ? 9 : 11;
            continue;
          }
        } else {
          const which = this.bit(IS_REP1 + state) === 0 ? 1 : 2 + this.bit(IS_REP2 + state);
          const distance = reps[which] as number;
          reps.copyWithin(1, 0, which);
          reps[0] = distance;
        }
        length = this.length(REP_LENGTH, positionState);
        this.state = state < 7 ? 8 : 11;
      }

      const back = (reps[0] as number) + 1;
      if (back > position || back > dictionarySize || length > outEnd - to) return "damaged";
      if (back === 1) out.fill(out[to - 1] as number, to, to + length);
      else if (length > 64 && back >= length) out.copyWithin(to, to - back, to - back + length);
      else for (let i = to, m = to - back; i < to + length; ) out[i++] = out[m++] as number;
      this.to = to + length;
    }
    this.normalize();
    return this.from > srcEnd ? "damaged" : "full";
  }

  /** What must be an end marker, where nothing more fits into `out`. */
  readEndMarker(srcEnd: number): LzmaStop {
    const positionState = (this.to - this.dictionaryStart) & this.positionMask;
    const state = this.state;
    if (this.bit(IS_MATCH + (state << 4) + positionState) === 0 || this.bit(IS_REP + state) === 1)
      return "damaged";
    if (this.distance(this.length(MATCH_LENGTH, positionState)) !== 0xffffffff) return "damaged";
    this.normalize();
    return this.from > srcEnd ? "damaged" : "end marker";
  }

  private normalize(): void {
    const rc = this.rc;
    if ((rc[0] as number) < TOP) {
      rc[0] = (rc[0] as number) << 8;
      rc[1] = ((rc[1] as number) << 8) | (this.src[this.from++] ?? 0);
    }
  }

  /** One bit by the probability at `index`, which learns from it. */
  private bit(index: number): number {
    const { rc, probs } = this;
    let range = rc[0] as number;
    let code = rc[1] as number;
    if (range < TOP) {
      range = (range << 8) >>> 0;
      code = ((code << 8) | (this.src[this.from++] ?? 0)) >>> 0;
    }
    const p = probs[index] as number;
    const bound = Math.imul(range >>> 11, p) >>> 0;
    if (code < bound) {
      rc[0] = bound;
      rc[1] = code;
      probs[index] = p + ((2048 - p) >>> 5);
      return 0;
    }
    rc[0] = range - bound;
    rc[1] = code - bound;
    probs[index] = p - (p >>> 5);
    return 1;
  }

  /** A tree of 2^bits symbols, highest bit first. */
  private tree(base: number, bits: number): number {
    let m = 1;
    for (let i = 0; i < bits; i++) m = (m << 1) | this.bit(base + m);
    return m - (1 << bits);
  }

  private literal(position: number): void {
    const { out, to, state } = this;
    const previous = position > 0 ? (out[to - 1] as number) : 0;
    const context = ((position & this.literalMask) << this.lc) + (previous >>> (8 - this.lc));
    const base = LITERAL + 0x300 * context;
    let symbol = 1;
    if (state >= 7) {
      let match = out[to - (this.reps[0] as number) - 1] ?? 0;
      let offset = 0x100;
      while (symbol < 0x100) {
        match <<= 1;
        const matchBit = match & offset;
        const bit = this.bit(base + offset + matchBit + symbol);
        symbol = (symbol << 1) | bit;
        offset &= bit === 0 ? ~matchBit : matchBit;
      }
    } else {
      while (symbol < 0x100) symbol = (symbol << 1) | this.bit(base + symbol);
    }
    out[to] = symbol;
    this.to = to + 1;
    this.state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  /** A match's length, 2 to 273. */
  private length(base: number, positionState: number): number {
    if (this.bit(base) === 0) return 2 + this.tree(base + LENGTH_LOW + (positionState << 3), 3);
    if (this.bit(base + 1) === 0) return 10 + this.tree(base + LENGTH_MIDDLE + (positionState << 3), 3);
    return 18 + this.tree(base + LENGTH_HIGH, 8);
  }

  /** A match's distance less one; 0xffffffff is the end marker. */
  private distance(length: number): number {
    const slot = this.tree(DISTANCE_SLOT + (Math.min(length - 2, 3) << 6), 6);
    if (slot < 4) return slot;
    const bits = (slot >>> 1) - 1;
    let distance = (2 | (slot & 1)) << bits;
    if (slot < 14) return distance + this.reverseTree(DISTANCE_LOW + distance - slot, bits);
    const { rc } = this;
    for (let i = bits - 1; i >= 4; i--) {
      this.normalize();
      const range = (rc[0] as number) >>> 1;
      rc[0] = range;
      if ((rc[1] as number) >= range) {
        rc[1] = (rc[1] as number) - range;
        distance |= 1 << i;
      }
    }
    return (distance | this.reverseTree(DISTANCE_ALIGN, 4)) >>> 0;
  }

  /** Lowest bit first. */
  private reverseTree(base: number, bits: number): number {
    let m = 1;
    let symbol = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + m);
      m = (m << 1) | bit;
      symbol |= bit << i;
    }
    return symbol;
  }
}

const HEADER = 13;

/** Unpacks a .lzma file (properties, dictionary size, 64-bit length or all ones, data) to exactly `size` bytes. */
export function unlzma(packed: Uint8Array, size: number): Parsed<Uint8Array> {
  if (packed.length < HEADER + 5) return fault(`the LZMA data has only ${packed.length} bytes`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const properties = view.getUint8(0);
  if (properties >= 225) return fault(`the LZMA data is damaged: its first byte is ${properties}`);
  const length = view.getBigUint64(5, true);
  if (length !== 0xffff_ffff_ffff_ffffn && length !== BigInt(size))
    return fault(`the LZMA data says that it unpacks to ${length} bytes, its last word says ${size}`);

  const out = new Growing(packed.length, size);
  const decoder = new LzmaDecoder(packed, out);
  decoder.setProperties(properties);
  decoder.dictionarySize = Math.max(view.getUint32(1, true), 4096);
  decoder.from = HEADER;
  if (!decoder.open()) return fault("the LZMA data is damaged: its range coder does not start with 0");
  let stop = decoder.decode(packed.length, size);
  // Data of unknown length end in a marker; data of known length may. One symbol more cannot fit, so only a marker passes.
  if (stop === "full" && !decoder.isFinishedAt(packed.length)) stop = decoder.readEndMarker(packed.length);
  if (stop === "damaged")
    return fault(
      `the LZMA data is damaged, truncated, or unpacks to more than ${size} bytes, which its last word says`,
    );
  if (decoder.to !== size)
    return fault(`the LZMA data unpacks to ${decoder.to} bytes, its last word says ${size}`);
  if (!decoder.isFinishedAt(packed.length))
    return fault("the LZMA data is damaged: it does not end where its file does");
  return parsed(out.bytes);
}
