/** xz, lzma, zstd, bzip2 and lzop: what the tools packed, what stays of it when damaged, and small samples kept inline. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readKernel } from "../../src/dombuild/kernel.ts";
import { unfilterX86 } from "../../src/image/payload/bcj-x86.ts";
import { crc64 } from "../../src/image/payload/crc64.ts";
import { payloadKind } from "../../src/image/payload/payload.ts";
import { genericKernel, noGuests } from "../support/guests.ts";
import { join as concat, makeBzImage } from "./make-bzimage.ts";
import { ascii, linuxNotes, makeElf, u32, VIRT_BASE } from "./make-elf.ts";

const MIB = 1 << 20;

/** What Linux's x86 Makefile says, and variants that other builds use. */
const TOOLS: readonly (readonly [kind: string, tool: string, args: readonly string[]])[] = [
  ["xz", "xz", ["--check=crc32", "--x86", "--lzma2=dict=32MiB"]],
  ["xz", "xz", ["--check=crc64", "-6"]],
  ["xz", "xz", ["--check=none", "--x86=start=4096", "--lzma2=preset=1,lc=1,lp=3,pb=0"]],
  ["xz", "xz", ["--block-size=4096", "--x86", "--lzma2=mode=fast"]],
  ["lzma", "xz", ["--format=lzma", "-9"]],
  ["zstd", "zstd", ["-q", "-22", "--ultra"]],
  ["zstd", "zstd", ["-q", "-1", "--no-check"]],
  ["zstd", "zstd", ["-q", "-7", "--no-compress-literals"]],
  ["bzip2", "bzip2", ["-9"]],
  ["bzip2", "bzip2", ["-1"]],
  ["lzo", "lzop", ["-9"]],
  ["lzo", "lzop", ["-1", "--crc32"]],
];

const missing = new Map<string, boolean>();
const isMissing = (tool: string): boolean => {
  const known = missing.get(tool);
  if (known !== undefined) return known;
  const found = spawnSync(tool, ["--version"]).error !== undefined;
  missing.set(tool, found);
  return found;
};

/** Why a test is skipped. */
const needs = (tool: string): string => `needs the program ${tool}`;

const pack = (tool: string, args: readonly string[], bytes: Uint8Array): Uint8Array =>
  new Uint8Array(execFileSync(tool, [...args, "-c"], { input: bytes, maxBuffer: 64 * MIB }));

/** The same small text by each tool. */
const SAMPLES: readonly (readonly [kind: string, base64: string])[] = [
  [
    "xz",
    "/Td6WFoAAAFpIt42AgEEACEBEACLIW9J4ACnAB5dADwZShwjS37bCcty0/k2Z+r8sWSSenF5plTkvjaAAAAAAPGUb/wAATaoAQAAAF+Dnek+MA2LAgAAAAABWVo=",
  ],
  ["lzma", "XQAAAAT//////////wA8GUocI0t+2wnLctP5Nmfq/LFkknpxeaZU5L7FyRv//76uAAA="],
  ["zstd", "KLUv/QRo9QAAqHhlbiA6IGEgc21hbGwga2VybmVsCgIA21bpgrxEWyYcrw=="],
  ["bzip2", "QlpoOTFBWSZTWTFKNC0AAEXZgAAQQAAAECIPGEAgAFCBoGgR+qQA00ulhyBlxZUDrDrbal4FJZUkh8XckU4UJAxSjQtA"],
  [
    "lzo",
    "iUxaTwANChoKEEAgoAlAAwkDAAANAAAAAGsDNZcAAAAAACiiArAAAACoAAAAIpa2OwgVeGVuICACDAAOOiBhIHNtYWxsIGtlcm5lbAogT9wAEQAAAAAAAA==",
  ],
];

/** Behaves as a payload does: the length at the end. */
const payload = (packed: Uint8Array, size: number): Uint8Array => concat([packed, u32(size)]);

const unpack = (bytes: Uint8Array, limit = 64 * MIB) => {
  const kind = payloadKind(bytes);
  if (kind === undefined) throw new Error("no known packing");
  return kind.unpack(bytes, limit);
};
const whyOf = (bytes: Uint8Array, limit?: number): string => {
  const result = unpack(bytes, limit);
  return result.ok ? "" : result.why;
};

