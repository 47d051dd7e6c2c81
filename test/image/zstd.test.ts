/** zstd by the book: what `zstd` makes at every level, frames made by hand, and hostile data within bounds. */
import { execFileSync, spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { xxh64 } from "../../src/image/payload/xxh64.ts";
import { unzstd } from "../../src/image/payload/zstd.ts";
import { join } from "./make-bzimage.ts";
import { ascii, u32 } from "./make-elf.ts";

const MIB = 1 << 20;
const absent = spawnSync("zstd", ["--version"]).error !== undefined;
const why = absent ? " (needs the program zstd)" : "";

const zstd = (bytes: Uint8Array, ...args: string[]): Uint8Array =>
  new Uint8Array(execFileSync("zstd", ["-q", "-c", ...args], { input: bytes, maxBuffer: 64 * MIB }));

const whyOf = (bytes: Uint8Array, size = MIB): string => {
  const result = unzstd(bytes, size);
  return result.ok ? "" : result.why;
};
const expectSame = (packed: Uint8Array, bytes: Uint8Array): void => {
  const out = unzstd(packed, bytes.length);
  expect(out.ok || out.why).toBe(true);
  expect(out.ok && Buffer.compare(out.value, bytes)).toBe(0);
};

function noise(length: number, seed: number, from: string | undefined = undefined): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = from === undefined ? state >>> 24 : from.charCodeAt((state >>> 16) % from.length);
  }
  return out;
}

/** Code-like: words, repeats near and far, and noise whose bytes are not equally likely. */
function mixture(length: number): Uint8Array {
  const out = noise(length, 7, "etaoin shrdlu.\n\0\0\0\0");
  const random = noise(length, 9);
  for (let i = 3000; i < length - 3000; i += 900) {
    const back = 1 + ((random[i] ?? 0) + 256 * (random[i + 1] ?? 0)) * (i % 7 === 0 ? 10 : 1);
    const size = 4 + (random[i + 2] ?? 0) * (i % 11 === 0 ? 8 : 1);
    if (back <= i) for (let j = i; j < i + size; j++) out[j] = out[j - back] ?? 0;
    if (i % 5 === 0) out.set(random.subarray(i, i + 200), i + 400);
  }
  return out;
}

const DATA: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["one byte", ascii("k")],
  ["a short text", ascii("xen ".repeat(40))],
  ["two letters: a tree of direct weights", noise(3000, 3, "ab")],
  ["nine letters: one stream", noise(500, 4, "abcdefghi")],
  ["zeros", new Uint8Array(300_000)],
  ["noise", noise(200_000, 5)],
  ["the same over and over: codes that repeat", ascii("abcdefghabcdefghabcdefghQ".repeat(20_000))],
  ["a mixture", mixture(700_000)],
];

describe.skipIf(absent)(`what zstd makes${why}`, () => {
  it.each(Array.from({ length: 22 }, (_, i) => i + 1))("level %i", (level) => {
    for (const [, bytes] of DATA) expectSame(zstd(bytes, `-${level}`, "--ultra"), bytes);
  });
  it.each([
    ["--fast=10"],
    ["--long=27", "-3"],
    ["--no-check", "-5"],
    ["--no-content-size", "-5"],
    ["--no-compress-literals", "-5"],
    ["--compress-literals", "-1"],
    ["--target-compressed-block-size=1000", "-9"],
  ])("%s %s", (...args) => {
    for (const [, bytes] of DATA) expectSame(zstd(bytes, ...args.filter((arg) => arg !== undefined)), bytes);
  });
  it("a distance over 64 MiB", { timeout: 60_000 }, () => {
    const unique = noise(200_000, 11);
    const bytes = join([unique, new Uint8Array(66 * MIB), unique]);
    const packed = zstd(bytes, "-3", "--long=27");
    expect(packed.length).toBeLessThan(250_000); // the second copy was found
    expectSame(packed, bytes);
  });
  it("a dictionary is refused", () => {
    const packed = zstd(ascii("kernel"), "-3");
    const named = packed.slice();
    named[4] = (named[4] ?? 0) | 1;
    expect(whyOf(join([named.subarray(0, 5), [77] as unknown as Uint8Array, named.subarray(5)]))).toMatch(
      /needs the dictionary \d+, which a kernel has not/,
    );
  });
});

