/** `xl block-attach`, `block-detach`, `block-list`, `cd-insert`, `cd-eject`: disks that come and go while a domain runs. */
import { XenbusState } from "../../abi/io/xenbus.ts";
import type { Domid } from "../../abi/types.ts";
import { toDiskConfig } from "../config/disk-config.ts";
import type { Disk } from "../config/libxl-types.ts";
import { parseVdev } from "../config/vdev.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { ask, type Plan } from "../wait.ts";
import { addDisk, backendState, checkDisk, disksOf } from "./disks.ts";
import { removeVbd, vbdPaths } from "./vbd-device.ts";

/** How long a back end may take to let its device go (LIBXL_DESTROY_TIMEOUT). */
const DESTROY_NANOS = 10e9;

/** A row of `xl block-list`; -1 where nothing is said. */
export interface BlockRow {
  readonly devid: number;
  readonly backendDomid: number;
  readonly domid: number;
  readonly state: number;
  readonly evtchn: number;
  readonly ringRef: number;
  readonly backend: string;
}

export function listBlocks(dom0: Dom0, domid: Domid): BlockRow[] {
  return disksOf(dom0, domid).map((device) => {
    const { frontend, backend } = vbdPaths(device);
    const number = (node: string): number => {
      const text = dom0.xs.read(`${frontend}/${node}`);
      return text === undefined ? -1 : Number.parseInt(text, 10) || 0;
    };
    return {
      devid: device.devid,
      backendDomid: device.backendDomid,
      domid,
      state: number("state"),
      evtchn: number("event-channel"),
      ringRef: number("ring-ref"),
      backend,
    };
  });
}

export function* attachBlock(dom0: Dom0, domid: Domid, wanted: Disk): Plan<void> {
  const failed = (lines: readonly string[], hint?: string, cause?: unknown): XlError =>
    new XlError(
      1,
      [
        ...lines,
        libxlError("libxl_device.c:1486:device_addrm_aocomplete", undefined, "unable to add device"),
        "libxl_device_disk_add failed.",
      ],
      hint,
      { cause },
    );
  const here = (line: number, text: string): string =>
    libxlError(`libxl_disk.c:${line}:device_disk_add`, domid, text);
  const disk = toDiskConfig(wanted);
  if (!dom0.gate.domctl.getInfo(domid).ok || domid === 0)
    throw failed([], `there is no domain ${domid} that a disk could be given to`);
  if (disk.backendDomain !== undefined && !["0", "Domain-0"].includes(disk.backendDomain))
    throw failed([], `disks are served by Domain-0; backend=${disk.backendDomain} is not supported`);
  const absent = yield* checkDisk(disk);
  if (absent !== undefined) throw failed([absent]);
  if (parseVdev(disk.vdev) === undefined)
    throw failed([here(335, `Invalid or unsupported virtual disk identifier ${disk.vdev}`)]);
  const taken = disksOf(dom0, domid).some(({ devid }) => devid === disk.devid);
  if (taken) throw failed([here(343, "device already exists in xenstore")]);
  try {
    yield* addDisk(dom0, domid, disk);
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    yield* letGo(dom0, domid, disk.devid);
    throw failed(error.lines, error.hint, error);
  }
  keepDisks(dom0, domid, (disks) => [...disks.filter((one) => one.vdev !== wanted.vdev), wanted]);
}

/** `force`: without waiting for the guest. */
export function* detachBlock(dom0: Dom0, domid: Domid, vdev: string, force: boolean): Plan<void> {
  const { xs } = dom0;
  const devid = parseVdev(vdev)?.devid;
  const device = disksOf(dom0, domid).find((one) => one.devid === devid);
  if (device === undefined) {
    const path = `/libxl/${domid}/device/vbd/${devid ?? -1}`;
    throw new XlError(1, [
      libxlError(
        "libxl_disk.c:516:libxl__disk_from_xenstore",
        undefined,
        `disk ${path} does not exist (no backend path`,
      ),
      `Error: Device ${vdev} not connected.`,
    ]);
  }
  const { frontend, backend } = vbdPaths(device);
  if (force) xs.remove(frontend);
  xs.write(`${backend}/online`, "0");
  if (xs.read(`${backend}/state`) !== String(XenbusState.Closed)) {
    xs.write(`${backend}/state`, String(XenbusState.Closing));
    const closed = yield* backendState(dom0, backend, [XenbusState.Closed], DESTROY_NANOS);
    if (!closed && !force && xs.read(`${backend}/state`) !== undefined) {
      throw new XlError(
        1,
        [
          libxlError(
            "libxl_device.c:1161:device_backend_callback",
            domid,
            `unable to remove device with path ${backend}`,
          ),
          "libxl_device_disk_safe_remove failed.",
        ],
        `the guest has not let go of ${vdev} within 10 seconds (is it mounted?); -f takes it away all the same`,
      );
    }
  }
  yield* letGo(dom0, domid, device.devid);
  const gone = (name: string | undefined): boolean => parseVdev(name ?? "")?.devid === device.devid;
  keepDisks(dom0, domid, (disks) => disks.filter((one) => !gone(one.vdev)));
}

/** Only devices of a device model can be changed so; a paravirtual guest's disk comes and goes as a whole. */
export function changeCd(dom0: Dom0, domid: Domid): never {
  const info = dom0.gate.domctl.getInfo(domid);
  throw new XlError(
    1,
    [libxlError("libxl_disk.c:838:libxl_cdrom_insert", domid, "cdrom-insert requires an HVM domain")],
    info.ok && domid !== 0 ? "block-attach and block-detach change the disks of this guest" : undefined,
  );
}

/** Its image is closed and its nodes go. */
function* letGo(dom0: Dom0, domid: Domid, devid: number): Plan<void> {
  const device = disksOf(dom0, domid).find((one) => one.devid === devid);
  yield* ask({ ask: "detach-disk", domid, devid });
  if (device !== undefined) dom0.xs.transaction((tx) => removeVbd(tx, device));
}

/** What `xl list -l` shows and the next life is built from. */
function keepDisks({ userdata }: Dom0, domid: Domid, change: (disks: readonly Disk[]) => Disk[]): void {
  const kept = userdata.get(domid);
  if (kept === undefined) return;
  userdata.store(domid, { ...kept, libxl: { ...kept.libxl, disks: change(kept.libxl.disks ?? []) } });
}