/** Calls, jumps, text, noise and long runs, as a kernel has them; the same on every run. */
function program(length: number): Uint8Array {
  const out = new Uint8Array(length);
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed >>> 8;
  };
  const view = new DataView(out.buffer);
  const words = ascii("xen_start_kernel printk schedule __x64_sys_read ");
  for (let i = 0; i < length - 600; ) {
    const what = random() % 6;
    if (what < 2) {
      out[i] = 0xe8 + (random() & 1);
      view.setInt32(i + 1, 4096 * (random() % 64) - i, true);
      i += 5;
    } else if (what === 2) {
      for (const end = i + (random() % 500); i < end; ) out[i++] = 0x90;
    } else if (what === 3) {
      out.set(words, i);
      i += words.length;
    } else if (what === 4) {
      for (const end = i + (random() % 30); i < end; ) out[i++] = random();
    } else {
      const back = 1 + (random() % 2000);
      for (const end = i + (random() % 90); i < end; i++) out[i] = out[i - back] ?? 0;
    }
  }
  return out;
}

const small = program(20_000);
const large = program(600_000);

describe.each(TOOLS)("%s, made by %s %j", (kind, tool, args) => {
  const absent = isMissing(tool);

  it.skipIf(absent)("unpacks to what it was", () => {
    for (const bytes of [large, small, ascii("kernel"), new Uint8Array(300_000)]) {
      const packed = payload(pack(tool, args, bytes), bytes.length);
      expect(payloadKind(packed)?.name).toBe(kind);
      const out = unpack(packed);
      expect(out.ok || out.why).toBe(true);
      expect(out.ok && Buffer.from(out.value).equals(Buffer.from(bytes))).toBe(true);
    }
  });

  it.skipIf(absent)("wherever it lies in its buffer", () => {
    const packed = payload(pack(tool, args, small), small.length);
    for (let shift = 1; shift < 8; shift++) {
      const placed = new Uint8Array(shift + packed.length);
      placed.set(packed, shift);
      const out = unpack(placed.subarray(shift));
      expect(out.ok && Buffer.from(out.value).equals(Buffer.from(small))).toBe(true);
    }
  });

  it.skipIf(absent)(
    "is refused in words when cut anywhere, of another size, too large, or followed by more",
    () => {
      const packed = pack(tool, args, small);
      for (let length = 12; length < packed.length; length += 1 + (length >> 4))
        expect(whyOf(payload(packed.subarray(0, length), small.length)), `${length}`).not.toBe("");
      expect(whyOf(payload(packed.subarray(0, -1), small.length))).not.toBe("");
      expect(whyOf(payload(packed, small.length), small.length - 1)).toMatch(/at most 19999 are accepted/);
      expect(whyOf(payload(packed, small.length - 1))).not.toBe("");
      expect(whyOf(payload(packed, small.length + 1))).not.toBe("");
      expect(whyOf(payload(concat([packed, packed]), small.length))).not.toBe("");
      expect(whyOf(payload(concat([packed, ascii("more")]), small.length))).not.toBe("");
    },
  );

  it.skipIf(absent)(
    "with damage anywhere: an answer, never a throw, and with a check never wrong bytes",
    () => {
      const packed = payload(pack(tool, args, small), small.length);
      const isChecked = !args.some((arg) => /none|no-check|format=lzma/.test(arg));
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(packed.length - 5), fc.integer({ min: 1, max: 255 })), {
            minLength: 1,
            maxLength: 4,
          }),
          (changes) => {
            const bytes = packed.slice();
            for (const [at, by] of changes) bytes[at] = (bytes[at] ?? 0) ^ by;
            if (payloadKind(bytes) === undefined) return;
            const out = unpack(bytes, MIB);
            if (!out.ok) expect(out.why).not.toMatch(/undefined|NaN|\n/);
            else {
              expect(out.value.length).toBe(small.length);
              if (isChecked) expect(Buffer.from(out.value).equals(Buffer.from(small))).toBe(true);
            }
          },
        ),
        { numRuns: 150 },
      );
    },
  );
});

