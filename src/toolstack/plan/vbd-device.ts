/**
 * A block device's nodes, in libxl's order (libxl__device_disk_add, libxl__device_generic_add), and how it is taken away.
 * Which back end serves it follows from the image: a raw file or device is the kernel's (`vbd`, by way of a hotplug script
 * that makes it a block device), other formats are a process's (`qdisk`).
 */
import { XenbusState } from "../../abi/io/xenbus.ts";
import type { XsAccess } from "../../xenstore/client/client.ts";
import { cleanPath, type NodeWrite, readableFor } from "./nodes.ts";

export interface VbdDevice {
  readonly domid: number;
  readonly devid: number;
  readonly backendDomid: number;
  readonly kind: "vbd" | "qdisk";
  /** The image, as the back end shall find it; undefined: an empty drive. */
  readonly target: string | undefined;
  /** `qcow2`, `vhd`: says the process what the file is. */
  readonly format: string;
  readonly vdev: string;
  readonly readwrite: boolean;
  readonly removable: boolean;
  readonly cdrom: boolean;
  readonly discard: boolean;
  readonly script: string;
}

export const vbdPaths = ({
  domid,
  devid,
  backendDomid,
  kind,
}: Pick<VbdDevice, "domid" | "devid" | "backendDomid" | "kind">) => ({
  frontend: `/local/domain/${domid}/device/vbd/${devid}`,
  backend: `/local/domain/${backendDomid}/backend/${kind}/${domid}/${devid}`,
  libxl: `/libxl/${domid}/device/vbd/${devid}`,
});

export function vbdNodes(device: VbdDevice): NodeWrite[] {
  const { domid, backendDomid } = device;
  const { frontend, backend, libxl } = vbdPaths(device);
  const guests = readableFor(domid, backendDomid);
  const rows = Object.entries(backendRows(device));
  return [
    { path: `${libxl}/frontend`, value: frontend, perms: undefined },
    { path: `${libxl}/backend`, value: backend, perms: undefined },
    { path: frontend, value: undefined, perms: guests, fresh: true },
    { path: `${frontend}/backend`, value: backend, perms: undefined },
    ...Object.entries({
      "backend-id": backendDomid,
      state: XenbusState.Initialising,
      "virtual-device": device.devid,
      "device-type": device.cdrom ? "cdrom" : "disk",
      trusted: 1,
      protocol: "x86_64-abi",
    }).map(([node, value]) => ({ path: `${frontend}/${node}`, value: String(value), perms: guests })),
    { path: backend, value: undefined, perms: readableFor(backendDomid, domid), fresh: true },
    { path: `${backend}/frontend`, value: frontend, perms: undefined },
    ...rows.map(([node, value]) => ({ path: `${backend}/${node}`, value: String(value), perms: undefined })),
    ...rows.map(([node, value]) => ({ path: `${libxl}/${node}`, value: String(value), perms: undefined })),
  ];
}

function backendRows(device: VbdDevice): Record<string, string | number> {
  const { kind, target, format } = device;
  return {
    params: kind === "vbd" ? (target ?? "") : `${format}:${target ?? ""}`,
    ...(kind === "vbd" ? { script: device.script } : {}),
    "frontend-id": device.domid,
    online: 1,
    removable: device.removable ? 1 : 0,
    bootable: 1,
    state: XenbusState.Initialising,
    dev: device.vdev,
    type: kind === "vbd" ? "phy" : "qdisk",
    mode: device.readwrite ? "w" : "r",
    "device-type": device.cdrom ? "cdrom" : "disk",
    "discard-enable": device.discard ? 1 : 0,
    specification: "xen",
  };
}

/** In the transaction that adds the device: what an earlier one left goes first. */
export const forgetVbd = (
  to: XsAccess,
  device: Pick<VbdDevice, "domid" | "devid" | "backendDomid" | "kind">,
): void => {
  to.remove(vbdPaths(device).libxl);
};

/** In a transaction: everything of the device, once its back end has let go. */
export function removeVbd(
  from: XsAccess,
  device: Pick<VbdDevice, "domid" | "devid" | "backendDomid" | "kind">,
): void {
  const { frontend, backend, libxl } = vbdPaths(device);
  cleanPath(from, frontend);
  cleanPath(from, libxl);
  cleanPath(from, backend);
}
