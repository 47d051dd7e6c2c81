/** A PV guest with page tables, saved and restored through a real Xen's Gate; and what becomes of a stream that was harmed. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { startInfo } from "../../../src/abi/start-info.ts";
import { DOMID_0, type Domid, type Port } from "../../../src/abi/types.ts";
import type { VcpuGuestContext } from "../../../src/abi/vcpu-context.ts";
import { sharedInfo } from "../../../src/abi/xen.ts";
import { readFrame } from "../../../src/toolstack/save/foreign.ts";
import { restoreImage } from "../../../src/toolstack/save/restore-image.ts";
import { saveImage } from "../../../src/toolstack/save/save-image.ts";
import { sourceOf } from "../../../src/toolstack/save/stream.ts";
import { XcFault } from "../../../src/toolstack/save/xc-fault.ts";
import { makeWorld, must, type TestGuest, type World } from "../../xen/support/world.ts";
import { Counting, run, Sink, thrown } from "./run.ts";

const PAGES = 32;
/** What lies in which page of the guest. */
const AT = {
  startInfo: 10,
  store: 11,
  console: 12,
  listList: 13,
  list: 14,
  p2m: 15,
  gdt: 16,
  data: 20,
} as const;
const TABLES = [0, 1, 2, 3, 4];

type P2mForm = "tree" | "list";

/** A guest that has told Xen where its p2m is, and stands as one that has called its suspend hypercall. */
function suspendedGuest(world: World, form: P2mForm, vcpus: number): TestGuest {
  const guest = world.guest({ vcpus, pages: PAGES });
  const mfn = (pfn: number): bigint => BigInt(guest.mfns[pfn] as number);
  guest.poke(AT.listList, 0, mfn(AT.list));
  guest.poke(AT.list, 0, mfn(AT.p2m));
  for (let pfn = 0; pfn < PAGES; pfn++) guest.poke(AT.p2m, pfn * 8, mfn(pfn));
  const { store_mfn, console_mfn } = startInfo.field;
  guest.poke(AT.startInfo, store_mfn.offset, BigInt(AT.store));
  guest.poke(AT.startInfo, console_mfn.offset, BigInt(AT.console));
  for (let pfn = AT.data; pfn < PAGES; pfn++) guest.poke(pfn, pfn * 8, 0x1234_5678_0000_0000n + BigInt(pfn));
  guest.setShared(sharedInfo.field.archMaxPfn.offset, PAGES);
  if (form === "tree") {
    guest.setShared(sharedInfo.field.archPfnToMfnFrameListList.offset, guest.mfns[AT.listList] as number);
  } else {
    guest.setShared(sharedInfo.field.archP2mCr3.offset, (guest.mfns[0] as number) << 12);
    const at = sharedInfo.field.archP2mVaddr.offset;
    guest.setShared(at, Number(guest.va(AT.p2m) & 0xffff_ffffn));
    guest.setShared(at + 4, Number(guest.va(AT.p2m) >> 32n));
  }
  must(world.dom0.mmu.pinL4(guest.domid, guest.mfns[0] as never));
  guest.context.flags |= 1;
  guest.context.fpu = fpuImage();
  guest.context.userRegs.rdx = mfn(AT.startInfo);
  guest.context.userRegs.rbx = 0xfeed_face_cafe_beefn;
  guest.context.traps = [{ vector: 14, flags: 4, cs: 0xe033, address: guest.va(5, 0x40) }];
  guest.context.fsBase = 0x7f00_1234_5000n;
  for (let id = 0; id < vcpus; id++) must(world.dom0.domctl.setVcpuContext(guest.domid, id, guest.context));
  must(world.dom0.domctl.shutdown(guest.domid, SHUTDOWN.suspend));
  return guest;
}

/** FCW, MXCSR and all registers, each of its own value. */
function fpuImage(): Uint8Array {
  const image = new Uint8Array(512);
  image.fill(0x11, 32, 416).set([0x7f, 0x03, 0, 0x18, 0xff], 0);
  image.set([0x80, 0x1f, 0, 0, 0xff, 0xff], 24);
  for (let i = 0; i < 8; i++) image.set([i, 1, 2, 3, 4, 5, 6, 7, i, 0x40, 0, 0, 0, 0, 0, 0], 32 + i * 16);
  return image;
}

