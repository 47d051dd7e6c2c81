/**
 * What `xlab inspect` says of a disk image: partitions, file systems, boot menus, kernels, and how a guest can be made of
 * it. It runs in steps, as all readers do; whoever has the image drives it.
 */
import { DiskBytes } from "../../image/disk-bytes.ts";
import { attempt, type Reading, Work } from "../../image/disk-reading.ts";
import type { FileSystem } from "../../image/fs/file-system.ts";
import { probe } from "../../image/fs/probe.ts";
import { deviceName } from "../../image/partitions/device-name.ts";
import type { Partition, PartitionTable } from "../../image/partitions/partition.ts";
import { readPartitions } from "../../image/partitions/partitions.ts";
import { PythonError } from "../../toolstack/bootloader/conf.ts";
import { MENUS } from "../../toolstack/bootloader/pygrub.ts";
import { inspectKernel, type KernelReport } from "./kernel.ts";

export interface FileSystemReport {
  readonly kind: string;
  readonly label: string;
  readonly uuid: string;
  readonly blockSize: number;
  readonly features: readonly string[];
  readonly notes: readonly string[];
}

export interface VolumeReport {
  /** As GRUB 2 names it. */
  readonly device: string;
  /** Absent: the whole disk. */
  readonly partition?: Partition;
  readonly fileSystem?: FileSystemReport;
  /** Why its file system cannot be read. */
  readonly problem?: string;
}

export interface MenuReport {
  readonly device: string;
  readonly path: string;
  readonly entries: readonly {
    readonly title: string;
    readonly kernel: string | undefined;
    readonly initrd: string | undefined;
    readonly args: string | undefined;
  }[];
  /** Why PyGRUB cannot use it. */
  readonly problem?: string;
}

export interface FoundKernel {
  readonly device: string;
  readonly path: string;
  /** Absent: too large, or not readable. */
  readonly report?: KernelReport;
  readonly problem?: string;
}

export interface ImageReport {
  readonly table: Pick<PartitionTable, "kind" | "uuid" | "sectorSize" | "notes">;
  readonly volumes: readonly VolumeReport[];
  readonly menus: readonly MenuReport[];
  readonly kernels: readonly FoundKernel[];
  readonly guests: readonly { readonly type: "PV"; readonly loader: string; readonly why: string }[];
}

const MIB = 1024 * 1024;
const ALLOWED = { steps: 20_000_000, bytes: 2 * 1024 * MIB };
const MENU_BYTES = MIB;
const KERNEL_BYTES = 256 * MIB;
/** Of the kernels that are found, so many are looked into. */
const KERNELS = 8;
const VOLUMES = 64;
const KERNEL_DIRECTORIES = ["/boot", "/"];
const KERNEL_NAME = /^(vmlinuz|vmlinux|bzImage|kernel|xen.*\.gz)/i;

/** `size`: bytes of the disk. Undefined: neither partitions nor a file system that is known. */
export function* inspectImage(size: number): Reading<ImageReport | undefined> {
  const disk = new DiskBytes({ size }, new Work(ALLOWED));
  const read = yield* attempt(readPartitions(disk));
  const table = read.ok
    ? read.value
    : ({ kind: "none", sectorSize: 512, uuid: "", partitions: [], notes: [read.why] } as const);
  const volumes: VolumeReport[] = [];
  const menus: MenuReport[] = [];
  const kernels: FoundKernel[] = [];
  for (const partition of [undefined, ...table.partitions.slice(0, VOLUMES)]) {
    const device = deviceName("hd0", partition, "grub2");
    const bytes = partition === undefined ? disk : disk.window(partition.start, partition.size);
    const opened = yield* attempt(probe(bytes));
    const fs = opened.ok ? opened.value : undefined;
    if (partition === undefined && fs === undefined) continue;
    volumes.push({
      device,
      ...(partition === undefined ? {} : { partition }),
      ...(fs === undefined ? {} : { fileSystem: about(fs) }),
      ...(opened.ok ? {} : { problem: opened.why }),
    });
    if (fs === undefined) continue;
    const found = yield* findMenus(fs, device);
    menus.push(...found);
    const named = found.flatMap(({ entries }) => entries.map(({ kernel }) => kernel ?? ""));
    kernels.push(...(yield* findKernels(fs, device, named, KERNELS - kernels.length)));
  }
  if (volumes.length === 0) return undefined;
  const { kind, uuid, sectorSize, notes } = table;
  const guests = guestsOf(menus, kernels);
  return { table: { kind, uuid, sectorSize, notes }, volumes, menus, kernels, guests };
}

