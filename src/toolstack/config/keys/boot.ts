/** What the domain boots: kernel, ramdisk, command line, or a boot loader that finds them. */
import type { DomainType } from "../libxl-types.ts";
import { copyBools, copyStrings, type KeyContext, refuse } from "./context.ts";

/** Where Debian keeps the boot loaders that `firmware=` names; what lies there is ours (DESIGN.md). */
const FIRMWARE_DIRECTORY = "/usr/lib/xen-4.17/boot";

export function readBoot(context: KeyContext, type: DomainType): void {
  const { config } = context;
  const info = config.b_info;
  copyStrings(context, info, { kernel: "kernel" });
  if (type === "hvm" && baseName(info.kernel ?? "") === "hvmloader") {
    context.warn(
      'WARNING: you seem to be using "kernel" directive to override HVM guest firmware. Ignore that. Use "firmware_override" instead if you really want a non-default firmware',
    );
    delete info.kernel;
  }
  copyStrings(context, info, { ramdisk: "ramdisk", device_tree: "device_tree" });
  const cmdline = readCommandLine(context);
  if (cmdline !== undefined) info.cmdline = cmdline;
  copyBools(context, config.c_info, { driver_domain: "driver_domain" });
  copyBools(context, info, { acpi: "acpi" });
  copyStrings(context, info, { bootloader: "bootloader" });
  const args = readBootloaderArgs(context);
  if (args !== undefined) info.bootloader_args = args;
}

/** PV and PVH: `firmware=` is a kernel of Xen's own; without any kernel or boot loader there is nothing to start. */
export function readFirmwareKernel({ settings, config }: KeyContext): void {
  const info = config.b_info;
  const firmware = settings.string("firmware");
  if (firmware !== undefined) {
    if (info.kernel !== undefined) refuse("ERROR: both kernel and firmware specified");
    if (firmware !== "pvgrub32" && firmware !== "pvgrub64") {
      refuse("ERROR: only pvgrub{32|64} supported as firmware options");
    }
    info.kernel = `${FIRMWARE_DIRECTORY}/${firmware}.bin`;
  }
  if (info.kernel === undefined && info.bootloader === undefined) {
    refuse("Neither kernel nor bootloader specified");
  }
}

function readCommandLine({ settings, warn }: KeyContext): string | undefined {
  const cmdline = settings.string("cmdline");
  const root = settings.string("root");
  const extra = settings.string("extra");
  if (cmdline !== undefined) {
    if (root !== undefined || extra !== undefined) {
      warn("Warning: ignoring root= and extra= in favour of cmdline=");
    }
    return cmdline;
  }
  if (root === undefined) return extra;
  return extra === undefined ? `root=${root}` : `root=${root} ${extra}`;
}

function readBootloaderArgs({ settings, warn }: KeyContext): string[] | undefined {
  const text = settings.string("bootloader_args", true);
  if (text === undefined) return settings.strings("bootloader_args", true)?.slice();
  warn(`WARNING: Specifying "bootloader_args" as a string is deprecated. Please use a list of arguments.`);
  return text.split(/[ \t\n]+/).filter((arg) => arg !== "");
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
