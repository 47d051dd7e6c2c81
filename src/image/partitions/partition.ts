/** What a partition table says, whatever its kind. */

export interface Partition {
  readonly scheme: "msdos" | "gpt";
  /** From 1, as Linux and GRUB 2 count: an MBR's logical partitions start at 5. */
  readonly number: number;
  /** Byte on the disk. */
  readonly start: number;
  /** Bytes, as the table says: it may reach beyond the end of a disk that is cut off. */
  readonly size: number;
  /** "0x83", or the type's GUID. */
  readonly type: string;
  /** A GPT's name for it; "" in an MBR. */
  readonly label: string;
  /** PARTUUID as blkid prints it; "" where an MBR has no disk identifier. */
  readonly uuid: string;
  readonly isActive: boolean;
}

export interface PartitionTable {
  /** "hybrid": a GPT whose MBR lists partitions of its own, which stand here as "msdos" ones too. */
  readonly kind: "none" | "msdos" | "gpt" | "hybrid";
  /** Bytes per sector that the table counts in. */
  readonly sectorSize: number;
  /** The disk's identifier; "" when it has none. */
  readonly uuid: string;
  /** GPT's before an MBR's. */
  readonly partitions: readonly Partition[];
  /** Sentences on what is damaged and how it was gone around. */
  readonly notes: readonly string[];
}
