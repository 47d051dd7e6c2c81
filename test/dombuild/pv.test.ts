import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startInfo } from "../../src/abi/start-info.ts";
import { Domid, Port } from "../../src/abi/types.ts";
import { buildFaultLines } from "../../src/dombuild/fault.ts";
import { type ParsedKernel, readKernel } from "../../src/dombuild/kernel.ts";
import { buildPv, buildPvSteps, type PvBuilt, type PvRequest, type PvResult } from "../../src/dombuild/pv.ts";
import { ascii, linuxNotes, makeElf, note, type TestNote, VIRT_BASE } from "../image/make-elf.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";
import { FakeGate } from "./fake-gate.ts";

const PAGE = 4096;
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const ENTRY = VIRT_BASE + 0x100040n;

const linuxLike = (notes: readonly TestNote[] = linuxNotes(ENTRY)): ParsedKernel => {
  const kernel = readKernel(
    makeElf({
      notes,
      segments: [
        { paddr: 0x100000n, vaddr: VIRT_BASE + 0x100000n, bytes: filled(0x1234, 0xaa), memsz: 0x1234 },
        { paddr: 0x102000n, vaddr: 0n, bytes: filled(0x10, 0xbb), memsz: 0x2100 }, // Linux's per-cpu segment
      ],
    }),
  );
  if (!kernel.ok) throw new Error(kernel.why);
  return kernel.value;
};

const request = (kernel: ParsedKernel, more: Partial<PvRequest> = {}): PvRequest => ({
  kernel,
  cmdline: "console=hvc0",
  memKib: 16 * 1024 + 700,
  storePort: Port(1),
  consolePort: Port(2),
  ...more,
});

function build(kernel: ParsedKernel, more: Partial<PvRequest> = {}): { fake: FakeGate; built: PvBuilt } {
  const fake = new FakeGate();
  const built = buildPv(fake.gate, Domid(5), request(kernel, more));
  if (!built.ok) throw new Error(built.why);
  return { fake, built: built.value };
}

/** What start_info says, found as the guest finds it: rsi, through the page tables. */
function startInfoOf(fake: FakeGate): { info: ReturnType<typeof startInfo.read>; page: Uint8Array } {
  const place = fake.walk(fake.context?.userRegs.rsi ?? 0n);
  const page = fake.bytes(place?.mfn ?? -1);
  return { info: startInfo.read(new DataView(page.buffer), 0), page };
}
const text = (page: Uint8Array, offset: number): string =>
  new TextDecoder().decode(page.subarray(offset, page.indexOf(0, offset)));

