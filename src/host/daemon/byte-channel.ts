/** The bytes of a client's connection beside its requests, with room kept small both ways. */
import type { Socket } from "node:net";
import { encodeBytes } from "../../protocol/frame.ts";
import type { ByteChannel } from "../streams.ts";

/** More than this waiting for somebody to take it, and the client is held back. */
const FULL_BYTES = 4 << 20;

export class SocketBytes implements ByteChannel {
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #ended = false;
  #wanted = 0;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A bytes frame came; an empty one ends the stream. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (bytes.length === 0) {
      this.close();
      return;
    }
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    if (this.#held >= Math.max(this.#wanted, FULL_BYTES)) this.#socket.pause();
    if (this.#held >= this.#wanted) this.#wake?.();
  }

  /** Nothing more comes, or can go. */
  close(): void {
    this.#ended = true;
    this.#socket.resume();
    this.#wake?.();
  }

  end(): void {
    this.#chunks = [];
    this.#held = 0;
    this.close();
  }

  async take(count: number): Promise<Uint8Array> {
    this.#wanted = count;
    if (this.#held < count && !this.#ended) {
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#wanted = 0;
    return this.#cut(count);
  }

  async put(bytes: Uint8Array): Promise<string | undefined> {
    for (const frame of encodeBytes(bytes)) {
      if (this.#socket.destroyed || this.#socket.writableEnded) return "32 = Broken pipe";
      if (this.#held > 0) return this.#why();
      if (this.#socket.write(frame)) continue;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.#socket.off("drain", go);
          this.#socket.off("close", go);
          resolve();
        };
        this.#socket.once("drain", go);
        this.#socket.once("close", go);
      });
    }
    return this.#held > 0 ? this.#why() : undefined;
  }

  /** What a client sends back while it is written to. */
  #why(): string {
    return new TextDecoder().decode(this.#cut(256));
  }

  #cut(count: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(count, this.#held));
    let at = 0;
    while (at < bytes.length) {
      const chunk = this.#chunks[0] as Uint8Array;
      const piece = chunk.subarray(0, bytes.length - at);
      bytes.set(piece, at);
      at += piece.length;
      if (piece.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(piece.length);
    }
    this.#held -= bytes.length;
    return bytes;
  }
}
