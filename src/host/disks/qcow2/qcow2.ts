/**
 * A qcow2 image, versions 2 and 3: compressed clusters, backing files, internal snapshots (kept whole: what they share is
 * copied before it is written), discards.
 *
 * Reads and writes of clusters that are there go side by side. What changes tables goes one after another, in an order that
 * leaves a valid image wherever this process is killed (refcounts.ts): data, then the entry that points to it, then the
 * count of what it replaced.
 */
import { type DiskImage, ImageError } from "../image.ts";
import { type ImageFile, readPadded } from "../image-file.ts";
import { Mutex } from "../mutex.ts";
import { AUTOCLEAR_FIELD, type Qcow2Header, readHeader } from "./header.ts";
import { inflateCluster } from "./inflate.ts";
import { bigEndian, Refcounts } from "./refcounts.ts";
import { TableCache } from "./table-cache.ts";

const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;
const ZERO = 1n;
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;

/** What an L2 entry says of its cluster. */
type Cluster =
  | { readonly state: "absent" | "zero" }
  /** `own`: counted once, so it may be written. `zero`: reads as zeros although it has its place. */
  | { readonly state: "data"; readonly offset: number; readonly own: boolean; readonly zero: boolean }
  | { readonly state: "compressed"; readonly offset: number; readonly length: number };

/** Part of a cluster. */
interface Piece {
  /** Of the cluster on the virtual disk. */
  readonly index: number;
  /** In the cluster, bytes. */
  readonly from: number;
  readonly length: number;
  /** In the request. */
  readonly at: number;
}

export class Qcow2Image implements DiskImage {
  readonly size: number;
  readonly readonly: boolean;
  readonly discardGranularity: number;
  readonly #file: ImageFile;
  readonly #header: Qcow2Header;
  readonly #cluster: number;
  readonly #tables: TableCache;
  readonly #refcounts: Refcounts;
  readonly #l1: BigUint64Array;
  readonly #backing: DiskImage | undefined;
  readonly #changing = new Mutex();
  /** Operations under way, oldest first; a cluster that is freed is not used anew while one of its time goes on. */
  readonly #underWay = new Set<number>();
  #latest = 0;

  private constructor(
    file: ImageFile,
    header: Qcow2Header,
    tables: TableCache,
    refcounts: Refcounts,
    l1: BigUint64Array,
    backing: DiskImage | undefined,
    readonly: boolean,
  ) {
    this.#file = file;
    this.#header = header;
    this.#cluster = 2 ** header.clusterBits;
    this.#tables = tables;
    this.#refcounts = refcounts;
    this.#l1 = l1;
    this.#backing = backing;
    this.size = header.size;
    this.readonly = readonly;
    this.discardGranularity = readonly ? 0 : this.#cluster;
  }

