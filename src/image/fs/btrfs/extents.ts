/** A file's content: items of extents, each a piece in the item itself, on the disk as it is, packed, or a hole. */
import { le64, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading, unsupported } from "../../disk-reading.ts";
import type { OpenFile } from "../file-system.ts";
import { decompress, UNPACKED_MAX } from "./decompress.ts";
import * as L from "./layout.ts";
import { findLast, walkItems } from "./tree.ts";
import { placesOf, type TreeRoot, type Volume } from "./volume.ts";

const INLINE = 0;
const PREALLOCATED = 2;
/** Where an item that is not inline ends. */
const REGULAR_SIZE = 53;

interface Extent {
  /** Byte of the file. */
  readonly start: number;
  readonly length: number;
  readonly compression: number;
  readonly source:
    | { readonly kind: "hole" }
    | { readonly kind: "inline"; readonly bytes: Uint8Array; readonly unpacked: number }
    | {
        readonly kind: "disk";
        readonly logical: number;
        readonly packed: number;
        readonly unpacked: number;
        /** Where in what it unpacks to the content begins. */
        readonly into: number;
      };
}

function extentOf(start: number, data: Uint8Array, size: number): Extent {
  if (data.length < 21) corrupt("an extent's item is cut off");
  const view = viewOf(data);
  const unpacked = le64(view, 8);
  const compression = view.getUint8(16);
  if (view.getUint8(17) !== 0 || view.getUint16(18, true) !== 0)
    unsupported("encryption", "an extent is encrypted or encoded");
  const type = view.getUint8(20);
  if (compression !== 0 && unpacked > UNPACKED_MAX && type !== PREALLOCATED)
    corrupt(`a compressed extent claims to unpack to ${unpacked} bytes`);
  if (type === INLINE) {
    const bytes = data.subarray(21);
    const length = Math.min(compression === 0 ? bytes.length : unpacked, Math.max(0, size - start));
    return { start, length, compression, source: { kind: "inline", bytes, unpacked } };
  }
  if (type > PREALLOCATED || data.length < REGULAR_SIZE) corrupt(`an extent is of the unknown type ${type}`);
  const logical = le64(view, 21);
  const length = le64(view, 45);
  if (type === PREALLOCATED || logical === 0) return { start, length, compression, source: { kind: "hole" } };
  const packed = le64(view, 29);
  const into = le64(view, 37);
  if (into + length > unpacked) corrupt("an extent shows more than it holds");
  if (compression !== 0 && packed > UNPACKED_MAX)
    corrupt(`a compressed extent claims ${packed} bytes on the disk`);
  return { start, length, compression, source: { kind: "disk", logical, packed, unpacked, into } };
}

/** The file `objectid` of a subvolume's tree. */
export function openExtents(volume: Volume, tree: TreeRoot, objectid: number, size: number): OpenFile {
  /** The last packed extent, unpacked: pieces are mostly read one after the other. */
  let last: { readonly logical: number; readonly content: Uint8Array } | undefined;

  function* content(extent: Extent, from: number, length: number): Reading<Uint8Array> {
    const { source, compression } = extent;
    if (source.kind === "inline") {
      if (compression !== 0) volume.bytes.work.take(source.unpacked);
      const all =
        compression === 0
          ? source.bytes
          : decompress(compression, source.bytes, source.unpacked, volume.sectorsize);
      return all.subarray(from, from + length);
    }
    if (source.kind === "hole") return new Uint8Array(0);
    if (compression === 0) return yield* readLogical(volume, source.logical + source.into + from, length);
    if (last?.logical !== source.logical) {
      const packed = yield* readLogical(volume, source.logical, source.packed);
      volume.bytes.work.take(source.unpacked);
      last = {
        logical: source.logical,
        content: decompress(compression, packed, source.unpacked, volume.sectorsize),
      };
    }
    return last.content.subarray(source.into + from, source.into + from + length);
  }

  return {
    size,
    *read(offset, length) {
      const count = Math.max(0, Math.min(length, size - offset));
      if (count === 0 || offset < 0) return new Uint8Array(0);
      const end = offset + count;
      const extents = yield* extentsOf(volume, tree, objectid, offset, end, size);
      const [first] = extents;
      const isWhole = first !== undefined && first.start <= offset && first.start + first.length >= end;
      if (isWhole && first.source.kind === "disk") return yield* content(first, offset - first.start, count);
      volume.bytes.work.take(count);
      const out = new Uint8Array(count);
      for (const extent of extents) {
        const from = Math.max(extent.start, offset);
        const to = Math.min(extent.start + extent.length, end);
        if (to <= from || extent.source.kind === "hole") continue;
        out.set(yield* content(extent, from - extent.start, to - from), from - offset);
      }
      return out;
    },
  };
}

/** The extents that touch [offset, end), in order. */
function* extentsOf(
  volume: Volume,
  tree: TreeRoot,
  objectid: number,
  offset: number,
  end: number,
  size: number,
): Reading<Extent[]> {
  const out: Extent[] = [];
  const before = yield* findLast(volume, tree, { objectid, type: L.EXTENT_DATA, offset });
  const isOurs = before !== undefined && before.objectid === objectid && before.type === L.EXTENT_DATA;
  const start = isOurs ? before.offset : offset;
  yield* walkItems(volume, tree, { objectid, type: L.EXTENT_DATA, offset: start }, ({ key, data }) => {
    if (key.objectid !== objectid || key.type !== L.EXTENT_DATA || key.offset >= end) return true;
    const extent = extentOf(key.offset, data, size);
    if (extent.start + extent.length > offset) out.push(extent);
    return false;
  });
  return out;
}

/** Bytes at a logical address, over as many chunks as they take. */
function* readLogical(volume: Volume, logical: number, length: number): Reading<Uint8Array> {
  const first = placesOf(volume, logical);
  if (first.length >= length)
    return yield* volume.bytes.read(first.copies[0] ?? 0, length, "a part of the file");
  volume.bytes.work.take(length);
  const out = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { copies, length: together } = placesOf(volume, logical + done);
    const take = Math.min(together, length - done);
    out.set(yield* volume.bytes.read(copies[0] ?? 0, take, "a part of the file"), done);
    done += take;
  }
  return out;
}
