/**
 * A kernel file, read and judged: gzip'ed or not, bzImage or ELF, down to the segments and addresses that the builder
 * needs. Plain data throughout, so that {@link readKernel} may run in a worker thread and hand over the result.
 * Everything that makes a kernel unfit for a 64-bit PV domain is found here, before a page of memory is asked for.
 */
import { isBzImage, readBzImage } from "../image/bzimage.ts";
import { readElf } from "../image/elf/elf.ts";
import { hex } from "../image/fault.ts";
import { claimedSize, gunzip, isGzip } from "../image/payload/gzip.ts";
import { payloadKind } from "../image/payload/payload.ts";
import { finish, type Steps } from "../image/payload/steps.ts";
import { type BsdSymbols, bsdSymbols } from "./bsd-symbols.ts";
import { type BuildFault, buildFault, NO_LOADER, panic } from "./fault.ts";
import { type KernelAddresses, kernelAddresses, type LoadSegment, loadSegments } from "./kernel-addresses.ts";
import { readXenNotes, type XenNotes } from "./xen-notes.ts";

export interface ParsedKernel {
  /** The ELF image, unpacked. */
  readonly image: Uint8Array;
  /** What the file was, for people: "bzImage 2.15 (lz4)", "ELF", "gzip'ed ELF". */
  readonly format: string;
  /** By physical address, ascending, not overlapping. */
  readonly segments: readonly LoadSegment[];
  /** What a kernel with the note BSD_SYMTAB finds behind its segments. */
  readonly bsdSymbols?: BsdSymbols;
  readonly notes: XenNotes;
  readonly addresses: KernelAddresses;
}

/** libxc's XC_DOM_DECOMPRESS_MAX. */
export const MAX_UNPACKED = 1 << 30;

export type KernelResult = { readonly ok: true; readonly value: ParsedKernel } | BuildFault;

/** `maxUnpacked`: most bytes that the image may unpack to. */
export const readKernel = (file: Uint8Array, maxUnpacked = MAX_UNPACKED): KernelResult =>
  finish(readKernelSteps(file, maxUnpacked));

/** The same in steps: for who must let others on in between. */
export function* readKernelSteps(file: Uint8Array, maxUnpacked: number): Steps<KernelResult> {
  const found = yield* unwrap(file, Math.min(maxUnpacked, MAX_UNPACKED));
  if (!found.ok) return found;
  const { image, format } = found.value;

  const elf = readElf(image);
  if (!elf.ok) {
    return unfit(elf.kind === "not-elf" ? notAKernel(file, format) : `${elf.why}`);
  }
  const notes = readXenNotes(elf.value);
  if (!notes.ok) return unfit(notes.why);
  const suits = checkNotes(notes.value);
  if (suits !== undefined) return suits;
  if (elf.value.bits === 32) return refuse32Bit(notes.value);
  const segments = loadSegments(elf.value, notes.value);
  if (!segments.ok) return unfit(segments.why);
  const symbols = notes.value.bsdSymtab ? bsdSymbols(elf.value, endOf(segments.value)) : NO_SYMBOLS;
  if (!symbols.ok) return unfit(symbols.why);
  const bsd = symbols.value;
  const end = bsd === undefined ? endOf(segments.value) : bsd.paddr + bsd.bytes.length;
  const addresses = kernelAddresses(elf.value, segments.value, end, notes.value);
  if (!addresses.ok) return unfit(addresses.why);
  return {
    ok: true,
    value: {
      image,
      format,
      segments: segments.value,
      ...(bsd === undefined ? {} : { bsdSymbols: bsd }),
      notes: notes.value,
      addresses: addresses.value,
    },
  };
}

const NO_SYMBOLS = { ok: true, value: undefined } as const;

const endOf = (segments: readonly LoadSegment[]): number =>
  segments.reduce((end, { paddr, memsz }) => Math.max(end, paddr + memsz), 0);

/** Any image that no loader of libxc takes. */
const unfit = (why: string): BuildFault => buildFault("parse-image", why, NO_LOADER);

