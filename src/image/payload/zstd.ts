/**
 * zstd data (RFC 8878): frames, one after another, of blocks. The output is its own window, so that windows of any size cost
 * no memory. (What npm has hangs on damaged data and loses distances of 64 MiB and more; Node has a decoder from 22 on.)
 */
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { Growing } from "./growing.ts";
import { xxh64 } from "./xxh64.ts";
import { Damage, damage } from "./zstd/damage.ts";
import { type Input, makeInput } from "./zstd/input.ts";
import { BLOCK_MAX, Literals } from "./zstd/literals.ts";
import { Sequences } from "./zstd/sequences.ts";

const MAGIC = 0xfd2fb528;
/** Sixteen magic numbers of frames that hold something else, to be passed over. */
const SKIPPABLE = 0x184d2a50;

/** Unpacks `packed`, frames and nothing else, to exactly `size` bytes. */
export function unzstd(packed: Uint8Array, size: number): Parsed<Uint8Array> {
  const out = new Growing(packed.length, size);
  try {
    const to = new Decoder(makeInput(packed), out).run();
    if (to !== size) return fault(`the zstd data unpacks to ${to} bytes, its last word says ${size}`);
    return parsed(out.bytes);
  } catch (error) {
    if (error instanceof Damage) return fault(`the zstd data is damaged: ${error.message}`);
    throw error;
  }
}

/** Unpacks the first frame of `packed` to at most `limit` bytes; what follows it is not looked at (btrfs pads with zeros). */
export function unzstdFrame(packed: Uint8Array, limit: number): Parsed<Uint8Array> {
  const out = new Growing(packed.length, limit);
  try {
    const to = new Decoder(makeInput(packed), out).first();
    return parsed(out.bytes.subarray(0, to));
  } catch (error) {
    if (error instanceof Damage) return fault(`the zstd data is damaged: ${error.message}`);
    throw error;
  }
}

interface Frame {
  /** Where its first block begins. */
  readonly at: number;
  readonly blockMax: number;
  /** What it says it unpacks to. */
  readonly size: number | undefined;
  readonly hasChecksum: boolean;
}

class Decoder {
  readonly #input: Input;
  readonly #out: Growing;
  readonly #literals = new Literals();
  readonly #sequences = new Sequences();
  /** Bytes of output so far. */
  #to = 0;

  constructor(input: Input, out: Growing) {
    this.#input = input;
    this.#out = out;
  }

  /** Answers the length of what came out. */
  run(): number {
    const { view, start, end } = this.#input;
    for (let at = start; at < end; ) {
      if (end - at < 8) damage("more data follows its end, or it is truncated");
      const magic = view.getUint32(at, true);
      if (magic === MAGIC) at = this.#frame(at + 4);
      else if ((magic & ~15) >>> 0 === SKIPPABLE) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > end) damage("a frame to be passed over is cut off: it is truncated");
      } else damage(`no frame begins at ${hex(at - start)}`);
    }
    return this.#to;
  }

  /** The same for one frame, which must begin at once. */
  first(): number {
    const { view, start, end } = this.#input;
    if (end - start < 8 || view.getUint32(start, true) !== MAGIC) damage("no frame begins");
    this.#frame(start + 4);
    return this.#to;
  }

  /** From behind the magic number; answers the byte behind the frame. */
  #frame(from: number): number {
    const { bytes, view, end } = this.#input;
    const { at: first, blockMax, size, hasChecksum } = this.#readHeader(from);
    const frameStart = this.#to;
    this.#literals.forget();
    this.#sequences.forget();
    let at = first;
    for (let isLast = false; !isLast; ) {
      if (end - at < 3) damage("it ends between two blocks: it is truncated");
      const head = view.getUint16(at, true) | ((bytes[at + 2] as number) << 16);
      isLast = (head & 1) !== 0;
      at = this.#block((head >>> 1) & 3, at + 3, head >>> 3, blockMax, frameStart);
    }
    const length = this.#to - frameStart;
    if (size !== undefined && size !== length)
      damage(`a frame says that it unpacks to ${size} bytes, and unpacks to ${length}`);
    if (!hasChecksum) return at;
    if (end - at < 4) damage("it ends before its checksum: it is truncated");
    const stored = view.getUint32(at, true);
    const actual = Number(xxh64(this.#out.bytes.subarray(frameStart, this.#to)) & 0xffffffffn);
    if (actual !== stored)
      damage(`the checksum of what it unpacks to is ${hex(actual)}, it should be ${hex(stored)}`);
    return at + 4;
  }

  #readHeader(from: number): Frame {
    const { view, end } = this.#input;
    const flags = view.getUint8(from);
    if (flags & 0x08) damage("its header sets a reserved bit");
    const isSingle = (flags & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][flags & 3] as number;
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >>> 6] as number;
    const dictionaryAt = from + (isSingle ? 1 : 2);
    const sizeAt = dictionaryAt + dictionaryBytes;
    const at = sizeAt + sizeBytes;
    if (at > end) damage("it ends in its header: it is truncated");
    let dictionary = 0;
    for (let i = dictionaryBytes - 1; i >= 0; i--)
      dictionary = dictionary * 256 + view.getUint8(dictionaryAt + i);
    if (dictionary !== 0) damage(`it needs the dictionary ${dictionary}, which a kernel has not`);
    let size = sizeBytes === 2 ? 256 : 0;
    for (let i = sizeBytes - 1; i >= 0; i--) size += view.getUint8(sizeAt + i) * 256 ** i;
    const windowByte = view.getUint8(from + 1);
    const window = isSingle ? size : 2 ** (10 + (windowByte >>> 3)) * (1 + (windowByte & 7) / 8);
    return {
      at,
      blockMax: Math.min(window, BLOCK_MAX),
      size: sizeBytes === 0 ? undefined : size,
      hasChecksum: (flags & 4) !== 0,
    };
  }

  /** One block whose content begins at `at`; answers the byte behind it. */
  #block(kind: number, at: number, size: number, blockMax: number, frameStart: number): number {
    const { bytes, end } = this.#input;
    const next = at + (kind === 1 ? 1 : size);
    if (kind === 3) damage("a block is of a reserved kind");
    if (size > blockMax) damage(`a block has ${size} bytes, more than the ${blockMax} it may`);
    if (next > end) damage("a block is cut off: it is truncated");
    const to = this.#to;
    const { limit } = this.#out;
    if (kind === 2) {
      const toEnd = Math.min(to + blockMax, limit);
      const out = this.#out.reserve(toEnd);
      const from = this.#literals.read(this.#input, at, next);
      this.#to = this.#sequences.run(this.#input, from, next, this.#literals, out, frameStart, to, toEnd);
      return next;
    }
    if (size > limit - to) damage(`it unpacks to more than the ${limit} bytes that its last word says`);
    const out = this.#out.reserve(to + size);
    if (kind === 0) out.set(bytes.subarray(at, next), to);
    else out.fill(bytes[at] as number, to, to + size);
    this.#to = to + size;
    return next;
  }
}
