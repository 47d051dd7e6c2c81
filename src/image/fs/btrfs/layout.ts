/** btrfs on the disk (btrfs.readthedocs.io, "On-disk format"; include/uapi/linux/btrfs_tree.h). Little endian, packed. */

/** The superblock's places: the first, and the two copies. */
export const SUPERBLOCKS = [0x1_0000, 0x400_0000, 0x40_0000_0000] as const;
export const SUPERBLOCK_SIZE = 4096;
export const MAGIC = "_BHRfS_M";

/** Offsets in the superblock. */
export const SB = {
  fsid: 0x20,
  bytenr: 0x30,
  magic: 0x40,
  generation: 0x48,
  root: 0x50,
  chunkRoot: 0x58,
  logRoot: 0x60,
  totalBytes: 0x70,
  rootDirObjectid: 0x80,
  numDevices: 0x88,
  sectorsize: 0x90,
  nodesize: 0x94,
  sysChunkArraySize: 0xa0,
  compatRo: 0xb4,
  incompat: 0xbc,
  csumType: 0xc4,
  rootLevel: 0xc6,
  chunkRootLevel: 0xc7,
  devid: 0xc9,
  label: 0x12b,
  metadataUuid: 0x23b,
  sysChunkArray: 0x32b,
} as const;
export const LABEL_BYTES = 256;
export const SYS_CHUNK_ARRAY_BYTES = 2048;

/** Offsets in a tree block's header. */
export const HEADER = {
  fsid: 0x20,
  bytenr: 0x30,
  generation: 0x50,
  owner: 0x58,
  nritems: 0x60,
  level: 0x64,
} as const;
export const HEADER_SIZE = 0x65;
export const ITEM_SIZE = 25;
export const POINTER_SIZE = 33;
export const KEY_SIZE = 17;
export const LEVEL_MAX = 7;

export const INODE_ITEM = 1;
export const DIR_ITEM = 84;
export const DIR_INDEX = 96;
export const EXTENT_DATA = 108;
export const ROOT_ITEM = 132;
export const ROOT_REF = 156;
export const CHUNK_ITEM = 228;

export const FS_TREE = 5;
export const FIRST_CHUNK_TREE = 256;
/** The inode that an empty directory in place of another's subvolume has. */
export const EMPTY_SUBVOLUME = 2;

export const INCOMPAT: Readonly<Record<number, string>> = {
  0: "mixed-backref",
  1: "default-subvol",
  2: "mixed-groups",
  3: "compress-lzo",
  4: "compress-zstd",
  5: "big-metadata",
  6: "extref",
  7: "raid56",
  8: "skinny-metadata",
  9: "no-holes",
  10: "metadata-uuid",
  11: "raid1c34",
  12: "zoned",
  13: "extent-tree-v2",
  14: "raid-stripe-tree",
  16: "simple-quota",
};
/** Those that change the structures read here. */
export const NOT_READ = ["raid-stripe-tree", "extent-tree-v2"];
export const COMPAT_RO: Readonly<Record<number, string>> = {
  0: "free-space-tree",
  1: "free-space-tree-valid",
  2: "verity",
  3: "block-group-tree",
};
export const CSUM_TYPES = ["crc32c", "xxhash64", "sha256", "blake2b"] as const;
