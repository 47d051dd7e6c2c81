import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { XEN_ELFNOTE } from "../../src/abi/elfnote.ts";
import { buildFaultLines, cannotMap, cannotOpen, emptyFile } from "../../src/dombuild/fault.ts";
import { type KernelResult, readKernel } from "../../src/dombuild/kernel.ts";
import { readRamdisk } from "../../src/dombuild/ramdisk.ts";
import { ehdr64, shdr64 } from "../../src/image/elf/layout.ts";
import { lz4Payload, makeBzImage } from "../image/make-bzimage.ts";
import {
  ascii,
  linuxNotes,
  makeElf,
  makeElf32,
  note,
  type TestElf,
  type TestNote,
  type TestSegment,
  u32,
  VIRT_BASE,
} from "../image/make-elf.ts";

const ENTRY = VIRT_BASE + 0x1000000n;
const SEGMENT: TestSegment = {
  paddr: 0x1000000n,
  vaddr: VIRT_BASE + 0x1000000n,
  bytes: new Uint8Array(5000).fill(0x90),
};
const elf = (more: Partial<TestElf> = {}): Uint8Array =>
  makeElf({ notes: linuxNotes(ENTRY), segments: [SEGMENT], ...more });
const linux = elf();

const value = (result: KernelResult) => {
  if (!result.ok) throw new Error(result.why);
  return result.value;
};
const whyOf = (file: Uint8Array): string => {
  const result = readKernel(file);
  if (result.ok) throw new Error("was accepted");
  return result.why;
};
/** Linux's notes with one replaced or, undefined, left out. */
const notesWith = (name: keyof typeof XEN_ELFNOTE, replacement: TestNote | undefined): TestNote[] =>
  linuxNotes(ENTRY).flatMap((row) =>
    row.type !== XEN_ELFNOTE[name] ? [row] : replacement === undefined ? [] : [replacement],
  );
const whyWith = (name: keyof typeof XEN_ELFNOTE, replacement: TestNote | undefined): string =>
  whyOf(elf({ notes: notesWith(name, replacement) }));

