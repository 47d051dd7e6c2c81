/** The first part of a packed block (RFC 8878, 3.1.1.3.1): bytes that its sequences then place. */
import { damage } from "./damage.ts";
import { decodeHuffman, type HuffmanTable, readHuffman } from "./huffman.ts";
import type { Input } from "./input.ts";

export const BLOCK_MAX = 128 * 1024;

export class Literals {
  /** Those of the last block read: the first {@link length}. */
  readonly bytes = new Uint8Array(BLOCK_MAX);
  length = 0;
  /** Of the frame's last tree; a block may use it again. */
  #tree: HuffmanTable | undefined;

  /** Before a frame's first block. */
  forget(): void {
    this.#tree = undefined;
  }

  /** Reads the section at byte `at` of a block that ends at `end`; answers the byte behind it. */
  read(input: Input, at: number, end: number): number {
    const { bytes } = input;
    if (at >= end) damage("a block is empty");
    const head = bytes[at] as number;
    const kind = head & 3;
    const format = (head >>> 2) & 3;
    if (kind < 2) {
      const headSize = format === 1 ? 2 : format === 3 ? 3 : 1;
      const word = input.view.getUint32(at, true);
      const length = headSize === 1 ? head >>> 3 : (word & (headSize === 2 ? 0xffff : 0xffffff)) >>> 4;
      const from = at + headSize;
      const next = from + (kind === 0 ? length : 1);
      this.#take(length);
      if (next > end) damage("literals are cut off");
      if (kind === 0) this.bytes.set(bytes.subarray(from, next));
      else this.bytes.fill(bytes[from] as number, 0, length);
      return next;
    }

    const sizeBits = format < 2 ? 10 : format === 2 ? 14 : 18;
    const headSize = (4 + 2 * sizeBits) >> 3;
    const mask = (1 << sizeBits) - 1;
    const length = (input.view.getUint32(at, true) >>> 4) & mask;
    const packed = (input.view.getUint32(at + ((4 + sizeBits) >> 3), true) >>> ((4 + sizeBits) & 7)) & mask;
    this.#take(length);
    let from = at + headSize;
    const next = from + packed;
    if (next > end) damage("literals are cut off");
    if (kind === 2) {
      const described = readHuffman(input, from, next);
      this.#tree = described.table;
      from = described.end;
    }
    const tree = this.#tree ?? damage("literals use the tree of a block before, and there is none");
    if (format === 0) decodeHuffman(tree, input, from, next, this.bytes, 0, length);
    else this.#fourStreams(tree, input, from, next);
    return next;
  }

  #take(length: number): void {
    if (length > BLOCK_MAX) damage(`a block has ${length} literals, more than fit into one`);
    this.length = length;
  }

  /** Three lengths, then four streams of a quarter each. */
  #fourStreams(tree: HuffmanTable, input: Input, at: number, end: number): void {
    const quarter = (this.length + 3) >> 2;
    if (end - at < 6 || quarter * 3 > this.length) damage("literals are cut off");
    let from = at + 6;
    for (let i = 0; i < 4; i++) {
      const next = i === 3 ? end : from + input.view.getUint16(at + 2 * i, true);
      if (next > end) damage("literals are cut off");
      const toEnd = i === 3 ? this.length : quarter * (i + 1);
      decodeHuffman(tree, input, from, next, this.bytes, quarter * i, toEnd);
      from = next;
    }
  }
}