/** A frame of `blocks` without a checksum, its window 1 MiB. */
const frame = (...blocks: readonly number[][]): Uint8Array =>
  Uint8Array.from([
    0x28,
    0xb5,
    0x2f,
    0xfd,
    0x00,
    0x50,
    ...blocks.flatMap((block, i) => [(block[0] ?? 0) | (i === blocks.length - 1 ? 1 : 0), ...block.slice(1)]),
  ]);
const block = (kind: "raw" | "rle" | "packed", size: number, content: readonly number[]): number[] => {
  const head = (size << 3) | (["raw", "rle", "packed"].indexOf(kind) << 1);
  return [head & 255, (head >>> 8) & 255, head >>> 16, ...content];
};
const raw = (text: string): number[] => block("raw", text.length, [...ascii(text)]);
const packed = (...content: number[]): number[] => block("packed", content.length, content);
/** Four raw literals, then one sequence by codes that need no table (mode RLE): `codes` of literals, offset, match. */
const sequence = (codes: readonly number[], ...bits: number[]): number[] =>
  packed(4 << 3, 0x61, 0x62, 0x63, 0x64, 1, 0b01010100, ...codes, ...bits);
const text = (bytes: Uint8Array, size: number): string => {
  const out = unzstd(bytes, size);
  return out.ok ? new TextDecoder().decode(out.value) : out.why;
};

describe("by hand", () => {
  it("XXH64 is what its specification prints", () => {
    expect(xxh64(ascii(""))).toBe(0xef46db3751d8e999n);
    expect(xxh64(ascii("abc"))).toBe(0x44bc2cf5ad770999n);
  });

  it("frames one after another, with frames to be passed over between", () => {
    const skip = join([u32(0x184d2a53), u32(3), ascii("???")]);
    const one = frame(raw("xen "));
    const two = frame(block("rle", 3, [0x21]));
    expect(text(join([one, skip, two]), 7)).toBe("xen !!!");
    expect(text(join([skip, one, skip]), 4)).toBe("xen ");
    expect(text(join([one, two]), 8)).toBe("the zstd data unpacks to 7 bytes, its last word says 8");
    expect(text(join([one, u32(0x184d2a50), u32(9)]), 4)).toMatch(/passed over is cut off/);
  });

  it("a sequence: literals, a new distance, and the three before it", () => {
    // The offset code 2 reads two bits: 4 + 1 = 5 is the distance 2. Behind them the end mark.
    expect(text(frame(sequence([4, 2, 3], 0b101)), 10)).toBe("abcdcdcdcd");
    // The offset code 0 is the value 1: the last distance, which is 1 in a new frame.
    expect(text(frame(sequence([4, 0, 0], 0b1)), 7)).toBe("abcdddd");
    // The offset code 1 and one bit: the values 2 and 3, distances 4 and 8 in a new frame.
    expect(text(frame(sequence([4, 1, 0], 0b10)), 7)).toBe("abcdabc");
    expect(text(frame(raw("12345678"), sequence([4, 1, 0], 0b11)), 15)).toBe("12345678abcd567");
    // Without literals the value 1 is the second distance, and 3 the first less one: 0 here.
    expect(text(frame(raw("12345678"), sequence([0, 0, 0], 0b1)), 15)).toBe("12345678567abcd");
    expect(text(frame(raw("12345678"), sequence([0, 1, 0], 0b11)), 15)).toMatch(/distance 0/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["a match before its frame", frame(sequence([4, 3, 3], 0b1111)), /reaches back before its frame/],
    [
      "matches do not reach into a frame before",
      join([frame(raw("12345678")), frame(sequence([4, 1, 0], 0b11))]),
      /before its frame/,
    ],
    ["bits left over", frame(sequence([4, 2, 3], 0b1101)), /do not end where they should/],
    ["too few bits", frame(sequence([4, 8, 3], 0b101)), /sequences are cut off/],
    ["no end mark", frame(sequence([4, 2, 3], 0)), /no end mark/],
    ["more literals than there are", frame(sequence([5, 2, 3], 0b101)), /more literals than there are/],
    ["an impossible code", frame(sequence([36, 2, 3], 0b101)), /impossible code/],
    [
      "repeated tables at first",
      frame(packed(0, 1, 0b11111100, 1)),
      /table of a block before, and there is none/,
    ],
    [
      "a repeated tree at first",
      frame(packed(0b0011 | (4 << 4), 0, 1 << 0, 1, 0)),
      /(tree of a block before|cut off)/,
    ],
    ["a reserved mode bit", frame(packed(0, 1, 1, 1)), /reserved bit/],
    ["a reserved kind of block", frame([6, 0, 0]), /reserved kind/],
    [
      "a block over the window",
      join([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0), Uint8Array.from(block("rle", 1025, [1]))]),
      /has 1025 bytes, more than the 1024 it may/,
    ],
    ["a block cut off", frame(block("raw", 10, [1, 2])), /a block is cut off/],
    ["a header cut off", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0, 0, 0), /ends in its header/],
    ["a reserved bit", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 8, 0, 0, 0), /reserved bit/],
    [
      "another size than it says",
      Uint8Array.from([
        0x28,
        0xb5,
        0x2f,
        0xfd,
        0x20,
        5,
        ...block("rle", 4, [1]).map((b, i) => (i === 0 ? b | 1 : b)),
      ]),
      /says that it unpacks to 5 bytes, and unpacks to 4/,
    ],
    ["no zstd", ascii("not zstd at all"), /no frame begins at 0x0/],
    ["more behind its end", join([frame(raw("xen")), ascii("more and more")]), /no frame begins at 0xc/],
  ])("refused: %s", (_what, bytes, expected) => {
    expect(whyOf(bytes)).toMatch(expected);
  });

  it("a wrong checksum is named", () => {
    const bytes = frame(raw("xen"));
    bytes[4] = 4;
    const sum = Number(xxh64(ascii("xen")) & 0xffffffffn);
    expect(text(join([bytes, u32(sum)]), 3)).toBe("xen");
    expect(text(join([bytes, u32(sum ^ 1)]), 3)).toMatch(
      /checksum of what it unpacks to is 0x[0-9a-f]+, it should be/,
    );
    expect(text(bytes, 3)).toMatch(/before its checksum/);
  });
});