describe("a kernel file", () => {
  it.each<[string, Uint8Array, string]>([
    ["an ELF image", linux, "ELF"],
    ["a gzip'ed ELF image", gzipSync(linux), "gzip'ed ELF"],
    ["a bzImage with a gzip payload", makeBzImage(gzipSync(linux)), "bzImage 2.15 (gzip)"],
    ["a bzImage with an LZ4 payload", makeBzImage(lz4Payload(linux)), "bzImage 2.15 (lz4)"],
    ["a gzip'ed bzImage", gzipSync(makeBzImage(lz4Payload(linux))), "gzip'ed bzImage 2.15 (lz4)"],
    ["a bzImage that packs nothing", makeBzImage(linux, { version: 0x208 }), "bzImage 2.08 (not packed)"],
    [
      "a bzImage of an old setup size",
      makeBzImage(gzipSync(linux), { setupSectors: 39 }),
      "bzImage 2.15 (gzip)",
    ],
  ])("may be %s", (_what, file, format) => {
    const kernel = value(readKernel(file));
    expect(kernel.format).toBe(format);
    expect(Buffer.from(kernel.image).equals(Buffer.from(linux))).toBe(true);
    expect(kernel.addresses).toEqual({
      virtBase: VIRT_BASE,
      virtKstart: VIRT_BASE + 0x1000000n,
      virtKend: VIRT_BASE + 0x1000000n + 5000n,
      virtEntry: ENTRY,
      hypercallPage: undefined,
      p2mBase: 0x80_0000_0000n,
    });
    expect(kernel.notes).toMatchObject({
      guestOs: "linux",
      modStartPfn: true,
      supportedFeatures: 0x8801 | 0x11,
      requiredFeatures: 1,
    });
    // ready for a worker: nothing but data
    expect(structuredClone(kernel)).toEqual(kernel);
  });

  it("may have its notes in a section, or in the older __xen_guest text", () => {
    expect(value(readKernel(elf({ notesIn: "section" }))).notes.from).toBe("SHT_NOTE");
    // gnumach's: its .note.Xen has another owner and must not count
    const gnumach = makeElf({
      notes: [{ owner: "name", type: 1, desc: u32(7) }],
      notesIn: "section",
      xenGuest:
        "GUEST_OS=GNU Mach,GUEST_VERSION=1.3,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,ELF_PADDR_OFFSET=0x40000000,HYPERCALL_PAGE=0x2,LOADER=generic",
      entry: 0x40100000n,
      segments: [{ paddr: 0x40100000n, bytes: new Uint8Array(64).fill(1) }],
    });
    const kernel = value(readKernel(gnumach));
    expect(kernel.notes).toMatchObject({ from: "__xen_guest", guestOs: "GNU Mach", guestVersion: "1.3" });
    expect(kernel.addresses).toMatchObject({
      virtBase: 0x40000000n,
      virtKstart: 0x40100000n,
      hypercallPage: 0x40002000n,
      virtEntry: 0x40100000n,
    });
    expect(kernel.segments[0]?.paddr).toBe(0x100000);
  });

  it("like GRUB's has no VIRT_BASE to speak of, starts at 0 and brings padded strings", () => {
    const notes = [
      note("GUEST_OS", "GRUB"),
      note("LOADER", "generic"),
      note("XEN_VERSION", "xen-3.0"),
      note("ENTRY", 0n),
      note("VIRT_BASE", 0n),
      { type: XEN_ELFNOTE.PAE_MODE, desc: ascii("yes\0\0\0\0\0\0\0\0\0") },
    ];
    const kernel = value(
      readKernel(
        makeElf({
          notes,
          segments: [
            { paddr: 0n, bytes: new Uint8Array(100).fill(1), memsz: 0x1f0 },
            { paddr: 0x1f0n, bytes: new Uint8Array(50).fill(2) },
          ],
        }),
      ),
    );
    expect(kernel.addresses).toMatchObject({ virtBase: 0n, virtKstart: 0n, virtKend: 0x222n, virtEntry: 0n });
    expect(kernel.notes.paeMode).toBe("yes");
  });

  it("of old xenlinux has physical addresses near the top of memory, less PADDR_OFFSET", () => {
    const notes = [...notesWith("PADDR_OFFSET", note("PADDR_OFFSET", VIRT_BASE))];
    const kernel = value(
      readKernel(
        elf({
          notes,
          segments: [
            { ...SEGMENT, paddr: ENTRY + 1n },
            { ...SEGMENT, paddr: ENTRY, bytes: new Uint8Array(1) },
          ],
        }),
      ),
    );
    expect(kernel.segments.map((segment) => segment.paddr)).toEqual([0x1000000, 0x1000001]);
  });

  it("with BSD_SYMTAB finds its symbols behind itself, as an ELF file that follows its size", () => {
    const symtab = { rows: new Uint8Array(51).fill(7), names: ascii("\0start\0panic\0") };
    const notes = [...linuxNotes(ENTRY), note("BSD_SYMTAB", "yes")];
    const kernel = value(readKernel(elf({ notes, symtab })));
    const { paddr, bytes } = kernel.bsdSymbols ?? { paddr: 0, bytes: new Uint8Array(0) };
    expect(paddr).toBe(0x1000000 + 5000);
    // 4 + 64 + 3 * 64 = 260, to 264; 51 rows to 320; 13 names to 336
    expect(bytes.length).toBe(336);
    expect(kernel.addresses.virtKend).toBe(VIRT_BASE + 0x1000000n + 5000n + 336n);
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(0, true)).toBe(320 + 13 - 4);
    const inside = readElfSections(bytes.subarray(4));
    expect(inside).toEqual([
      { type: 0, offset: 0, size: 0, link: 0 },
      { type: 2, offset: 264 - 4, size: 51, link: 2 },
      { type: 3, offset: 320 - 4, size: 13, link: 0 },
    ]);
    expect([...bytes.subarray(264, 264 + 51)]).toEqual([...symtab.rows]);
    expect([...bytes.subarray(320, 320 + 13)]).toEqual([...symtab.names]);
    expect([...bytes.subarray(4, 11)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    // libelf forgives a kernel that has none
    expect(value(readKernel(elf({ notes }))).bsdSymbols).toBeUndefined();
  });

  it("whose INIT_P2M is not below VIRT_BASE or not aligned has its list behind the kernel, as libxc does", () => {
    for (const odd of [VIRT_BASE + 0x7000_0000n, 0x80_0000_0001n])
      expect(
        value(readKernel(elf({ notes: notesWith("INIT_P2M", note("INIT_P2M", odd)) }))).addresses.p2mBase,
      ).toBeUndefined();
  });
});

describe("a kernel is refused, and the sentence names what is wrong", () => {
  it.each<[string, () => Uint8Array, RegExp]>([
    [
      "text",
      () => ascii("this is not a kernel\n".repeat(100)),
      /neither a Linux bzImage nor an ELF image \(it has 2100 bytes\)/,
    ],
    ["nothing", () => new Uint8Array(0), /neither a Linux bzImage nor an ELF/],
    [
      "a gzip'ed text",
      () => gzipSync("x".repeat(500)),
      /what the gzip'ed file unpacks to is not an ELF image/,
    ],
    [
      "a truncated gzip",
      () => gzipSync(linux).subarray(0, 100),
      /(cannot be unpacked: the gzip data|cut off)/,
    ],
    [
      "an xz file",
      () => Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...new Uint8Array(99)]),
      /packed with xz as a whole/,
    ],
    [
      "a 32-bit kernel",
      () => makeElf32(linuxNotes(0xc0100000n)),
      /is a 32-bit PV kernel \(note PAE_MODE "yes"\); .* use an x86_64 kernel/,
    ],
    ["a 32-bit image without notes", () => makeElf32([]), /no Xen notes/],
    ["an object file", () => patched(linux, 16, 1), /is a relocatable object \(.o\), which must be linked/],
    ["another machine's", () => patched(linux, 18, 0xb7), /for machine 183, not for x86-64/],
    ["a big endian one", () => patched(linux, 5, 2), /not little endian/],
    ["an odd class", () => patched(linux, 4, 3), /names class 3/],
    ["one without notes", () => elf({ notes: [] }), /no Xen notes .* CONFIG_XEN_PV/],
    ["a header cut off", () => linux.subarray(0, 40), /ELF header is cut off: the file has 40 bytes/],
    [
      "program headers cut off",
      () => linux.subarray(0, 100),
      /2 program headers at 0x40 lie outside the file of 100 bytes: it is truncated/,
    ],
    ["a segment cut off", () => linux.subarray(0, 4000), /truncated/],
    ["no program headers", () => patched(linux, 56, 0), /no program headers/],
    ["small program headers", () => patched(linux, 54, 8), /says a program header has 8 bytes/],
    ["no loadable segment", () => elf({ segments: [{ ...SEGMENT, flags: 0 }] }), /no loadable segment/],
    [
      "more in the file than in memory",
      () => elf({ segments: [{ ...SEGMENT, memsz: 10 }] }),
      /segment 0 has 5000 bytes in the file but only 10 in memory/,
    ],
    [
      "a size that wraps",
      () => elf({ segments: [{ ...SEGMENT, memsz: 2 ** 63 }] }),
      /segment 0, \d+ bytes at the physical address 0x1000000, wraps or lies beyond/,
    ],
    [
      "an address beyond all",
      () => elf({ segments: [{ ...SEGMENT, paddr: 0xffff_ffff_ffff_f000n }] }),
      /segment 0, 5000 bytes at the physical address 0xfffffffffffff000, wraps/,
    ],
    [
      "overlapping segments",
      () => elf({ segments: [SEGMENT, { ...SEGMENT, paddr: 0x1001000n }] }),
      /segments at 0x1000000 \(5000 bytes\) and 0x1001000 overlap/,
    ],
    [
      "a start that is not page aligned",
      () =>
        elf({
          segments: [{ ...SEGMENT, paddr: 0x1000010n }],
          notes: notesWith("ENTRY", note("ENTRY", ENTRY + 0x20n)),
        }),
      /starts at 0xffffffff81000010, which is not page aligned/,
    ],
  ])("%s", (_what, file, why) => {
    expect(whyOf(file())).toMatch(why);
  });

  it.each<[string, keyof typeof XEN_ELFNOTE, TestNote | undefined, RegExp]>([
    ["no XEN_VERSION", "XEN_VERSION", undefined, /lack XEN_VERSION, so it has no PV entry/],
    [
      "another XEN_VERSION",
      "XEN_VERSION",
      note("XEN_VERSION", "xen-2.0"),
      /ask for the Xen interface "xen-2.0"/,
    ],
    [
      "a feature nobody knows",
      "FEATURES",
      note("FEATURES", "!writable_page_tables|!time_travel"),
      /requires the Xen feature time_travel \(note FEATURES\)/,
    ],
    [
      "a feature of HVM",
      "FEATURES",
      note("FEATURES", "!auto_translated_physmap"),
      /feature auto_translated_physmap .* never has/,
    ],
    ["dom0 alone", "FEATURES", note("FEATURES", "!dom0"), /runs as dom0 only/],
    [
      "an ENTRY of 3 bytes",
      "ENTRY",
      { type: 1, desc: new Uint8Array(3) },
      /note ENTRY has a value of 3 bytes/,
    ],
    [
      "an ENTRY outside",
      "ENTRY",
      note("ENTRY", VIRT_BASE),
      /note ENTRY, 0xffffffff80000000, lies outside the kernel, 0xffffffff81000000 to/,
    ],
    ["an ENTRY just behind", "ENTRY", note("ENTRY", ENTRY + 5000n), /note ENTRY.*lies outside/],
    [
      "a VIRT_BASE between pages",
      "VIRT_BASE",
      note("VIRT_BASE", VIRT_BASE + 1n),
      /VIRT_BASE, 0xffffffff80000001, is not page aligned/,
    ],
    [
      "a VIRT_BASE that is not canonical",
      "VIRT_BASE",
      note("VIRT_BASE", 0x1234_0000_0000_0000n),
      /note VIRT_BASE\).* is not canonical/,
    ],
    ["a VIRT_BASE across the hole", "VIRT_BASE", note("VIRT_BASE", 0x7fff_ff00_0000n), /is not canonical/],
    [
      "a VIRT_BASE in Xen's range",
      "VIRT_BASE",
      note("VIRT_BASE", 0xffff_8000_0000_0000n),
      /range that Xen keeps for itself/,
    ],
    [
      "a VIRT_BASE at the very top",
      "VIRT_BASE",
      note("VIRT_BASE", 0xffff_ffff_ffff_f000n),
      /wraps past the top/,
    ],
    ["PADDR_OFFSET without VIRT_BASE", "VIRT_BASE", undefined, /PADDR_OFFSET but not VIRT_BASE/],
    [
      "a PADDR_OFFSET above the kernel",
      "PADDR_OFFSET",
      note("PADDR_OFFSET", 0x2000000n),
      /below the note PADDR_OFFSET of 0x2000000/,
    ],
    [
      "an INIT_P2M inside the kernel",
      "INIT_P2M",
      note("INIT_P2M", ENTRY + 0x1000n),
      /INIT_P2M, 0xffffffff81001000, lies inside the kernel/,
    ],
  ])("%s", (_what, name, replacement, why) => {
    expect(whyWith(name, replacement)).toMatch(why);
  });

  it("a loader that is not generic, unless it is Linux", () => {
    expect(readKernel(elf({ notes: notesWith("LOADER", note("LOADER", "special")) })).ok).toBe(true);
    const other = notesWith("LOADER", note("LOADER", "special")).map((row) =>
      row.type === XEN_ELFNOTE.GUEST_OS ? note("GUEST_OS", "plan9") : row,
    );
    expect(whyOf(elf({ notes: other }))).toMatch(
      /name the loader "special"; Xen loads "generic" only \(note LOADER\)/,
    );
  });

  it("a HYPERCALL_PAGE between pages or below VIRT_BASE", () => {
    const page = (at: bigint): TestNote[] => [...linuxNotes(ENTRY), note("HYPERCALL_PAGE", at)];
    expect(whyOf(elf({ notes: page(ENTRY + 8n) }))).toMatch(
      /HYPERCALL_PAGE, 0xffffffff81000008, is not page aligned/,
    );
    expect(whyOf(elf({ notes: page(0x1000n) }))).toMatch(/HYPERCALL_PAGE, 0x1000, lies below VIRT_BASE/);
  });

  it("a note that contradicts itself; saying the same twice is no harm", () => {
    expect(whyOf(elf({ notes: [...linuxNotes(ENTRY), note("VIRT_BASE", 0n)] }))).toMatch(
      /note VIRT_BASE appears twice, saying 0xffffffff80000000 and 0/,
    );
    expect(readKernel(elf({ notes: [...linuxNotes(ENTRY), note("VIRT_BASE", VIRT_BASE)] })).ok).toBe(true);
  });

  it("notes that run over their table", () => {
    const broken = linux.slice();
    const at = Buffer.from(broken).indexOf("Xen\0GNU") >= 0 ? 0 : Buffer.from(broken).indexOf("Xen\0") - 12;
    new DataView(broken.buffer).setUint32(at + 4, 0xffff_fff0, true);
    expect(whyOf(broken)).toMatch(
      /notes cannot be read: the note at 0x[0-9a-f]+ claims 4 \+ 4294967280 bytes/,
    );
  });

  it("a PVH kernel, with what to write instead", () => {
    expect(whyOf(elf({ notes: [note("PHYS32_ENTRY", 0x1000000n)] }))).toMatch(
      /only the note PHYS32_ENTRY.*type = "pvh"/,
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      "too old a protocol",
      makeBzImage(gzipSync(linux), { version: 0x207 }),
      /boot protocol is 2.07; only from 2.08 on/,
    ],
    ["no payload", makeBzImage(new Uint8Array(0)), /has no payload/],
    [
      "a payload outside",
      makeBzImage(gzipSync(linux), { payloadOffset: 0x7fff_ffff }),
      /payload should start at 0x80000[0-9a-f]+, but the file has \d+ bytes: it is truncated/,
    ],
    [
      "a payload too long",
      makeBzImage(gzipSync(linux), { payloadLength: 0xffff_ffff }),
      /payload should have 4294967295 bytes .* truncated/,
    ],
    [
      "an unknown payload",
      makeBzImage(ascii("????????????????")),
      /payload at 0x840 starts with 3f 3f 3f 3f 3f 3f, which is no packing that Linux uses/,
    ],
    [
      "a zstd payload",
      makeBzImage(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0])),
      /payload at 0x840 cannot be unpacked: the zstd payload has only 8 bytes/,
    ],
    [
      "an xz payload cut off",
      makeBzImage(Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0])),
      /payload at 0x840 cannot be unpacked: the xz payload has only 8 bytes/,
    ],
    [
      "a damaged LZ4 payload",
      makeBzImage(patched(lz4Payload(linux), 4, 0xff)),
      /payload at 0x840 cannot be unpacked: the LZ4 block at 0x4 claims/,
    ],
    [
      "a damaged gzip payload",
      makeBzImage(patched(gzipSync(linux), 30, 0xff)),
      /payload at 0x840 cannot be unpacked: the gzip data is damaged/,
    ],
    [
      "an LZ4 bomb",
      makeBzImage(Uint8Array.from([...lz4Payload(linux).subarray(0, -4), ...u32(0xffff_ffff)])),
      /says it unpacks to 4294967295 bytes/,
    ],
  ])("bzImage: %s", (_what, file, why) => {
    expect(whyOf(file)).toMatch(why);
  });
});

