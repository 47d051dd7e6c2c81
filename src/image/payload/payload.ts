/**
 * What a kernel file may be packed with, told by its first bytes (the list of libxc's bzImage loader). A kind without
 * `unpack` is recognised and refused by name.
 */
import { fault, hex, type Parsed } from "../fault.ts";
import { gunzip } from "./gzip.ts";
import { unlz4Legacy } from "./lz4.ts";

export interface PayloadKind {
  readonly name: "gzip" | "bzip2" | "xz" | "zstd" | "lzma" | "lzo" | "lz4";
  readonly magic: readonly number[];
  /** `packed` is the whole payload with Linux's trailing length word; `limit` what it may unpack to. */
  readonly unpack?: (packed: Uint8Array, limit: number) => Parsed<Uint8Array>;
}

/** In libxc's order. */
const PAYLOAD_KINDS: readonly PayloadKind[] = [
  { name: "gzip", magic: [0x1f, 0x8b], unpack: gunzip }, // its own last word is the length
  { name: "bzip2", magic: [0x42, 0x5a, 0x68] },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "lzma", magic: [0x5d, 0x00] },
  { name: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00] },
  { name: "lz4", magic: [0x02, 0x21, 0x4c, 0x18], unpack: unpackLz4 },
];

export const payloadKind = (bytes: Uint8Array): PayloadKind | undefined =>
  PAYLOAD_KINDS.find((kind) => kind.magic.every((byte, i) => bytes[i] === byte));

/** The last four bytes of a Linux payload: its unpacked length. */
function trailingLength(packed: Uint8Array): number {
  return new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(packed.length - 4, true);
}

function unpackLz4(packed: Uint8Array, limit: number): Parsed<Uint8Array> {
  if (packed.length <= 8) return fault(`the LZ4 payload has only ${packed.length} bytes`);
  const size = trailingLength(packed);
  if (size > limit)
    return fault(
      `the LZ4 payload says it unpacks to ${size} bytes (${hex(size)}); at most ${limit} are accepted`,
    );
  return unlz4Legacy(packed.subarray(0, packed.length - 4), size);
}