describe("any bytes behind the magic", () => {
  it.each([
    ["bzip2", [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59]],
    ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 1, 0x69, 0x22, 0xde, 0x36]],
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]],
    ["lzma", [0x5d, 0, 0, 0x80, 0, ...new Array<number>(8).fill(255), 0]],
    ["lzo", [0x89, 0x4c, 0x5a, 0x4f, 0, 13, 10, 26, 10]],
  ])("%s: an answer, never a throw", (_kind, magic) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 5000 }), (bytes, size) => {
        const out = unpack(payload(Uint8Array.from([...magic, ...bytes]), size), 4000);
        if (out.ok) expect(out.value.length).toBe(size);
      }),
      { numRuns: 1000 },
    );
    for (const bytes of [[], [0], new Array<number>(400).fill(0), new Array<number>(400).fill(255)])
      unpack(payload(Uint8Array.from([...magic, ...bytes]), 5000));
  });
});

describe("samples, for machines without the tools", () => {
  const TEXT = "xen xen xen xen xen xen xen xen xen xen: a small kernel\n".repeat(3);
  it.each(SAMPLES)("%s", (kind, base64) => {
    const packed = payload(new Uint8Array(Buffer.from(base64, "base64")), TEXT.length);
    expect(payloadKind(packed)?.name).toBe(kind);
    const out = unpack(packed);
    expect(out.ok ? new TextDecoder().decode(out.value) : out.why).toBe(TEXT);
  });
});

describe("a claim of a gigabyte from a few bytes", () => {
  it.each(SAMPLES)("%s: costs no gigabyte", (_kind, base64) => {
    const packed = payload(new Uint8Array(Buffer.from(base64, "base64")), 1 << 30);
    const before = process.memoryUsage().arrayBuffers;
    expect(whyOf(packed, 1 << 30)).not.toBe("");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
  });
});

describe("checks and filters by the book", () => {
  it("CRC-64 is what its specification prints", () => {
    expect(crc64(ascii("123456789"))).toBe(0x995dc9bbdf1939fan);
  });

  it("the x86 filter makes a call's target relative again", () => {
    const bytes = Uint8Array.from([0x90, 0xe8, 0x06 + 0x20, 0, 0, 0, 0xc3, 0, 0, 0]);
    unfilterX86(bytes, 0);
    expect([...bytes.subarray(0, 7)]).toEqual([0x90, 0xe8, 0x20, 0, 0, 0, 0xc3]);
  });

  it.skipIf(isMissing("xz"))(`the uncommon is refused by its name (${needs("xz")})`, () => {
    const xz = (args: string[]): string => whyOf(payload(pack("xz", args, small), small.length));
    expect(xz(["--check=sha256"])).toMatch(/integrity check SHA-256; CRC32, CRC64 and none are known/);
    expect(xz(["--arm", "--lzma2=dict=1MiB"])).toMatch(/uses the filter ARM in a way/);
    expect(xz(["--delta=dist=4", "--lzma2=dict=1MiB"])).toMatch(/uses the filter Delta in a way/);
  });
});

describe("kernels", () => {
  const entry = VIRT_BASE + 0x1000000n;
  const linux = makeElf({
    notes: linuxNotes(entry),
    segments: [{ paddr: 0x1000000n, vaddr: entry, bytes: small }],
  });

  it.for(TOOLS)("a bzImage with %s, made by %s %j, is read", ([kind, tool, args], { skip }) => {
    skip(isMissing(tool), needs(tool));
    const read = readKernel(makeBzImage(payload(pack(tool, args, linux), linux.length)));
    if (!read.ok) throw new Error(read.why);
    expect(read.value.format).toBe(`bzImage 2.15 (${kind})`);
    expect(Buffer.from(read.value.image).equals(Buffer.from(linux))).toBe(true);
  });

  it.skipIf(genericKernel === undefined)(
    `Debian's generic kernel (xz, x86 filter) is read (${noGuests})`,
    { timeout: 60_000 },
    () => {
      const read = readKernel(new Uint8Array(readFileSync(genericKernel ?? "")));
      if (!read.ok) throw new Error(read.why);
      expect(read.value.format).toBe("bzImage 2.15 (xz)");
      expect(read.value.image.length).toBeGreaterThan(60 * MIB);
      expect(read.value.notes.guestOs).toBe("linux");
    },
  );
});
