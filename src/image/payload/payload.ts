/** What a kernel file may be packed with, told by its first bytes (the list of libxc's bzImage loader). */
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { unbzip2 } from "./bzip2.ts";
import { gunzip } from "./gzip.ts";
import { unlz4Legacy, unlz4LegacySteps } from "./lz4.ts";
import { unlzma } from "./lzma.ts";
import { unlzop } from "./lzop.ts";
import type { Steps } from "./steps.ts";
import { unxz, unxzSteps } from "./xz.ts";
import { unzstd } from "./zstd.ts";

export interface PayloadKind {
  readonly name: "gzip" | "bzip2" | "xz" | "zstd" | "lzma" | "lzo" | "lz4";
  readonly magic: readonly number[];
  /** `packed` is the whole payload with Linux's trailing length word; `limit` what it may unpack to. */
  readonly unpack: (packed: Uint8Array, limit: number) => Parsed<Uint8Array>;
  /** The same in steps, where it can be had. */
  readonly steps?: (packed: Uint8Array, limit: number) => Steps<Parsed<Uint8Array>>;
}

/** In libxc's order. */
const PAYLOAD_KINDS: readonly PayloadKind[] = [
  { name: "gzip", magic: [0x1f, 0x8b], unpack: gunzip }, // its own last word is the length
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], unpack: sized("bzip2", unbzip2) },
  {
    name: "xz",
    magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
    unpack: sized("xz", unxz),
    steps: sizedSteps("xz", unxzSteps),
  },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: sized("zstd", unzstd) },
  { name: "lzma", magic: [0x5d, 0x00], unpack: sized("LZMA", unlzma) },
  { name: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00], unpack: sized("LZO", unlzop) },
  {
    name: "lz4",
    magic: [0x02, 0x21, 0x4c, 0x18],
    unpack: sized("LZ4", unlz4Legacy),
    steps: sizedSteps("LZ4", unlz4LegacySteps),
  },
];

export const payloadKind = (bytes: Uint8Array): PayloadKind | undefined =>
  PAYLOAD_KINDS.find((kind) => kind.magic.every((byte, i) => bytes[i] === byte));

/**
 * An unpacker that is told the size, for a Linux payload: its last four bytes, behind the packed data, are that size (of
 * gzip alone they are part of the data).
 */
function sized(
  name: string,
  unpack: (packed: Uint8Array, size: number) => Parsed<Uint8Array>,
): PayloadKind["unpack"] {
  return (packed, limit) => {
    const told = toldSize(name, packed, limit);
    return told.ok ? unpack(packed.subarray(0, packed.length - 4), told.value) : told;
  };
}

function sizedSteps(
  name: string,
  steps: (packed: Uint8Array, size: number) => Steps<Parsed<Uint8Array>>,
): NonNullable<PayloadKind["steps"]> {
  return function* (packed, limit) {
    const told = toldSize(name, packed, limit);
    return told.ok ? yield* steps(packed.subarray(0, packed.length - 4), told.value) : told;
  };
}

function toldSize(name: string, packed: Uint8Array, limit: number): Parsed<number> {
  if (packed.length <= 8) return fault(`the ${name} payload has only ${packed.length} bytes`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const size = view.getUint32(packed.length - 4, true);
  if (size > limit)
    return fault(
      `the ${name} payload says it unpacks to ${size} bytes (${hex(size)}); at most ${limit} are accepted`,
    );
  return parsed(size);
}
