/** A disk as the toolstack attaches it: what a disk specification means once defaults are filled in. */
import type { Disk } from "./libxl-types.ts";
import { parseVdev } from "./vdev.ts";

export interface DiskConfig {
  /** The image's path; undefined: an empty drive. */
  readonly target: string | undefined;
  readonly format: "raw" | "qcow" | "qcow2" | "vhd" | "qed" | "empty";
  readonly vdev: string;
  /** 0 for a name that means nothing: such a disk is refused when it is attached. */
  readonly devid: number;
  readonly readwrite: boolean;
  readonly removable: boolean;
  readonly cdrom: boolean;
  readonly discard: boolean;
  readonly script: string | undefined;
  /** Name or id of the domain that serves it; undefined: dom0. */
  readonly backendDomain: string | undefined;
}

export function toDiskConfig(disk: Disk): DiskConfig {
  const vdev = disk.vdev ?? "";
  const { format } = disk;
  const target = disk.pdev_path === undefined || disk.pdev_path === "" ? undefined : disk.pdev_path;
  return {
    target,
    format: target === undefined ? "empty" : format === undefined || format === "unknown" ? "raw" : format,
    vdev,
    devid: parseVdev(vdev)?.devid ?? 0,
    readwrite: disk.readwrite === 1n,
    removable: disk.removable === 1n,
    cdrom: disk.is_cdrom === 1n,
    discard: disk.discard_enable ?? true,
    script: disk.script,
    backendDomain: disk.backend_domname,
  };
}