  /** `openBacking` opens the file that the header names. Throws {@link ImageError}, or what the system says. */
  static async open(
    file: ImageFile,
    readonly: boolean,
    openBacking: (name: string, format: string | undefined) => Promise<DiskImage>,
  ): Promise<Qcow2Image> {
    const header = await readHeader(file, readonly);
    const tables = new TableCache(file, 2 ** header.clusterBits);
    const refcounts = await Refcounts.open(file, tables, header);
    const bytes = await file.read(header.l1Offset, header.l1Entries * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const l1 = BigUint64Array.from({ length: header.l1Entries }, (_, i) => view.getBigUint64(i * 8));
    const { backing } = header;
    const below = backing === undefined ? undefined : await openBacking(backing.name, backing.format);
    if (header.autoclear && !readonly) await file.write(AUTOCLEAR_FIELD, new Uint8Array(8));
    return new Qcow2Image(file, header, tables, refcounts, l1, below, readonly);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#operation(async () => {
      const pieces = this.#pieces(offset, length);
      const [first] = pieces;
      if (pieces.length === 1 && first !== undefined) return await this.#readPiece(first);
      const whole = Buffer.allocUnsafeSlow(length); // every piece is filled
      const work = pieces.map(async (piece) => whole.set(await this.#readPiece(piece), piece.at));
      for (const outcome of await Promise.allSettled(work))
        if (outcome.status === "rejected") throw outcome.reason;
      return whole;
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#operation(async () => {
      for (const piece of this.#pieces(offset, bytes.length)) {
        const data = bytes.subarray(piece.at, piece.at + piece.length);
        const place = await this.#writablePlace(piece.index);
        if (place !== undefined) await this.#file.write(place + piece.from, data);
        else await this.#changing.run(() => this.#place(piece, data));
      }
    });
  }

  async flush(): Promise<void> {
    if (!this.readonly) await this.#file.sync();
  }

  /** Whole clusters within the range read as zeros afterwards, and are free. */
  discard(offset: number, length: number): Promise<void> {
    return this.#operation(async () => {
      const end = Math.floor((offset + length) / this.#cluster);
      for (let index = Math.ceil(offset / this.#cluster); index < end; index++) {
        // Of a disk much larger than its image most is not there.
        if (this.#backing === undefined && this.#l1[this.#l1Index(index)] === 0n) {
          index = (this.#l1Index(index) + 1) * this.#perTable - 1;
          continue;
        }
        await this.#changing.run(() => this.#drop(index));
      }
    });
  }

  async close(): Promise<void> {
    await this.#changing.run(async () => {});
    await this.flush();
    await this.#file.close();
    await this.#backing?.close();
  }

  async #operation<T>(work: () => Promise<T>): Promise<T> {
    const number = ++this.#latest;
    this.#underWay.add(number);
    try {
      return await work();
    } finally {
      this.#underWay.delete(number);
    }
  }

  /** Operations before this number are through. */
  #quiet(): number {
    const [oldest] = this.#underWay;
    return oldest ?? Number.POSITIVE_INFINITY;
  }

