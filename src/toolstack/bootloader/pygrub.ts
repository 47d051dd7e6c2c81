/**
 * PyGRUB: finds the kernel in a guest's disk from dom0. It reads partitions, file system, menu and kernel, all of them the
 * guest's, with the rights of dom0; PV-GRUB does the same within the guest.
 *
 *   const steps = pygrub(options, { size, out, err });
 *   for (let step = steps.next(); step.done !== true; step = steps.next(answer)) …
 */
import { DiskBytes } from "../../image/disk-bytes.ts";
import { ImageFault, type Reading, Work } from "../../image/disk-reading.ts";
import type { FileSystem } from "../../image/fs/file-system.ts";
import { probe } from "../../image/fs/probe.ts";
import { PYGRUB_PATH, type PygrubOptions } from "./arguments.ts";
import { fail, type Menu, type MenuFormat, type MenuImage, PythonError, wholeNumber } from "./conf.ts";
import { parseExtlinux } from "./extlinux-conf.ts";
import { parseGrub2, parseLegacy } from "./grub-conf.ts";
import { runMenu } from "./menu.ts";
import { partitionOffsets } from "./offsets.ts";
import { fromDisk, ifPossible, type Pygrub } from "./steps.ts";

/** A kernel or ramdisk from the image. */
export interface BootFile {
  /** Within its file system. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface PygrubResult {
  readonly status: number;
  /** What to boot; undefined when there is nothing (status not 0, or only a list was wanted). */
  readonly boot: BootChoice | undefined;
}

export interface BootChoice {
  /** Undefined with --not-really. */
  readonly kernel: BootFile | undefined;
  readonly ramdisk: BootFile | undefined;
  readonly args: string;
}

