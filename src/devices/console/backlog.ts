/**
 * What a console printed before anybody looked: the last `limit` bytes (xenconsoled's `limit` node says 1 MiB too).
 * The log file has all of it.
 */
export const BACKLOG_LIMIT = 1 << 20;

export class Backlog {
  readonly #chunks: Uint8Array[] = [];
  readonly #limit: number;
  #length = 0;

  constructor(limit = BACKLOG_LIMIT) {
    this.#limit = limit;
  }

  append(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    while (this.#length > this.#limit) {
      const oldest = this.#chunks[0];
      if (oldest === undefined) return;
      const over = this.#length - this.#limit;
      if (oldest.length <= over) {
        this.#chunks.shift();
        this.#length -= oldest.length;
      } else {
        this.#chunks[0] = oldest.subarray(over);
        this.#length -= over;
      }
    }
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }
}
