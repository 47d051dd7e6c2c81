import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PFINFO } from "../../../src/abi/migration.ts";
import {
  BATCH_PAGES,
  hasContent,
  pageDataHead,
  readPageData,
} from "../../../src/toolstack/save/page-data.ts";
import {
  checkPvInfo,
  cpuidPolicyBody,
  msrPolicyBody,
  p2mFramesBody,
  pvInfoBody,
  readCpuidPolicy,
  readMsrPolicy,
  readP2mFrames,
  readTscInfo,
  readVcpuBasic,
  readVcpuBlob,
  readVcpuExtended,
  tscInfoBody,
  vcpuBasicBody,
  vcpuExtendedBody,
} from "../../../src/toolstack/save/pv-records.ts";
import { localiseTable, normaliseTable } from "../../../src/toolstack/save/tables.ts";
import { cpuPolicy } from "../../../src/xen/traps/cpu-policy.ts";
import { emptyContext } from "../../xen/support/world.ts";

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const pfinfo = fc.constantFrom(0, 1, 2, 3, 4, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf);
const RECORD_HEADER = 8;

describe("PAGE_DATA", () => {
  const record = (entries: readonly { pfn: number; type: number }[]): DataView => {
    const head = pageDataHead(entries).subarray(RECORD_HEADER);
    const contents = entries.filter(({ type }) => hasContent(type));
    const bytes = new Uint8Array(head.length + contents.length * 4096);
    bytes.set(head);
    contents.forEach(({ pfn }, i) => {
      bytes.fill(pfn & 0xff, head.length + i * 4096, head.length + (i + 1) * 4096);
    });
    return view(bytes);
  };

  test("entries and pages are read as they were written", () => {
    const entry = fc.record({ pfn: fc.nat(5000), type: pfinfo });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (entries) => {
        const read = readPageData(record(entries), 5000);
        expect(read.entries).toEqual(entries);
        const contents = entries.filter(({ type }) => hasContent(type));
        expect(read.pages.map((page) => page[4095])).toEqual(contents.map(({ pfn }) => pfn & 0xff));
      }),
    );
  });
  test("a full batch of plain pages is 4202504 bytes, as libxc's is", () => {
    const entries = Array.from({ length: BATCH_PAGES }, (_, pfn) => ({ pfn, type: PFINFO.NOTAB }));
    expect(view(pageDataHead(entries)).getUint32(4, true)).toBe(4_202_504);
  });
  const one = record([{ pfn: 7, type: 0 }]);
  const cut = (length: number): DataView => new DataView(one.buffer, one.byteOffset, length);
  const poked = (at: number, value: number): DataView => {
    const copy = view(new Uint8Array(one.buffer.slice(0)));
    copy.setUint32(at, value, true);
    return copy;
  };
  test.each([
    ["no head", cut(4), "PAGE_DATA record truncated: length 4, min 8"],
    ["no entries", poked(0, 0), "Expected at least 1 pfn in PAGE_DATA record"],
    [
      "fewer entries than counted",
      poked(0, 999_999),
      "PAGE_DATA record (length 4112) too short to contain 999999 pfns worth of information",
    ],
    ["a pfn beyond the domain", poked(8, 51), "pfn 0x33 (index 0) outside domain maximum"],
    ["a type that is none", poked(12, 0x5000_0000), "Unknown type 0x50000000 for pfn 0x7 (index 0)"],
    [
      "less content than entries",
      cut(4111),
      "PAGE_DATA record wrong size: length 4111, expected 8 + 8 + 4096",
    ],
  ])("%s is refused", (_, body, text) => {
    expect(() => readPageData(body, 50)).toThrow(`xc: error: ${text}: Internal error`);
  });
});

describe("page tables", () => {
  const table = fc.array(fc.tuple(fc.nat(511), fc.nat(0xfff_ffff), fc.nat(0xfff)), { maxLength: 40 });
  const build = (entries: readonly (readonly [number, number, number])[]): Uint8Array => {
    const page = new Uint8Array(4096);
    for (const [slot, frame, flags] of entries) {
      view(page).setBigUint64(slot * 8, (1n << 63n) | (BigInt(frame) << 12n) | BigInt(flags & ~0x80), true);
    }
    return page;
  };
  test("what is normalised is localised again, in any level but for Xen's own slots", () => {
    fc.assert(
      fc.property(table, fc.constantFrom(1, 2, 3), (entries, level) => {
        const page = build(entries);
        const stream = normaliseTable(page, level, (mfn) => mfn ^ 0x5a5a);
        expect(localiseTable(stream, level, (pfn) => pfn ^ 0x5a5a)).toEqual(page);
      }),
    );
  });
  test("entries that are not present keep every bit", () => {
    const page = build([[3, 77, 0x3e]]);
    expect(normaliseTable(page, 1, () => undefined)).toEqual(page);
    expect(localiseTable(page, 1, () => undefined)).toEqual(page);
  });
  test("Xen's slots of an L4 are left out", () => {
    const stream = view(
      normaliseTable(
        build([
          [256, 1, 1],
          [271, 1, 1],
          [272, 5, 1],
        ]),
        4,
        () => 9,
      ),
    );
    expect([256, 271, 272].map((slot) => stream.getBigUint64(slot * 8, true) & 0xf_ffff_ffffn)).toEqual([
      0n,
      0n,
      0x9001n,
    ]);
  });
  test("a frame that is not the guest's, or a superpage, is refused", () => {
    expect(() => normaliseTable(build([[4, 9, 1]]), 1, () => undefined)).toThrow("Bad mfn for L1[4]");
    const page = build([]);
    view(page).setBigUint64(8, 0x20_0081n, true);
    expect(() => normaliseTable(page, 2, () => 1)).toThrow(
      "Cannot migrate superpage (L2[1]: 0x0000000000200081)",
    );
    expect(() => localiseTable(build([[4, 9, 1]]), 3, () => undefined)).toThrow("Bad mfn for L3[4]");
  });
});