function save(world: World, guest: TestGuest): Uint8Array {
  const sink = new Sink();
  run(saveImage({ ...image(world, guest.domid), sink, suspend: agreed }));
  return sink.bytes();
}
const quiet = (): void => {};
const image = (world: World, domid: Domid) => ({ gate: world.dom0, domid, say: quiet, progress: quiet });
// biome-ignore lint/correctness/useYield: nothing to wait for
function* agreed() {
  return true;
}

interface Target {
  readonly domid: Domid;
  readonly storePort: Port;
  readonly consolePort: Port;
}

function emptyDomain(world: World, vcpus: number): Target {
  const { domctl, evtchn } = world.dom0;
  const domid = must(
    domctl.create({
      handle: new Uint8Array(16).fill(0xcd),
      type: "pv",
      maxVcpus: vcpus,
      maxEvtchnPort: 1023,
      maxGrantFrames: 4,
      maxMaptrackFrames: 4,
    }),
  );
  must(domctl.setMaxMem(domid, PAGES * 4));
  const storePort = must(evtchn.allocUnbound(domid, DOMID_0));
  return { domid, storePort, consolePort: must(evtchn.allocUnbound(domid, DOMID_0)) };
}

const restore = (world: World, target: Target, bytes: Uint8Array, source = sourceOf(bytes)) =>
  restoreImage({ gate: world.dom0, ...target, source, maxPages: PAGES, say: quiet });

/** Frees everything of a domain. */
function destroy(world: World, domid: Domid): void {
  must(world.dom0.domctl.destroy(domid));
  world.settle();
  expect(world.machine.domains.has(domid)).toBe(false);
}

