/** Tables of one cluster each (L2 tables, blocks of reference counts), kept as they lie in the file; changes are written through. */
import { ImageError } from "../image.ts";
import type { ImageFile } from "../image-file.ts";

const MOST_BYTES = 8 * 2 ** 20;

export class TableCache {
  readonly #file: ImageFile;
  readonly #cluster: number;
  readonly #most: number;
  /** In order of use, the latest last. */
  readonly #tables = new Map<number, Promise<DataView>>();

  constructor(file: ImageFile, cluster: number) {
    this.#file = file;
    this.#cluster = cluster;
    this.#most = Math.max(4, Math.floor(MOST_BYTES / cluster));
  }

  async get(offset: number): Promise<DataView> {
    if (offset % this.#cluster !== 0)
      throw new ImageError(`${this.#file.path}: a table lies where none can be`);
    const table = this.#tables.get(offset) ?? this.#load(offset);
    this.#tables.delete(offset);
    this.#keep(offset, table);
    return await table;
  }

  /** A new table, written before anything points to it. */
  async put(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#file.write(offset, bytes);
    this.#keep(offset, Promise.resolve(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)));
  }

  /** Changes a table and writes the bytes from `from` to `to`. */
  async change(offset: number, from: number, to: number, act: (view: DataView) => void): Promise<void> {
    const view = await this.get(offset);
    act(view);
    await this.#file.write(offset + from, new Uint8Array(view.buffer, view.byteOffset + from, to - from));
  }

  forget(offset: number): void {
    this.#tables.delete(offset);
  }

  async #load(offset: number): Promise<DataView> {
    const bytes = await this.#file.read(offset, this.#cluster);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #keep(offset: number, table: Promise<DataView>): void {
    this.#tables.set(offset, table);
    table.catch(() => this.#tables.delete(offset));
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size <= this.#most) break;
      this.#tables.delete(oldest);
    }
  }
}
