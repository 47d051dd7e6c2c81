/**
 * Which machine frames are free: a bitmap with summaries above it (a bit set above = some bit set below), so the lowest
 * and the highest free frame are found in a few steps whatever the machine's size. The same calls always give the same frames.
 */
export class FreeFrames {
  /** levels[0]: one bit a frame; levels[n + 1]: one bit for each word of levels[n] that is not 0. */
  private readonly levels: Uint32Array[] = [];
  private free = 0;

  constructor(total: number) {
    for (let bits = total; ; ) {
      const words = Math.ceil(bits / 32);
      this.levels.push(new Uint32Array(words));
      if (words === 1) break;
      bits = words;
    }
  }

  get count(): number {
    return this.free;
  }

  /** How many of first..end-1 are free. */
  countIn(first: number, end: number): number {
    const words = this.levels[0] as Uint32Array;
    let count = 0;
    for (let n = first; n < end; ) {
      const word = words[n >>> 5] as number;
      if ((n & 31) === 0 && n + 32 <= end) {
        count += bitCount(word);
        n += 32;
      } else {
        count += (word >>> (n & 31)) & 1;
        n++;
      }
    }
    return count;
  }

  has(n: number): boolean {
    return (((this.levels[0] as Uint32Array)[n >>> 5] as number) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    this.free++;
    for (const level of this.levels) {
      const word = n >>> 5;
      const before = level[word] as number;
      level[word] = before | (1 << (n & 31));
      if (before !== 0) return;
      n = word;
    }
  }

  /** Frames first..end-1, none of them free yet. */
  addRange(first: number, end: number): void {
    let from = first;
    let to = end;
    for (const level of this.levels) {
      if (from >= to) break;
      const head = Math.min(to, (from + 31) & ~31);
      const tail = Math.max(head, to & ~31);
      for (let n = from; n < head; n++) level[n >>> 5] = (level[n >>> 5] as number) | (1 << (n & 31));
      level.fill(0xffff_ffff, head >>> 5, tail >>> 5);
      for (let n = tail; n < to; n++) level[n >>> 5] = (level[n >>> 5] as number) | (1 << (n & 31));
      from >>>= 5;
      to = ((to - 1) >>> 5) + 1;
    }
    this.free += Math.max(0, end - first);
  }

  remove(n: number): void {
    this.free--;
    for (const level of this.levels) {
      const word = n >>> 5;
      const after = (level[word] as number) & ~(1 << (n & 31));
      level[word] = after;
      if (after !== 0) return;
      n = word;
    }
  }

  /** The lowest free frame, -1 when there is none. */
  lowest(): number {
    let n = 0;
    for (let l = this.levels.length - 1; l >= 0; l--) {
      const word = (this.levels[l] as Uint32Array)[n] as number;
      if (word === 0) return -1;
      n = n * 32 + (31 - Math.clz32(word & -word));
    }
    return n;
  }

  /** The highest free frame, -1 when there is none. */
  highest(): number {
    let n = 0;
    for (let l = this.levels.length - 1; l >= 0; l--) {
      const word = (this.levels[l] as Uint32Array)[n] as number;
      if (word === 0) return -1;
      n = n * 32 + (31 - Math.clz32(word));
    }
    return n;
  }

  /** The first of 2^order consecutive free frames, aligned to their number; -1 when there is no such run. */
  lowestRun(order: number): number {
    if (order === 0) return this.lowest();
    const length = 2 ** order;
    const words = this.levels[0] as Uint32Array;
    const first = this.lowest();
    if (first < 0) return -1;
    if (length < 32) {
      const mask = 2 ** length - 1;
      for (let w = first >>> 5; w < words.length; w++) {
        const word = words[w] as number;
        if (word === 0) continue;
        for (let shift = 0; shift < 32; shift += length) {
          if (((word >>> shift) & mask) >>> 0 === mask) return w * 32 + shift;
        }
      }
      return -1;
    }
    const step = length / 32;
    for (let w = Math.floor(first / length) * step; w + step <= words.length; w += step) {
      let i = 0;
      while (i < step && words[w + i] === 0xffff_ffff) i++;
      if (i === step) return w * 32;
    }
    return -1;
  }
}

/** Bits set in 32. */
function bitCount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return (((n + (n >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}
