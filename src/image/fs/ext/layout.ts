/** ext2, ext3 and ext4 on the disk (Documentation/filesystems/ext4 in Linux; lib/ext2fs/ext2_fs.h). Little endian. */
import { at, s32, struct, u16, u32 } from "../../../lib/struct.ts";

export const SUPERBLOCK_AT = 1024;
export const EXT_MAGIC = 0xef53;
export const ROOT_INODE = 2;

export const superblock = struct("ext4_super_block", 1024, {
  s_inodes_count: at(0x00, u32),
  s_blocks_count_lo: at(0x04, u32),
  s_first_data_block: at(0x14, u32),
  s_log_block_size: at(0x18, u32),
  s_blocks_per_group: at(0x20, u32),
  s_inodes_per_group: at(0x28, u32),
  s_magic: at(0x38, u16),
  s_state: at(0x3a, u16),
  s_rev_level: at(0x4c, u32),
  s_inode_size: at(0x58, u16),
  s_feature_compat: at(0x5c, u32),
  s_feature_incompat: at(0x60, u32),
  s_feature_ro_compat: at(0x64, u32),
  s_journal_inum: at(0xe0, u32),
  s_desc_size: at(0xfe, u16),
  s_first_meta_bg: at(0x104, u32),
  s_blocks_count_hi: at(0x150, u32),
  s_backup_bgs_0: at(0x24c, u32),
  s_backup_bgs_1: at(0x250, u32),
  s_checksum: at(0x3fc, u32),
});
export const UUID_AT = 0x68;
export const LABEL_AT = 0x78;
export const LABEL_BYTES = 16;

export const groupDescriptor = struct("ext4_group_desc", 64, {
  bg_inode_table_lo: at(0x08, u32),
  bg_inode_table_hi: at(0x28, u32), // only with 64bit
});

/** What every inode has; i_block stands at {@link I_BLOCK}. */
export const inodeLayout = struct("ext4_inode", 128, {
  i_mode: at(0x00, u16),
  i_size_lo: at(0x04, u32),
  i_mtime: at(0x10, s32),
  i_blocks_lo: at(0x1c, u32),
  i_flags: at(0x20, u32),
  i_file_acl_lo: at(0x68, u32),
  i_size_high: at(0x6c, u32),
});
export const I_BLOCK = 0x28;
export const I_BLOCK_BYTES = 60;
export const I_EXTRA_ISIZE = 0x80;
export const I_MTIME_EXTRA = 0x88;

export const ENCRYPT_FL = 0x800;
export const EXTENTS_FL = 0x80000;
export const INLINE_DATA_FL = 0x1000_0000;
export const CASEFOLD_FL = 0x4000_0000;
export const COMPR_FL = 0x4;

export const extentHeader = struct("ext4_extent_header", 12, {
  eh_magic: at(0, u16),
  eh_entries: at(2, u16),
  eh_max: at(4, u16),
  eh_depth: at(6, u16),
});
export const EXTENT_MAGIC = 0xf30a;
export const extentLeaf = struct("ext4_extent", 12, {
  ee_block: at(0, u32),
  ee_len: at(4, u16),
  ee_start_hi: at(6, u16),
  ee_start_lo: at(8, u32),
});
export const extentIndex = struct("ext4_extent_idx", 12, {
  ei_block: at(0, u32),
  ei_leaf_lo: at(4, u32),
  ei_leaf_hi: at(8, u16),
});
/** A length above this means that so much less was allocated, but never written. */
export const WRITTEN_MAX = 32768;
