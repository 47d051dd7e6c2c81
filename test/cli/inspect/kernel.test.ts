/** What is said of kernels: the facts of the file, and the builder's own judgement. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inspectKernel, suggestConfig } from "../../../src/cli/inspect/kernel.ts";
import { readKernel } from "../../../src/dombuild/kernel.ts";
import { planPv } from "../../../src/dombuild/layout.ts";
import { makeBzImage } from "../../image/make-bzimage.ts";
import { ascii, linuxNotes, makeElf, makeElf32, note, VIRT_BASE } from "../../image/make-elf.ts";

const entry = VIRT_BASE + 0x1000000n;
const segments = [{ paddr: 0x1000000n, vaddr: entry, bytes: new Uint8Array(5000).fill(0x90) }];
const linux = makeElf({ notes: linuxNotes(entry), segments });

describe("xlab inspect", () => {
  it("a Linux kernel: its packing, its notes, and a config that suffices", () => {
    const file = makeBzImage(gzipSync(linux));
    const report = inspectKernel(file);
    expect(report).toMatchObject({
      bytes: file.length,
      format: "bzImage 2.15 (gzip)",
      unpackedBytes: linux.length,
      bits: 64,
      notesFrom: "PT_NOTE",
      pv: { boots: true },
      pvh: { boots: false, why: "it has no PVH entry (note PHYS32_ENTRY)" },
      entry: "0xffffffff81000000",
      version: "linux 2.6",
    });
    expect(report.notes).toContain('GUEST_OS = "linux"');
    const least = report.leastMib ?? 0;
    const kernel = readKernel(file);
    if (!kernel.ok) throw new Error(kernel.why);
    expect(planPv(kernel.value, least * 1024, undefined).ok).toBe(true);
    expect(planPv(kernel.value, (least - 1) * 1024, undefined).ok).toBe(false);
    expect(suggestConfig("/boot/vmlinuz-6.1", report)).toEqual([
      'name    = "6.1"',
      'type    = "pv"',
      'kernel  = "/boot/vmlinuz-6.1"',
      '# ramdisk = "initrd.img"',
      'extra   = "console=hvc0"',
      "memory  = 256",
      "vcpus   = 1",
    ]);
  });

  it("the version that a bzImage carries", () => {
    const file = makeBzImage(gzipSync(linux));
    file.set([0x00, 0x01], 0x20e);
    file.set(ascii("6.1.0 (x@y) #1 SMP\0"), 0x300);
    expect(inspectKernel(file).version).toBe("6.1.0 (x@y) #1 SMP");
    file.set([0xff, 0xff], 0x20e); // outside the file
    expect(inspectKernel(file).version).toBe("linux 2.6");
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["no kernel", ascii("text"), /neither a Linux bzImage nor an ELF/],
    ["without notes", makeElf({ segments }), /no Xen notes/],
    ["of 32 bits", makeElf32(linuxNotes(entry)), /32-bit PV kernel/],
    [
      "for PVH",
      makeElf({ notes: [note("PHYS32_ENTRY", 0x1000000n)], segments }),
      /only the note PHYS32_ENTRY/,
    ],
    ["damaged", makeBzImage(gzipSync(linux).subarray(0, 200)), /cannot be unpacked/],
  ])("a file that is %s: why no PV guest can be made of it, and no config", (_what, file, why) => {
    const report = inspectKernel(file);
    expect(report.pv).toEqual({ boots: false, why: expect.stringMatching(why) });
    expect(report.leastMib).toBeUndefined();
    expect(suggestConfig("k", report)).toBeUndefined();
  });

  it("a PVH entry is told of", () => {
    const notes = [...linuxNotes(entry), note("PHYS32_ENTRY", 0x1000350n)];
    expect(inspectKernel(makeElf({ notes, segments })).pvh).toEqual({
      boots: false,
      why: "it has a PVH entry (note PHYS32_ENTRY = 0x1000350), but xlab runs PV guests only",
    });
  });
});
