/**
 * VHD images ("Virtual Hard Disk Image Format Specification"): fixed ones, whose footer follows the disk's bytes, and dynamic
 * ones, whose blocks lie where their allocation table says. Differencing ones are refused.
 *
 * A new block takes the footer's place. The footer is written behind it first and the table's entry last, so that a process
 * killed in between leaves a valid image.
 */
import { type DiskImage, ImageError } from "./image.ts";
import type { ImageFile } from "./image-file.ts";
import { Mutex } from "./mutex.ts";

const SECTOR = 512;
const FOOTER_COOKIE = "conectix";
const HEADER_COOKIE = "cxsparse";
const HEADER_BYTES = 1024;
const TYPE_FIXED = 2;
const TYPE_DYNAMIC = 3;
const TYPE_DIFFERENCING = 4;
const UNUSED = 0xffff_ffff;
const MOST_BLOCKS = 4 * 2 ** 20;
const LARGEST_BLOCK = 256 * 2 ** 20;
/** Of these creators the size field holds; of others the geometry does (as QEMU reads them). */
const SIZE_HOLDS = ["win ", "qem2", "d2v ", "tap\0", "CTXS"];
const LARGEST_GEOMETRY = 65_535 * 16 * 255;

interface Layout {
  readonly footer: Uint8Array;
  readonly blockBytes: number;
  /** Before a block's data: which of its sectors were written. */
  readonly bitmapBytes: number;
  readonly tableOffset: number;
  /** Sector that each block begins at. */
  readonly table: Uint32Array;
}

export class VhdImage implements DiskImage {
  readonly size: number;
  readonly readonly: boolean;
  readonly discardGranularity = 0;
  readonly #file: ImageFile;
  /** Undefined: the disk's bytes lie one after another. */
  readonly #layout: Layout | undefined;
  readonly #changing = new Mutex();
  /** Where the footer is, bytes. */
  #end: number;

  private constructor(
    file: ImageFile,
    size: number,
    readonly: boolean,
    layout: Layout | undefined,
    end: number,
  ) {
    this.#file = file;
    this.size = size;
    this.readonly = readonly;
    this.#layout = layout;
    this.#end = end;
  }

  /** Throws {@link ImageError}, or what the system says. */
  static async open(file: ImageFile, readonly: boolean): Promise<VhdImage> {
    const end = (await file.size()) - SECTOR;
    const footer = end < 0 ? new Uint8Array(SECTOR) : await file.read(end, SECTOR);
    if (textAt(footer, 0, 8) !== FOOTER_COOKIE || !isWhole(footer, 64))
      throw new ImageError(`${file.path}: is not a VHD image, or its footer is damaged`);
    const view = viewOf(footer);
    const type = view.getUint32(60);
    if (type === TYPE_DIFFERENCING)
      throw new ImageError(`${file.path}: is a differencing VHD image, which is not supported`);
    const size = sizeOf(footer);
    if (type === TYPE_FIXED) {
      if (size > end) throw new ImageError(`${file.path}: is shorter than its disk`);
      return new VhdImage(file, size, readonly, undefined, end);
    }
    if (type !== TYPE_DYNAMIC) throw new ImageError(`${file.path}: VHD images of type ${type} are not known`);
    const layout = await readLayout(file, footer, size);
    // The table's last entry counts: a footer never lies before a block.
    const blocksEnd = layout.table.reduce(
      (last, sector) =>
        sector === UNUSED ? last : Math.max(last, sector * SECTOR + layout.bitmapBytes + layout.blockBytes),
      0,
    );
    return new VhdImage(file, size, readonly, layout, Math.max(end, blocksEnd));
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#layout === undefined) return await this.#file.read(offset, length);
    const whole = new Uint8Array(length);
    for (const { at, here, block, from } of this.#pieces(this.#layout, offset, length)) {
      const place = this.#placeOf(this.#layout, block);
      if (place !== undefined) whole.set(await this.#file.read(place + from, here), at);
    }
    return whole;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const layout = this.#layout;
    if (layout === undefined) {
      await this.#file.write(offset, bytes);
      return;
    }
    for (const { at, here, block, from } of this.#pieces(layout, offset, bytes.length)) {
      const data = bytes.subarray(at, at + here);
      const place = this.#placeOf(layout, block);
      if (place === undefined) await this.#changing.run(() => this.#add(layout, block, from, data));
      else await this.#file.write(place + from, data);
    }
  }

  async flush(): Promise<void> {
    if (!this.readonly) await this.#file.sync();
  }

  async discard(): Promise<void> {}

  async close(): Promise<void> {
    await this.#changing.run(async () => {});
    await this.flush();
    await this.#file.close();
  }

  *#pieces({ blockBytes }: Layout, offset: number, length: number) {
    for (let at = 0; at < length; ) {
      const from = (offset + at) % blockBytes;
      const here = Math.min(length - at, blockBytes - from);
      yield { at, here, from, block: Math.floor((offset + at) / blockBytes) };
      at += here;
    }
  }

