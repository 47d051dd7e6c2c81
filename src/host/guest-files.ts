/**
 * The files that a config names, read. A path that exists is used as it is; a name of a program that we ship, where no such
 * file exists, means ours.
 */
import { open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { DomainConfig } from "../toolstack/config/domain-config.ts";
import type { GuestFile } from "../toolstack/plan/create.ts";
import type { ProgramName } from "./programs.ts";
import { strerror } from "./strerror.ts";
import type { CreateRequest } from "./types.ts";

/** No kernel or ramdisk is larger; more is refused rather than read. */
const LARGEST = 1 << 30;

/** Programs of ours by the name that a config may give, and where the build leaves them. */
const SHIPPED: Record<string, string> = {
  "hello.elf": "build/hello.elf",
  hello: "build/hello.elf",
  "redteam.elf": "build/redteam.elf",
  "hello-c.elf": "build/hello-c.elf",
};

/** Programs that are domains of their own (guests/), by the names that the originals were installed under. */
const PROGRAMS: Record<string, ProgramName> = {
  "pv-grub-x86_64.gz": "pv-grub",
  "pv-grub.gz": "pv-grub",
  "pvgrub64.bin": "pv-grub",
  "mini-os.gz": "mini-os",
  "mini-os-files.gz": "mini-os-files",
  "mini-os-hello.gz": "mini-os-hello",
  "mini-os-memory.gz": "mini-os-memory",
};

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

async function read(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw Object.assign(new Error(path), { code: "EISDIR" });
    // A pipe or device would never end, or block.
    if (!stat.isFile()) throw Object.assign(new Error(path), { code: "EINVAL" });
    if (stat.size > LARGEST) throw Object.assign(new Error(path), { code: "EFBIG" });
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}

async function guestFile(path: string, cwd: string): Promise<GuestFile> {
  const absolute = resolve(cwd, path);
  try {
    return { path, bytes: await read(absolute) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "EIO";
    const program = PROGRAMS[basename(path)];
    if (code === "ENOENT" && program !== undefined) return { path, program };
    const shipped = SHIPPED[basename(path)];
    if (code === "ENOENT" && shipped !== undefined) {
      try {
        return { path, bytes: await read(join(packageRoot, shipped)) };
      } catch {
        // Not built: the user's own path is the one to name.
      }
    }
    return { path, unreadable: strerror(code) };
  }
}

export async function readGuestFiles(config: DomainConfig, cwd: string): Promise<CreateRequest["files"]> {
  // What a boot loader is to use lies in the guest's disk.
  if (config.bootloader !== undefined) return {};
  const { kernel, ramdisk } = config;
  return {
    ...(kernel === undefined ? {} : { kernel: await guestFile(kernel, cwd) }),
    ...(ramdisk === undefined ? {} : { ramdisk: await guestFile(ramdisk, cwd) }),
  };
}

/** The same, with the images of its disks named by absolute paths. */
export function withAbsoluteDisks(config: DomainConfig, cwd: string): DomainConfig {
  const disks = config.disks.map((disk) =>
    disk.target === undefined || disk.backendDomain !== undefined
      ? disk
      : { ...disk, target: resolve(cwd, disk.target) },
  );
  return { ...config, disks };
}
