/** The bodies of an x86 PV domain's records, but for PAGE_DATA. Readers throw what libxc says of a body that is wrong. */

import { readVcpuGuestContext, vcpuGuestContext, writeVcpuGuestContext } from "../../abi/arch-x86/xen.ts";
import {
  type CpuidLeaf,
  type CpuPolicy,
  type ExtVcpuContext,
  extVcpuContext,
  type MsrEntry,
  type TscInfo,
} from "../../abi/migration.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import { at, n64, struct, u8, u32, u64 } from "../../lib/struct.ts";
import { xcFault } from "./xc-fault.ts";

const GUEST_WIDTH = 8;
const PT_LEVELS = 4;
const ENTRIES_PER_FRAME = 512;

const pvInfo = struct("xc_sr_rec_x86_pv_info", 8, { guestWidth: at(0, u8), ptLevels: at(1, u8) });

export function pvInfoBody(): Uint8Array {
  const bytes = new Uint8Array(pvInfo.size);
  pvInfo.write(new DataView(bytes.buffer), 0, { guestWidth: GUEST_WIDTH, ptLevels: PT_LEVELS });
  return bytes;
}

/** Only 64-bit guests pass. */
export function checkPvInfo(body: DataView, domid: number): void {
  if (body.byteLength < pvInfo.size) {
    throw xcFault(`X86_PV_INFO record truncated: length ${body.byteLength}, expected ${pvInfo.size}`);
  }
  const { guestWidth, ptLevels } = pvInfo.read(body, 0);
  if (guestWidth === 4 && ptLevels === 3) {
    const hint = "it is a 32-bit guest: only 64-bit ones run here";
    throw xcFault(`Failed to update d${domid} address size to 32`, undefined, hint);
  }
  if (guestWidth !== GUEST_WIDTH || ptLevels !== PT_LEVELS) {
    throw xcFault(`Invalid X86_PV_INFO combination: width ${guestWidth}, pt_levels ${ptLevels}`);
  }
}

// ── X86_PV_P2M_FRAMES ──

const p2mFrames = struct("xc_sr_rec_x86_pv_p2m_frames", 8, { startPfn: at(0, u32), endPfn: at(4, u32) });

/** `frames`: pfns of the frames that hold the guest's own list of pfns 0..maxPfn. */
export function p2mFramesBody(maxPfn: number, frames: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(p2mFrames.size + frames.length * 8);
  const view = new DataView(bytes.buffer);
  p2mFrames.write(view, 0, { startPfn: 0, endPfn: maxPfn });
  frames.forEach((pfn, i) => {
    view.setUint32(p2mFrames.size + i * 8, pfn, true);
  });
  return bytes;
}

export interface P2mFrames {
  readonly startPfn: number;
  readonly endPfn: number;
  /** Of the list's frames from that of startPfn to that of endPfn. */
  readonly frames: readonly number[];
}

export function readP2mFrames(body: DataView): P2mFrames {
  const { byteLength: length } = body;
  if (length < p2mFrames.size) {
    throw xcFault(`X86_PV_P2M_FRAMES record truncated: length ${length}, min ${p2mFrames.size + 8}`);
  }
  const { startPfn, endPfn } = p2mFrames.read(body, 0);
  const hex = (n: number): string => `0x${n.toString(16)}`;
  if (startPfn > endPfn) {
    throw xcFault(`End pfn in stream (${hex(endPfn)}) exceeds Start (${hex(startPfn)})`);
  }
  const start = Math.floor(startPfn / ENTRIES_PER_FRAME);
  const end = Math.floor(endPfn / ENTRIES_PER_FRAME) + 1;
  if (length !== p2mFrames.size + (end - start) * 8) {
    throw xcFault(
      `X86_PV_P2M_FRAMES record wrong size: start_pfn ${hex(startPfn)}, end_pfn ${hex(endPfn)}, length ${length}, ` +
        `expected ${p2mFrames.size} + (${end} - ${start}) * 8`,
    );
  }
  const frames: number[] = [];
  for (let at = p2mFrames.size; at < length; at += 8) frames.push(Number(body.getBigUint64(at, true)));
  return { startPfn, endPfn, frames };
}

// ── X86_PV_VCPU_* ──

const vcpuHeader = struct("xc_sr_rec_x86_pv_vcpu_hdr", 8, { vcpuId: at(0, u32) });
const MAX_EXTENDED = 128;
const MIN_XSAVE = 16;
const MSR_SIZE = 16;

function vcpuBody(vcpuId: number, size: number): { readonly bytes: Uint8Array; readonly context: DataView } {
  const bytes = new Uint8Array(vcpuHeader.size + size);
  vcpuHeader.write(new DataView(bytes.buffer), 0, { vcpuId });
  return { bytes, context: new DataView(bytes.buffer, vcpuHeader.size) };
}

export function vcpuBasicBody(vcpuId: number, value: VcpuGuestContext): Uint8Array {
  const { bytes, context } = vcpuBody(vcpuId, vcpuGuestContext.size);
  writeVcpuGuestContext(context, value);
  return bytes;
}

export function vcpuExtendedBody(vcpuId: number, value: ExtVcpuContext): Uint8Array {
  const { bytes, context } = vcpuBody(vcpuId, extVcpuContext.size);
  extVcpuContext.write(context, 0, {
    vcpu: vcpuId,
    size: extVcpuContext.size,
    syscall32CallbackEip: value.syscall32Callback,
    syscall32CallbackCs: value.syscall32Cs,
    syscall32DisablesEvents: value.syscall32DisablesEvents ? 1 : 0,
    sysenterCallbackEip: value.sysenterCallback,
    sysenterCallbackCs: value.sysenterCs,
    sysenterDisablesEvents: value.sysenterDisablesEvents ? 1 : 0,
    mcgCap: 0n,
  });
  return bytes;
}

