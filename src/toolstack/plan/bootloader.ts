/**
 * The boot loader step of a create (libxl__bootloader_run): a program in dom0 looks for the kernel in the domain's first
 * disk, on a terminal of its own that the domain's console shows meanwhile. PyGRUB is the one that we have.
 */
import type { Domid } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import { parsePygrubArguments } from "../bootloader/arguments.ts";
import { type BootChoice, type PygrubResult, pygrub } from "../bootloader/pygrub.ts";
import type { DomainConfig } from "../config/domain-config.ts";
import type { BootConsole, Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { ask, type Plan, signalled } from "../wait.ts";
import type { GuestFile } from "./create.ts";

export interface BootloaderFound {
  readonly kernel: GuestFile;
  readonly ramdisk: GuestFile | undefined;
  readonly cmdline: string;
}

const SECOND = 1_000_000_000;
/** exec failed in the child. */
const CANNOT_RUN = 255;

/** Throws an XlError whose last line is the caller's to add. `mustLive` throws when the domain has been destroyed. */
export function* runBootloader(
  dom0: Dom0,
  domid: Domid,
  config: DomainConfig,
  mustLive: () => void,
): Plan<BootloaderFound> {
  const program = config.bootloader?.program ?? "";
  const [disk] = config.disks;
  if (disk === undefined) {
    const line = "cannot run bootloader with no boot disk";
    throw new XlError(3, [libxlError("libxl_bootloader.c:427:libxl__bootloader_run", domid, line)]);
  }
  const { xs } = dom0;
  const console = dom0.openBootConsole(domid);
  try {
    xs.write(`/local/domain/${domid}/console/tty`, `xlab-console-${domid}`);
    if (!/(^|\/)pygrub$/.test(program)) {
      const hint = `the boot loader ${program} is not modelled: bootloader = "pygrub" is, and PV-GRUB as a kernel`;
      throw failed(domid, console.pid, CANNOT_RUN, hint);
    }
    if (disk.target === undefined) throw failed(domid, console.pid, 1, "the first disk is an empty drive");
    const opened = yield* ask({ ask: "open-image", path: disk.target, format: disk.format });
    if (!opened.ok) throw failed(domid, console.pid, 1, opened.why);
    try {
      const said: string[] = [];
      const steps = start(domid, config, opened.size, console, said);
      const ran =
        typeof steps === "string" ? undefined : yield* drive(dom0, steps, opened.id, console, mustLive);
      if (ran === undefined || ran.boot?.kernel === undefined)
        throw failed(domid, console.pid, ran?.status || 1, said.join("").trim().split("\n").at(-1));
      return found(domid, ran.boot);
    } finally {
      yield* ask({ ask: "close-image", id: opened.id });
    }
  } finally {
    console.close();
  }
}

/** The program with libxl's arguments for it; a string: why it refuses them. */
function start(domid: Domid, config: DomainConfig, size: number, console: BootConsole, said: string[]) {
  const { kernel, ramdisk, cmdline, bootloader, disks } = config;
  const parsed = parsePygrubArguments([
    ...(kernel === undefined ? [] : [`--kernel=${kernel}`]),
    ...(ramdisk === undefined ? [] : [`--ramdisk=${ramdisk}`]),
    ...(cmdline === "" ? [] : [`--args=${cmdline}`]),
    `--output=/var/lib/xen/bootloader.${domid}.out`,
    "--output-format=simple0",
    `--output-directory=${directoryOf(domid)}`,
    ...(bootloader?.args ?? []),
    disks[0]?.target ?? "",
  ]);
  const err = (text: string): void => {
    said.push(text);
    console.write(text);
  };
  if (!parsed.ok) {
    console.write(parsed.out);
    err(parsed.err);
    return parsed.err;
  }
  return pygrub(parsed.options, { size, out: console.write, err });
}

function* drive(
  dom0: Dom0,
  steps: ReturnType<typeof pygrub>,
  id: number,
  console: BootConsole,
  mustLive: () => void,
): Plan<PygrubResult | undefined> {
  let step = steps.next();
  while (step.done !== true) {
    const { value } = step;
    if (value.need === "keys") {
      step = steps.next(yield* keys(dom0, console, value.seconds, mustLive));
      continue;
    }
    const bytes = yield* ask({ ask: "read-image", id, ...value.read });
    mustLive();
    if (typeof bytes === "string") {
      console.write(`${bytes}\n`);
      return undefined;
    }
    step = steps.next(bytes);
  }
  return step.value;
}

/** What is typed; nothing once `seconds` have passed on dom0's clock. */
function* keys(
  { clock }: Dom0,
  console: BootConsole,
  seconds: number | undefined,
  mustLive: () => void,
): Plan<Uint8Array> {
  const until = seconds === undefined ? undefined : clock.now() + seconds * SECOND;
  for (;;) {
    const typed = console.take();
    if (typed.length > 0 || (until !== undefined && clock.now() >= until)) return typed;
    // Looked at every second at least: the domain may be gone.
    yield* signalled(console.typed, Nanos(Math.min(until ?? Infinity, clock.now() + SECOND)));
    mustLive();
  }
}

const directoryOf = (domid: Domid): string => `/var/lib/xen/bootloader.${domid}.d`;

/** What libxl reads from the loader's output. The names are those of the copies that it would have made. */
function found(domid: Domid, { kernel, ramdisk, args }: BootChoice): BootloaderFound {
  const copy = (type: string, bytes: Uint8Array): GuestFile => ({
    path: `${directoryOf(domid)}/boot_${type}`,
    bytes,
  });
  return {
    kernel: copy("kernel", kernel?.bytes ?? new Uint8Array(0)),
    ramdisk: ramdisk === undefined ? undefined : copy("ramdisk", ramdisk.bytes),
    cmdline: args,
  };
}

const failed = (domid: Domid, pid: number, status: number, hint: string | undefined): XlError =>
  new XlError(
    3,
    [
      libxlError(
        "libxl_bootloader.c:767:bootloader_finished",
        domid,
        `bootloader failed - consult logfile /var/log/xen/bootloader.${domid}.log`,
      ),
      libxlError(
        "libxl_exec.c:117:libxl_report_child_exitstatus",
        undefined,
        `bootloader [${pid}] exited with error status ${status}`,
      ),
    ],
    hint,
  );