describe.each([
  ["tree", 1],
  ["list", 2],
] as const)("a guest with its p2m as a %s and %i vCPUs", (form, vcpus) => {
  let world: World;
  let guest: TestGuest;
  let target: Target;
  let mfns: number[];
  let rings: { storeMfn: number; consoleMfn: number };

  beforeAll(() => {
    world = makeWorld();
    guest = suspendedGuest(world, form, vcpus);
    target = emptyDomain(world, vcpus);
    rings = run(restore(world, target, save(world, guest)));
    const p2m = Array.from({ length: 65_536 }, (_, mfn) => mfn).find(
      (mfn) =>
        world.machine.frames.owner(mfn) === target.domid &&
        world.dom0.migration.machineToPhys(mfn) === AT.p2m,
    );
    const list = new BigUint64Array(frame(p2m ?? 0).buffer);
    mfns = Array.from({ length: PAGES }, (_, pfn) => Number(list[pfn]));
  });
  const frame = (mfn: number): Uint8Array => readFrame(world.dom0, target.domid, mfn) ?? new Uint8Array(0);

  test("finds every page of its memory, at other frames", () => {
    for (let pfn = 0; pfn < PAGES; pfn++) {
      expect(mfns[pfn]).not.toBe(guest.mfns[pfn]);
      expect(world.dom0.migration.machineToPhys(mfns[pfn] as number)).toBe(pfn);
      if (TABLES.includes(pfn) || pfn === AT.p2m || pfn === AT.startInfo) continue;
      const before = readFrame(world.dom0, guest.domid, guest.mfns[pfn] as number);
      if (pfn !== AT.listList && pfn !== AT.list) expect(frame(mfns[pfn] as number)).toEqual(before);
    }
  });
  test("its page tables map the same pages, and are typed and pinned as they were", () => {
    for (const pfn of TABLES) {
      const before = new BigUint64Array(
        (readFrame(world.dom0, guest.domid, guest.mfns[pfn] as number) ?? new Uint8Array(0)).buffer,
      );
      const after = new BigUint64Array(frame(mfns[pfn] as number).buffer);
      for (let i = 0; i < 512; i++) {
        if (((before[i] as bigint) & 1n) === 0n || (i >= 256 && i <= 271 && (pfn === 0 || pfn === 4)))
          continue;
        const old = guest.mfns.indexOf(Number(((before[i] as bigint) >> 12n) & 0xff_ffff_ffffn) as never);
        expect(Number(((after[i] as bigint) >> 12n) & 0xff_ffff_ffffn)).toBe(mfns[old]);
        expect((after[i] as bigint) & 0xf9fn).toBe((before[i] as bigint) & 0xf9fn);
      }
    }
    const types = (domid: Domid, frames: readonly number[]): number[] => [
      ...must(world.dom0.migration.pageTypes(domid, frames)),
    ];
    expect(types(target.domid, mfns)).toEqual(types(guest.domid, guest.mfns));
    expect(types(target.domid, mfns).slice(0, 5)).toEqual([0xc, 3, 2, 1, 4]);
  });
  test("its vCPUs are as they were, FPU and handlers too", () => {
    const pfnOf = (mfn: bigint): bigint => BigInt(world.dom0.migration.machineToPhys(Number(mfn)) ?? -1);
    const normal = (context: VcpuGuestContext): VcpuGuestContext => ({
      ...context,
      cr3: pfnOf(context.cr3 >> 12n),
      cr3User: pfnOf(context.cr3User >> 12n),
      userRegs: { ...context.userRegs, rdx: 0n },
    });
    for (let id = 0; id < vcpus; id++) {
      const before = must(world.dom0.domctl.getVcpuContext(guest.domid, id));
      const after = must(world.dom0.domctl.getVcpuContext(target.domid, id));
      expect(normal(after)).toEqual(normal(before));
      expect(after.fpu?.subarray(0, 416)).toEqual(fpuImage().subarray(0, 416));
      if (id === 0) expect(after.userRegs.rdx).toBe(BigInt(mfns[AT.startInfo] as number));
    }
  });
  test("start_info names its new rings, channels and shared_info", () => {
    const view = new DataView(frame(mfns[AT.startInfo] as number).buffer);
    expect(startInfo.read(view, 0)).toMatchObject({
      nr_pages: PAGES,
      shared_info: must(world.dom0.domctl.getSharedInfoFrame(target.domid)) * 4096,
      store_mfn: mfns[AT.store],
      store_evtchn: target.storePort,
      console_mfn: mfns[AT.console],
      console_evtchn: target.consolePort,
    });
    expect(rings).toEqual({ storeMfn: mfns[AT.store], consoleMfn: mfns[AT.console] });
  });
  test("no event is pending and all are masked", () => {
    const page = frame(must(world.dom0.domctl.getSharedInfoFrame(target.domid)));
    expect(page.subarray(0x800, 0xa00).every((byte) => byte === 0)).toBe(true);
    expect(page.subarray(0xa00, 0xc00).every((byte) => byte === 0xff)).toBe(true);
  });
  test("it knows that it has been restored", () => {
    expect(must(world.dom0.migration.getTscInfo(guest.domid)).incarnation).toBe(0);
    expect(must(world.dom0.migration.getTscInfo(target.domid)).incarnation).toBe(1);
  });
});