describe("other records", () => {
  test("X86_PV_INFO passes for 64-bit guests only", () => {
    checkPvInfo(view(pvInfoBody()), 5);
    expect(() => checkPvInfo(view(Uint8Array.of(4, 3, 0, 0, 0, 0, 0, 0)), 5)).toThrow(
      "Failed to update d5 address size to 32",
    );
    expect(() => checkPvInfo(view(Uint8Array.of(8, 3, 0, 0, 0, 0, 0, 0)), 5)).toThrow(
      "Invalid X86_PV_INFO combination: width 8, pt_levels 3",
    );
    expect(() => checkPvInfo(view(Uint8Array.of(8)), 5)).toThrow(
      "X86_PV_INFO record truncated: length 1, expected 8",
    );
  });
  test("X86_PV_P2M_FRAMES is read as written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 }), (maxPfn) => {
        const frames = Uint32Array.from({ length: Math.floor(maxPfn / 512) + 1 }, (_, i) => i * 3);
        expect(readP2mFrames(view(p2mFramesBody(maxPfn, frames)))).toEqual({
          startPfn: 0,
          endPfn: maxPfn,
          frames: [...frames],
        });
      }),
    );
  });
  test("X86_PV_P2M_FRAMES that contradicts itself is refused", () => {
    const body = view(p2mFramesBody(1000, Uint32Array.of(1, 2)));
    body.setUint32(0, 2000, true);
    expect(() => readP2mFrames(body)).toThrow("End pfn in stream (0x3e8) exceeds Start (0x7d0)");
    body.setUint32(0, 0, true);
    body.setUint32(4, 0xffff_ffff, true);
    expect(() => readP2mFrames(body)).toThrow("X86_PV_P2M_FRAMES record wrong size");
  });
  test("a vCPU's context comes back whole, FPU and traps too", () => {
    const context = {
      ...emptyContext(),
      flags: 0x25,
      debugreg: [1n, 2n, 3n, 4n, 0n, 0n, 0xffff0ff0n, 0x400n],
      traps: [{ vector: 14, flags: 4, cs: 0xe033, address: 0xffff_ffff_8123_4567n }],
      gdtFrames: [77],
      gdtEntries: 16,
      fpu: Uint8Array.from({ length: 512 }, (_, i) => i & 0xff),
    };
    const { vcpuId, context: blob } = readVcpuBlob("BASIC", view(vcpuBasicBody(3, context)), 4);
    const read = readVcpuBasic(blob);
    expect(vcpuId).toBe(3);
    expect({ ...read, gdtFrames: read.gdtFrames.slice(0, 1) }).toEqual(context);
  });
  test("the extended context comes back", () => {
    const extended = {
      syscall32Callback: 0x1234n,
      syscall32Cs: 0xe033,
      syscall32DisablesEvents: true,
      sysenterCallback: 0x5678n,
      sysenterCs: 0xe033,
      sysenterDisablesEvents: false,
    };
    const { context } = readVcpuBlob("EXTENDED", view(vcpuExtendedBody(0, extended)), 1);
    expect(readVcpuExtended(context)).toEqual(extended);
    expect(readVcpuExtended(new DataView(context.buffer, context.byteOffset, 8))).toBeUndefined();
  });
  test.each([
    ["BASIC", 8 + 100, 0, "X86_PV_VCPU_BASIC record wrong size: expected 5176, got 108"],
    ["BASIC", 4, 0, "X86_PV_VCPU_BASIC record truncated: length 4, header size 8"],
    ["BASIC", 5176, 2, "X86_PV_VCPU_BASIC record vcpu_id (2) exceeds domain max (1)"],
    ["EXTENDED", 8 + 129, 0, "X86_PV_VCPU_EXTENDED record too long: max 136, got 137"],
    ["XSAVE", 8 + 15, 0, "X86_PV_VCPU_XSAVE record too short: min 24, got 23"],
    ["MSRS", 8 + 17, 0, "X86_PV_VCPU_MSRS record payload size 17 expected to be a multiple of 16"],
  ] as const)("a %s record of %i bytes for vCPU %i is refused", (kind, length, vcpu, text) => {
    const body = view(new Uint8Array(length));
    if (length >= 4) body.setUint32(0, vcpu, true);
    expect(() => readVcpuBlob(kind, body, 2)).toThrow(`xc: error: ${text}: Internal error`);
  });
  test("time and policies come back", () => {
    const tsc = { mode: 1, khz: 1_000_000, nsec: 123_456_789_012, incarnation: 3 };
    expect(readTscInfo(view(tscInfoBody(tsc)))).toEqual(tsc);
    expect(() => readTscInfo(view(new Uint8Array(8)))).toThrow(
      "X86_TSC_INFO record wrong size: length 8, expected 24",
    );
    const policy = cpuPolicy(1000);
    expect(readCpuidPolicy(view(cpuidPolicyBody(policy)))).toEqual(policy.leaves);
    expect(readMsrPolicy(view(msrPolicyBody(policy)))).toEqual(policy.msrs);
    expect(() => readCpuidPolicy(view(new Uint8Array(25)))).toThrow(
      "X86_CPUID_POLICY size 25 should be multiple of 24",
    );
    expect(() => readMsrPolicy(view(new Uint8Array(0)))).toThrow(
      "X86_MSR_POLICY size 0 should be multiple of 16",
    );
  });
});
