/**
 * Saved domains' bytes between the toolstack's plans and the outside: a plan knows a stream by its number, the outside has
 * a channel to whoever reads or writes the file.
 */
import type { StreamAsk } from "../toolstack/wait.ts";

export interface ByteChannel {
  /** The next `count` bytes; fewer: nothing more will come. */
  take(count: number): Promise<Uint8Array>;
  /** Undefined: taken, and there is room for more. Else why not: errno and strerror's words, `28 = No space left on device`. */
  put(bytes: Uint8Array): Promise<string | undefined>;
  /** Nobody takes any more: what still comes is dropped. */
  end(): void;
}

export class Streams {
  readonly #open = new Map<number, ByteChannel>();
  #nextId = 1;

  open(channel: ByteChannel): number {
    const id = this.#nextId++;
    this.#open.set(id, channel);
    return id;
  }

  close(id: number): void {
    this.#open.delete(id);
  }

  async answer(question: StreamAsk): Promise<Uint8Array | string | undefined> {
    const channel = this.#open.get(question.stream);
    if (question.ask === "stream-take") return (await channel?.take(question.count)) ?? new Uint8Array(0);
    return channel === undefined ? "32 = Broken pipe" : await channel.put(question.bytes);
  }
}