/** The image in a kernel file, whatever it is: what {@link readKernel} then judges. */
export const unpackKernel = (file: Uint8Array, maxUnpacked = MAX_UNPACKED): Unwrapped =>
  finish(unwrap(file, Math.min(maxUnpacked, MAX_UNPACKED)));

type Unwrapped =
  | { readonly ok: true; readonly value: { readonly image: Uint8Array; readonly format: string } }
  | BuildFault;

/** gzip around the file, then the bzImage around the payload: each at most once, as libxc does. */
function* unwrap(file: Uint8Array, limit: number): Steps<Unwrapped> {
  let bytes = file;
  let prefix = "";
  if (isGzip(file)) {
    // libxc then leaves the file packed, so that no loader knows it.
    if (claimedSize(file) > limit)
      return unfit(
        `the kernel file is gzip data whose last bytes claim that it unpacks to ${claimedSize(file)} bytes, and at most ${limit} are accepted: it is cut off or too large`,
      );
    const unpacked = gunzip(file, limit);
    if (!unpacked.ok)
      return buildFault(
        "kernel-file",
        `the kernel file cannot be unpacked: ${unpacked.why}`,
        panic("xg_dom_core.c:374", "xc_dom_do_gunzip: inflate failed (rc=-3)", "Internal error"),
      );
    bytes = unpacked.value;
    prefix = "gzip'ed ";
  }
  if (!isBzImage(bytes)) return { ok: true, value: { image: bytes, format: `${prefix}ELF` } };
  return yield* unwrapBzImage(bytes, limit, prefix);
}

/** Place and words of libxc's bzImage loader for each failure. */
const BZIMAGE = "xg_dom_bzimageloader.c";
const PROBE = "xc_dom_probe_bzimage_kernel";
const BROKEN_PAYLOAD: Record<string, readonly [line: number, text: string]> = {
  gzip: [740, `${PROBE}: unable to gzip decompress kernel`],
  bzip2: [750, `${PROBE} unable to BZIP2 decompress kernel`],
  xz: [761, `${PROBE} unable to XZ decompress kernel`],
  zstd: [772, `${PROBE} unable to ZSTD decompress kernel`],
  lzma: [783, `${PROBE} unable to LZMA decompress kernel`],
  lzo: [794, `${PROBE} unable to LZO decompress kernel\n`],
  lz4: [805, `${PROBE} unable to LZ4 decompress kernel\n`],
};

