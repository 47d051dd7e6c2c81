/** The header of a qcow2 image (QEMU's docs/interop/qcow2.txt): checked, and refused by name where we cannot do it right. */
import { ImageError } from "../image.ts";
import type { ImageFile } from "../image-file.ts";

export const QCOW2_MAGIC = 0x5146_49fb;
const V2_LENGTH = 72;
/** The fields up to and with the header's length; what follows is there if that says so. */
const V3_LENGTH = 104;
const INCOMPATIBLE_DIRTY = 1n;
const INCOMPATIBLE_CORRUPT = 2n;
const INCOMPATIBLE_DATA_FILE = 4n;
const INCOMPATIBLE_COMPRESSION = 8n;
const INCOMPATIBLE_EXTENDED_L2 = 16n;
const EXTENSION_BACKING_FORMAT = 0xe279_2aca;
const MOST_EXTENSIONS = 64;
/** QEMU's own limits. */
const MAX_L1_BYTES = 32 * 2 ** 20;
const MAX_REFTABLE_BYTES = 8 * 2 ** 20;
const MAX_BACKING_NAME = 1023;
/** Offsets of header fields that are written. */
export const REFCOUNT_TABLE_FIELD = 48;
export const AUTOCLEAR_FIELD = 88;

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Of the virtual disk, bytes. */
  readonly size: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** Width of a reference count is 2 to the power of this, bits. */
  readonly refcountOrder: number;
  readonly compression: "deflate" | "zstd";
  /** Features of others' to be forgotten by whoever writes the image without keeping them. */
  readonly autoclear: boolean;
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined;
}

/** Throws {@link ImageError}. */
export async function readHeader(file: ImageFile, readonly: boolean): Promise<Qcow2Header> {
  const { path } = file;
  const refuse = (why: string): never => {
    throw new ImageError(`${path}: ${why}`);
  };
  const bytes = await file.read(0, 4096);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (offset: number): number => view.getUint32(offset);
  const quad = (offset: number): number => Number(view.getBigUint64(offset));
  if (word(0) !== QCOW2_MAGIC) refuse("is not a qcow2 image");
  const version = word(4);
  if (version !== 2 && version !== 3) refuse(`is of qcow version ${version}; versions 2 and 3 are known`);
  const clusterBits = word(20);
  if (clusterBits < 9 || clusterBits > 21) refuse(`clusters of 2^${clusterBits} bytes cannot be`);
  const cluster = 2 ** clusterBits;
  if (word(32) !== 0) refuse("is encrypted, which is not supported");
  const headerLength = version === 2 ? V2_LENGTH : word(100);
  if (version === 3 && (headerLength < V3_LENGTH || headerLength > cluster || headerLength % 8 !== 0))
    refuse("its header's length cannot be");
  const incompatible = version === 2 ? 0n : view.getBigUint64(72);
  if ((incompatible & INCOMPATIBLE_DATA_FILE) !== 0n)
    refuse("keeps its data in an external file, which is not supported");
  if ((incompatible & INCOMPATIBLE_EXTENDED_L2) !== 0n)
    refuse("has extended L2 entries (subclusters), which are not supported");
  const unknown = incompatible & ~31n;
  if (unknown !== 0n) refuse(`needs features that are not known (0x${unknown.toString(16)})`);
  if (!readonly && (incompatible & INCOMPATIBLE_CORRUPT) !== 0n)
    refuse("is marked corrupt: `qemu-img check -r all` can repair it");
  if (!readonly && (incompatible & INCOMPATIBLE_DIRTY) !== 0n)
    refuse(
      "was not closed properly and its reference counts are not right: `qemu-img check -r all` repairs it",
    );
  const refcountOrder = version === 2 ? 4 : word(96);
  if (refcountOrder > 6) refuse(`reference counts of 2^${refcountOrder} bits cannot be`);
  const kind = (incompatible & INCOMPATIBLE_COMPRESSION) !== 0n && headerLength > V3_LENGTH ? bytes[104] : 0;
  if (kind !== 0 && kind !== 1) refuse(`its compression (type ${kind}) is not known`);
  const size = quad(24);
  if (size % 512 !== 0) refuse("its size is not a number of whole sectors");
  const l1Entries = word(36);
  const l1Offset = quad(40);
  if (size > 2 ** 53 || l1Entries * 8 > MAX_L1_BYTES) refuse("is too large");
  if (l1Entries < Math.ceil(size / cluster / (cluster / 8))) refuse("its L1 table is too small for its size");
  const refcountTableOffset = quad(48);
  const refcountTableClusters = word(56);
  if (refcountTableClusters * cluster > MAX_REFTABLE_BYTES) refuse("its reference count table is too large");
  for (const offset of [l1Offset, refcountTableOffset])
    if (offset % cluster !== 0 || offset > 2 ** 56) refuse("a table of it lies where none can be");
  const nameAt = quad(8);
  const nameLength = word(16);
  let backing: Qcow2Header["backing"];
  if (nameAt !== 0) {
    if (nameLength > MAX_BACKING_NAME || nameAt + nameLength > cluster)
      refuse("its backing file's name cannot be");
    const name = new TextDecoder().decode(await file.read(nameAt, nameLength));
    backing = { name, format: await backingFormat(file, headerLength, cluster) };
  }
  return {
    version: version === 2 ? 2 : 3,
    clusterBits,
    size,
    l1Offset,
    l1Entries,
    refcountTableOffset,
    refcountTableClusters,
    refcountOrder,
    compression: kind === 1 ? "zstd" : "deflate",
    autoclear: version === 3 && view.getBigUint64(AUTOCLEAR_FIELD) !== 0n,
    backing,
  };
}

/** Out of the header's extensions, which follow it. */
async function backingFormat(file: ImageFile, from: number, end: number): Promise<string | undefined> {
  for (let at = from, i = 0; at + 8 <= end && i < MOST_EXTENSIONS; i++) {
    const head = await file.read(at, 8);
    const view = new DataView(head.buffer, head.byteOffset, 8);
    const type = view.getUint32(0);
    const length = view.getUint32(4);
    if (type === 0 || at + 8 + length > end) return undefined;
    if (type === EXTENSION_BACKING_FORMAT) return new TextDecoder().decode(await file.read(at + 8, length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}
