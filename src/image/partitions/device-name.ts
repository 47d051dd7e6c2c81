/**
 * How GRUB names disks and partitions. GRUB 0.97 counts partitions from 0, GRUB 2 from 1 and may say which kind of table:
 *
 *   (hd0)  (hd0,0)                       both; the first partition, to GRUB 0.97
 *   (hd0,1)  (hd0,msdos1)  (hd0,gpt2)    GRUB 2
 */
import type { Partition, PartitionTable } from "./partition.ts";

/** "legacy" is GRUB 0.97. */
export type GrubStyle = "legacy" | "grub2";

export interface DeviceName {
  /** "hd0", "fd0", "cd", "xen/xvda". */
  readonly disk: string;
  /** Undefined for the whole disk. */
  readonly partition: PartitionName | undefined;
}

interface PartitionName {
  /** Undefined when the name leaves it open. */
  readonly scheme: Partition["scheme"] | undefined;
  /** From 1. */
  readonly number: number;
}

/** With or without the parentheses; undefined when it is no device's name. */
export function parseDeviceName(text: string, style: GrubStyle): DeviceName | undefined {
  const name = text.startsWith("(") && text.endsWith(")") ? text.slice(1, -1) : text;
  const match = /^([a-z][a-z0-9/_-]*)(?:,(msdos|gpt)?(\d{1,4}))?$/i.exec(name);
  const disk = match?.[1];
  if (disk === undefined) return undefined;
  const scheme = match?.[2]?.toLowerCase() as Partition["scheme"] | undefined;
  if (match?.[3] === undefined) return { disk, partition: undefined };
  const number = Number(match[3]) + (style === "legacy" && scheme === undefined ? 1 : 0);
  return number === 0 ? undefined : { disk, partition: { scheme, number } };
}

/** The partition that `name` means on a disk with this table. */
export const findPartition = (table: PartitionTable, name: PartitionName): Partition | undefined =>
  table.partitions.find(
    (one) => one.number === name.number && (name.scheme === undefined || name.scheme === one.scheme),
  );

/** "(hd0,0)", "(hd0,msdos1)", "(hd0)". */
export function deviceName(disk: string, partition: Partition | undefined, style: GrubStyle): string {
  if (partition === undefined) return `(${disk})`;
  if (style === "legacy") return `(${disk},${partition.number - 1})`;
  return `(${disk},${partition.scheme}${partition.number})`;
}
