/**
 * A saved domain's bytes on their way: where they come from and where they go to is the host's (a file, a pipe to another
 * machine). A writer holds one piece at a time, a reader one record.
 */
import { ask, type Plan } from "../wait.ts";

export interface ByteSource {
  /** The next `count` bytes; fewer: the stream has ended. */
  take(count: number): Plan<Uint8Array>;
}

export interface ByteSink {
  /** Done when the piece is on its way and there is room for the next. Throws {@link StreamBroken}. */
  put(bytes: Uint8Array): Plan<void>;
}

/** Whoever takes the stream takes no more. `why`: errno and strerror's words. */
export class StreamBroken extends Error {
  override readonly name = "StreamBroken";
  readonly why: string;

  constructor(why: string) {
    super(why);
    this.why = why;
  }
}

/** A stream that the host holds open, by its number. */
export const openStream = (stream: number): ByteSource & ByteSink => ({
  take: (count) => ask({ ask: "stream-take", stream, count }),
  *put(bytes) {
    const why = yield* ask({ ask: "stream-put", stream, bytes });
    if (why !== undefined) throw new StreamBroken(why);
  },
});

/** Bytes that are all here. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  let at = 0;
  return {
    // biome-ignore lint/correctness/useYield: nothing to wait for
    *take(count) {
      const piece = bytes.subarray(at, at + count);
      at += piece.length;
      return piece;
    },
  };
}
