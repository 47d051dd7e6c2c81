/** What the two ends of a migration say to each other beside the stream (xl.h), and how they are read. */
import type { Readable, Writable } from "node:stream";
import { warn } from "../output.ts";

/** Without a NUL; all others have one. */
export const RECEIVER_BANNER = "xl migration receiver ready, send binary domain data.\n";
export const RECEIVER_READY = "domain received, ready to unpause\0";
export const PERMISSION_TO_GO = "domain is yours, you are cleared to unpause\0";
export const REPORT = "my copy unpause results are as follows\0";

/** Exact reads from a pipe. */
export class PipeReader {
  readonly #stream: Readable;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #filling: Promise<void> | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on("error", () => {});
  }

  /** The next `count` bytes; fewer: the pipe has ended. */
  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count && !this.#ended) await this.#fill();
    return this.cut(count);
  }

  /** Waits until there is something, or nothing will come any more. Takes nothing. */
  async readable(): Promise<void> {
    while (this.#held.length === 0 && !this.#ended) await this.#fill();
  }

  /** What is there, at most `most` bytes. */
  cut(most: number): Buffer {
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  #fill(): Promise<void> {
    this.#filling ??= this.#next().then((piece) => {
      this.#filling = undefined;
      if (piece === undefined) this.#ended = true;
      else this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    });
    return this.#filling;
  }

  /** Undefined: the pipe has ended. */
  #next(): Promise<Buffer | undefined> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      const look = (): void => {
        const piece: Buffer | null = stream.read();
        if (piece === null && !stream.readableEnded && !stream.destroyed) return;
        for (const event of EVENTS) stream.off(event, look);
        resolve(piece ?? undefined);
      };
      for (const event of EVENTS) stream.on(event, look);
      look();
    });
  }
}

const EVENTS = ["readable", "end", "close", "error"] as const;

/** True: it was the message expected. `rune`: the command at the other end, for whom its sender is told. */
export async function readMessage(
  pipe: PipeReader,
  message: string,
  what: string,
  rune: string | undefined,
): Promise<boolean> {
  const source = rune === undefined ? "migration stream" : "migration receiver stream";
  const got = await pipe.take(message.length);
  if (got.length < message.length) {
    const place = "libxl: error: libxl_utils.c:505:libxl_read_exactly";
    warn(`${place}: file/stream truncated reading ${what} from ${source}`);
    return false;
  }
  if (got.toString("latin1") === message) return true;
  warn(`${source} contained unexpected data instead of ${what}`);
  if (rune !== undefined) warn(`(command run was: ${rune} )`);
  return false;
}

/** Resolves when there is room for more; false: nobody reads any more. */
export function writePipe(pipe: Writable, bytes: Uint8Array | string): Promise<boolean> {
  return new Promise((resolve) => {
    if (pipe.destroyed || pipe.writableEnded) resolve(false);
    else pipe.write(bytes, (error) => resolve(error === null || error === undefined));
  });
}
