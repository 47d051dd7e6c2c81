/**
 * Who uses which cluster of a qcow2 image. Written so that a process killed between any two writes leaves at worst clusters
 * that count as used and are not: a count goes up before anything points to its cluster, and down after nothing does.
 * The caller lets nobody else in (a {@link Mutex}).
 */
import { ImageError } from "../image.ts";
import type { ImageFile } from "../image-file.ts";
import { type Qcow2Header, REFCOUNT_TABLE_FIELD } from "./header.ts";
import type { TableCache } from "./table-cache.ts";

const OFFSET_MASK = 0xffff_ffff_ffff_fe00n;
/** Clusters looked at for a free one before we give up: beyond the file's end they are free but in a hostile image. */
const MOST_LOOKED_AT = 100_000;

export class Refcounts {
  readonly #file: ImageFile;
  readonly #tables: TableCache;
  readonly #cluster: number;
  readonly #order: number;
  /** Counts in a block. */
  readonly #perBlock: number;
  #table: BigUint64Array;
  #tableOffset: number;
  /** No free cluster is looked for below this one. */
  #hint: number;
  /** Clusters that we freed, to be used again; `until` the operations that may still read them are through. */
  readonly #freed: { readonly index: number; readonly until: number }[] = [];

  private constructor(
    file: ImageFile,
    tables: TableCache,
    header: Qcow2Header,
    table: BigUint64Array,
    hint: number,
  ) {
    this.#file = file;
    this.#tables = tables;
    this.#cluster = 2 ** header.clusterBits;
    this.#order = header.refcountOrder;
    this.#perBlock = (this.#cluster * 8) / 2 ** header.refcountOrder;
    this.#table = table;
    this.#tableOffset = header.refcountTableOffset;
    this.#hint = hint;
  }

  static async open(file: ImageFile, tables: TableCache, header: Qcow2Header): Promise<Refcounts> {
    const cluster = 2 ** header.clusterBits;
    const bytes = await file.read(header.refcountTableOffset, header.refcountTableClusters * cluster);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const table = BigUint64Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(i * 8));
    return new Refcounts(file, tables, header, table, Math.ceil((await file.size()) / cluster));
  }

  async get(index: number): Promise<number> {
    const block = this.#blockOf(index);
    return block === 0 ? 0 : this.#read(await this.#tables.get(block), index % this.#perBlock);
  }

  /** The offset of a cluster that is now counted once. `quiet`: operations begun before this number are through. */
  async allocate(quiet: number): Promise<number> {
    const again = this.#freed[0];
    if (again !== undefined && again.until < quiet) {
      this.#freed.shift();
      if ((await this.get(again.index)) === 0) {
        await this.#set(again.index, 1);
        return again.index * this.#cluster;
      }
    }
    for (let looked = 0; looked < MOST_LOOKED_AT; looked++) {
      const index = this.#hint;
      if (this.#blockOf(index) === 0) await this.#addBlock(index);
      this.#hint++;
      if ((await this.get(index)) !== 0) continue;
      await this.#set(index, 1);
      return index * this.#cluster;
    }
    throw new ImageError(`${this.#file.path}: no free cluster is found; its reference counts are not right`);
  }

  /** One user of the cluster less. `now`: the number of the latest operation that may still read it. */
  async release(offset: number, now: number): Promise<void> {
    const index = Math.floor(offset / this.#cluster);
    const count = await this.get(index);
    if (count === 0) return; // a damaged image; nothing is lost by leaving it so
    await this.#set(index, count - 1);
    if (count === 1) this.#freed.push({ index, until: now });
  }

  #blockOf(index: number): number {
    return Number((this.#table[Math.floor(index / this.#perBlock)] ?? 0n) & OFFSET_MASK);
  }

  #read(block: DataView, at: number): number {
    switch (this.#order) {
      case 6:
        return Number(block.getBigUint64(at * 8));
      case 5:
        return block.getUint32(at * 4);
      case 4:
        return block.getUint16(at * 2);
      case 3:
        return block.getUint8(at);
      default: {
        const bits = 2 ** this.#order;
        const perByte = 8 / bits;
        return (block.getUint8(Math.floor(at / perByte)) >> ((at % perByte) * bits)) & (2 ** bits - 1);
      }
    }
  }

  #write(block: DataView, at: number, count: number): void {
    switch (this.#order) {
      case 6:
        block.setBigUint64(at * 8, BigInt(count));
        return;
      case 5:
        block.setUint32(at * 4, count);
        return;
      case 4:
        block.setUint16(at * 2, count);
        return;
      case 3:
        block.setUint8(at, count);
        return;
      default: {
        const bits = 2 ** this.#order;
        const perByte = 8 / bits;
        const byte = Math.floor(at / perByte);
        const shift = (at % perByte) * bits;
        const others = block.getUint8(byte) & ~((2 ** bits - 1) << shift);
        block.setUint8(byte, others | (count << shift));
      }
    }
  }

  async #set(index: number, count: number): Promise<void> {
    const at = index % this.#perBlock;
    const from = Math.floor((at * 2 ** this.#order) / 8);
    const to = from + Math.max(1, 2 ** this.#order / 8);
    await this.#tables.change(this.#blockOf(index), from, to, (block) => this.#write(block, at, count));
  }

  /**
   * Counts for `index` and its neighbours, of which none is used. The new block itself takes that cluster, and where the
   * table has no place for it the whole table, larger, takes those after it.
   */
  async #addBlock(index: number): Promise<void> {
    const entry = Math.floor(index / this.#perBlock);
    const before = index % this.#perBlock;
    const cluster = this.#cluster;
    const perCluster = cluster / 8;
    const grows = entry >= this.#table.length;
    let blocks = 1;
    let tableClusters = 0;
    for (let settled = !grows; !settled; ) {
      tableClusters = Math.ceil((Math.max(entry, Math.ceil(this.#table.length * 1.5)) + blocks) / perCluster);
      settled = before + blocks + tableClusters <= blocks * this.#perBlock;
      if (!settled) blocks++;
    }
    for (let i = 0; i < blocks; i++) {
      const bytes = new Uint8Array(cluster);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at < this.#perBlock; at++) {
        const place = i * this.#perBlock + at - before;
        if (place >= 0 && place < blocks + tableClusters) this.#write(view, at, 1);
      }
      await this.#tables.put((index + i) * cluster, bytes);
    }
    if (!grows) {
      const pointer = BigUint64Array.of(BigInt(index * cluster));
      await this.#file.write(this.#tableOffset + entry * 8, bigEndian(pointer));
      this.#table.set(pointer, entry);
      return;
    }
    const table = new BigUint64Array(tableClusters * perCluster);
    table.set(this.#table);
    for (let i = 0; i < blocks; i++) table[entry + i] = BigInt((index + i) * cluster);
    const offset = (index + blocks) * cluster;
    await this.#file.write(offset, bigEndian(table));
    const pointer = new Uint8Array(12);
    const view = new DataView(pointer.buffer);
    view.setBigUint64(0, BigInt(offset));
    view.setUint32(8, tableClusters);
    await this.#file.write(REFCOUNT_TABLE_FIELD, pointer);
    const old = { offset: this.#tableOffset, clusters: this.#table.length / perCluster };
    this.#table = table;
    this.#tableOffset = offset;
    for (let i = 0; i < old.clusters; i++) await this.release(old.offset + i * cluster, -1);
  }
}

export function bigEndian(words: BigUint64Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setBigUint64(i * 8, word);
  return bytes;
}
