import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeBytes,
  encodeJson,
  type Frame,
  FrameParser,
  MAX_CONSOLE_BYTES,
  MAX_JSON_BYTES,
} from "../../src/protocol/frame.ts";

function parseAll(chunks: readonly Uint8Array[]): { frames: Frame[]; broken: string | undefined } {
  const parser = new FrameParser();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    for (;;) {
      const outcome = parser.next();
      if (outcome.state === "more") break;
      if (outcome.state === "broken") return { frames, broken: outcome.why };
      frames.push(outcome.frame);
    }
  }
  return { frames, broken: undefined };
}

const frame = fc.oneof(
  fc.jsonValue().map((value): Frame => ({ kind: "json", value: JSON.parse(JSON.stringify(value)) })),
  fc.uint8Array({ minLength: 1, maxLength: 500 }).map((bytes): Frame => ({ kind: "bytes", bytes })),
);

describe("frames", () => {
  it("any chunking parses alike", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 97 })),
        (frames, sizes) => {
          const wire = Buffer.concat(
            frames.flatMap((f) => (f.kind === "json" ? [encodeJson(f.value)] : encodeBytes(f.bytes))),
          );
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < wire.length; ) {
            const size = sizes.next().value as number;
            chunks.push(wire.subarray(at, at + size));
            at += size;
          }
          const parsed = parseAll(chunks);
          expect(parsed.broken).toBeUndefined();
          expect(parsed.frames.map((f) => (f.kind === "bytes" ? [...f.bytes] : f.value))).toEqual(
            frames.map((f) => (f.kind === "bytes" ? [...f.bytes] : f.value)),
          );
        },
      ),
    );
  });

  it("noise never throws, and a frame that is too large is refused before it is held", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        parseAll(chunks);
      }),
    );
    for (const [kind, most] of [
      [0, MAX_JSON_BYTES],
      [1, MAX_CONSOLE_BYTES],
    ] as const) {
      const header = new Uint8Array(5);
      new DataView(header.buffer).setUint32(0, most + 2, true);
      header[4] = kind;
      expect(parseAll([header]).broken).toMatch(/refused/);
    }
    expect(parseAll([Uint8Array.of(1, 0, 0, 0, 9)]).broken).toMatch(/unknown frame kind/);
    expect(parseAll([Uint8Array.of(3, 0, 0, 0, 0, 0x7b, 0x7b)]).broken).toMatch(/not JSON/);
  });

  it("long console bytes leave as several frames, in order", () => {
    const bytes = Uint8Array.from({ length: MAX_CONSOLE_BYTES * 2 + 7 }, (_, i) => i % 251);
    const { frames } = parseAll(encodeBytes(bytes));
    expect(frames.length).toBe(3);
    expect(Buffer.concat(frames.map((f) => (f.kind === "bytes" ? f.bytes : new Uint8Array())))).toEqual(
      Buffer.from(bytes),
    );
  });
});
