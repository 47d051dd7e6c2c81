/**
 * The disks of a domain that is being made: checked before it is built (libxl__device_disk_setdefault), handed to their back
 * ends once it stands, taken back when it goes.
 */
import { XenbusState } from "../../abi/io/xenbus.ts";
import type { Domid } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { DiskConfig } from "../config/disk-config.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { ask, type Plan, signalled, watching } from "../wait.ts";
import { writeNodes } from "./nodes.ts";
import { forgetVbd, removeVbd, type VbdDevice, vbdNodes, vbdPaths } from "./vbd-device.ts";

/** How long libxl waits for a back end's first word, and for its last. */
const INIT_NANOS = 10e9;
const CLOSE_NANOS = 10e9;

/** A disk whose image cannot even be looked at. */
export function* checkDisk(disk: DiskConfig): Plan<string | undefined> {
  if (disk.target === undefined || disk.backendDomain !== undefined) return undefined;
  const looked = yield* ask({ ask: "stat-disk", path: disk.target });
  if (looked.ok) return undefined;
  return libxlError(
    "libxl_device.c:455:libxl__device_disk_set_backend",
    undefined,
    `Disk vdev=${disk.vdev} failed to stat: ${disk.target}: ${looked.why}`,
  );
}

/** Before the domain is built: every disk must be there. */
export function* checkDisks(domid: Domid, disks: readonly DiskConfig[]): Plan<void> {
  for (const [index, disk] of disks.entries()) {
    const line = yield* checkDisk(disk);
    if (line === undefined) continue;
    throw new XlError(3, [
      line,
      libxlError(
        "libxl_create.c:1318:initiate_domain_create",
        domid,
        `Unable to set disk defaults for disk ${index}`,
      ),
    ]);
  }
}

/** Throws an XlError whose last line is the caller's to add. */
export function* addDisk(dom0: Dom0, domid: Domid, disk: DiskConfig): Plan<void> {
  const device = deviceOf(domid, disk);
  const { backend } = vbdPaths(device);
  const attach = () =>
    ask({
      ask: "attach-disk",
      domid,
      devid: device.devid,
      path: disk.target,
      format: disk.format,
      readonly: !device.readwrite,
    });
  // A process opens its image before it offers the disk; the kernel offers it, and the hotplug script says when it is there.
  const opened = device.kind === "qdisk" ? yield* attach() : undefined;
  if (opened?.ok === false)
    throw new XlError(3, [], opened.hint === undefined ? opened.why : `${opened.why} ${opened.hint}`);
  dom0.xs.transaction((tx) => {
    forgetVbd(tx, device);
    writeNodes(tx, vbdNodes(device));
  });
  yield* backendState(dom0, backend, [XenbusState.InitWait, XenbusState.Connected], INIT_NANOS);
  const attached = opened ?? (yield* attach());
  if (!attached.ok) {
    dom0.xs.write(`${backend}/hotplug-error`, attached.why);
    dom0.xs.write(`${backend}/hotplug-status`, "error");
    throw new XlError(
      3,
      [
        libxlError(
          "libxl_exec.c:117:libxl_report_child_exitstatus",
          undefined,
          `${device.script} add [${attached.pid}] exited with error status 1`,
        ),
        libxlError("libxl_device.c:1337:device_hotplug_child_death_cb", undefined, `script: ${attached.why}`),
      ],
      attached.hint,
    );
  }
  if (device.kind === "qdisk") return;
  dom0.xs.write(`${backend}/node`, attached.node);
  dom0.xs.write(`${backend}/physical-device`, attached.device);
  dom0.xs.write(`${backend}/physical-device-path`, attached.node);
  dom0.xs.write(`${backend}/hotplug-status`, "connected");
}

export function* addDisks(dom0: Dom0, domid: Domid, disks: readonly DiskConfig[]): Plan<void> {
  for (const disk of disks) {
    try {
      yield* addDisk(dom0, domid, disk);
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      const line = libxlError("libxl_create.c:1672:domcreate_launch_dm", domid, "unable to add disk devices");
      throw new XlError(3, [...error.lines, line], error.hint, { cause: error });
    }
  }
}

/** The devices that a domain has by libxl's own records. */
export function disksOf(
  dom0: Dom0,
  domid: Domid,
): Pick<VbdDevice, "domid" | "devid" | "backendDomid" | "kind">[] {
  const { xs } = dom0;
  const at = `/libxl/${domid}/device/vbd`;
  return (xs.directory(at) ?? []).map((devid) => {
    const parts = (xs.read(`${at}/${devid}/backend`) ?? "").split("/");
    return {
      domid,
      devid: Number(devid),
      backendDomid: Number(parts[3] ?? 0),
      kind: parts[5] === "qdisk" ? "qdisk" : "vbd",
    };
  });
}

/** Takes all disks away from a domain that runs no more (libxl__devices_destroy): its half goes first, then the back ends'. */
export function* removeDisks(dom0: Dom0, domid: Domid): Plan<void> {
  const { xs } = dom0;
  for (const device of disksOf(dom0, domid)) {
    const { frontend, backend } = vbdPaths(device);
    xs.remove(frontend);
    if (xs.read(`${backend}/state`) !== undefined) {
      xs.write(`${backend}/online`, "0");
      if (xs.read(`${backend}/state`) !== String(XenbusState.Closed)) {
        xs.write(`${backend}/state`, String(XenbusState.Closing));
        yield* backendState(dom0, backend, [XenbusState.Closed], CLOSE_NANOS);
      }
    }
    yield* ask({ ask: "detach-disk", domid, devid: device.devid });
    xs.transaction((tx) => removeVbd(tx, device));
  }
}

/** Until the back end says one of these, goes away, or time is up. True: it said so. */
export function* backendState(
  dom0: Dom0,
  backend: string,
  wanted: readonly XenbusState[],
  nanos: number,
): Plan<boolean> {
  const { xs, clock } = dom0;
  const until = Nanos(clock.now() + nanos);
  return yield* watching(xs, `${backend}/state`, function* (signal): Plan<boolean> {
    for (;;) {
      const state = xs.read(`${backend}/state`);
      if (state === undefined) return false;
      if (wanted.some((one) => state === String(one))) return true;
      if (clock.now() >= until) return false;
      yield* signalled(signal, until);
    }
  });
}

export function deviceOf(domid: Domid, disk: DiskConfig): VbdDevice {
  return {
    domid,
    devid: disk.devid,
    backendDomid: 0,
    kind: disk.format === "raw" || disk.format === "empty" ? "vbd" : "qdisk",
    target: disk.target,
    format: disk.format,
    vdev: disk.vdev,
    readwrite: disk.readwrite,
    removable: disk.removable,
    cdrom: disk.cdrom,
    discard: disk.discard,
    script: disk.script ?? "/etc/xen/scripts/block",
  };
}