export interface VcpuBlob {
  readonly vcpuId: number;
  /** Empty: the sender had nothing to say. */
  readonly context: DataView;
}

/** Header and size of any of the four; `vcpus`: how many the domain has. */
export function readVcpuBlob(kind: VcpuRecord, body: DataView, vcpus: number): VcpuBlob {
  const { byteLength: length } = body;
  const name = `X86_PV_VCPU_${kind}`;
  const head = vcpuHeader.size;
  if (length < head) throw xcFault(`${name} record truncated: length ${length}, header size ${head}`);
  const { vcpuId } = vcpuHeader.read(body, 0);
  const size = length - head;
  const blob = { vcpuId, context: new DataView(body.buffer, body.byteOffset + head, size) };
  if (size === 0) return blob;
  if (vcpuId >= vcpus) {
    throw xcFault(`${name} record vcpu_id (${vcpuId}) exceeds domain max (${vcpus - 1})`);
  }
  switch (kind) {
    case "BASIC":
      if (size !== vcpuGuestContext.size) {
        throw xcFault(`${name} record wrong size: expected ${head + vcpuGuestContext.size}, got ${length}`);
      }
      break;
    case "EXTENDED":
      if (size > MAX_EXTENDED) {
        throw xcFault(`${name} record too long: max ${head + MAX_EXTENDED}, got ${length}`);
      }
      break;
    case "XSAVE":
      if (size < MIN_XSAVE) throw xcFault(`${name} record too short: min ${head + MIN_XSAVE}, got ${length}`);
      break;
    case "MSRS":
      if (size % MSR_SIZE !== 0) {
        throw xcFault(`${name} record payload size ${size} expected to be a multiple of ${MSR_SIZE}`);
      }
      break;
  }
  return blob;
}
export type VcpuRecord = "BASIC" | "EXTENDED" | "XSAVE" | "MSRS";

export const readVcpuBasic = (context: DataView): VcpuGuestContext => readVcpuGuestContext(context);

/** Undefined: too short to be one. */
export function readVcpuExtended(context: DataView): ExtVcpuContext | undefined {
  if (context.byteLength < extVcpuContext.field.sysenterDisablesEvents.offset + 1) return undefined;
  const whole = new DataView(new ArrayBuffer(extVcpuContext.size));
  for (let i = 0; i < Math.min(context.byteLength, extVcpuContext.size); i++) {
    whole.setUint8(i, context.getUint8(i));
  }
  const c = extVcpuContext.read(whole, 0);
  return {
    syscall32Callback: c.syscall32CallbackEip,
    syscall32Cs: c.syscall32CallbackCs,
    syscall32DisablesEvents: c.syscall32DisablesEvents !== 0,
    sysenterCallback: c.sysenterCallbackEip,
    sysenterCs: c.sysenterCallbackCs,
    sysenterDisablesEvents: c.sysenterDisablesEvents !== 0,
  };
}

// ── time, policies ──

const tscInfo = struct("xc_sr_rec_x86_tsc_info", 24, {
  mode: at(0, u32),
  khz: at(4, u32),
  nsec: at(8, n64),
  incarnation: at(16, u32),
});

export function tscInfoBody(value: TscInfo): Uint8Array {
  const bytes = new Uint8Array(tscInfo.size);
  tscInfo.write(new DataView(bytes.buffer), 0, value);
  return bytes;
}

export function readTscInfo(body: DataView): TscInfo {
  if (body.byteLength !== tscInfo.size) {
    throw xcFault(`X86_TSC_INFO record wrong size: length ${body.byteLength}, expected ${tscInfo.size}`);
  }
  return tscInfo.read(body, 0);
}

const cpuidLeaf = struct("xen_cpuid_leaf", 24, {
  leaf: at(0, u32),
  subleaf: at(4, u32),
  a: at(8, u32),
  b: at(12, u32),
  c: at(16, u32),
  d: at(20, u32),
});
const msrEntry = struct("xen_msr_entry", 16, { idx: at(0, u32), val: at(8, u64) });

interface Layout<T> {
  readonly size: number;
  read(view: DataView, base: number): T;
  write(view: DataView, base: number, value: T): void;
}

function arrayBody<T>(layout: Layout<T>, values: readonly T[]): Uint8Array {
  const bytes = new Uint8Array(values.length * layout.size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    layout.write(view, i * layout.size, value);
  });
  return bytes;
}

function readArray<T>(name: string, layout: Layout<T>, body: DataView): T[] {
  const { byteLength: length } = body;
  if (length === 0 || length % layout.size !== 0) {
    throw xcFault(`${name} size ${length} should be multiple of ${layout.size}`);
  }
  return Array.from({ length: length / layout.size }, (_, i) => layout.read(body, i * layout.size));
}

export const cpuidPolicyBody = ({ leaves }: CpuPolicy): Uint8Array => arrayBody(cpuidLeaf, leaves);
export const msrPolicyBody = ({ msrs }: CpuPolicy): Uint8Array => arrayBody(msrEntry, msrs);
export const readCpuidPolicy = (body: DataView): CpuidLeaf[] =>
  readArray("X86_CPUID_POLICY", cpuidLeaf, body);
export const readMsrPolicy = (body: DataView): MsrEntry[] => readArray("X86_MSR_POLICY", msrEntry, body);