export interface PygrubIo {
  /** Of the image, bytes. */
  readonly size: number;
  /** The terminal that the menu is on. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const grub2: MenuFormat = { parser: "grub.GrubConf.Grub2ConfigFile", parse: parseGrub2 };
const extlinux: MenuFormat = { parser: "grub.ExtLinuxConf.ExtLinuxConfigFile", parse: parseExtlinux };
const legacy: MenuFormat = { parser: "grub.GrubConf.GrubConfigFile", parse: parseLegacy };

/** In this order: the first that exists is read, and no other. */
export const MENUS: readonly (readonly [string, MenuFormat])[] = [
  ["/boot/grub/grub.cfg", grub2],
  ["/grub/grub.cfg", grub2],
  ["/boot/grub2/grub.cfg", grub2],
  ["/grub2/grub.cfg", grub2],
  ["/boot/isolinux/isolinux.cfg", extlinux],
  ["/boot/extlinux/extlinux.conf", extlinux],
  ["/boot/extlinux.conf", extlinux],
  ["/extlinux/extlinux.conf", extlinux],
  ["/extlinux.conf", extlinux],
  ["/boot/grub/menu.lst", legacy],
  ["/boot/grub/grub.conf", legacy],
  ["/grub/menu.lst", legacy],
  ["/grub/grub.conf", legacy],
];

const MIB = 1024 * 1024;
/** Of a menu no more is read. */
const MENU_BYTES = MIB;
const PIECE = MIB;
/** Kernels and ramdisks: larger ones are refused. */
const FILE_BYTES = 512 * MIB;
/** All that one run may do on the disk. */
const ALLOWED = { steps: 20_000_000, bytes: 2 * 1024 * MIB };

export function* pygrub(options: PygrubOptions, io: PygrubIo): Pygrub<PygrubResult> {
  const disk = new DiskBytes({ size: io.size }, new Work(ALLOWED));
  const offsets =
    options.offset === undefined
      ? ((yield* ifPossible(partitionOffsets(disk))) ?? [])
      : [Math.max(0, options.offset)];
  for (const offset of offsets) {
    const fs = yield* ifPossible(probe(disk.window(offset, disk.size - offset)));
    if (fs === undefined) continue;
    const choice = yield* choose(options, io, fs);
    if (choice === undefined) continue;
    if (options.listEntries) return NOTHING_TO_BOOT;
    return yield* copyFiles(options, io, fs, choice);
  }
  if (options.listEntries) return NOTHING_TO_BOOT;
  io.err(TRACEBACK);
  return { status: 1, boot: undefined };
}

const NOTHING_TO_BOOT: PygrubResult = { status: 0, boot: undefined };

const TRACEBACK = `Traceback (most recent call last):
  File "${PYGRUB_PATH}", line 1032, in <module>
    raise RuntimeError("Unable to find partition containing kernel")
RuntimeError: Unable to find partition containing kernel
`;

interface Choice {
  readonly kernel: string;
  readonly ramdisk: string | undefined;
  readonly args: string;
}

/** Undefined: nothing on this file system, or a menu that is not understood. */
function* choose(options: PygrubOptions, io: PygrubIo, fs: FileSystem): Pygrub<Choice | undefined> {
  if (options.kernel !== undefined)
    return { kernel: options.kernel, ramdisk: options.ramdisk, args: options.args };
  try {
    return yield* fromMenu(options, io, yield* readMenu(fs, io));
  } catch (error) {
    if (!(error instanceof PythonError) && !(error instanceof ImageFault)) throw error;
    if (options.debug) io.err(`${error.message}\n`);
    return undefined;
  }
}

function* readMenu(fs: FileSystem, io: PygrubIo): Pygrub<Menu> {
  for (const [path, format] of MENUS) {
    if ((yield* ifPossible(fs.stat(path))) === undefined) continue;
    io.err(`Using <class '${format.parser}'> to parse ${path}\n`);
    return format.parse(decode(yield* fromDisk(readUpTo(fs, path, MENU_BYTES))));
  }
  return fail("RuntimeError: couldn't find bootloader config file in the image provided.");
}

/** A menu that is no UTF-8 is none to Python. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return fail("UnicodeDecodeError: 'utf-8' codec can't decode the menu");
  }
}

function* fromMenu(options: PygrubOptions, io: PygrubIo, read: Menu): Pygrub<Choice> {
  if (options.listEntries) for (const image of read.images) listImage(image, io);
  const shown = options.interactive && !options.listEntries;
  const chosen = shown ? yield* runMenu(read, wholeNumber(read.timeout), io.out) : startOf(read);
  const { images } = chosen;
  const wanted = entryOf(images, options.entry) ?? chosen.selected;
  const image = images[wanted] ?? images[0] ?? fail("IndexError: list index out of range");
  const kernel = image.kernel ?? fail("TypeError: 'NoneType' object is not subscriptable");
  const extra = options.args === "" ? "" : ` ${options.args}`;
  return { kernel, ramdisk: image.initrd, args: `${image.args ?? ""}${extra}` };
}

export interface Chosen {
  readonly images: readonly MenuImage[];
  readonly selected: number;
}

const startOf = ({ images, selected }: Menu): Chosen => ({
  images,
  selected: selected > images.length ? 0 : selected,
});

/** `--entry`: a number, or a title. */
function entryOf(images: readonly MenuImage[], entry: string | undefined): number | undefined {
  if (entry === undefined) return undefined;
  const index = /^\s*[+-]?\d+\s*$/.test(entry)
    ? Number(entry)
    : images.findIndex(({ title }) => title === entry);
  return index >= 0 && index < images.length ? index : undefined;
}

function listImage({ title, root, kernel, args, initrd }: MenuImage, { out }: PygrubIo): void {
  out(`title: ${title}\n`);
  out(`  root: ${root ?? "None"}\n`);
  out(`  kernel: ${kernel ?? fail("TypeError: 'NoneType' object is not subscriptable")}\n`);
  out(`  args: ${args ?? "None"}\n`);
  out(`  initrd: ${initrd ?? fail("TypeError: 'NoneType' object is not subscriptable")}\n`);
}

function* copyFiles(
  { notReally }: PygrubOptions,
  { err }: PygrubIo,
  fs: FileSystem,
  { kernel, ramdisk, args }: Choice,
): Pygrub<PygrubResult> {
  const files: Partial<Record<"kernel" | "ramdisk", BootFile>> = {};
  for (const [type, path] of [
    ["kernel", kernel],
    ["ramdisk", ramdisk],
  ] as const) {
    if (path === undefined || path === "") continue;
    if (notReally) {
      if ((yield* ifPossible(fs.stat(path))) !== undefined) continue;
      err(`The requested ${type} file does not exist\n`);
      return { status: 1, boot: undefined };
    }
    try {
      files[type] = { path, bytes: yield* fromDisk(readWhole(fs, path)) };
    } catch (error) {
      if (!(error instanceof ImageFault)) throw error;
      err(`${error.message}\nError opening ${path} in guest\n`);
      return { status: 1, boot: undefined };
    }
  }
  return { status: 0, boot: { kernel: files.kernel, ramdisk: files.ramdisk, args } };
}

function* readUpTo(fs: FileSystem, path: string, most: number): Reading<Uint8Array> {
  return yield* (yield* fs.open(path)).read(0, most);
}

function* readWhole(fs: FileSystem, path: string): Reading<Uint8Array> {
  const file = yield* fs.open(path);
  if (file.size > FILE_BYTES)
    throw new ImageFault("too-big", `${path} has ${file.size} bytes: kernels and ramdisks have less`);
  const whole = new Uint8Array(file.size);
  for (let at = 0; at < file.size; at += PIECE) {
    const piece = yield* file.read(at, PIECE);
    whole.set(piece, at);
  }
  return whole;
}
