/**
 * Why a domain could not be built. `why` is for people; `xc` is what libxc prints where a script may look; `step` is the
 * call of libxl__build_pv or libxl__build_dom that then fails, with the line libxl prints for it ({@link buildFaultLines}).
 */
import type { Errno } from "../abi/errno.ts";

/** libxl's steps in order: file, ELF and notes, memory, layout, hand-over. */
export type BuildStep =
  | "kernel-file"
  | "ramdisk-file"
  | "parse-image"
  | "boot-mem"
  | "build-image"
  | "boot-image"
  | "gnttab";

export interface BuildFault {
  readonly ok: false;
  readonly step: BuildStep;
  /** What is wrong and what to do, as one line without a final stop. */
  readonly why: string;
  /** libxc's own error lines, without newline. */
  readonly xc: readonly string[];
  /** Set when the hypervisor refused a call of ours. */
  readonly errno?: Errno;
}

/** libxc's error classes, as `xc_error_code_to_desc` words them. */
type XcError = "Internal error" | "Invalid kernel" | "Out of memory" | "Invalid configuration";

/** A line of `xc_dom_panic` at `place` ("xg_dom_core.c:689"), 4.17's line numbers. */
export const panic = (place: string, text: string, error: XcError): string[] =>
  `xc: error: panic: ${place}: ${text}: ${error}`.split("\n");

/** What libxc says when no loader wants the file. */
export const NO_LOADER = panic("xg_dom_core.c:689", "xc_dom_find_loader: no loader found", "Invalid kernel");

export const buildFault = (
  step: BuildStep,
  why: string,
  xc: readonly string[],
  errno?: Errno,
): BuildFault => ({
  ok: false,
  step,
  why,
  xc,
  ...(errno === undefined ? {} : { errno }),
});

/** The kernel file cannot be opened: `reason` as strerror has it ("No such file or directory"). */
export const cannotOpen = (step: "kernel-file" | "ramdisk-file", path: string, reason: string): BuildFault =>
  buildFault(
    step,
    `the ${step === "kernel-file" ? "kernel" : "ramdisk"} ${path} cannot be read: ${reason}`,
    panic("xg_dom_core.c:205", `failed to open file '${path}': ${reason}`, "Internal error"),
  );

/** The kernel or ramdisk file has no bytes. */
export const emptyFile = (step: "kernel-file" | "ramdisk-file", path: string): BuildFault =>
  buildFault(
    step,
    `the ${step === "kernel-file" ? "kernel" : "ramdisk"} ${path} is empty`,
    panic("xg_dom_core.c:230", `'${path}': zero length file`, "Internal error"),
  );

/** The file is a directory, or cannot be mapped for another `reason`. */
export const cannotMap = (step: "kernel-file" | "ramdisk-file", path: string, reason: string): BuildFault =>
  buildFault(
    step,
    `the ${step === "kernel-file" ? "kernel" : "ramdisk"} ${path} cannot be read: ${reason}`,
    panic("xg_dom_core.c:248", `failed to mmap file '${path}': ${reason}`, "Internal error"),
  );

/** errno is left over from an earlier call where libxc set none: real 4.17 prints ENOENT there. */
const STALE = "No such file or directory";

/** libxc's lines and libxl's one for the failed step, for stderr. What libxl_create adds is the toolstack's. */
export function buildFaultLines(fault: BuildFault, reason = STALE): string[] {
  return [...fault.xc, LIBXL_LINE[fault.step](reason)];
}

const LIBXL_LINE: Record<BuildStep, (reason: string) => string> = {
  "kernel-file": (r) => `libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: ${r}`,
  "ramdisk-file": (r) => `libxl: error: libxl_dom.c:659:libxl__build_pv: xc_dom_ramdisk_file failed: ${r}`,
  "parse-image": () => "libxl: error: libxl_dom.c:571:libxl__build_dom: xc_dom_parse_image failed",
  "boot-mem": () =>
    "libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory",
  "build-image": (r) => `libxl: error: libxl_dom.c:594:libxl__build_dom: xc_dom_build_image failed: ${r}`,
  "boot-image": (r) => `libxl: error: libxl_dom.c:598:libxl__build_dom: xc_dom_boot_image failed: ${r}`,
  gnttab: (r) => `libxl: error: libxl_dom.c:602:libxl__build_dom: xc_dom_gnttab_init failed: ${r}`,
};
