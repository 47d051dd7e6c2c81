/**
 * bzImage: a Linux kernel behind its boot protocol header (Documentation/arch/x86/boot.rst). Since protocol 2.08 the
 * header tells where the packed ELF image, the payload, lies. Fields past the version's own are not header: check first.
 */
import { at, struct, u8, u16, u32 } from "../lib/struct.ts";
import { fault, hex, type Parsed, parsed } from "./fault.ts";

const HDRS = 0x53726448; // "HdrS"
const SECTOR = 512;

/** `setup_header`, from the start of the file; only what is read here. Packed: the fields keep no alignment of their own. */
const setupHeader = struct("setup_header", 0x268, {
  setup_sects: at(0x1f1, u8),
  boot_flag: at(0x1fe, u16),
  header: at(0x202, { ...u32, align: 2 }),
  version: at(0x206, u16),
  kernel_version: at(0x20e, u16),
  payload_offset: at(0x248, u32),
  payload_length: at(0x24c, u32),
});

interface BzImage {
  /** Boot protocol, as people write it: "2.15". */
  readonly protocol: string;
  readonly payload: Uint8Array;
  /** Where the payload starts in the file. */
  readonly payloadOffset: number;
}

/** Why a bzImage was refused, beside the sentence: libxc words each differently. */
type BzImageProblem = "too-old" | "payload-offset" | "payload-length";

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const isBzImage = (bytes: Uint8Array): boolean =>
  bytes.length >= 0x250 && setupHeader.field.header.get(view(bytes), 0) === HDRS;

/** The longest version that is read. */
const VERSION_MAX = 256;

/** What the kernel calls itself: "6.1.0-44-amd64 (build host) #1 SMP …". Undefined: the file does not say. */
export function bzImageVersion(bytes: Uint8Array): string | undefined {
  if (!isBzImage(bytes)) return undefined;
  const offset = setupHeader.field.kernel_version.get(view(bytes), 0);
  if (offset === 0) return undefined;
  const start = offset + SECTOR;
  const end = bytes.subarray(start, start + VERSION_MAX).indexOf(0);
  const text = String.fromCharCode(...bytes.subarray(start, start + Math.max(end, 0)));
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

export type BzImageResult =
  | { readonly ok: true; readonly value: BzImage }
  | { readonly ok: false; readonly why: string; readonly problem: BzImageProblem; readonly version: number };

/** `bytes` must satisfy {@link isBzImage}. */
export function readBzImage(bytes: Uint8Array): BzImageResult {
  const header = setupHeader.field;
  const v = view(bytes);
  const version = header.version.get(v, 0);
  const protocol = `${version >> 8}.${String(version & 0xff).padStart(2, "0")}`;
  const refuse = (problem: BzImageProblem, why: string): BzImageResult => ({
    ...fault(why),
    problem,
    version,
  });
  if (version < 0x208)
    return refuse(
      "too-old",
      `the kernel's boot protocol is ${protocol}; only from 2.08 on does it say where the payload lies`,
    );
  const setup = ((header.setup_sects.get(v, 0) || 4) + 1) * SECTOR;
  const payloadOffset = setup + header.payload_offset.get(v, 0);
  const length = header.payload_length.get(v, 0);
  if (length === 0)
    return refuse(
      "payload-offset",
      "the file follows Linux's boot protocol but has no payload, so it is no Linux kernel with a Xen entry",
    );
  if (payloadOffset >= bytes.length)
    return refuse(
      "payload-offset",
      `the kernel's payload should start at ${hex(payloadOffset)}, but the file has ${bytes.length} bytes: it is truncated`,
    );
  if (payloadOffset + length > bytes.length)
    return refuse(
      "payload-length",
      `the kernel's payload should have ${length} bytes at ${hex(payloadOffset)}, but the file ends after ${bytes.length - payloadOffset} of them: it is truncated`,
    );
  return parsed({
    protocol,
    payload: bytes.subarray(payloadOffset, payloadOffset + length),
    payloadOffset,
  }) as Parsed<BzImage> & {
    ok: true;
  };
}
