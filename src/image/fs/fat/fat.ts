/** FAT12, FAT16 and FAT32 with long names. Names are found in any case, as DOS, Linux and GRUB do. */
import type { DiskBytes } from "../../disk-bytes.ts";
import { type Reading, ready } from "../../disk-reading.ts";
import type { FileSystem, FileSystemKind } from "../file-system.ts";
import { openBytes } from "../runs.ts";
import { fileSystem, type Inodes } from "../tree.ts";
import { openChain } from "./chain.ts";
import { type FatEntry, readDirectory } from "./directory.ts";
import { type FatVolume, readFatVolume } from "./layout.ts";

/** The FAT file system on `bytes`; undefined when there is none. */
export function* openFat(bytes: DiskBytes): Reading<FileSystem | undefined> {
  const volume = yield* readFatVolume(bytes);
  if (volume === undefined) return undefined;
  const root: FatEntry = {
    name: "",
    shortName: "",
    isDirectory: true,
    isReadOnly: false,
    isLabel: false,
    cluster: volume.rootCluster,
    size: 0,
    mtime: 0,
    place: 0,
  };
  const entries = yield* readDirectory(volume, root.cluster);
  const { label, uuid } = labelsOf(volume);
  const kind: FileSystemKind = volume.bits === 12 ? "fat12" : volume.bits === 16 ? "fat16" : "fat32";
  const about = {
    kind,
    label: entries.find((entry) => entry.isLabel && !entry.isDirectory)?.name ?? label,
    uuid,
    blockSize: volume.clusterSize,
    size: volume.size,
    features: entries.some((entry) => !entry.isLabel && entry.name !== entry.shortName) ? ["vfat"] : [],
    notes: [],
  };
  return fileSystem(about, inodesOf(volume, root));
}

/** What the boot sector says; mkfs.fat writes "NO NAME" for none. */
function labelsOf({ boot, extendedAt }: FatVolume): { label: string; uuid: string } {
  if (extendedAt === undefined) return { label: "", uuid: "" };
  const serial = Array.from(boot.subarray(extendedAt + 3, extendedAt + 7), (byte) =>
    byte.toString(16).toUpperCase().padStart(2, "0"),
  );
  const label = String.fromCharCode(...boot.subarray(extendedAt + 7, extendedAt + 18)).trimEnd();
  return {
    label: label === "NO NAME" ? "" : label,
    uuid: `${serial[3]}${serial[2]}-${serial[1]}${serial[0]}`,
  };
}

const isListed = (entry: FatEntry): boolean => !entry.isLabel && entry.name !== "." && entry.name !== "..";

function inodesOf(volume: FatVolume, root: FatEntry): Inodes<FatEntry> {
  const children = (entry: FatEntry): Reading<FatEntry[]> =>
    readDirectory(volume, entry.cluster === 0 ? root.cluster : entry.cluster);
  return {
    root,
    stat: ({ isDirectory, isReadOnly, size, mtime, place }) => ({
      type: isDirectory ? "directory" : "file",
      size: isDirectory ? 0 : size,
      mtime,
      mode: isReadOnly ? 0o555 : 0o755,
      inode: place / 32,
    }),
    *entries(entry) {
      const found = (yield* children(entry)).filter(isListed);
      return found.map(({ name, isDirectory, place }) => ({
        name,
        inode: place / 32,
        type: isDirectory ? "directory" : "file",
      }));
    },
    *lookup(entry, name) {
      const wanted = name.toUpperCase();
      const found = (yield* children(entry)).filter(isListed);
      return (
        found.find((one) => one.name.toUpperCase() === wanted) ??
        found.find((one) => one.shortName.toUpperCase() === wanted)
      );
    },
    target: () => ready(""),
    content: ({ cluster, size }) =>
      ready(size === 0 ? openBytes(new Uint8Array(0)) : openChain(volume, cluster, size)),
    identity: ({ cluster }) => String(cluster || root.cluster),
  };
}
