/** Core files: laid out as xc_domain_dumpcore does, read by readelf, and a p2m list that may be anything at all. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Domid } from "../../../src/abi/types.ts";
import { sharedInfo } from "../../../src/abi/xen.ts";
import { coreHead } from "../../../src/toolstack/core/elf-core.ts";
import { readP2m } from "../../../src/toolstack/core/guest-p2m.ts";
import { dumpCore } from "../../../src/toolstack/plan/dump-core.ts";
import { FakeMachine } from "../../support/fake-gate.ts";
import { Bench, wish } from "../plan/bench.ts";

const haveReadelf = spawnSync("readelf", ["--version"]).error === undefined;

function core(pages: number): Uint8Array {
  const { gate } = new FakeMachine();
  const { head, names } = coreHead({
    vcpus: [],
    sharedInfo: new Uint8Array(4096).fill(0x5a),
    pages,
    version: gate.sysctl.version(),
  });
  const file = new Uint8Array(head.length + pages * (4096 + 16) + names.length);
  file.set(head);
  file.set(names, file.length - names.length);
  return file;
}

describe("the file", () => {
  it.skipIf(!haveReadelf)("is an ELF core whose sections readelf knows (needs readelf)", () => {
    const directory = mkdtempSync(join(tmpdir(), "xlab-core-"));
    writeFileSync(join(directory, "core"), core(3));
    const { stdout, stderr } = spawnSync("readelf", ["-hSW", join(directory, "core")], { encoding: "utf8" });
    rmSync(directory, { recursive: true });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/Type: +CORE \(Core file\)/);
    expect(stdout).toMatch(/Machine: +Advanced Micro Devices X86-64/);
    const names = [...stdout.matchAll(/^ +\[ *\d+\] (\.\S+)/gm)].map(([, name]) => name);
    expect(names).toEqual([
      ".shstrtab",
      ".note.Xen",
      ".xen_prstatus",
      ".xen_shared_info",
      ".xen_pages",
      ".xen_p2m",
    ]);
    // None of 0, header of 32, version of 1280 and format of 8 bytes, each behind a head of 16.
    expect(stdout).toMatch(/\.note\.Xen +NOTE +0+ 000200 000568 00/);
    expect(stdout).toMatch(/\.xen_pages +PROGBITS +0+ 002000 003000 1000/);
    expect(stdout).toMatch(/\.xen_p2m +PROGBITS +0+ 005000 000030 10/);
  });

  it("begins its pages on a page, whatever stands before", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), (pages) => {
        const { gate } = new FakeMachine();
        const { head } = coreHead({
          vcpus: [],
          sharedInfo: new Uint8Array(4096),
          pages,
          version: gate.sysctl.version(),
        });
        expect(head.length % 4096).toBe(0);
        expect(new DataView(head.buffer).getBigUint64(64 + 5 * 64 + 24, true)).toBe(BigInt(head.length));
      }),
      { numRuns: 20 },
    );
  });
});

describe("a guest's list of frames", () => {
  const info = (fields: Partial<Record<"max" | "cr3" | "vaddr" | "tree", bigint>>): DataView => {
    const view = new DataView(new ArrayBuffer(4096));
    sharedInfo.field.archMaxPfn.set(view, 0, fields.max ?? 0n);
    sharedInfo.field.archP2mCr3.set(view, 0, fields.cr3 ?? 0n);
    sharedInfo.field.archP2mVaddr.set(view, 0, fields.vaddr ?? 0n);
    sharedInfo.field.archPfnToMfnFrameListList.set(view, 0, fields.tree ?? 0n);
    return view;
  };
  const machine = (): FakeMachine => {
    const made = new FakeMachine();
    made.addDomain(1);
    return made;
  };

  it.each([
    ["nothing said", {}, "p2m_size < nr_pages -1 (1 < fff"],
    ["far too many pfns", { max: 1n << 39n }, "p2m_size 8000000000 makes no sense"],
    [
      "no canonical address",
      { max: 4096n, cr3: 1n << 12n, vaddr: 1n << 60n },
      "Bad virtual p2m address range 0x1000000000000000-0x1000000000007fff",
    ],
    [
      "Xen's own addresses",
      { max: 4096n, cr3: 1n << 12n, vaddr: 0xffff_8000_0000_0000n },
      "Bad virtual p2m address range 0xffff800000000000-0xffff800000007fff",
    ],
    [
      "empty tables",
      { max: 4096n, cr3: 1n << 12n, vaddr: 0n },
      "Bad mfn 0 during page table walk for vaddr 0x0 at level 4 of p2m list",
    ],
    ["no tree", { max: 4096n }, "Couldn't map p2m_frame_list_list"],
  ] as [string, Parameters<typeof info>[0], string][])("%s is refused in libxc's words", (_, fields, why) => {
    expect(readP2m(machine().gate, Domid(1), info(fields), 4096)).toEqual({ ok: false, why });
  });

  it("is found through the older tree", () => {
    const made = machine();
    const words = (mfn: number, values: readonly number[]): void => {
      const frame = made.frame(mfn);
      for (const [i, value] of values.entries()) frame.setBigUint64(i * 8, BigInt(value));
    };
    words(700, [701]);
    words(701, [702]);
    words(702, [9001, 9002, 9003]);
    const p2m = readP2m(made.gate, Domid(1), info({ max: 3n, tree: 700n }), 3);
    expect(p2m.ok && [...p2m.frames]).toEqual([9001, 9002, 9003]);
  });

  it("that is nonsense never throws", () => {
    const bits = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    fc.assert(
      fc.property(bits, bits, bits, fc.bigInt({ min: 0n, max: 5000n }), (cr3, vaddr, tree, max) => {
        readP2m(machine().gate, Domid(1), info({ max, cr3, vaddr, tree }), 100);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a dump that cannot be", () => {
  it("golden/misc/dump-core.txt: no such directory, no such list", () => {
    const bench = new Bench();
    bench.create(wish());
    const missing = bench.run(dumpCore(bench.dom0, Domid(1), { file: "/nosuch/core", said: "/nosuch/core" }));
    expect(missing).toMatchObject({
      ok: true,
      value: {
        lines: [
          "xc: error: Could not open corefile /nosuch/core (2 = No such file or directory): Internal error",
          "libxl: error: libxl_domain.c:603:libxl_domain_core_dump: Domain 1:Core dumping domain to /nosuch/core: No such file or directory",
        ],
      },
    });
  });
});