describe("libxc's words", () => {
  const lines = (result: KernelResult): string[] => (result.ok ? [] : buildFaultLines(result));
  const PARSE = "libxl: error: libxl_dom.c:571:libxl__build_dom: xc_dom_parse_image failed";
  const NO_LOADER =
    "xc: error: panic: xg_dom_core.c:689: xc_dom_find_loader: no loader found: Invalid kernel";

  it("for no kernel at all (golden/err/bad-kernel-p)", () => {
    expect(lines(readKernel(ascii("#!/bin/sh\n")))).toEqual([NO_LOADER, PARSE]);
  });
  it("for a file that is not there (golden/err/missing-kernel-p)", () => {
    expect(
      buildFaultLines(cannotOpen("kernel-file", "/nosuch/vmlinuz", "No such file or directory")),
    ).toEqual([
      "xc: error: panic: xg_dom_core.c:205: failed to open file '/nosuch/vmlinuz': No such file or directory: Internal error",
      "libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: No such file or directory",
    ]);
  });
  it.each<[string, TestNote[], string]>([
    ["with PAE", linuxNotes(0n), "xen-3.0-x86_32p"],
    ["without", linuxNotes(0n).filter((row) => row.type !== XEN_ELFNOTE.PAE_MODE), "xen-3.0-x86_32"],
  ])("for a 32-bit kernel %s: the type that this hypervisor does not offer", (_which, notes, type) => {
    expect(lines(readKernel(makeElf32(notes)))).toEqual([
      `xc: error: panic: xg_dom_boot.c:86: xc_dom_compat_check: guest type ${type} not supported by xen kernel, sorry: Invalid kernel`,
      PARSE,
    ]);
  });
  it("for a kernel of dom0, and for one that wants what no PV guest has", () => {
    const wanting = (features: string): string | undefined =>
      lines(readKernel(elf({ notes: notesWith("FEATURES", note("FEATURES", features)) })))[0];
    expect(wanting("!dom0")).toBe(
      "xc: error: panic: xg_dom_elfloader.c:179: xc_dom_parse_elf_kernel: Kernel does not support unprivileged (DomU) operation: Invalid kernel",
    );
    expect(wanting("!supervisor_mode_kernel")).toBe(
      "xc: error: panic: xg_dom_core.c:936: xc_dom_parse_image: unsupported feature requested: Invalid configuration",
    );
    expect(wanting("!nonsense")).toBe(NO_LOADER);
    expect(wanting("nonsense|dom0|!writable_page_tables")).toBeUndefined();
  });
  it("for an empty file, a directory, a ramdisk", () => {
    expect(buildFaultLines(emptyFile("kernel-file", "k"))[0]).toBe(
      "xc: error: panic: xg_dom_core.c:230: 'k': zero length file: Internal error",
    );
    expect(buildFaultLines(cannotMap("ramdisk-file", "r", "Is a directory"))[1]).toMatch(
      /libxl_dom.c:659:libxl__build_pv: xc_dom_ramdisk_file failed/,
    );
  });
  it("for a broken payload: the bzImage loader's, then no other wants it", () => {
    expect(lines(readKernel(makeBzImage(patched(lz4Payload(linux), 4, 0xff))))).toEqual([
      "xc: error: panic: xg_dom_bzimageloader.c:805: xc_dom_probe_bzimage_kernel unable to LZ4 decompress kernel",
      ": Invalid kernel",
      NO_LOADER,
      PARSE,
    ]);
  });
});