describe("a PV domain", () => {
  it("is built in steps, each of few pages, so that nobody waits long for a turn", () => {
    const fake = new FakeGate();
    const ramdisk = { bytes: filled(10 << 20, 0xcc), length: 10 << 20 };
    const steps = buildPvSteps(fake.gate, Domid(5), request(linuxLike(), { ramdisk, memKib: 1 << 20 }));
    let most = { written: 0, populated: 0 };
    let result: PvResult | undefined;
    while (result === undefined) {
      const before = { written: fake.writes, populated: fake.p2m.size };
      const step = steps.next();
      most = {
        written: Math.max(most.written, fake.writes - before.written),
        populated: Math.max(most.populated, fake.p2m.size - before.populated),
      };
      if (step.done) result = step.value;
    }
    expect(result.ok).toBe(true);
    expect(fake.p2m.size).toBe(1 << 18);
    expect(fake.writes).toBeGreaterThan(2560 + 512);
    expect(most.written).toBeLessThan(150);
    expect(most.populated).toBe(4096);
  });

  it("has the symbols that its note BSD_SYMTAB asks for behind its image, mapped", () => {
    const symtab = { rows: filled(48, 7), names: ascii("\0panic\0") };
    const read = readKernel(
      makeElf({
        notes: [...linuxNotes(ENTRY), note("BSD_SYMTAB", "yes")],
        segments: [{ paddr: 0x100000n, vaddr: VIRT_BASE + 0x100000n, bytes: filled(0x1ffc, 0xaa) }],
        symtab,
      }),
    );
    if (!read.ok) throw new Error(read.why);
    const { fake, built } = build(read.value);
    // From 0x101ffc, aligned to 8 in the next page: size, headers, rows and names.
    const size = new DataView(fake.bytes(fake.walk(VIRT_BASE + 0x102000n)?.mfn ?? -1).buffer);
    expect(size.getUint32(0, true)).toBe(264 + 48 + 7 - 4);
    expect(size.getUint32(4, true)).toBe(0x464c457f);
    expect([...new Uint8Array(size.buffer, 264, 48)]).toEqual([...symtab.rows]);
    expect(built.layout.startInfo.pfn).toBe(0x103);
  });

  it("starts as public/xen.h promises: ring pages, stack, tables, p2m and ramdisk in libxc's order", () => {
    const ramdisk = { bytes: ascii("initramfs".repeat(1000)), length: 9000 };
    const { fake, built } = build(linuxLike(), { ramdisk });
    const { info, page } = startInfoOf(fake);
    // kernel 0x100..0x104 (0x4100 bytes from 0x100000 on: 5 pages), start info, xenstore, console, tables, stack
    expect(built.layout.startInfo.pfn).toBe(0x105);
    expect(built.storeMfn).toBe(FakeGate.mfnOf(0x106));
    expect(built.consoleMfn).toBe(FakeGate.mfnOf(0x107));
    expect(built.layout.pageTables).toMatchObject({ pfn: 0x108, pages: 5, virt: VIRT_BASE + 0x108000n });
    expect(built.layout.bootStack.pfn).toBe(0x10d);
    expect(built.layout.mappedEnd).toBe(VIRT_BASE + 0x400000n);
    expect(built.layout.ramdisk).toMatchObject({ pfn: 0x400, pages: 3 });
    // 4096 pages: 8 pages of list, then an L3, L2 and L1 of its own
    expect(built.layout.p2m).toMatchObject({ pfn: 0x403, pages: 11, virt: 0x80_0000_0000n });

    expect(text(page, 0)).toBe("xen-3.0-x86_64");
    expect(text(page, 0x80)).toBe("console=hvc0");
    expect(info).toEqual({
      nr_pages: 4096,
      shared_info: fake.sharedInfo * PAGE,
      flags: 8,
      store_mfn: built.storeMfn,
      store_evtchn: 1,
      console_mfn: built.consoleMfn,
      console_evtchn: 2,
      pt_base: VIRT_BASE + 0x108000n,
      nr_pt_frames: 5,
      mfn_list: 0x80_0000_0000n,
      mod_start: 0x400n,
      mod_len: 3 * PAGE,
      first_p2m_pfn: 0x403,
      nr_p2m_frames: 11,
    });
    expect(fake.grants.get(0)).toEqual({ to: 0, frame: built.consoleMfn });
    expect(fake.grants.get(1)).toEqual({ to: 0, frame: built.storeMfn });
    expect(fake.writable).toBe(0);
  });

  it("has its first vCPU at ENTRY, on the boot stack, events masked", () => {
    const { fake, built } = build(linuxLike());
    const regs = fake.context?.userRegs;
    expect(regs).toMatchObject({
      rip: ENTRY,
      rsp: VIRT_BASE + 0x10e000n,
      rsi: VIRT_BASE + 0x105000n,
      rax: 0n,
    });
    expect(regs).toMatchObject({ cs: 0xe033, ss: 0xe02b, ds: 0, es: 0, fs: 0, gs: 0, rflags: 0x200n });
    expect(fake.context).toMatchObject({
      kernelSs: 0xe02b,
      kernelSp: regs?.rsp,
      cr3: BigInt(built.l4Mfn) << 12n,
    });
    expect(fake.pinned).toBe(built.l4Mfn);
    const shared = fake.bytes(fake.sharedInfo);
    for (let vcpu = 0; vcpu < 32; vcpu++) expect(shared[vcpu * 64 + 1]).toBe(1);
  });

  it("sees its memory: every page mapped up to the 4 MiB line, tables read-only, nothing beyond", () => {
    const { fake, built } = build(linuxLike());
    const tables = new Set(built.layout.maps.flatMap((map) => map.tables.map((table) => table.pfn)));
    for (let pfn = 0; pfn < 0x400; pfn++)
      expect(fake.walk(VIRT_BASE + BigInt(pfn * PAGE)), `pfn ${pfn}`).toEqual({
        mfn: FakeGate.mfnOf(pfn),
        writable: !tables.has(pfn),
      });
    expect(fake.walk(VIRT_BASE + 0x400000n)).toBeUndefined();
    expect(fake.walk(0n)).toBeUndefined();
    // the list, through its own mapping, names every pfn's frame
    for (let pfn = 0; pfn < 4096; pfn += 511) {
      const at = fake.walk(0x80_0000_0000n + BigInt(pfn * 8));
      expect(new DataView(fake.bytes(at?.mfn ?? -1).buffer).getBigUint64((pfn * 8) % PAGE, true)).toBe(
        BigInt(FakeGate.mfnOf(pfn)),
      );
    }
    expect(fake.walk(0x80_0000_8000n)).toBeUndefined();
  });

  it("has the kernel's bytes by physical address, bss zero, untouched pages unwritten", () => {
    const { fake } = build(linuxLike());
    const at = (pfn: number): Uint8Array => fake.bytes(FakeGate.mfnOf(pfn));
    expect(at(0x100).every((byte) => byte === 0xaa)).toBe(true);
    expect([at(0x101)[0x233], at(0x101)[0x234]]).toEqual([0xaa, 0]);
    expect([at(0x102)[0], at(0x102)[15], at(0x102)[16]]).toEqual([0xbb, 0xbb, 0]);
    for (const pfn of [0, 0xff, 0x103, 0x106, 0x107, 0x3ff, 0x800])
      expect(fake.frames.has(FakeGate.mfnOf(pfn))).toBe(false);
  });

  it("without INIT_P2M and MOD_START_PFN has list and ramdisk inside the first mapping", () => {
    const notes = [
      note("GUEST_OS", "tiny"),
      note("XEN_VERSION", "xen-3.0"),
      note("LOADER", "generic"),
      note("ENTRY", 0x100000n),
      note("HYPERCALL_PAGE", 0x101000n),
      note("VIRT_BASE", 0n),
    ];
    const kernel = readKernel(makeElf({ notes, segments: [{ paddr: 0x100000n, bytes: filled(0x30e0, 1) }] }));
    if (!kernel.ok) throw new Error(kernel.why);
    const { fake, built } = build(kernel.value, { ramdisk: { bytes: filled(5000, 7), length: 5000 } });
    const { info } = startInfoOf(fake);
    expect(info).toMatchObject({
      flags: 0,
      mod_start: 0x104000n,
      mod_len: 5000,
      mfn_list: 0x106000n,
      first_p2m_pfn: 0,
      nr_p2m_frames: 0,
    });
    expect(fake.hypercallPage).toBe(FakeGate.mfnOf(0x101));
    expect(built.layout.maps).toHaveLength(1);
  });

  it("is laid out as real Xen 4.17 laid out golden/life/tiny-create-vvv", () => {
    const notes = [
      note("GUEST_OS", "tiny"),
      note("XEN_VERSION", "xen-3.0"),
      note("VIRT_BASE", 0n),
      note("PADDR_OFFSET", 0n),
      note("ENTRY", 0x100000n),
      note("HYPERCALL_PAGE", 0x101000n),
      note("LOADER", "generic"),
    ];
    const kernel = readKernel(
      makeElf({ notes, segments: [{ paddr: 0x100000n, bytes: filled(0x20d0, 1), memsz: 0x30e0 }] }),
    );
    if (!kernel.ok) throw new Error(kernel.why);
    const { built } = build(kernel.value, { memKib: 16384 });
    expect(built.layout.shown).toEqual([
      "xc_dom_alloc_segment:   kernel       : 0x100000 -> 0x1030e0  (pfn 0x100 + 0x4 pages)",
      "xc_dom_alloc_segment:   phys2mach    : 0x104000 -> 0x10c000  (pfn 0x104 + 0x8 pages)",
      "xc_dom_alloc_page   :   start info   : 0x10c000 (pfn 0x10c)",
      "xc_dom_alloc_page   :   xenstore     : 0x10d000 (pfn 0x10d)",
      "xc_dom_alloc_page   :   console      : 0x10e000 (pfn 0x10e)",
      "count_pgtables: 0x0000007fffffffff/39: 0x0000000000000000 -> 0x0000007fffffffff, 1 table(s)",
      "count_pgtables: 0x000000003fffffff/30: 0x0000000000000000 -> 0x000000003fffffff, 1 table(s)",
      "count_pgtables: 0x00000000001fffff/21: 0x0000000000000000 -> 0x00000000003fffff, 2 table(s)",
      "xc_dom_alloc_segment:   page tables  : 0x10f000 -> 0x114000  (pfn 0x10f + 0x5 pages)",
      "xc_dom_alloc_page   :   boot stack   : 0x114000 (pfn 0x114)",
      "xc_dom_build_image  : virt_alloc_end : 0x115000",
      "xc_dom_build_image  : virt_pgtab_end : 0x400000",
    ]);
  });

  it("keeps 1023 bytes of its command line", () => {
    const { fake } = build(linuxLike(), { cmdline: "x".repeat(3000) });
    expect(text(startInfoOf(fake).page, 0x80)).toBe("x".repeat(1023));
  });
});

