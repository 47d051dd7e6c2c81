/**
 * A hypervisor of a Map: enough of {@link Gate} for the domain builder, strict where Xen is. Frames are scattered, so that
 * a pfn taken for an mfn shows; pinning walks the tables as Xen's validation does.
 */
import { ok, refuse, type XenResult } from "../../src/abi/errno.ts";
import type { Gate, MappedFrame } from "../../src/abi/hypercall.ts";
import { DOMID_0, type Domid, type Gfn, type Gref, Mfn } from "../../src/abi/types.ts";
import type { VcpuGuestContext } from "../../src/abi/vcpu-context.ts";

const PAGE = 4096;

export class FakeGate {
  readonly owned = new Set<number>();
  readonly frames = new Map<number, Uint8Array>();
  readonly p2m = new Map<number, number>();
  readonly grants = new Map<number, { readonly to: Domid; readonly frame: number }>();
  readonly sharedInfo = Mfn(0x7777);
  context: VcpuGuestContext | undefined;
  pinned: number | undefined;
  hypercallPage: number | undefined;
  /** Writable mappings that are still there. */
  writable = 0;
  writes = 0;
  /** Pages the machine can still give. */
  left = Number.POSITIVE_INFINITY;
  /** Answer ENOSYS to this call. */
  broken: string | undefined;

  constructor() {
    this.owned.add(this.sharedInfo);
  }

  /** Scattered but one to one: odd multiplier modulo 2^22, from 2^20 on; some frames beyond 4 GiB. */
  static mfnOf(pfn: number): Mfn {
    return Mfn(0x10_0000 + ((pfn * 0x9e375 + 0x1234) & 0x3f_ffff));
  }

  bytes(mfn: number): Uint8Array {
    return this.frames.get(mfn) ?? new Uint8Array(PAGE);
  }

  readonly gate: Gate = {
    domid: DOMID_0,
    memory: {
      populate: (_dom: Domid, first: Gfn, count: number): XenResult<Mfn[]> => {
        const give = Math.min(count, this.left);
        this.left -= give;
        if (give === 0) return refuse("ENOMEM");
        const out: Mfn[] = [];
        for (let i = 0; i < give; i++) {
          const mfn = FakeGate.mfnOf(first + i);
          this.owned.add(mfn);
          this.p2m.set(first + i, mfn);
          out.push(mfn);
        }
        return ok(out);
      },
      mapForeign: (_dom: Domid, frame: Mfn, access: "read" | "write"): XenResult<MappedFrame> => {
        if (this.broken === "mapForeign" || !this.owned.has(frame)) return refuse("EINVAL");
        return ok(this.#map(frame, access === "write"));
      },
      claim: () => refuse("ENOSYS"),
    },
    mmu: {
      prepareL4: (): XenResult<boolean> => ok(true),
      pinL4: (_dom: Domid, frame: Mfn): XenResult => {
        if (this.writable > 0) throw new Error("pinned while frames are mapped writable");
        const why = this.#validate(frame);
        if (why !== undefined) throw new Error(`pinL4: ${why}`);
        this.pinned = frame;
        return this.broken === "pinL4" ? refuse("EINVAL") : ok(undefined);
      },
      unpin: () => refuse("ENOSYS"),
    },
    domctl: {
      getSharedInfoFrame: () => ok(this.sharedInfo),
      hypercallInit: (_dom: Domid, frame: Mfn) => {
        this.hypercallPage = frame;
        return ok(undefined);
      },
      setVcpuContext: (_dom: Domid, _vcpu: number, context: VcpuGuestContext) => {
        this.context = context;
        return ok(undefined);
      },
    },
    gnttab: {
      seed: (_dom: Domid, ref: Gref, to: Domid, frame: Gfn) => {
        this.grants.set(ref, { to, frame });
        return ok(undefined);
      },
    },
  } as unknown as Gate;

  #map(mfn: number, writable: boolean): MappedFrame {
    if (writable) this.writable++;
    const page = (): Uint8Array => {
      if (!writable) throw new Error("mapped for reading only");
      this.writes++;
      let bytes = this.frames.get(mfn);
      if (bytes === undefined) {
        bytes = new Uint8Array(PAGE);
        this.frames.set(mfn, bytes);
      }
      return bytes;
    };
    return {
      writable,
      write: (offset: number, bytes: Uint8Array) => page().set(bytes, offset),
      setUint8: (offset: number, value: number) => page().set([value], offset),
      unmap: () => {
        if (writable) this.writable--;
      },
    } as unknown as MappedFrame;
  }

  /** Every entry names an owned frame; no table is mapped writable; frames have one level each. */
  #validate(l4: number): string | undefined {
    const levelOf = new Map<number, number>();
    const rw = new Set<number>();
    const visit = (mfn: number, level: number): string | undefined => {
      const known = levelOf.get(mfn);
      if (known !== undefined)
        return known === level ? undefined : `frame ${mfn} is an L${known + 1} and an L${level + 1}`;
      levelOf.set(mfn, level);
      const view = new DataView(this.bytes(mfn).buffer);
      for (let i = 0; i < 512; i++) {
        const entry = view.getBigUint64(i * 8, true);
        if (entry === 0n) continue;
        if (level === 3 && i >= 256 && i < 272) return `Xen's slot ${i} is taken`;
        const target = Number((entry >> 12n) & 0xff_ffff_ffffn);
        const flags = Number(entry & 0xfffn);
        if (!this.owned.has(target))
          return `entry ${i} of an L${level + 1} names the foreign frame ${target}`;
        if (level > 0 && flags !== 0x67) return `an L${level + 1} entry has the flags ${flags.toString(16)}`;
        if (level === 0 && flags !== 0x23 && flags !== 0x21)
          return `an L1 entry has the flags ${flags.toString(16)}`;
        if (level === 0 && flags & 2) rw.add(target);
        if (level > 0) {
          const why = visit(target, level - 1);
          if (why !== undefined) return why;
        }
      }
      return undefined;
    };
    const why = visit(l4, 3);
    if (why !== undefined) return why;
    for (const mfn of levelOf.keys()) if (rw.has(mfn)) return `the table ${mfn} is mapped writable`;
    return undefined;
  }

  /** The frame behind a virtual address, through the tables from the pinned L4; undefined: not mapped. */
  walk(va: bigint): { readonly mfn: number; readonly writable: boolean } | undefined {
    let mfn = this.pinned ?? 0;
    let writable = true;
    for (let level = 3; level >= 0; level--) {
      const index = Number((va >> BigInt(12 + 9 * level)) & 511n);
      const entry = new DataView(this.bytes(mfn).buffer).getBigUint64(index * 8, true);
      if ((entry & 1n) === 0n) return undefined;
      writable &&= (entry & 2n) !== 0n;
      mfn = Number((entry >> 12n) & 0xff_ffff_ffffn);
    }
    return { mfn, writable };
  }
}
