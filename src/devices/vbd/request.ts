/**
 * A request as the front end left it in the ring: raw bytes to a union. Everything in it is the guest's word; what cannot be
 * is told apart here, what the disk at hand refuses in back.ts.
 */
import {
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  type BlkifLayout,
  SECTORS_PER_PAGE,
  SEGMENT_SIZE,
  SEGMENTS_PER_INDIRECT_PAGE,
} from "../../abi/io/blkif.ts";

/** Part of a granted frame: whole sectors. */
export interface Segment {
  readonly gref: number;
  readonly firstSector: number;
  readonly sectors: number;
}

/** `id` is the front end's, given back as it came. */
export type BlkRequest = { readonly id: bigint; readonly operation: number } & (
  | {
      readonly kind: "read" | "write" | "barrier";
      readonly sector: number;
      readonly segments: readonly Segment[];
    }
  | {
      readonly kind: "indirect";
      readonly write: boolean;
      readonly sector: number;
      readonly count: number;
      /** Grant references of the pages that list the segments. */
      readonly pages: readonly number[];
    }
  | { readonly kind: "flush" }
  | { readonly kind: "discard"; readonly sector: number; readonly count: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "malformed" }
);

/** More segments than this are not taken at once (`feature-max-indirect-segments`). */
export const MAX_INDIRECT_SEGMENTS = 256;

/** `slot`: a copy of the ring's slot. */
export function parseRequest(slot: Uint8Array, layout: BlkifLayout): BlkRequest {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  const operation = view.getUint8(0);
  const head = { id: view.getBigUint64(layout.id, true), operation };
  const sector = Number(view.getBigUint64(layout.sector, true));
  switch (operation) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
    case BLKIF_OP_WRITE_BARRIER: {
      const count = view.getUint8(layout.nrSegments);
      // A barrier may come alone.
      if (count === 0 && operation === BLKIF_OP_WRITE_BARRIER) return { ...head, kind: "flush" };
      if (count > BLKIF_MAX_SEGMENTS_PER_REQUEST) return { ...head, kind: "malformed" };
      const segments = parseSegments(view, layout.segments, count);
      if (segments === undefined) return { ...head, kind: "malformed" };
      return { ...head, kind: KINDS[operation], sector, segments };
    }
    case BLKIF_OP_FLUSH_DISKCACHE:
      return { ...head, kind: "flush" };
    case BLKIF_OP_DISCARD:
      return { ...head, kind: "discard", sector, count: Number(view.getBigUint64(layout.nrSectors, true)) };
    case BLKIF_OP_INDIRECT: {
      const meant = view.getUint8(layout.indirectOp);
      const count = view.getUint16(layout.indirectSegments, true);
      if (meant !== BLKIF_OP_READ && meant !== BLKIF_OP_WRITE) return { ...head, kind: "malformed" };
      if (count === 0 || count > MAX_INDIRECT_SEGMENTS) return { ...head, kind: "malformed" };
      const pages = Array.from({ length: Math.ceil(count / SEGMENTS_PER_INDIRECT_PAGE) }, (_, i) =>
        view.getUint32(layout.indirectGrefs + 4 * i, true),
      );
      return {
        ...head,
        operation: meant,
        kind: "indirect",
        write: meant === BLKIF_OP_WRITE,
        sector,
        count,
        pages,
      };
    }
    default:
      return { ...head, kind: "unknown" };
  }
}

const KINDS = {
  [BLKIF_OP_READ]: "read",
  [BLKIF_OP_WRITE]: "write",
  [BLKIF_OP_WRITE_BARRIER]: "barrier",
} as const;

/** Undefined: none, or one that no page has. */
export function parseSegments(view: DataView, offset: number, count: number): Segment[] | undefined {
  if (count === 0) return undefined;
  const segments: Segment[] = [];
  for (let at = offset; segments.length < count; at += SEGMENT_SIZE) {
    const firstSector = view.getUint8(at + 4);
    const last = view.getUint8(at + 5);
    if (last >= SECTORS_PER_PAGE || last < firstSector) return undefined;
    segments.push({ gref: view.getUint32(at, true), firstSector, sectors: last - firstSector + 1 });
  }
  return segments;
}