describe("a PV domain is refused", () => {
  const refusal = (kernel: ParsedKernel, more: Partial<PvRequest>, prepare?: (fake: FakeGate) => void) => {
    const fake = new FakeGate();
    prepare?.(fake);
    const built = buildPv(fake.gate, Domid(5), request(kernel, more));
    if (built.ok) throw new Error("was built");
    return { fault: built, fake };
  };

  it.each([
    [0, "padding"],
    [1024, "padding"],
    [2048, "page tables"],
  ])("with %i KiB: too small for its kernel, before a page is taken", (memKib) => {
    const { fault, fake } = refusal(linuxLike(), { memKib });
    expect(fault.why).toMatch(/memory of \d MiB is too small.*more memory/);
    expect(fake.p2m.size).toBe(0);
  });

  it("with the words of golden/err/memory-hex-p when the kernel is too large", () => {
    const kernel = readKernel(
      makeElf({
        notes: linuxNotes(VIRT_BASE + 0x1000000n),
        segments: [{ paddr: 0x1000000n, bytes: filled(64, 1), memsz: 0x3a00000 }],
      }),
    );
    if (!kernel.ok) throw new Error(kernel.why);
    const { fault } = refusal(kernel.value, { memKib: 64 * 1024 });
    expect(buildFaultLines(fault)).toEqual([
      "xc: error: panic: xg_dom_core.c:536: xc_dom_chk_alloc_pages: segment kernel too large (0x3a00 > 0x4000 - 0x1000 pages): Out of memory",
      "libxl: error: libxl_dom.c:594:libxl__build_dom: xc_dom_build_image failed: No such file or directory",
    ]);
  });

  it("when its ramdisk does not fit", () => {
    const { fault } = refusal(linuxLike(), { ramdisk: { bytes: new Uint8Array(0), length: 64 << 20 } });
    expect(fault.why).toMatch(/ramdisk would end at 68 MiB/);
  });

  it("with the words of golden/scaling/memory-overcommit when the machine is full", () => {
    const { fault } = refusal(linuxLike(), {}, (fake) => {
      fake.left = 2000;
    });
    expect(buildFaultLines(fault)).toEqual([
      "xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory",
      "libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory",
    ]);
    expect(fault.errno).toBe("ENOMEM");
  });

  it.each(["mapForeign", "pinL4"])("when the hypervisor refuses %s, nothing stays mapped", (call) => {
    const { fault, fake } = refusal(linuxLike(), {}, (f) => {
      f.broken = call;
    });
    expect(fault.errno).toBe("EINVAL");
    expect(fake.writable).toBe(0);
  });

  it.each([
    ["INIT_P2M in Xen's own range", 0xffff_8000_0000_0000n, /INIT_P2M.*Xen keeps for itself/],
    ["INIT_P2M that is not canonical", 0x8000_0000_0000n, /INIT_P2M.*not canonical/],
    ["INIT_P2M across the canonical hole", 0x7fff_ffff_f000n, /INIT_P2M.*not canonical/],
  ])("for %s", (_what, p2m, why) => {
    const notes = linuxNotes(ENTRY).filter((row) => row.type !== 15);
    const { fault } = refusal(linuxLike([...notes, note("INIT_P2M", p2m)]), {});
    expect(fault.why).toMatch(why);
  });
});