function* unwrapBzImage(bytes: Uint8Array, limit: number, prefix: string): Steps<Unwrapped> {
  const refuse = (why: string, line: number, text: string): BuildFault =>
    buildFault("parse-image", why, [...panic(`${BZIMAGE}:${line}`, text, "Invalid kernel"), ...NO_LOADER]);
  const image = readBzImage(bytes);
  if (!image.ok) {
    const version = image.version.toString(16).padStart(4, "0");
    switch (image.problem) {
      case "too-old":
        return refuse(image.why, 707, `${PROBE}: boot protocol too old (${version})`);
      case "payload-offset":
        return refuse(image.why, 721, `${PROBE}: payload offset overflow`);
      case "payload-length":
        return refuse(image.why, 727, `${PROBE}: payload length overflow`);
    }
  }
  const { payload, protocol, payloadOffset } = image.value;
  const kind = payloadKind(payload);
  if (kind === undefined) {
    if (readElf(payload).ok)
      return { ok: true, value: { image: payload, format: `${prefix}bzImage ${protocol} (not packed)` } };
    const first = [...payload.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return refuse(
      `the kernel's payload at ${hex(payloadOffset)} starts with ${first}, which is no packing that Linux uses: the file is damaged`,
      813,
      `${PROBE}: unknown compression format`,
    );
  }
  const [line, text] = BROKEN_PAYLOAD[kind.name] ?? [813, `${PROBE}: unknown compression format`];
  const unpacked = kind.steps === undefined ? kind.unpack(payload, limit) : yield* kind.steps(payload, limit);
  if (!unpacked.ok)
    return refuse(
      `the kernel's payload at ${hex(payloadOffset)} cannot be unpacked: ${unpacked.why}`,
      line,
      text,
    );
  return {
    ok: true,
    value: { image: unpacked.value, format: `${prefix}bzImage ${protocol} (${kind.name})` },
  };
}

function notAKernel(file: Uint8Array, format: string): string {
  if (format !== "ELF") return `what the ${format.replace("ELF", "file")} unpacks to is not an ELF image`;
  const kind = payloadKind(file);
  if (kind !== undefined && kind.name !== "gzip")
    return `the kernel file is packed with ${kind.name} as a whole, which Xen does not unpack: unpack it first`;
  return `the kernel file is neither a Linux bzImage nor an ELF image (it has ${file.length} bytes)`;
}

/** libxc's xc_dom_guest_type: bimodal ones count as without PAE where the hypervisor offers no 32-bit guests. */
function refuse32Bit({ paeMode }: XenNotes): BuildFault {
  const type = paeMode.startsWith("yes") ? "xen-3.0-x86_32p" : "xen-3.0-x86_32";
  return buildFault(
    "parse-image",
    `the kernel is a 32-bit PV kernel (${paeMode === "" ? "without PAE" : `note PAE_MODE ${JSON.stringify(paeMode)}`}); this Xen runs 64-bit PV guests only: use an x86_64 kernel`,
    panic(
      "xg_dom_boot.c:86",
      `xc_dom_compat_check: guest type ${type} not supported by xen kernel, sorry`,
      "Invalid kernel",
    ),
  );
}

/** XENFEAT_* that no PV domU is ever given. */
const NEVER_FOR_PV: readonly (readonly [bit: number, name: string])[] = [
  [2, "auto_translated_physmap"],
  [3, "supervisor_mode_kernel"],
  [8, "hvm_callback_vector"],
];
const XENFEAT_DOM0 = 11;

/** Undefined: a 64-bit PV domU can be made from such notes. */
function checkNotes(notes: XenNotes): BuildFault | undefined {
  const also = notes.damage === undefined ? "" : ` (${notes.damage})`;
  const source = notes.from === "__xen_guest" ? "__xen_guest section" : "Xen notes";
  if (notes.unknownRequired.length > 0)
    return unfit(
      `the kernel requires the Xen feature ${notes.unknownRequired.join(", ")} (note FEATURES), which does not exist here`,
    );
  if (!notes.loader.startsWith("generic") && !notes.guestOs.startsWith("linux")) {
    if (notes.loader === "" && notes.guestOs === "" && notes.phys32Entry !== undefined)
      return unfit(`the kernel has only the note PHYS32_ENTRY, so it is for PVH: write type = "pvh"`);
    return unfit(
      `the kernel's ${source} name the loader ${JSON.stringify(notes.loader)}; Xen loads "generic" only (note LOADER)${also}`,
    );
  }
  if (!notes.xenVersion.startsWith("xen-3.0"))
    return unfit(
      notes.xenVersion === ""
        ? `the kernel's ${source} lack XEN_VERSION, so it has no PV entry${also}`
        : `the kernel's ${source} ask for the Xen interface ${JSON.stringify(notes.xenVersion)}; there is only "xen-3.0" (note XEN_VERSION)`,
    );
  if (notes.requiredFeatures & (1 << XENFEAT_DOM0))
    return buildFault(
      "parse-image",
      "the kernel runs as dom0 only: its note FEATURES requires dom0",
      panic(
        "xg_dom_elfloader.c:179",
        "xc_dom_parse_elf_kernel: Kernel does not support unprivileged (DomU) operation",
        "Invalid kernel",
      ),
    );
  for (const [bit, name] of NEVER_FOR_PV)
    if (notes.requiredFeatures & (1 << bit))
      return buildFault(
        "parse-image",
        `the kernel requires the Xen feature ${name} (note FEATURES), which a PV guest never has`,
        panic(
          "xg_dom_core.c:936",
          "xc_dom_parse_image: unsupported feature requested",
          "Invalid configuration",
        ),
      );
  return undefined;
}