describe("hostile data", () => {
  it("an answer soon, whatever the blocks hold", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom("raw", "rle", "packed" as const),
            fc.integer({ min: 0, max: 140_000 }),
            fc.uint8Array({ maxLength: 120 }),
          ),
          { minLength: 1, maxLength: 6 },
        ),
        (blocks) => {
          const bytes = frame(
            ...blocks.map(([kind, size, content]) =>
              block(kind, kind === "rle" ? size : content.length, kind === "rle" ? [1] : [...content]),
            ),
          );
          const started = performance.now();
          expect(whyOf(bytes, 1_000_000)).not.toBe("");
          expect(performance.now() - started).toBeLessThan(1000);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.skipIf(absent)(`good frames with damage: never a throw, never more than asked for${why}`, () => {
    for (const args of [["-19"], ["-1", "--no-check"], ["-5", "--no-content-size"]]) {
      const bytes = mixture(60_000);
      const good = zstd(bytes, ...args);
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
          fc.option(fc.nat(good.length), { nil: good.length }),
          (changes, length) => {
            const bad = good.slice(0, length);
            for (const [at, value] of changes) if (at < length) bad[at] = value;
            const started = performance.now();
            const out = unzstd(bad, bytes.length);
            expect(performance.now() - started).toBeLessThan(1000);
            if (out.ok) expect(out.value.length).toBe(bytes.length);
            else expect(out.why).not.toMatch(/undefined|NaN|\n/);
          },
        ),
        { numRuns: 400 },
      );
    }
  });

  it("a block of a few bytes that would make far more than a block may", () => {
    // RLE literals, and 43,775 sequences whose codes are all the longest match at distance 1.
    const bomb = packed(0x01, 0x41, 0xff, 0, 0x2c, 0x54, 0, 0, 52, ...new Array<number>(60).fill(255), 1);
    const started = performance.now();
    expect(whyOf(frame(bomb, bomb, bomb), 1 << 30)).toMatch(/damaged/);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it("memory follows what comes, not what is claimed", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(whyOf(frame(raw("xen")), 1 << 30)).toMatch(/unpacks to 3 bytes/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
  });
});