  /** Of the block's data. */
  #placeOf({ table, bitmapBytes }: Layout, block: number): number | undefined {
    const sector = table[block] ?? UNUSED;
    return sector === UNUSED ? undefined : sector * SECTOR + bitmapBytes;
  }

  async #add(layout: Layout, block: number, from: number, data: Uint8Array): Promise<void> {
    const known = this.#placeOf(layout, block); // another may have been here while we waited
    if (known !== undefined) {
      await this.#file.write(known + from, data);
      return;
    }
    const start = Math.ceil(this.#end / SECTOR) * SECTOR;
    const end = start + layout.bitmapBytes + layout.blockBytes;
    await this.#file.write(end, layout.footer); // what lies between reads as zeros
    await this.#file.write(start, new Uint8Array(layout.bitmapBytes).fill(0xff));
    await this.#file.write(start + layout.bitmapBytes + from, data);
    const entry = new Uint8Array(4);
    new DataView(entry.buffer).setUint32(0, start / SECTOR);
    await this.#file.write(layout.tableOffset + block * 4, entry);
    layout.table[block] = start / SECTOR;
    this.#end = end;
  }
}

async function readLayout(file: ImageFile, footer: Uint8Array, size: number): Promise<Layout> {
  const header = await file.read(Number(viewOf(footer).getBigUint64(16)), HEADER_BYTES);
  const view = viewOf(header);
  const refuse = (why: string): never => {
    throw new ImageError(`${file.path}: ${why}`);
  };
  if (textAt(header, 0, 8) !== HEADER_COOKIE || !isWhole(header, 36)) refuse("its VHD header is damaged");
  const tableOffset = Number(view.getBigUint64(16));
  const blocks = view.getUint32(28);
  const blockBytes = view.getUint32(32);
  if (blockBytes < SECTOR || blockBytes > LARGEST_BLOCK || (blockBytes & (blockBytes - 1)) !== 0)
    refuse(`blocks of ${blockBytes} bytes cannot be`);
  if (blocks > MOST_BLOCKS || blocks * blockBytes < size) refuse("its block table does not fit its size");
  if (tableOffset > 2 ** 53) refuse("its block table lies where none can be");
  const bytes = await file.read(tableOffset, blocks * 4);
  const entries = viewOf(bytes);
  return {
    footer,
    blockBytes,
    bitmapBytes: Math.ceil(blockBytes / SECTOR / 8 / SECTOR) * SECTOR,
    tableOffset,
    table: Uint32Array.from({ length: blocks }, (_, i) => entries.getUint32(i * 4)),
  };
}

function sizeOf(footer: Uint8Array): number {
  const view = viewOf(footer);
  const geometry = view.getUint16(56) * view.getUint8(58) * view.getUint8(59);
  const said = Number(view.getBigUint64(48));
  const holds = SIZE_HOLDS.includes(textAt(footer, 28, 4)) || geometry >= LARGEST_GEOMETRY;
  return Math.floor((holds ? said : geometry * SECTOR) / SECTOR) * SECTOR;
}

/** The checksum: the complement of the sum of all other bytes. */
function isWhole(bytes: Uint8Array, checksumAt: number): boolean {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) if (at < checksumAt || at >= checksumAt + 4) sum += byte;
  return viewOf(bytes).getUint32(checksumAt) === ~sum >>> 0;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));