describe("a stream that was harmed", () => {
  let world: World;
  let bytes: Uint8Array;
  let free: number;

  beforeAll(() => {
    world = makeWorld();
    const guest = suspendedGuest(world, "tree", 2);
    bytes = save(world, guest);
    destroy(world, guest.domid);
    free = world.machine.frames.freePages();
  });
  /** The restore's outcome; everything it made is gone afterwards. */
  function attempt(stream: Uint8Array): Error | undefined {
    const target = emptyDomain(world, 2);
    try {
      run(restore(world, target, stream));
      return undefined;
    } catch (error) {
      return error as Error;
    } finally {
      destroy(world, target.domid);
      expect(world.machine.frames.freePages()).toBe(free);
    }
  }
  /** Where records begin, behind both headers. */
  function boundaries(): number[] {
    const view = new DataView(bytes.buffer);
    const starts: number[] = [];
    for (let at = 40; at < bytes.length; ) {
      starts.push(at);
      at += 8 + Math.ceil(view.getUint32(at + 4, true) / 8) * 8;
    }
    return starts;
  }

  test("whole, it restores", () => {
    expect(attempt(bytes)).toBeUndefined();
  });
  test("cut at any record's beginning, header or body it is refused, and nothing stays behind", () => {
    const cuts = [0, 23, 24, 39, ...boundaries().flatMap((at) => [at, at + 4, at + 8 + 1])];
    for (const cut of cuts.filter((at) => at < bytes.length)) {
      const error = attempt(bytes.subarray(0, cut));
      expect(error).toBeInstanceOf(XcFault);
      expect(error?.message).toMatch(/Failed to read/);
    }
  });
  test("without any one of its records it is refused, but for time, policies and extended state", () => {
    const starts = boundaries();
    const view = new DataView(bytes.buffer);
    const missed = starts.map((at, i) => {
      const end = starts[i + 1] ?? bytes.length;
      const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
      return [view.getUint32(at, true), attempt(Uint8Array.from(rest)) === undefined] as const;
    });
    const spared = new Set(missed.filter(([, restored]) => restored).map(([type]) => type));
    // X86_PV_VCPU_BASIC (of vCPU 1), EXTENDED, SHARED_INFO, TSC_INFO, and both policies
    expect([...spared].sort((a, b) => a - b)).toEqual([4, 5, 7, 8, 0x11, 0x12]);
  });
  test("with any byte changed it restores or is refused as libxc refuses; nothing else, and nothing stays behind", () => {
    const contents = boundaries();
    const anywhere = fc.nat(bytes.length - 1);
    const inHeads = fc
      .tuple(fc.constantFrom(...contents), fc.nat(80))
      .map(([at, by]) => Math.min(at + by, bytes.length - 1));
    fc.assert(
      fc.property(fc.oneof(inHeads, anywhere), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const copy = bytes.slice();
        copy[at] = (copy[at] as number) ^ flip;
        const error = attempt(copy);
        if (error !== undefined) expect(error).toBeInstanceOf(XcFault);
      }),
      { numRuns: 300 },
    );
  });
  test("what is read at once is never more than one record", () => {
    const target = emptyDomain(world, 2);
    const source = new Counting(bytes);
    run(restore(world, target, bytes, source));
    expect(source.largest).toBe(8 + PAGES * 8 + PAGES * 4096);
    destroy(world, target.domid);
  });
  test("a domain with less memory than the stream fills is refused it", () => {
    const target = emptyDomain(world, 2);
    must(world.dom0.domctl.setMaxMem(target.domid, (PAGES - 1) * 4));
    expect(thrown(restore(world, target, bytes)).message).toContain(
      "Failed to populate physmap (12 = Cannot allocate memory)",
    );
    destroy(world, target.domid);
  });
});

describe("a guest that cannot be saved", () => {
  const fails = (harm: (guest: TestGuest) => void): string => {
    const world = makeWorld();
    const guest = suspendedGuest(world, "tree", 1);
    harm(guest);
    return thrown(saveImage({ ...image(world, guest.domid), sink: new Sink(), suspend: agreed })).message;
  };
  const maxPfn = sharedInfo.field.archMaxPfn.offset;
  const listList = sharedInfo.field.archPfnToMfnFrameListList.offset;
  test.each<[string, (guest: TestGuest) => void, string]>([
    [
      "has not run",
      (guest) => {
        guest.setShared(maxPfn, 0);
        guest.setShared(listList, 0);
      },
      "Bad mfn 0 for p2m frame list list",
    ],
    [
      "has more memory than a machine",
      (guest) => guest.setShared(maxPfn, 0x7fff_0000),
      "max_pfn 0x7ffeffff too large for p2m tree",
    ],
    [
      "names a list that is not its own",
      (guest) => guest.setShared(listList, 5),
      "Failed to map p2m frame list list at 0x5",
    ],
    [
      "has a hole in its list",
      (guest) => guest.poke(AT.list, 0, 0n),
      "Bad mfn 0x0 at index 0 (of 1) in p2m frame list",
    ],
    [
      "maps what its list has not",
      (guest) => guest.poke(AT.p2m, 21 * 8, 0xffff_ffff_ffff_ffffn),
      "Bad mfn for L1[21]",
    ],
    [
      "lists a frame twice",
      (guest) => guest.poke(AT.p2m, 21 * 8, BigInt(guest.mfns[22] as number)),
      "Bad mfn for L1[21]",
    ],
  ])("%s", (_, harm, text) => {
    expect(fails(harm)).toBe(
      `xc: error: ${text}${text.startsWith("Failed") ? " (0 = Success)" : ""}: Internal error\nxc: error: Save failed (0 = Success): Internal error`,
    );
  });
});
