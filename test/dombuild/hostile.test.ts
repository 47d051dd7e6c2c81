/**
 * Files that want to do harm: every answer is a kernel or a sentence, soon and without a throw; and what is accepted builds
 * into a domain whose page tables Xen would validate (the fake gate throws where it would not).
 */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XEN_ELFNOTE } from "../../src/abi/elfnote.ts";
import { Domid, Port } from "../../src/abi/types.ts";
import { readKernel } from "../../src/dombuild/kernel.ts";
import { buildPv } from "../../src/dombuild/pv.ts";
import { lz4Payload, makeBzImage } from "../image/make-bzimage.ts";
import { linuxNotes, makeElf, note, u64, VIRT_BASE } from "../image/make-elf.ts";
import { FakeGate } from "./fake-gate.ts";

const ENTRY = VIRT_BASE + 0x100000n;
const image = makeElf({
  notes: [...linuxNotes(ENTRY), note("HYPERCALL_PAGE", ENTRY + 0x1000n), note("BSD_SYMTAB", "yes")],
  symtab: { rows: new Uint8Array(72).fill(1), names: new Uint8Array(30) },
  segments: [
    { paddr: 0x100000n, vaddr: ENTRY, bytes: new Uint8Array(600).fill(0x90), memsz: 0x3000 },
    { paddr: 0x103000n, vaddr: 0n, bytes: new Uint8Array(300).fill(7), memsz: 0x1000 },
  ],
});

/** How many files made a domain: hostile is not enough, they should also come close. */
let built = 0;

function judge(file: Uint8Array): void {
  const started = performance.now();
  const kernel = readKernel(file);
  if (kernel.ok) {
    const made = buildPv(new FakeGate().gate, Domid(1), {
      kernel: kernel.value,
      cmdline: "",
      memKib: 8192,
      storePort: Port(1),
      consolePort: Port(2),
      ramdisk: { bytes: new Uint8Array(100), length: 100 },
    });
    if (made.ok) built++;
    else expect(made.why).toMatch(/^[a-z].{10,400}[^.]$/s);
  } else {
    expect(kernel.why).toMatch(/^[a-z].{10,400}[^.]$/s);
  }
  expect(performance.now() - started).toBeLessThan(10_000);
}

/** Bytes of interest: powers of two and their neighbours, as a field of 1, 2, 4 or 8 bytes. */
const edit = (size: number) =>
  fc.record({
    at: fc.nat(size - 1),
    width: fc.constantFrom(1, 2, 4, 8),
    value: fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc
        .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -2, max: 2 }))
        .map(([bit, off]) => BigInt.asUintN(64, (1n << BigInt(bit)) + BigInt(off))),
      fc.constantFrom(0n, 2n ** 64n - 1n, VIRT_BASE, 0xffff_8000_0000_0000n, 0x7fff_ffff_f000n),
    ),
  });

const mutate = (
  bytes: Uint8Array,
  edits: readonly { at: number; width: number; value: bigint }[],
): Uint8Array => {
  const out = bytes.slice();
  for (const { at, width, value } of edits)
    out.set(u64(value).subarray(0, Math.min(width, out.length - at)), at);
  return out;
};

describe("hostile kernels", () => {
  it("an ELF image with any few fields changed", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(edit(image.length), { minLength: 1, maxLength: 4 }), (edits) =>
        judge(mutate(image, edits)),
      ),
      { numRuns: 600 },
    );
  });

  it("an ELF image whose headers are changed", { timeout: 120_000 }, () => {
    // the header, three program headers, and the notes behind the segments
    fc.assert(
      fc.property(fc.array(edit(64 + 3 * 56), { minLength: 1, maxLength: 3 }), (edits) =>
        judge(mutate(image, edits)),
      ),
      { numRuns: 600 },
    );
  });

  it("notes with any values", { timeout: 120_000 }, () => {
    const value = fc.oneof(
      fc.constantFrom(
        0n,
        VIRT_BASE,
        ENTRY,
        ENTRY + 0x1000n,
        0x80_0000_0000n,
        0xffff_8000_0000_0000n,
        2n ** 64n - 1n,
        0x7fff_ffff_f000n,
        0xffff_ffff_ffc0_0000n,
      ),
      fc.bigInt({ min: 0n, max: 2n ** 52n - 1n }).map((page) => page << 12n),
    );
    const name = fc.constantFrom(
      "VIRT_BASE",
      "ENTRY",
      "INIT_P2M",
      "PADDR_OFFSET",
      "HYPERCALL_PAGE",
      "MOD_START_PFN",
      "HV_START_LOW" as const,
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }),
        fc.nat(2 ** 24),
        (changes, paddr) => {
          const notes = new Map(linuxNotes(ENTRY).map((row) => [row.type, row]));
          for (const [which, what] of changes) notes.set(XEN_ELFNOTE[which], note(which, what));
          judge(
            makeElf({
              notes: [...notes.values()],
              segments: [{ paddr: BigInt(paddr), bytes: new Uint8Array(64), memsz: 0x3000 }],
            }),
          );
        },
      ),
      { numRuns: 600 },
    );
  });

  it("any bytes behind a bzImage header, packed or not", { timeout: 120_000 }, () => {
    const files = [
      makeBzImage(lz4Payload(image)),
      makeBzImage(gzipSync(image)),
      gzipSync(image),
      makeBzImage(image),
    ].map((file) => new Uint8Array(file));
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(edit(4096), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(4000)),
        (file, edits, cut) => {
          const inside = edits.map((row) => ({ ...row, at: row.at % file.length }));
          const changed = mutate(file, inside);
          judge(cut === null ? changed : changed.subarray(0, cut));
        },
      ),
      { numRuns: 600 },
    );
  });

  it("any bytes at all", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.constantFrom([], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], [0x1f, 0x8b, 8, 0]),
        (bytes, start) => judge(Uint8Array.from([...start, ...bytes])),
      ),
      { numRuns: 500 },
    );
  });

  it("tables as long as their counts allow are read in time", { timeout: 60_000 }, () => {
    // 65,535 program headers that all are the first; then 65,279 sections of one name
    const many = new Uint8Array(64 + 65_535 * 56);
    many.set(image.subarray(0, 64));
    for (let i = 0; i < 65_535; i++) many.set(image.subarray(64, 64 + 56), 64 + i * 56);
    new DataView(many.buffer).setUint16(56, 65_535, true);
    new DataView(many.buffer).setUint16(60, 0, true);
    judge(many);
    const flood = makeElf({
      notes: Array.from({ length: 3000 }, (_, i) => note("GUEST_OS", `x${i}`.repeat(100))),
      segments: [{ paddr: 0n, bytes: new Uint8Array(8) }],
    });
    judge(flood);
  });

  it("were not all refused at the door", () => {
    expect(built).toBeGreaterThan(100);
  });
});
