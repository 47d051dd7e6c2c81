/**
 * libxc's stream, version 3 (docs/specs/libxc-migration-stream): image header, domain header, then records {u32 type,
 * u32 length, body, zeros up to a multiple of 8}. The image header is big endian, all else little.
 */
import { at, struct, u16, u32 } from "../../lib/struct.ts";
import type { Plan } from "../wait.ts";
import type { ByteSource } from "./stream.ts";
import { SUCCESS, xcFault } from "./xc-fault.ts";

export const REC = {
  END: 0x0,
  PAGE_DATA: 0x1,
  X86_PV_INFO: 0x2,
  X86_PV_P2M_FRAMES: 0x3,
  X86_PV_VCPU_BASIC: 0x4,
  X86_PV_VCPU_EXTENDED: 0x5,
  X86_PV_VCPU_XSAVE: 0x6,
  SHARED_INFO: 0x7,
  X86_TSC_INFO: 0x8,
  CHECKPOINT: 0xe,
  X86_PV_VCPU_MSRS: 0xc,
  STATIC_DATA_END: 0x10,
  X86_CPUID_POLICY: 0x11,
  X86_MSR_POLICY: 0x12,
} as const;
/** Set in the type of a record that may be skipped. */
export const REC_OPTIONAL = 0x8000_0000;

const NAMES = [
  "End",
  "Page data",
  "x86 PV info",
  "x86 PV P2M frames",
  "x86 PV vcpu basic",
  "x86 PV vcpu extended",
  "x86 PV vcpu xsave",
  "Shared info",
  "x86 TSC info",
  "HVM context",
  "HVM params",
  "Toolstack",
  "x86 PV vcpu msrs",
  "Verify",
  "Checkpoint",
  "Checkpoint dirty pfn list",
  "Static data end",
  "x86 CPUID policy",
  "x86 MSR policy",
] as const;
export const recordName = (type: number): string => NAMES[type] ?? "Reserved";

const MARKER = 0xffff_ffff_ffff_ffffn;
const ID = 0x5845_4e46; // "XENF"
const VERSION = 3;
const BIG_ENDIAN = 1;
const IMAGE_HEADER = 24;
const PAGE_SHIFT = 12;
const TYPE_X86_PV = 1;
const domainHeader = struct("xc_sr_dhdr", 16, {
  type: at(0, u32),
  pageShift: at(4, u16),
  xenMajor: at(8, u32),
  xenMinor: at(12, u32),
});
const recordHeader = struct("xc_sr_rhdr", 8, { type: at(0, u32), length: at(4, u32) });

/** Longest body that is read. */
const REC_LENGTH_MAX = 128 << 20;
const TYPE_NAMES = ["Reserved", "x86 PV", "x86 HVM"] as const;

/** Both headers, of an x86 PV domain. */
export function xcHeaders(xen: { readonly major: number; readonly minor: number }): Uint8Array {
  const bytes = new Uint8Array(IMAGE_HEADER + domainHeader.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, MARKER);
  view.setUint32(8, ID);
  view.setUint32(12, VERSION);
  domainHeader.write(view, IMAGE_HEADER, {
    type: TYPE_X86_PV,
    pageShift: PAGE_SHIFT,
    xenMajor: xen.major,
    xenMinor: xen.minor,
  });
  return bytes;
}

/** `found`: hears what libxc says of the image once its headers are read. */
export function* readXcHeaders(source: ByteSource, found: (line: string) => void): Plan<void> {
  const image = yield* source.take(IMAGE_HEADER);
  if (image.length < IMAGE_HEADER) throw xcFault("Failed to read Image Header from stream", SUCCESS);
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const marker = view.getBigUint64(0);
  if (marker !== MARKER) {
    throw xcFault(`Invalid marker: Got 0x${marker.toString(16).padStart(16, "0")}`);
  }
  const hex32 = (n: number): string => `0x${n.toString(16).padStart(8, "0")}`;
  if (view.getUint32(8) !== ID) {
    throw xcFault(`Invalid ID: Expected ${hex32(ID)}, Got ${hex32(view.getUint32(8))}`);
  }
  const version = view.getUint32(12);
  if (version !== VERSION) {
    const hint = version === 2 ? "version 2 is of Xen 4.13 or older: it cannot be read here" : undefined;
    throw xcFault(`Invalid Version: Expected 2 <= ver <= 3, Got ${version | 0}`, undefined, hint);
  }
  if ((view.getUint16(16) & BIG_ENDIAN) !== 0) throw xcFault("Unable to handle big endian streams");
  const head = yield* source.take(domainHeader.size);
  if (head.length < domainHeader.size) throw xcFault("Failed to read Domain Header from stream", SUCCESS);
  const { type, pageShift, xenMajor, xenMinor } = domainHeader.read(
    new DataView(head.buffer, head.byteOffset, head.length),
    0,
  );
  const kind = TYPE_NAMES[type] ?? "Reserved";
  found(`Found ${kind} domain from Xen ${xenMajor}.${xenMinor}`);
  found("Restoring domain");
  if (type !== TYPE_X86_PV) throw xcFault(`Unable to restore ${kind} domain into an x86_pv domain`);
  if (pageShift !== PAGE_SHIFT) {
    throw xcFault(`Invalid page size ${(1 << pageShift) | 0} for x86_pv domains`);
  }
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;

/** A whole record. */
export function xcRecord(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(recordHeader.size + padded(length));
  recordHeader.write(new DataView(bytes.buffer), 0, { type, length });
  let to = recordHeader.size;
  for (const part of parts) {
    bytes.set(part, to);
    to += part.length;
  }
  return bytes;
}

/** Only the header of a record of which `length` bytes, a multiple of 8, follow in pieces. */
export function xcRecordHeader(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(recordHeader.size);
  recordHeader.write(new DataView(bytes.buffer), 0, { type, length });
  return bytes;
}

export interface XcRecord {
  readonly type: number;
  readonly body: DataView;
}

/** The next record, its body without padding. Memory grows with what the stream really has, not with what it claims. */
export function* readXcRecord(source: ByteSource): Plan<XcRecord> {
  const head = yield* source.take(recordHeader.size);
  if (head.length < recordHeader.size) throw xcFault("Failed to read Record Header from stream", SUCCESS);
  const { type, length } = recordHeader.read(new DataView(head.buffer, head.byteOffset, head.length), 0);
  const said = `0x${type.toString(16).padStart(8, "0")}, ${recordName(type)}`;
  if (length > REC_LENGTH_MAX) {
    const max = `0x${REC_LENGTH_MAX.toString(16)}`;
    throw xcFault(`Record (${said}) length 0x${length.toString(16)} exceeds max (${max})`);
  }
  const size = padded(length);
  const body = size === 0 ? new Uint8Array(0) : yield* source.take(size);
  if (body.length < size) {
    throw xcFault(`Failed to read ${size} bytes of data for record (${said})`, SUCCESS);
  }
  return { type, body: new DataView(body.buffer, body.byteOffset, length) };
}
