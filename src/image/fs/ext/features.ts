/** Features by the names of e2fsprogs, and which of them stand in a reader's way. */
import { unsupported } from "../../disk-reading.ts";

const COMPAT: Readonly<Record<number, string>> = {
  0: "dir_prealloc",
  1: "imagic_inodes",
  2: "has_journal",
  3: "ext_attr",
  4: "resize_inode",
  5: "dir_index",
  6: "lazy_bg",
  8: "snapshot_bitmap",
  9: "sparse_super2",
  10: "fast_commit",
  11: "stable_inodes",
  12: "orphan_file",
};
const INCOMPAT: Readonly<Record<number, string>> = {
  0: "compression",
  1: "filetype",
  2: "needs_recovery",
  3: "journal_dev",
  4: "meta_bg",
  6: "extent",
  7: "64bit",
  8: "mmp",
  9: "flex_bg",
  10: "ea_inode",
  12: "dirdata",
  13: "metadata_csum_seed",
  14: "large_dir",
  15: "inline_data",
  16: "encrypt",
  17: "casefold",
};
const RO_COMPAT: Readonly<Record<number, string>> = {
  0: "sparse_super",
  1: "large_file",
  3: "huge_file",
  4: "uninit_bg",
  5: "dir_nlink",
  6: "extra_isize",
  7: "snapshot",
  8: "quota",
  9: "bigalloc",
  10: "metadata_csum",
  11: "replica",
  12: "read-only",
  13: "project",
  14: "shared_blocks",
  15: "verity",
  16: "orphan_present",
};

/** Incompatible features that change nothing for who only reads, or that are read here. */
const READ = [
  "filetype",
  "needs_recovery",
  "meta_bg",
  "extent",
  "64bit",
  "mmp",
  "flex_bg",
  "ea_inode",
  "metadata_csum_seed",
  "large_dir",
  "inline_data",
  "encrypt", // files concerned are refused
  "casefold", // names are looked up as they were written
];

const FIELDS = [
  [COMPAT, "C"],
  [INCOMPAT, "I"],
  [RO_COMPAT, "R"],
] as const;

/** Names in the order of dumpe2fs; a bit without a name as it prints it (FEATURE_I31). */
export function featureNames(compat: number, incompat: number, roCompat: number): string[] {
  const out: string[] = [];
  FIELDS.forEach(([names, letter], i) => {
    const bits = [compat, incompat, roCompat][i] ?? 0;
    for (let bit = 0; bit < 32; bit++)
      if ((bits >>> bit) & 1) out.push(names[bit] ?? `FEATURE_${letter}${bit}`);
  });
  return out;
}

/** Throws for the first incompatible feature that this reader does not know. */
export function refuseUnknown(incompat: number): void {
  for (const name of featureNames(0, incompat, 0)) {
    if (READ.includes(name)) continue;
    if (name === "journal_dev")
      unsupported(name, "this is not a file system but the journal of one that lies elsewhere (journal_dev)");
    unsupported(name, `the ext file system has the feature ${name}, which is not read here`);
  }
}

/** What blkid calls it. */
export function extKind(features: readonly string[]): "ext2" | "ext3" | "ext4" {
  const ext4 = [
    "extent",
    "64bit",
    "flex_bg",
    "huge_file",
    "uninit_bg",
    "dir_nlink",
    "extra_isize",
    "bigalloc",
  ];
  const ext4Too = ["metadata_csum", "inline_data", "meta_bg", "casefold", "encrypt", "ea_inode", "large_dir"];
  if ([...ext4, ...ext4Too].some((name) => features.includes(name))) return "ext4";
  return features.includes("has_journal") ? "ext3" : "ext2";
}
