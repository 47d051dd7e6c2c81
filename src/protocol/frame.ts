/**
 * Frames on the host's socket, both ways: u32 length (of what follows, little endian), u8 kind, payload.
 *
 *   kind 0  JSON, UTF-8          kind 1  console bytes
 *
 * The parser takes any chunking, holds at most one frame, and never throws: what cannot be a frame ends the stream.
 */

export const FRAME_JSON = 0;
export const FRAME_BYTES = 1;

/** A config text of 1 MiB fits with its escapes; nothing that we send is larger. */
export const MAX_JSON_BYTES = 8 << 20;
export const MAX_CONSOLE_BYTES = 64 << 10;

export type Frame =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

export type ParseOutcome =
  | { readonly state: "frame"; readonly frame: Frame }
  /** Nothing whole yet. */
  | { readonly state: "more" }
  /** Not our protocol, or too large: the connection is to be closed. */
  | { readonly state: "broken"; readonly why: string };

const HEADER = 5;

export function encodeJson(value: unknown): Uint8Array {
  return encode(FRAME_JSON, new TextEncoder().encode(JSON.stringify(value)));
}

/** `bytes` may be longer than one frame holds: answers as many frames as it takes. */
export function encodeBytes(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += MAX_CONSOLE_BYTES) {
    frames.push(encode(FRAME_BYTES, bytes.subarray(from, from + MAX_CONSOLE_BYTES)));
  }
  return frames;
}

/** A bytes frame without bytes: nothing more will come. */
export const encodeEndOfBytes = (): Uint8Array => encode(FRAME_BYTES, new Uint8Array(0));

function encode(kind: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length + 1, true);
  frame[4] = kind;
  frame.set(payload, HEADER);
  return frame;
}

export class FrameParser {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #broken: string | undefined;

  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
  }

  /** The next whole frame. Call until it answers "more" after every push. */
  next(): ParseOutcome {
    if (this.#broken !== undefined) return { state: "broken", why: this.#broken };
    if (this.#held < HEADER) return { state: "more" };
    const header = this.#peek(HEADER);
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0, true);
    const kind = header[4];
    if (kind !== FRAME_JSON && kind !== FRAME_BYTES) return this.#break(`unknown frame kind ${kind}`);
    const most = kind === FRAME_JSON ? MAX_JSON_BYTES : MAX_CONSOLE_BYTES;
    if (length < 1 || length - 1 > most) return this.#break(`a frame of ${length} bytes is refused`);
    if (this.#held < 4 + length) return { state: "more" };
    const payload = this.#take(4 + length).subarray(HEADER);
    if (kind === FRAME_BYTES) return { state: "frame", frame: { kind: "bytes", bytes: payload } };
    try {
      const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
      return { state: "frame", frame: { kind: "json", value } };
    } catch {
      return this.#break("a frame that is not JSON");
    }
  }

  #break(why: string): ParseOutcome {
    this.#broken = why;
    this.#chunks = [];
    this.#held = 0;
    return { state: "broken", why };
  }

  /** The first chunks joined so that the first holds at least `count` bytes. */
  #peek(count: number): Uint8Array {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) return first;
    const joined = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }

  #take(count: number): Uint8Array {
    const joined = this.#peek(count);
    const rest = joined.subarray(count);
    this.#chunks.splice(0, 1, ...(rest.length > 0 ? [rest] : []));
    this.#held -= count;
    return joined.slice(0, count);
  }
}