  get #perTable(): number {
    return this.#cluster / 8;
  }

  #l1Index(index: number): number {
    return Math.floor(index / this.#perTable);
  }

  #pieces(offset: number, length: number): Piece[] {
    const pieces: Piece[] = [];
    for (let at = 0; at < length; ) {
      const from = (offset + at) % this.#cluster;
      const here = Math.min(length - at, this.#cluster - from);
      pieces.push({ index: Math.floor((offset + at) / this.#cluster), from, length: here, at });
      at += here;
    }
    return pieces;
  }

  async #entry(index: number): Promise<bigint> {
    const table = Number((this.#l1[this.#l1Index(index)] ?? 0n) & OFFSET_MASK);
    if (table === 0) return 0n;
    return (await this.#tables.get(table)).getBigUint64((index % this.#perTable) * 8);
  }

  #decode(entry: bigint): Cluster {
    if ((entry & COMPRESSED) !== 0n) {
      const shift = BigInt(62 - (this.#header.clusterBits - 8));
      const offset = Number(entry & ((1n << shift) - 1n));
      const sectors = Number((entry & (COMPRESSED - 1n)) >> shift) + 1;
      return { state: "compressed", offset, length: sectors * 512 - (offset % 512) };
    }
    const offset = Number(entry & OFFSET_MASK);
    const zero = this.#header.version === 3 && (entry & ZERO) !== 0n;
    if (offset === 0) return { state: zero ? "zero" : "absent" };
    if (offset % this.#cluster !== 0)
      throw new ImageError(`${this.#file.path}: a cluster lies where none can be`);
    return { state: "data", offset, own: (entry & COPIED) !== 0n, zero };
  }

  async #readPiece({ index, from, length }: Piece): Promise<Uint8Array> {
    const cluster = this.#decode(await this.#entry(index));
    switch (cluster.state) {
      case "zero":
        return new Uint8Array(length);
      case "absent":
        if (this.#backing === undefined) return new Uint8Array(length);
        return await readPadded(this.#backing, index * this.#cluster + from, length);
      case "data":
        return cluster.zero ? new Uint8Array(length) : await this.#file.read(cluster.offset + from, length);
      case "compressed": {
        const packed = await this.#file.read(cluster.offset, cluster.length);
        const whole = await inflateCluster(packed, this.#cluster, this.#header.compression);
        return whole.subarray(from, from + length);
      }
    }
  }

  /** Where the cluster can be written just so. */
  async #writablePlace(index: number): Promise<number | undefined> {
    if (((this.#l1[this.#l1Index(index)] ?? 0n) & COPIED) === 0n) return undefined;
    const cluster = this.#decode(await this.#entry(index));
    return cluster.state === "data" && cluster.own && !cluster.zero ? cluster.offset : undefined;
  }

  /** Writes into a cluster that is not there, or not ours alone: it gets a new place, and its other bytes with it. */
  async #place(piece: Piece, data: Uint8Array): Promise<void> {
    const place = await this.#writablePlace(piece.index); // another may have been here while we waited
    if (place !== undefined) {
      await this.#file.write(place + piece.from, data);
      return;
    }
    let whole = data;
    if (piece.length < this.#cluster) {
      whole = (await this.#readPiece({ ...piece, from: 0, length: this.#cluster })).slice();
      whole.set(data, piece.from);
    }
    const old = await this.#entry(piece.index);
    await this.#ownTable(piece.index);
    const offset = await this.#refcounts.allocate(this.#quiet());
    await this.#file.write(offset, whole);
    await this.#setEntry(piece.index, BigInt(offset) | COPIED);
    await this.#releaseOf(old);
  }

  async #drop(index: number): Promise<void> {
    const old = await this.#entry(index);
    const { state } = this.#decode(old);
    const version3 = this.#header.version === 3;
    if (state === "zero" || (state === "absent" && this.#backing === undefined)) return;
    // Version 2 cannot say "zeros" over a backing file: it reads as before, as a discard may.
    if (!version3 && this.#backing !== undefined) return;
    await this.#ownTable(index);
    await this.#setEntry(index, version3 ? ZERO : 0n);
    await this.#releaseOf(old);
  }

  /** The clusters that an entry, which is no longer there, pointed to. */
  async #releaseOf(entry: bigint): Promise<void> {
    const cluster = this.#decode(entry);
    if (cluster.state === "data") await this.#refcounts.release(cluster.offset, this.#latest);
    if (cluster.state !== "compressed") return;
    const last = Math.floor((cluster.offset + cluster.length - 1) / this.#cluster);
    for (let at = Math.floor(cluster.offset / this.#cluster); at <= last; at++)
      await this.#refcounts.release(at * this.#cluster, this.#latest);
  }

  /** There is an L2 table for this cluster, and it is nobody else's. */
  async #ownTable(index: number): Promise<void> {
    const at = this.#l1Index(index);
    const entry = this.#l1[at] ?? 0n;
    if ((entry & COPIED) !== 0n) return;
    const old = Number(entry & OFFSET_MASK);
    const bytes = new Uint8Array(this.#cluster);
    if (old !== 0) {
      const view = await this.#tables.get(old);
      bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    }
    const offset = await this.#refcounts.allocate(this.#quiet());
    await this.#tables.put(offset, bytes);
    const pointer = BigUint64Array.of(BigInt(offset) | COPIED);
    await this.#file.write(this.#header.l1Offset + at * 8, bigEndian(pointer));
    this.#l1.set(pointer, at);
    if (old !== 0) await this.#refcounts.release(old, this.#latest);
  }

  async #setEntry(index: number, entry: bigint): Promise<void> {
    const table = Number((this.#l1[this.#l1Index(index)] ?? 0n) & OFFSET_MASK);
    const at = (index % this.#perTable) * 8;
    await this.#tables.change(table, at, at + 8, (view) => view.setBigUint64(at, entry));
  }
}