const about = ({ kind, label, uuid, blockSize, features, notes }: FileSystem): FileSystemReport => ({
  kind,
  label,
  uuid,
  blockSize,
  features,
  notes,
});

/** Menus as PyGRUB reads them: submenus flattened, no conditions. */
function* findMenus(fs: FileSystem, device: string): Reading<MenuReport[]> {
  const menus: MenuReport[] = [];
  for (const [path, format] of MENUS) {
    const text = yield* attempt(readText(fs, path));
    if (!text.ok) {
      if (text.kind !== "not-found" && text.kind !== "not-a-directory")
        menus.push({ device, path, entries: [], problem: text.why });
      continue;
    }
    try {
      const { images } = format.parse(text.value);
      const entries = images.map(({ title, kernel, initrd, args }) => ({ title, kernel, initrd, args }));
      menus.push({ device, path, entries });
    } catch (error) {
      if (!(error instanceof PythonError)) throw error;
      menus.push({ device, path, entries: [], problem: error.message });
    }
  }
  return menus;
}

function* readText(fs: FileSystem, path: string): Reading<string> {
  return new TextDecoder().decode(yield* (yield* fs.open(path)).read(0, MENU_BYTES));
}

function* findKernels(
  fs: FileSystem,
  device: string,
  named: readonly string[],
  most: number,
): Reading<FoundKernel[]> {
  const paths = new Set(named.filter((path) => path !== ""));
  for (const directory of KERNEL_DIRECTORIES) {
    const listed = yield* attempt(fs.list(directory));
    if (!listed.ok) continue;
    for (const { name, type } of listed.value)
      if (KERNEL_NAME.test(name) && type !== "directory" && type !== "symlink")
        paths.add(`${directory === "/" ? "" : directory}/${name}`);
  }
  const kernels: FoundKernel[] = [];
  for (const path of [...paths].slice(0, Math.max(0, most))) {
    const read = yield* attempt(readKernelFile(fs, path));
    kernels.push(
      read.ok ? { device, path, report: inspectKernel(read.value) } : { device, path, problem: read.why },
    );
  }
  return kernels;
}

function* readKernelFile(fs: FileSystem, path: string): Reading<Uint8Array> {
  const file = yield* fs.open(path);
  const whole = new Uint8Array(Math.min(file.size, KERNEL_BYTES));
  for (let at = 0; at < whole.length; at += MIB)
    whole.set(yield* file.read(at, Math.min(MIB, whole.length - at)), at);
  return whole;
}

function guestsOf(menus: readonly MenuReport[], kernels: readonly FoundKernel[]): ImageReport["guests"] {
  const boots = kernels.filter(({ report }) => report?.pv.boots === true);
  const [kernel] = boots;
  if (kernel === undefined) return [];
  const [menu] = menus;
  const [usable] = menus.filter(({ problem, entries }) => problem === undefined && entries.length > 0);
  const guests: { type: "PV"; loader: string; why: string }[] = [];
  if (menu !== undefined)
    guests.push({
      type: "PV",
      loader: "pv-grub",
      why: `menu ${menu.device}${menu.path}; dom0 reads nothing of the disk`,
    });
  if (usable !== undefined)
    guests.push({ type: "PV", loader: "pygrub", why: `menu ${usable.device}${usable.path}, read in dom0` });
  guests.push({ type: "PV", loader: "kernel=", why: `a copy of ${kernel.device}${kernel.path} in dom0` });
  return guests;
}

const LEAST_MIB = 256;

/** Lines of a config that boots it; undefined: nothing here does. */
export function suggestImageConfig(path: string, format: string, report: ImageReport): string[] | undefined {
  const [best] = report.guests;
  if (best === undefined) return undefined;
  const name =
    path
      .slice(path.lastIndexOf("/") + 1)
      .replace(/\.(img|raw|qcow2|vhd)$/, "")
      .replace(/[^A-Za-z0-9_.-]+/g, "-") || "guest";
  const [menu] = report.menus;
  const least = Math.max(...report.kernels.map(({ report: kernel }) => kernel?.leastMib ?? 0));
  const boot =
    best.loader === "pv-grub" && menu !== undefined
      ? [`kernel  = "pv-grub-x86_64.gz"`, `extra   = "${menu.device}${menu.path}"`]
      : [`# kernel  = "a copy of the kernel in it"`];
  return [
    `name    = ${JSON.stringify(name)}`,
    `type    = "pv"`,
    ...boot,
    `memory  = ${2 ** Math.ceil(Math.log2(Math.max(LEAST_MIB, least * 2)))}`,
    `disk    = [ ${JSON.stringify(`${path},${format},xvda,w`)} ]`,
  ];
}