describe.skipIf(guestsDirectory === undefined)(`Debian's cloud kernel (${noGuests})`, () => {
  const file = new Uint8Array(
    guestsDirectory === undefined ? [] : readFileSync(`${guestsDirectory}/vmlinuz-cloud`),
  );

  it("unpacks and builds into 256 MiB, where guests.md §1 saw it lie", { timeout: 60_000 }, () => {
    const kernel = readKernel(file);
    if (!kernel.ok) throw new Error(kernel.why);
    expect(kernel.value.format).toMatch(/^bzImage 2\.\d+ \(lz4\)$/);
    const { built, fake } = build(kernel.value, {
      memKib: 256 * 1024,
      ramdisk: { bytes: filled(2_000_000, 1), length: 2_000_000 },
    });
    expect(built.layout.startInfo.virt).toBe(kernel.value.addresses.virtKend);
    expect(built.layout.mappedEnd % (4n << 20n)).toBe(0n);
    expect(fake.walk(built.entry)?.mfn).toBe(FakeGate.mfnOf(Number((built.entry - VIRT_BASE) >> 12n)));
    expect(fake.frames.size).toBeLessThan(13_500);
  });

  it("is refused when cut anywhere, and names what is cut", () => {
    for (const length of [600, 20_000, 9_000_000, file.length - 300_000]) {
      const kernel = readKernel(file.subarray(0, length));
      expect(kernel.ok).toBe(false);
      if (!kernel.ok) expect(kernel.why).toMatch(/truncated/);
    }
  });
});
