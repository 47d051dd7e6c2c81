import { deflateRawSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../src/image/payload/crc32.ts";
import { gunzip } from "../../src/image/payload/gzip.ts";
import { unlz4Legacy } from "../../src/image/payload/lz4.ts";
import { payloadKind } from "../../src/image/payload/payload.ts";
import { lz4Block, lz4Payload } from "./make-bzimage.ts";
import { ascii, u32 } from "./make-elf.ts";

const MIB = 1 << 20;
/** Runs, repeats and noise, as programs have them. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 400 }))
        .map(([unit, times]) => Uint8Array.from(Array.from({ length: times }, () => [...unit]).flat())),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

const whyOf = (result: { ok: true } | { ok: false; why: string }): string => (result.ok ? "" : result.why);

describe("gzip", () => {
  it("CRC-32 is gzip's", () => {
    expect(crc32(ascii("123456789"))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
    for (const length of [1, 7, 8, 9, 15, 16, 17, 1000])
      expect(crc32(ascii("x".repeat(length)))).toBe(
        gzipSync("x".repeat(length)).readUInt32LE(gzipSync("x".repeat(length)).length - 8),
      );
  });

  it("unpacks what zlib packed, at any level, wherever it lies in its buffer", () => {
    fc.assert(
      fc.property(
        content,
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 7 }),
        (bytes, level, shift) => {
          const packed = gzipSync(bytes, { level });
          const placed = new Uint8Array(shift + packed.length);
          placed.set(packed, shift);
          const out = gunzip(placed.subarray(shift), MIB);
          expect(out.ok && Buffer.from(out.value).equals(Buffer.from(bytes))).toBe(true);
        },
      ),
    );
  });

  it("skips a file name and an extra field", () => {
    const plain = gzipSync("kernel");
    const header = [
      0x1f,
      0x8b,
      8,
      4 + 8 + 16 + 2,
      0,
      0,
      0,
      0,
      0,
      3,
      3,
      0,
      1,
      2,
      3,
      ...ascii("name\0note\0"),
      9,
      9,
    ];
    const out = gunzip(Uint8Array.from([...header, ...plain.subarray(10)]), MIB);
    expect(out.ok && new TextDecoder().decode(out.value)).toBe("kernel");
  });

  it("refuses damage in words, and stops a bomb at its limit", () => {
    const packed = new Uint8Array(gzipSync("some bytes to pack ".repeat(200)));
    const changed = (at: number, value: number): Uint8Array => {
      const out = packed.slice();
      out[at < 0 ? out.length + at : at] = value;
      return out;
    };
    expect(whyOf(gunzip(packed, 100))).toMatch(/unpacks to 3800 bytes; at most 100/);
    expect(whyOf(gunzip(packed.subarray(0, 30), MIB))).toMatch(/damaged|which deflate cannot|accepted/);
    expect(whyOf(gunzip(changed(2, 9), MIB))).toMatch(/damaged: invalid gzip data/);
    expect(whyOf(gunzip(changed(-5, 0x55), MIB))).toMatch(/its CRC is/);
    expect(whyOf(gunzip(changed(-4, 1), MIB))).toMatch(/it unpacks to \d+ bytes, its trailer says 3585/);
    expect(whyOf(gunzip(Uint8Array.from([...packed, ...packed]), MIB))).toMatch(
      /damaged: more data follows its end/,
    );
    expect(whyOf(gunzip(Uint8Array.from([...packed, 1, 2, 3, 4, 5, 6, 7, 8]), 1 << 30))).toMatch(
      /damaged|cannot/,
    );
    expect(whyOf(gunzip(new Uint8Array(30), MIB))).toMatch(/not gzip/);
    // A bomb that lies about its size: 64 MiB of zeros behind the claim of one byte.
    const bomb = Uint8Array.from([
      ...packed.subarray(0, 10),
      ...deflateRawSync(new Uint8Array(64 * MIB)),
      ...u32(0),
      ...u32(1),
    ]);
    expect(whyOf(gunzip(bomb, 1 << 30))).toMatch(/it unpacks to \d+ bytes, its trailer says 1/);
    const claim = Uint8Array.from([...packed.subarray(0, -4), ...u32(0x3fff_ffff)]);
    expect(whyOf(gunzip(claim, 1 << 30))).toMatch(/which deflate cannot/);
  });
});

describe("LZ4", () => {
  it("unpacks what another packed, in blocks of any size", () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 64, max: 5000 }), (bytes, blockSize) => {
        const packed = lz4Payload(bytes, blockSize);
        const out = unlz4Legacy(packed.subarray(0, packed.length - 4), bytes.length);
        expect(out.ok && Buffer.from(out.value).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it("reads a block by the book: literals, an overlapping match, a length of many bytes", () => {
    // token 3 literals, match 4+15+255+3 from distance 2; then 2 literals
    const block = [0x3f, 97, 98, 99, 2, 0, 255, 3, 0x20, 120, 121];
    const length = 3 + 4 + 15 + 258 + 2;
    const out = unlz4Legacy(Uint8Array.from([...u32(0x184c2102), ...u32(block.length), ...block]), length);
    expect(out.ok && new TextDecoder().decode(out.value)).toBe(`abc${"bc".repeat(139).slice(0, 277)}xy`);
  });

  it("accepts a magic number between frames, refuses what is cut, too long or no LZ4", () => {
    const magic = u32(0x184c2102);
    const block = lz4Block(ascii("abcabcabcabcabcabcabcabcabc"));
    const frame = Uint8Array.from([...magic, ...u32(block.length), ...block]);
    expect(unlz4Legacy(Uint8Array.from([...frame, ...frame]), 54).ok).toBe(true);
    expect(whyOf(unlz4Legacy(frame, 26))).toMatch(/damaged/);
    expect(whyOf(unlz4Legacy(frame, 28))).toMatch(/unpacks to 27 bytes, its last word says 28/);
    expect(whyOf(unlz4Legacy(frame.subarray(0, -1), 27))).toMatch(/claims \d+ bytes of the \d+ left/);
    expect(whyOf(unlz4Legacy(Uint8Array.from([...frame, 1, 2]), 27))).toMatch(/middle of a block size/);
    expect(whyOf(unlz4Legacy(Uint8Array.from([...magic, ...u32(5), 0x10, 97, 2, 0, 0]), 20))).toMatch(
      /block at 0x4 is damaged/,
    );
    expect(whyOf(unlz4Legacy(Uint8Array.from([...magic, ...u32(0)]), 0))).toMatch(/claims 0 bytes/);
    expect(whyOf(unlz4Legacy(frame, 1 << 30))).toMatch(/which LZ4 cannot/);
  });

  it("any bytes at all: an answer, never a throw, and no more memory than it said", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 5000 }), (bytes, size) => {
        const out = unlz4Legacy(Uint8Array.from([...u32(0x184c2102), ...u32(bytes.length), ...bytes]), size);
        if (out.ok) expect(out.value.length).toBe(size);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("payload kinds", () => {
  it.each([
    ["gzip", [0x1f, 0x8b, 8]],
    ["bzip2", [0x42, 0x5a, 0x68, 0x39]],
    ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
    ["lzma", [0x5d, 0, 0, 0x80]],
    ["lzo", [0x89, 0x4c, 0x5a, 0x4f, 0, 13]],
    ["lz4", [0x02, 0x21, 0x4c, 0x18]],
    [undefined, [1, 2, 3, 4]],
    [undefined, []],
  ])("%s is known by its first bytes", (name, bytes) => {
    expect(payloadKind(Uint8Array.from(bytes))?.name).toBe(name);
  });
});
