/**
 * Block devices (public/io/blkif.h). Requests lie in the ring as the front end's own word size lays them out, which its
 * `protocol` node names. A sector is 512 bytes, whatever `sector-size` says.
 */

export const BLKIF_OP_READ = 0;
export const BLKIF_OP_WRITE = 1;
export const BLKIF_OP_WRITE_BARRIER = 2;
export const BLKIF_OP_FLUSH_DISKCACHE = 3;
export const BLKIF_OP_DISCARD = 5;
export const BLKIF_OP_INDIRECT = 6;

export const BLKIF_RSP_OKAY = 0;
export const BLKIF_RSP_ERROR = -1;
export const BLKIF_RSP_EOPNOTSUPP = -2;

export const BLKIF_MAX_SEGMENTS_PER_REQUEST = 11;
export const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8;
/** `struct blkif_request_segment`: u32 gref, u8 first and last sector of the page (0..7), 2 bytes of padding. */
export const SEGMENT_SIZE = 8;
/** An indirect page is full of segments. */
export const SEGMENTS_PER_INDIRECT_PAGE = 4096 / SEGMENT_SIZE;
export const SECTOR_SIZE = 512;
export const SECTORS_PER_PAGE = 8;

/** `VDISK_*`, the `info` node. */
export const VDISK_CDROM = 1;
export const VDISK_REMOVABLE = 2;
export const VDISK_READONLY = 4;

/** Offsets in a slot. Every request begins with u8 operation; `nrSegments` u8 of read, write and their like. */
export interface BlkifLayout {
  /** Bytes from slot to slot: the larger of request and response. */
  readonly stride: number;
  readonly nrSegments: number;
  readonly id: number;
  readonly sector: number;
  readonly segments: number;
  /** Discard: u8 flag at 1, u64 count of sectors. */
  readonly nrSectors: number;
  /** Indirect: u8 the operation meant, u16 segments, grant references of the pages that list them. */
  readonly indirectOp: number;
  readonly indirectSegments: number;
  readonly indirectGrefs: number;
  /** Response: u64 id at 0, u8 operation, s16 status. */
  readonly responseOp: number;
  readonly responseStatus: number;
}

const common = {
  nrSegments: 1,
  indirectOp: 1,
  indirectSegments: 2,
  responseOp: 8,
  responseStatus: 10,
} as const;

export const BLKIF_LAYOUTS = {
  "x86_64-abi": { ...common, stride: 112, id: 8, sector: 16, segments: 24, nrSectors: 24, indirectGrefs: 28 },
  "x86_32-abi": { ...common, stride: 108, id: 4, sector: 12, segments: 20, nrSectors: 20, indirectGrefs: 24 },
} as const satisfies Record<string, BlkifLayout>;
export type BlkifProtocol = keyof typeof BLKIF_LAYOUTS;