describe("a ramdisk", () => {
  it("is unpacked when it is gzip, with libxc's 16 bytes of slack; else handed over as it is", () => {
    const cpio = ascii("070701".repeat(100));
    expect(readRamdisk(cpio)).toEqual({ bytes: cpio, length: 600 });
    const packed = readRamdisk(gzipSync(cpio));
    expect(Buffer.from(packed.bytes).equals(Buffer.from(cpio))).toBe(true);
    expect(packed.length).toBe(616);
    const broken = patched(gzipSync(cpio), 15, 0xff);
    expect(readRamdisk(broken)).toEqual({ bytes: broken, length: broken.length });
    const two = Uint8Array.from([...gzipSync(cpio), ...gzipSync(cpio)]);
    expect(readRamdisk(two).bytes).toBe(two);
    expect(readRamdisk(gzipSync(cpio), 100).length).toBeLessThan(100);
    expect(readRamdisk(new Uint8Array(0))).toEqual({ bytes: new Uint8Array(0), length: 0 });
  });
});

function readElfSections(bytes: Uint8Array): { type: number; offset: number; size: number; link: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = ehdr64.read(view, 0);
  expect(header).toMatchObject({ e_phnum: 0, e_phoff: 0, e_shentsize: 64, e_ehsize: 64, e_shstrndx: 0 });
  return Array.from({ length: header.e_shnum }, (_, i) => {
    const row = shdr64.read(view, header.e_shoff + i * header.e_shentsize);
    return { type: row.sh_type, offset: row.sh_offset, size: row.sh_size, link: row.sh_link };
  });
}

function patched(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[at] = byte;
  return out;
}
